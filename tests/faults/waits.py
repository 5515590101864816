"""The matrix of what opens when the customer answers: every place of its way against what can happen there.

Each cell has a customer of its own. No callback tells of the answers: they are found by reading. A cell's key is the
click's idempotency key, and the text of its first message.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import Crm
from tests.faults.sandbox import Sandbox
from tests.faults.scene import LOST, REFUSED
from tests.faults.stack import FaultStack
from tests.faults.stage import Stage, broker, job_twice, kill_children, kill_worker, stop
from tests.processes import Person, wait_for

BEGINNING: Final = ("after_claim", "before_post", "room_made", "customer_added", "before_write", "before_ack")
"""Places on the way of the conversation."""

SAYING: Final = ("answer_claimed", "answer_marked", "answer_posted", "answer_written")
"""Places on the way of the first message, which they know by its text."""

ANSWERING: Final = ("inbound_taken", "inbound_asked", "committed")
"""Places on the way of what the answer makes, which they know by the customer's number."""

HELD: Final = ("kill_child", "kill_worker", "stop", "broker", "job_twice")
PATHS: Final = {"room": "/Conversations$", "customer": "/Participants$", "message": "/Messages$"}
FAULTS: Final = {
    **{f"lost_{name}": LOST[name] for name in ("timeout", "reset", "500")},
    **{f"refused_{name}": REFUSED[name] for name in ("reset", "500", "429")},
}
ROWS: Final = """
SELECT i.initiated_by, i.status, i.is_succeeded, i.conversation_sid, i.task_sid,
    (SELECT count(*) FROM flex_outbound_closing c WHERE c.interaction_id = i.id)
FROM flex_outbound_interaction i WHERE i.address = %s ORDER BY i.created_at
"""
STATUS: Final = "SELECT status FROM flex_outbound_interaction WHERE idempotency_key = %s"
SENT: Final = """
SELECT i.idempotency_key FROM flex_outbound_interaction i JOIN flex_outbound_message m ON m.interaction_id = i.id
WHERE i.status = 'waiting' AND m.status = 'sent'
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that happens at one place."""

    fault: str
    point: str

    @property
    def key(self) -> str:
        """The click's idempotency key, and its text."""
        return f"wait-{self.fault}-{self.point}"


HELD_CELLS: Final = [Cell(fault, point) for fault in HELD for point in (*BEGINNING, *SAYING, *ANSWERING)]
HTTP_CELLS: Final = [Cell(fault, what) for what in PATHS for fault in FAULTS]
QUIET: Final = Cell("none", "quiet")
CELLS: Final = [*HELD_CELLS, *HTTP_CELLS, QUIET]


