"""The matrix of leaving: every place of its way against what can happen there, each in its own conversation.

In each conversation the agent has a colleague, who stays with the customer. A cell's key is the idempotency key of the
click with which its conversation began.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import Crm
from tests.acceptance.flex import callback_url
from tests.faults.sandbox import Sandbox
from tests.faults.scene import LOST, REFUSED
from tests.faults.stack import FaultStack
from tests.faults.stage import Stage, broker, database, job_twice, kill_children, kill_worker, stop
from tests.processes import wait_for

POINTS: Final = {
    "leave_due": "before claim",
    "leave_claimed": "after claim",
    "leave_unsent": "before POST",
    "leave_posted": "POST sent, answer lost",
    "leave_answered": "answered, not written",
    "leave_written": "written, not acked",
}
HELD: Final = ("kill_child", "kill_worker", "stop", "broker", "database", "job_twice")
LISTS: Final = {**{f"refused_{name}": how for name, how in REFUSED.items()}, "lost_hostile": LOST["hostile"]}
"""What happens to the question who is in the channel."""

ROOMS: Final = """
SELECT i.idempotency_key, i.id, i.channel_sid, i.conversation_sid, i.task_sid
FROM flex_outbound_interaction i JOIN flex_outbound_conversation c ON c.interaction_id = i.id
WHERE i.continues_id IS NULL AND i.status = 'active'
"""
INVITED: Final = "SELECT continues_id, task_sid FROM flex_outbound_interaction WHERE status = 'created'"
COMPANY: Final = """
SELECT count(*) FROM flex_outbound_interaction WHERE continues_id IS NOT NULL AND status = 'active'
"""
OUTCOME: Final = """
SELECT o.status, o.is_succeeded, i.status, i.task_sid, c.interaction_id = i.id, c.agent_id = i.agent_id, c.state
FROM flex_outbound_interaction o
LEFT JOIN flex_outbound_interaction i ON i.continues_id = o.id
JOIN flex_outbound_conversation c ON c.id = %s
WHERE o.id = %s
"""
CLOSINGS: Final = """
SELECT l.kind, l.task_sid, l.closed_at IS NOT NULL AND l.next_at IS NULL, l.error
FROM flex_outbound_closing l JOIN flex_outbound_interaction i ON i.id = l.interaction_id
WHERE i.id = %s OR i.continues_id = %s
"""
STATUS: Final = "SELECT status FROM flex_outbound_interaction WHERE id = %s"
BUSY: Final = """
SELECT count(*) FROM flex_outbound_closing l JOIN flex_outbound_interaction i ON i.id = l.interaction_id
WHERE l.closed_at IS NULL OR l.next_at IS NOT NULL OR i.status = 'active'
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that happens at one place to an agent who leaves."""

    fault: str
    point: str

    @property
    def key(self) -> str:
        """The key of the click that began the conversation."""
        return f"leave-{self.fault}-{self.point}"


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation: the row that began it, and its SIDs."""

    id: Any
    channel_sid: str
    conversation_sid: str
    task_sid: str


HELD_CELLS: Final = [Cell(fault, point) for fault in HELD for point in POINTS]
TOLD_CELLS: Final = [Cell("told_first", point) for point in ("leave_posted", "leave_answered")]
"""The callback that the agent has left comes before the answer."""

LOST_CELLS: Final = [Cell(fault, "lost") for fault in LOST]
REFUSED_CELLS: Final = [Cell(fault, "refused") for fault in ("timeout", "reset", "500", "429")]
LIST_CELLS: Final = [Cell(fault, "list") for fault in LISTS]
TWICE: Final = Cell("double_click", "one_agent")
BOTH: Final = Cell("double_click", "two_agents")
"""Of the last two who leave at the same moment, the second is asked whether the customer is to be alone."""

ALONE: Final = Cell("none", "alone")
"""Nobody else is in the conversation."""

HANDED_OVER: Final = Cell("none", "handed_over")
QUIET: Final = Cell("none", "quiet")
CELLS: Final = [
    *(*HELD_CELLS, *TOLD_CELLS, *LOST_CELLS, *REFUSED_CELLS, *LIST_CELLS),
    *(TWICE, BOTH, ALONE, HANDED_OVER, QUIET),
]


