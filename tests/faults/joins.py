"""The matrix of the invite: every place of its way against what can happen there, each in its own conversation.

Each conversation was left by its agent, who takes it up again. A cell's key is the idempotency key of that click.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from tests.acceptance.crm import Crm
from tests.acceptance.flex import callback_url
from tests.faults.answers import HELD
from tests.faults.sandbox import Sandbox
from tests.faults.scene import LOST, REFUSED, SEARCH
from tests.faults.stack import FaultStack
from tests.faults.stage import Stage, broker, database, job_twice, kill_children, kill_worker, stop
from tests.processes import wait_for

POINTS: Final = {
    "after_claim": "after claim",
    "before_post": "before POST",
    "answer_lost": "POST sent, answer lost",
    "before_write": "answered, not written",
    "before_ack": "written, not acked",
    "before_lookup": "before the lookup",
}
JOIN: Final = "/faults/conversations/%s/join/"
ROOM: Final = "room-"
"""What the idempotency key of the click that began a conversation starts with."""

BEGUN: Final = """
SELECT i.idempotency_key, i.id, i.interaction_sid, i.channel_sid, i.conversation_sid, i.task_sid
FROM flex_outbound_interaction i JOIN flex_outbound_conversation c ON c.interaction_id = i.id
WHERE i.idempotency_key LIKE %s AND i.status = %s AND i.task_sid IS NOT NULL
"""
OUTCOME: Final = """
SELECT o.status, o.is_succeeded,
    (SELECT count(*) FROM flex_outbound_closing c WHERE c.interaction_id IN (o.id, i.id)),
    i.status, i.interaction_sid, i.channel_sid, i.conversation_sid, i.task_sid, i.invite_sid
FROM flex_outbound_interaction o LEFT JOIN flex_outbound_interaction i ON i.continues_id = o.id WHERE o.id = %s
"""
STATUS: Final = "SELECT status FROM flex_outbound_interaction WHERE idempotency_key = %s AND continues_id IS NOT NULL"
BUSY: Final = """
SELECT count(*) FROM flex_outbound_interaction
WHERE continues_id IS NOT NULL AND status IN ('queued', 'sending', 'unconfirmed')
"""
INVITED: Final = "SELECT task_sid FROM flex_outbound_interaction WHERE continues_id IS NOT NULL AND status = 'created'"


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that happens to an invite at one place."""

    fault: str
    point: str

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return f"join-{self.fault}-{self.point}"


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation that its agent has left: the row that began it, and its SIDs."""

    id: Any
    interaction_sid: str
    channel_sid: str
    conversation_sid: str
    task_sid: str

    @property
    def sids(self) -> tuple[str, str, str]:
        """What the invite shares with it."""
        return self.interaction_sid, self.channel_sid, self.conversation_sid


HELD_CELLS: Final = [Cell(fault, point) for fault in HELD for point in POINTS]
LOST_CELLS: Final = [Cell(fault, "lost") for fault in LOST]
REFUSED_CELLS: Final = [Cell(fault, "refused") for fault in ("timeout", "reset", "500", "429")]
LOOK_CELLS: Final = [Cell(fault, "look") for fault in REFUSED]
CLICKS: Final = [Cell("double_click", "same_key"), Cell("double_click", "other_key"), Cell("none", "quiet")]
TWO_AGENTS: Final = Cell("double_click", "two_agents")
ONE_TAKEN: Final = ([202, 403], [202, 409])
"""Of two agents: the second finds that the other is being invited, or is told so by the database."""

CELLS: Final = [*HELD_CELLS, *LOST_CELLS, *REFUSED_CELLS, *LOOK_CELLS, *CLICKS, TWO_AGENTS]


class JoinScene(Stage[Cell]):
    """The stack, an agent and a colleague, and for each cell a conversation that the agent has left."""

    jobs = ("dispatch", "lookup", "poll")

    def __init__(self, stack: FaultStack, sandbox: Sandbox, crm: Crm, colleague: Crm) -> None:
        super().__init__(stack, sandbox, crm)
        self.colleague = colleague
        self.rooms: dict[str, Room] = {}

    def open_rooms(self) -> None:
        """Begin a conversation for each cell, accept its task and leave it. From then on no callback tells anything."""
        # Of all events only those that are waited for: each is a request and a job.
        self.sandbox.listen(callback_url(self.stack), "task.completed")
        for cell, person in zip(CELLS, self.stack.people(), strict=True):
            self.crm.clicked(person, "sms", idempotency_key=f"{ROOM}{cell.key}")
        begun = self._begun("active")
        for move in ("accept", "leave"):
            for room in begun.values():
                self.sandbox.post(f"tasks/{room.task_sid}/{move}", {})
        self.rooms = self._begun("closed")
        self.sandbox.register_callback("")

    def _begun(self, status: str) -> dict[str, Room]:
        found: dict[str, Room] = {}

        def are_all() -> bool:
            rows = self.stack.query(BEGUN, f"{ROOM}%", status)
            found.update({key.removeprefix(ROOM): Room(*sids) for key, *sids in rows})
            return len(found) == len(CELLS)

        wait_for(are_all, f"conversations that are {status}", 60.0)
        return found

    def accept(self) -> None:
        """Let callbacks come again, and the agents accept what they are invited to."""
        self.sandbox.listen(callback_url(self.stack), "reservation.accepted")
        for (task_sid,) in self.stack.query(INVITED):
            self.sandbox.post(f"tasks/{task_sid}/accept", {})

    # --- what an agent does -------------------------------------------------------------------------------------

    def join(self, cell: Cell) -> None:
        """Take the cell's conversation up."""
        self.join_all(cell, [(self.crm, cell.key)])

    def join_all(self, cell: Cell, clicks: list[tuple[Crm, str]]) -> None:
        """Take it up in the same moment, by each agent and key of ``clicks``."""
        with ThreadPoolExecutor(len(clicks)) as pool:
            answers = pool.map(lambda click: self._post(cell, *click), clicks)
            self.taken.setdefault(cell.key, []).extend(answers)

    def _post(self, cell: Cell, crm: Crm, key: str) -> int:
        path = JOIN % self.rooms[cell.key].conversation_sid
        return self.post(path, crm=crm, json={"idempotency_key": key})

    # --- what happens -------------------------------------------------------------------------------------------

    def arm(self, cell: Cell, fault: str, **how: Any) -> None:
        """Do ``fault`` to the next invite to the cell's channel."""
        self.sandbox.arm("", fault, path=f"/{self.rooms[cell.key].channel_sid}/Invites$", **how)

    def bring(self, fault: str) -> list[Cell]:
        """Join once for each place and wait until each invite is held there."""
        cells = [cell for cell in HELD_CELLS if cell.fault == fault]
        # A lookup comes seconds after its click, so the others would outlive their leases meanwhile.
        for group in ([one for one in cells if one.point == "before_lookup"], cells):
            coming = [one for one in group if one.key not in self.taken]
            for cell in coming:
                self.order(cell)
                if cell.point == "before_lookup":
                    self.arm(cell, "drop_after")
                self.join(cell)
            for cell in coming:
                self.held(cell)
        return cells

    def until_taken_away(self, cells: list[Cell]) -> None:
        """Wait until each invite was taken away from the process that is stopped."""
        wait_for(lambda: all(self.status(cell) != "sending" for cell in cells), "the end of the leases", 25.0)

    def status(self, cell: Cell) -> str:
        """Return the status of the cell's invite."""
        [(status,)] = self.stack.query(STATUS, cell.key)
        return str(status)