class WaitScene(Stage[Cell]):
    """The stack, an agent, and a customer for each cell."""

    jobs = ("conversation", "dispatch", "lookup", "poll", "message")

    def __init__(self, stack: FaultStack, sandbox: Sandbox, crm: Crm) -> None:
        super().__init__(stack, sandbox, crm)
        self.people: dict[Cell, Person] = dict(zip(CELLS, stack.people(), strict=True))
        self.answered: set[Cell] = set()

    # --- what an agent and the customers do ---------------------------------------------------------------------

    def click(self, cell: Cell) -> None:
        """Write to the cell's customer, and wait for the answer."""
        wanted = {"contact": str(self.people[cell].id), "idempotency_key": cell.key, "body": cell.key}
        assert self.post("/faults/waits/", json=wanted) == 202, cell.key

    def answer(self, cells: Iterable[Cell]) -> None:
        """Let customers answer who have not yet."""
        for cell in cells:
            if cell not in self.answered:
                self.answered.add(cell)
                customer = {"from": self.people[cell].mobile, "to": defaults.SMS_SENDER, "body": "Yes"}
                self.sandbox.post("messages", customer)
        self.read()

    def read(self) -> None:
        """Have all conversations read at once."""
        assert self.post("/faults/waits/read/", json={}) == 204

    def until_sent(self, cells: Iterable[Cell], seconds: float = 60.0) -> None:
        """Wait until the first messages are sent and the answers are waited for."""
        wanted = {cell.key for cell in cells}
        wait_for(lambda: wanted <= {key for (key,) in self.stack.query(SENT)}, "first messages", seconds)

    # --- what happens -------------------------------------------------------------------------------------------

    def bring(self, fault: str) -> list[Cell]:
        """Click once for each place, and wait until each click, or its answer, is held there."""
        cells = [cell for cell in HELD_CELLS if cell.fault == fault]
        answering = [cell for cell in cells if cell.point in ANSWERING]
        for cell in answering:
            self.click(cell)
        self.until_sent(answering)
        for cell in cells:
            self.order(cell)
        for cell in cells:
            if cell not in answering:
                self.click(cell)
        self.answer(answering)
        for cell in cells:
            self.held(cell)
        return cells

    def name_of(self, cell: Cell) -> str:
        """Return what an order to hold a process names."""
        return self.people[cell].mobile if cell.point in ANSWERING else cell.key

    def until_taken_away(self, cells: list[Cell]) -> None:
        """Wait until no click is being sent that has no conversation yet."""
        begun = [cell for cell in cells if cell.point in BEGINNING]
        wait_for(lambda: all(self.status(cell) != "sending" for cell in begun), "the end of the leases", 30.0)

    def status(self, cell: Cell) -> str:
        """Return the status of the cell's click."""
        [(status,)] = self.stack.query(STATUS, cell.key)
        return str(status)


def http_faults(scene: WaitScene) -> None:
    """A request fails, or its answer is lost. One for a conversation names no customer, so these are alone."""
    for cell in HTTP_CELLS:
        how, path = FAULTS[cell.fault], PATHS[cell.point]
        token = {"room": "", "customer": scene.people[cell].mobile.lstrip("+"), "message": cell.key}[cell.point]
        match = {"method": "POST", "product": "conversations", "path": path, "body": token}
        number = scene.sandbox.add({"match": match, **how})
        scene.click(cell)
        if cell.point == "room":
            wait_for(lambda number=number: scene.sandbox.hits(number), cell.key, 15.0)


def quiet(scene: WaitScene) -> None:
    """Nothing happens."""
    scene.click(QUIET)


ALL: Final = (quiet, http_faults, stop, kill_children, kill_worker, broker, job_twice)


def harm_of(scene: WaitScene, cell: Cell, flex: dict[str, Any]) -> list[str]:
    """Return what became wrong in one cell; empty is as it should be. ``flex``: the account at the sandbox."""
    number = scene.people[cell].mobile
    rooms = [one for one in flex["conversations"] if any(_is_of(number, who) for who in one["participants"])]
    if len(rooms) != 1:
        return [f"{len(rooms)} conversations"]
    [room] = rooms
    found = ["closed"] if room["state"] == "closed" else []
    said = sum(one["body"] == cell.key for one in room["messages"])
    if said != 1:
        found.append(f"said {said} times")
    made = [one for one in flex["interactions"] if one["channel"]["conversation_sid"] == room["sid"]]
    if [one["initiated_by"] for one in made] != ["customer"]:
        found.append(f"opened {len(made)} times")
    rows = scene.stack.query(ROWS, number)
    first = ("agent", "closed", True, room["sid"], None, 0)
    if len(rows) != 2 or rows[0] != first:
        return [*found, f"rows: {[row[:3] for row in rows]}"]
    begun_by, status, _is_succeeded, sid, task_sid, closings = rows[1]
    tasks = [one["task_sid"] for each in made for one in each["channel"]["invites"].values()]
    if (begun_by, sid, closings) != ("customer", room["sid"], 0) or status not in ("created", "active"):
        found.append(f"stuck: {status}")
    return found if tasks == [task_sid] else [*found, "SIDs wrong"]


def _is_of(number: str, participant: dict[str, Any]) -> bool:
    return participant.get("address") == number