class LeaveScene(Stage[Cell]):
    """The stack, an agent and a colleague, and for each cell a conversation that both are in."""

    jobs = ("close", "poll")

    def __init__(self, stack: FaultStack, sandbox: Sandbox, crm: Crm, colleague: Crm) -> None:
        super().__init__(stack, sandbox, crm)
        self.colleague = colleague
        self.rooms: dict[str, Room] = {}

    def open_rooms(self) -> None:
        """Begin a conversation for each cell and bring the colleague in. From then on no callback tells anything."""
        for name in ("agent", "bea"):
            self.sandbox.post(f"workers/{defaults.WORKERS[name]}", {"capacity": {"chat": 2 * len(CELLS)}})
        self.listen("task.created", "reservation.accepted")
        begun = [
            self.crm.clicked(person, "sms", idempotency_key=cell.key)
            for cell, person in zip(CELLS, self.stack.people(), strict=True)
        ]
        for row in begun:
            self.sandbox.post(f"tasks/{self.crm.opened(row, 60.0)['task_sid']}/accept", {})
        wait_for(self._have_begun, "conversations", 60.0)
        company = [cell for cell in CELLS if cell not in (ALONE, HANDED_OVER)]
        for cell in company:
            self.invite(cell)
        self._accept(company)
        wait_for(lambda: self.stack.query(COMPANY) == [(len(company),)], "the colleague in the conversations", 60.0)
        self.sandbox.register_callback("")

    def _have_begun(self) -> bool:
        self.rooms = {key: Room(*sids) for key, *sids in self.stack.query(ROOMS)}
        return len(self.rooms) == len(CELLS)

    def _accept(self, cells: list[Cell]) -> None:
        """Let the colleague accept what they are invited to."""
        invited: dict[Any, str] = {}

        def are_all() -> bool:
            invited.update((origin, task) for origin, task in self.stack.query(INVITED) if origin and task)
            return len(invited) == len(cells)

        wait_for(are_all, "invites", 60.0)
        for task_sid in invited.values():
            self.sandbox.post(f"tasks/{task_sid}/accept", {})

    def listen(self, *events: str) -> None:
        """Have callbacks come of these events."""
        self.sandbox.listen(callback_url(self.stack), ",".join(events))

    # --- what agents do -----------------------------------------------------------------------------------------

    def invite(self, cell: Cell, **fields: Any) -> None:
        """Invite the colleague to the cell's conversation."""
        path = f"/flex/api/conversations/{self.rooms[cell.key].conversation_sid}/invite/"
        if not hasattr(self, "_bea"):
            colleagues = self.crm.get(path).json()["colleagues"]
            [self._bea] = [one["id"] for one in colleagues if "Bea" in one["name"]]
        answer = self.crm.post(path, {"agent": self._bea, "idempotency_key": cell.key, **fields})
        assert answer.status_code == 202, (cell.key, answer.text)

    def hand_over(self, cell: Cell) -> None:
        """Hand the cell's conversation over to the colleague, who accepts."""
        self.invite(cell, hand_over=True)
        self._accept([cell])

    def leave(self, cell: Cell, *, confirmed: bool = False) -> None:
        """Leave the cell's conversation."""
        self.taken.setdefault(cell.key, []).append(self._leave(cell, self.crm, confirmed))

    def leave_at_once(self, cell: Cell, agents: list[Crm]) -> None:
        """Let agents leave in the same moment."""
        with ThreadPoolExecutor(len(agents)) as pool:
            self.taken[cell.key] = list(pool.map(lambda crm: self._leave(cell, crm), agents))

    def _leave(self, cell: Cell, crm: Crm, confirmed: bool = False) -> int:
        path = f"/flex/api/conversations/{self.rooms[cell.key].conversation_sid}/leave/"
        return self.post(path, crm=crm, json={"confirmed": confirmed})

    # --- what happens -------------------------------------------------------------------------------------------

    def bring(self, fault: str) -> list[Cell]:
        """Leave once for each place and wait until each is held there."""
        cells = [cell for cell in (*HELD_CELLS, *TOLD_CELLS) if cell.fault == fault]
        for cell in cells:
            self.order(cell)
            self.leave(cell)
        for cell in cells:
            self.held(cell)
        return cells

    def until_taken_away(self, cells: list[Cell]) -> None:
        """Wait until another worker has done what was claimed. Before its claim nobody else is let to it."""
        claimed = [cell for cell in cells if cell.point != "leave_due"]
        wait_for(lambda: all(self.status(cell) == "closed" for cell in claimed), "the end of the leases", 40.0)

    def status(self, cell: Cell) -> str:
        """Return the status of the agent who leaves."""
        [(status,)] = self.stack.query(STATUS, self.rooms[cell.key].id)
        return str(status)

    def arm(self, cell: Cell, method: str, **how: Any) -> None:
        """Do a fault to the next request about the participants of the cell's channel."""
        path = f"/{self.rooms[cell.key].channel_sid}/Participants" + ("$" if method == "GET" else "/UT")
        self.sandbox.add({"match": {"method": method, "path": path}, **how})