def lost_looks(scene: JoinScene) -> None:
    """The answer is lost, and then the lookup fails: one after the other, because a search names no cell."""
    for cell in LOOK_CELLS:
        number = scene.sandbox.add({"match": SEARCH, **REFUSED[cell.fault]})
        scene.arm(cell, "drop_after")
        scene.join(cell)
        wait_for(lambda number=number: scene.sandbox.hits(number), f"a lookup that meets {cell.fault}", 15.0)


def http_faults(scene: JoinScene) -> None:
    """The request fails, or its answer is lost."""
    for cells, faults in ((LOST_CELLS, LOST), (REFUSED_CELLS, REFUSED)):
        for cell in cells:
            scene.arm(cell, **faults[cell.fault])
            scene.join(cell)


def clicks(scene: JoinScene) -> None:
    """A double click with one key and with two, one of two agents; and one to which nothing happens."""
    for cell in CLICKS:
        keys = {"same_key": [cell.key] * 2, "other_key": [cell.key, f"{cell.key}-2"]}.get(cell.point, [cell.key])
        scene.join_all(cell, [(scene.crm, key) for key in keys])
    both = [(crm, TWO_AGENTS.key) for crm in (scene.crm, scene.colleague)]
    scene.join_all(TWO_AGENTS, both)


ALL: Final = (lost_looks, stop, kill_children, kill_worker, broker, database, http_faults, job_twice, clicks)
"""Everything that happens, in its order: first the lookups, which must be alone, then what takes longest to be over."""


def harm_of(scene: JoinScene, cell: Cell, flex: dict[str, Any]) -> list[str]:
    """Return what became wrong with one invite; empty is as it should be. ``flex``: the account at the sandbox."""
    room, taken = scene.rooms[cell.key], sorted(scene.taken.get(cell.key, []))
    found = (
        [] if (taken and set(taken) == {202}) or (cell == TWO_AGENTS and taken in ONE_TAKEN) else [f"answers: {taken}"]
    )
    found += _at_flex(room, flex)
    outcomes = scene.stack.query(OUTCOME, room.id)
    if len(outcomes) != 1 or outcomes[0][3] is None:
        return [*found, "lost" if len(outcomes) == 1 else "kept twice"]
    [(first, is_succeeded, closings, status, *shared, task_sid, invite_sid)] = outcomes
    if closings:
        found.append("something closed")
    if (first, is_succeeded) != ("closed", True):
        found.append("still said to be left")
    if status != "active":
        found.append(f"stuck: {status}")
    invites = [(one["task_sid"], one["sid"]) for one in _interaction(room, flex)["channel"]["invites"].values()]
    if tuple(shared) != room.sids or (task_sid, invite_sid) not in invites[1:]:
        found.append("SIDs wrong")
    return found


def _interaction(room: Room, flex: dict[str, Any]) -> dict[str, Any]:
    [found] = [one for one in flex["interactions"] if one["sid"] == room.interaction_sid]
    return dict(found)


def _at_flex(room: Room, flex: dict[str, Any]) -> list[str]:
    """Return what is wrong at Flex: one invite beside the first in a channel that goes on, and nothing second."""
    channel = _interaction(room, flex)["channel"]
    found = [] if len(channel["invites"]) == 2 else [f"invited {len(channel['invites']) - 1} times"]
    [here] = [one for one in flex["conversations"] if one["sid"] == room.conversation_sid]
    if "closed" in (here["state"], channel["status"]):
        found.append("closed")
    return found
