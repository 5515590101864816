"""The matrix of what opens when the customer answers: every place of its way against what can happen there.

Each cell has a customer of its own. No callback tells of the answers: they are found by reading. A cell's key is the
click's idempotency key, and the text of its first message.
"""

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import requests
from celery import Celery

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import SECONDS, Crm
from tests.faults.sandbox import Sandbox
from tests.faults.scene import LOST, REFUSED
from tests.faults.stack import FaultStack
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
ACCOUNT_ID: Final = "SELECT id FROM flex_outbound_account WHERE account_sid = %s"


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


class WaitScene:
    """The stack, an agent, and a customer for each cell."""

    def __init__(self, stack: FaultStack, sandbox: Sandbox, crm: Crm) -> None:
        self.stack, self.sandbox, self.crm = stack, sandbox, crm
        self.people: dict[Cell, Person] = dict(zip(CELLS, stack.people(), strict=True))
        self.answered: set[Cell] = set()
        self.failed: list[str] = []

    @property
    def worker(self) -> Any:
        """The one worker, in which all that is held at a time is held."""
        return self.stack.workers[0]

    # --- what an agent and the customers do ---------------------------------------------------------------------

    def click(self, cell: Cell) -> None:
        """Write to the cell's customer, and wait for the answer."""
        wanted = {"contact": str(self.people[cell].id), "idempotency_key": cell.key, "body": cell.key}
        assert self._post("/faults/waits/", wanted) == 202, cell.key

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
        assert self._post("/faults/waits/read/", {}) == 204

    def _post(self, path: str, data: dict[str, Any]) -> int:
        with requests.Session() as http:
            http.trust_env = False
            http.cookies.update(self.crm.http.cookies)
            headers = {"X-CSRFToken": self.crm.http.cookies["csrftoken"], "Referer": self.crm.url}
            return http.post(self.crm.url + path, json=data, headers=headers, timeout=SECONDS).status_code

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
            self.stack.order(cell.point, self.name_of(cell))
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

    def held(self, cell: Cell) -> int:
        """Return the process that holds a cell, waiting until one does."""
        return self.stack.held(cell.point, self.name_of(cell))

    def release(self, cells: Iterable[Cell]) -> None:
        """Let them go on."""
        for cell in cells:
            self.stack.release(cell.point, self.name_of(cell))

    def signal(self, cells: Iterable[Cell], number: int) -> list[int]:
        """Send a signal to each process that holds one; return their ids."""
        held = [self.held(cell) for cell in cells]
        for process in held:
            os.kill(process, number)
        return held

    def deliver(self) -> None:
        """Have the account's jobs delivered three times more."""
        [(account_id,)] = self.stack.query(ACCOUNT_ID, defaults.ACCOUNT_SID)
        with Celery(broker=self.stack.environment["CELERY_BROKER_URL"]) as app:
            for job in ("conversation", "dispatch", "lookup", "poll", "message") * 3:
                app.send_task(f"flex_outbound.tasks.{job}", (str(account_id),), ignore_result=True)

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


def kill_children(scene: WaitScene) -> None:
    """SIGKILL of the pool's child that is at the place."""
    scene.signal(scene.bring("kill_child"), signal.SIGKILL)


def kill_worker(scene: WaitScene) -> None:
    """SIGKILL of the whole worker while it is at all places at once."""
    scene.bring("kill_worker")
    scene.stack.crash(scene.worker)
    scene.stack.restart(scene.worker)


def stop(scene: WaitScene) -> None:
    """SIGSTOP until the leases have run out and others have done the work, then SIGCONT."""
    cells = scene.bring("stop")
    stopped = scene.signal(cells, signal.SIGSTOP)
    begun = [cell for cell in cells if cell.point in BEGINNING]
    wait_for(lambda: all(scene.status(cell) != "sending" for cell in begun), "the end of the leases", 30.0)
    scene.release(cells)
    for process in stopped:
        os.kill(process, signal.SIGCONT)


def broker(scene: WaitScene) -> None:
    """The broker goes with everything in it, the others go on without, and it comes back."""
    cells = scene.bring("broker")
    scene.stack.crash(scene.stack.broker)
    scene.release(cells)
    scene.stack.restart(scene.stack.broker)


def job_twice(scene: WaitScene) -> None:
    """The broker delivers the jobs again while the first are at their places."""
    cells = scene.bring("job_twice")
    scene.deliver()
    scene.release(cells)


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