def told_first(scene: LeaveScene) -> None:
    """The callback comes before the answer is written, or read."""
    scene.listen("task.completed")
    cells = scene.bring("told_first")
    wait_for(lambda: all(scene.status(cell) == "closed" for cell in cells), "callbacks", 20.0)
    scene.release(cells)
    scene.sandbox.register_callback("")


def http_faults(scene: LeaveScene) -> None:
    """The request fails, or its answer is lost; and the question before it."""
    for cells, method, faults in (
        (LOST_CELLS, "POST", LOST),
        (REFUSED_CELLS, "POST", REFUSED),
        (LIST_CELLS, "GET", LISTS),
    ):
        for cell in cells:
            scene.arm(cell, method, **faults[cell.fault])
            scene.leave(cell)


def clicks(scene: LeaveScene) -> None:
    """A double click, two who leave at once, one who was alone, a handover; and one to which nothing happens."""
    scene.leave_at_once(TWICE, [scene.crm, scene.crm])
    scene.leave_at_once(BOTH, [scene.crm, scene.colleague])
    scene.leave(ALONE)
    scene.leave(ALONE, confirmed=True)
    scene.listen("task.created", "reservation.accepted")
    scene.hand_over(HANDED_OVER)
    wait_for(lambda: scene.status(HANDED_OVER) == "closed", "the end of a handover", 20.0)
    scene.sandbox.register_callback("")
    scene.leave(QUIET)


ALL: Final = (stop, kill_children, kill_worker, broker, database, http_faults, told_first, job_twice, clicks)
"""Everything that happens, in its order: first what takes longest to be over."""

TAKEN: Final = {TWICE: [202, 202], BOTH: [202, 409], ALONE: [202, 409], HANDED_OVER: []}


def harm_of(scene: LeaveScene, cell: Cell, flex: dict[str, Any]) -> list[str]:
    """Return what became wrong in one cell; empty is as it should be. ``flex``: the account at the sandbox."""
    room, taken = scene.rooms[cell.key], sorted(scene.taken.get(cell.key, []))
    found = [] if taken == TAKEN.get(cell, [202]) else [f"answers: {taken}"]
    outcomes = scene.stack.query(OUTCOME, UUID(room.conversation_sid[2:]), room.id)
    if len(outcomes) != 1:
        return [*found, f"{len(outcomes)} rows"]
    [(first, is_succeeded, second, task_sid, is_named, is_agent, state)] = outcomes
    leaver, stayer = room.task_sid, task_sid
    if cell == BOTH and second == "closed":
        # Either may have been the first. The conversation is with the other one then.
        leaver, stayer = task_sid, room.task_sid
        found += [] if (first, state) == ("active", "active") else [f"stuck: {first}"]
    elif cell == ALONE:
        found += [] if (first, second, state) == ("closed", None, "active") else [f"stuck: {first}"]
    else:
        if (first, is_succeeded) != ("closed", True):
            found.append(f"stuck: {first}")
        if (second, is_named, is_agent, state) != ("active", True, True, "active"):
            found.append("does not go on with the colleague")
    if scene.stack.query(CLOSINGS, room.id, room.id) != [("leave", leaver, True, "")]:
        found.append("not left once")
    return found + _at_flex(room, leaver, stayer, flex)


def _at_flex(room: Room, leaver: str, stayer: str | None, flex: dict[str, Any]) -> list[str]:
    """Return what is wrong at Flex: one agent is out, the other one in, and the conversation goes on."""
    [channel] = [one["channel"] for one in flex["interactions"] if one["channel"]["sid"] == room.channel_sid]
    [here] = [one for one in flex["conversations"] if one["sid"] == room.conversation_sid]
    tasks = {one["sid"]: one["status"] for one in flex["tasks"]}
    agents = [one["routing"]["task_sid"] for one in channel["participants"].values() if one["type"] == "agent"]
    names = [one["identity"] for one in here["participants"] if one["identity"]]
    customers = [one for one in here["participants"] if one["address"]]
    found = []
    if agents != [one for one in (stayer,) if one] or len(names) != len(agents):
        found.append("still in it" if leaver in agents else "another one left")
    if tasks[leaver] != "completed" or (stayer and tasks[stayer] != "assigned"):
        found.append("tasks wrong")
    if "closed" in (here["state"], channel["status"]) or len(customers) != 1:
        found.append("closed")
    return found
