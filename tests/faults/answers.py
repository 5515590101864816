"""The matrix of the answer: every place of its way against what can happen there, each in its own conversation.

A cell's text is its key, by which its messages are counted at Flex and in the database.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from tests.acceptance.crm import Crm
from tests.faults.sandbox import Sandbox
from tests.faults.scene import LOST, REFUSED
from tests.faults.stack import FaultStack
from tests.faults.stage import Stage, broker, database, job_twice, kill_children, kill_worker, stop
from tests.processes import wait_for

PNG: Final = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
POINTS: Final = {
    "answer_claimed": "after claim",
    "answer_uploaded": "file uploaded",
    "answer_marked": "before POST",
    "answer_posted": "POST sent, answer lost",
    "answer_answered": "answered, not written",
    "answer_written": "written, not acked",
    "answer_looked": "before the lookup",
}
HTTP: Final = ("timeout", "reset", "500", "429", "malformed", "hostile", "unfit")
HELD: Final = {
    "kill_child": "SIGKILL child",
    "kill_worker": "SIGKILL worker",
    "stop": "SIGSTOP > lease",
    "broker": "broker gone",
    "database": "database gone",
    "job_twice": "job twice",
}
ROWS: Final = "SELECT id, status, message_sid FROM flex_outbound_message WHERE body = %s AND interaction_id IS NULL"
READY: Final = """
SELECT c.id FROM flex_outbound_conversation c JOIN flex_outbound_interaction i ON i.id = c.interaction_id
WHERE i.id = %s AND c.agent_id IS NOT NULL
"""
BUSY: Final = "SELECT count(*) FROM flex_outbound_message WHERE status IN ('waiting', 'sending', 'unconfirmed')"
MESSAGES: Final = "/Messages$"
MEDIA: Final = "/Media$"


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that happens to an answer at one place."""

    fault: str
    point: str

    @property
    def key(self) -> str:
        """Its text and its idempotency key."""
        return f"reply-{self.fault}-{self.point}"

    @property
    def has_file(self) -> bool:
        """Whether a file goes with it."""
        return self.point in ("answer_uploaded", "upload_lost", "upload_refused")


HELD_CELLS: Final = [Cell(fault, point) for fault in HELD for point in POINTS]
LOST_CELLS: Final = [Cell(fault, "lost") for fault in HTTP if fault != "429"]
REFUSED_CELLS: Final = [Cell(fault, "refused") for fault in HTTP if fault in ("timeout", "reset", "500", "429")]
UPLOADS: Final = [Cell(fault, "upload_lost") for fault in ("timeout", "reset", "500", "malformed", "hostile")]
CLICKS: Final = [Cell("double_click", "same_key"), Cell("double_click", "with_file"), Cell("none", "quiet")]
CELLS: Final = [*HELD_CELLS, *LOST_CELLS, *REFUSED_CELLS, *UPLOADS, *CLICKS]


class AnswerScene(Stage[Cell]):
    """The stack, an agent, and an open conversation for each cell."""

    jobs = ("message",)

    def __init__(self, stack: FaultStack, sandbox: Sandbox, crm: Crm) -> None:
        super().__init__(stack, sandbox, crm)
        self.rooms: dict[str, str] = {}

    def open_rooms(self) -> None:
        """Begin a conversation for each cell, by SMS so that a file can go."""
        people = iter(self.stack.people())
        clicked = {cell.key: self.crm.clicked(next(people), "sms") for cell in CELLS}
        for key, row in clicked.items():
            opened = self.crm.opened(row, 60.0)
            # Dashes or not, as the database writes them.
            wait_for(lambda opened=opened: self.stack.query(READY, opened["id"]), f"the conversation of {key}", 30.0)
            self.rooms[key] = str(opened["conversation_sid"])

    # --- what an agent does -------------------------------------------------------------------------------------

    def write(self, cell: Cell) -> None:
        """Answer as the page's module does."""
        self.taken.setdefault(cell.key, []).append(self._post(cell))

    def write_twice(self, cell: Cell) -> None:
        """Answer twice in the same moment."""
        with ThreadPoolExecutor(2) as pool:
            self.taken[cell.key] = list(pool.map(self._post, [cell, cell]))

    def _post(self, cell: Cell) -> int:
        has_file = cell.has_file or cell.point == "with_file"
        files = {"media": ("a.png", PNG, "image/png")} if has_file else None
        fields = {"body": cell.key, "idempotency_key": cell.key}
        return self.post(f"/flex/api/conversations/{self.rooms[cell.key]}/messages/", data=fields, files=files)

    # --- what happens -------------------------------------------------------------------------------------------

    def bring(self, fault: str) -> list[Cell]:
        """Answer once for each place and wait until each answer is held there."""
        cells = [cell for cell in HELD_CELLS if cell.fault == fault]
        # A look comes seconds after its answer, so the others would outlive their leases meanwhile.
        for group in ([one for one in cells if one.point == "answer_looked"], cells):
            coming = [one for one in group if one.key not in self.taken]
            for cell in coming:
                self.order(cell)
                if cell.point == "answer_looked":
                    # Not carried out, or reading the conversation might find it before the lookup does.
                    self.sandbox.arm(cell.key, "drop_before", path=MESSAGES)
                self.write(cell)
            for cell in coming:
                self.held(cell)
        return cells

    def until_taken_away(self, cells: list[Cell]) -> None:
        """Wait until each answer was taken away from the process that is stopped."""
        before = [cell for cell in cells if cell.point != "answer_looked"]

        def is_taken_away() -> bool:
            return all(row[1] != "sending" for cell in before for row in self.rows(cell))

        wait_for(is_taken_away, "the end of the leases", 25.0)

    def rows(self, cell: Cell) -> list[tuple[Any, ...]]:
        """Return what our own database has of an answer."""
        return self.stack.query(ROWS, cell.key)


def http_faults(scene: AnswerScene) -> None:
    """The request fails, or its answer is lost; for the message, and for the file before it."""
    for cell in LOST_CELLS:
        scene.sandbox.arm(cell.key, **LOST[cell.fault], path=MESSAGES)
        scene.write(cell)
    for cell in REFUSED_CELLS:
        scene.sandbox.arm(cell.key, **REFUSED[cell.fault], path=MESSAGES)
        scene.write(cell)


def uploads(scene: AnswerScene) -> None:
    """One upload after the other fails: an upload names no cell, so each has its fault alone."""
    for cell in UPLOADS:
        number = scene.sandbox.add({"match": {"method": "POST", "path": MEDIA}, **LOST[cell.fault]})
        scene.write(cell)
        wait_for(lambda number=number: scene.sandbox.hits(number), f"an upload that meets {cell.fault}", 20.0)


def clicks(scene: AnswerScene) -> None:
    """A double click, with and without a file; and one to which nothing happens."""
    for cell in CLICKS:
        (scene.write_twice if cell.fault == "double_click" else scene.write)(cell)


ALL: Final = (uploads, kill_children, kill_worker, broker, database, http_faults, clicks, job_twice, stop)


def harm_of(scene: AnswerScene, cell: Cell, said: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return what became wrong with one answer; empty is as it should be. ``said``: at Flex, by text."""
    made, rows = said.get(cell.key, []), scene.rows(cell)
    found = [] if set(scene.taken.get(cell.key, [])) == {202} else ["not taken"]
    if len(rows) != 1:
        return [*found, "lost" if not rows else "kept twice"]
    [(_id, status, message_sid)] = rows
    if len(made) > 1:
        found.append("sent twice")
    if not made:
        found.append("lost" if status != "sent" else "falsely sent")
    if status != "sent":
        found.append(f"stuck: {status}")
    elif made and message_sid != made[0]["sid"]:
        found.append("SIDs wrong")
    if made and cell.has_file and not made[0]["media"]:
        found.append("without its file")
    return found


def said_at_flex(sandbox: Sandbox) -> dict[str, list[dict[str, Any]]]:
    """Return all messages by text."""
    found: dict[str, list[dict[str, Any]]] = {}
    for room in sandbox.account()["conversations"]:
        for message in room["messages"]:
            found.setdefault(message["body"] or "", []).append(message)
    return found
