"""The matrix of the answer: every place of its way against what can happen there, each in its own conversation.

A cell's text is its key, by which its messages are counted at Flex and in the database.
"""

import os
import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import requests
from celery import Celery

from tests.acceptance.crm import SECONDS, Crm
from tests.faults.sandbox import Sandbox
from tests.faults.scene import LOST, REFUSED
from tests.faults.stack import FaultStack
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
ACCOUNT_ID: Final = "SELECT account_id FROM flex_outbound_message WHERE body = %s"
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


class AnswerScene:
    """The stack, an agent, and an open conversation for each cell."""

    def __init__(self, stack: FaultStack, sandbox: Sandbox, crm: Crm) -> None:
        self.stack, self.sandbox, self.crm = stack, sandbox, crm
        self.rooms: dict[str, str] = {}
        self.taken: dict[str, list[int]] = {}
        self.failed: list[str] = []

    @property
    def worker(self) -> Any:
        """The one worker, in which all that is held at a time is held."""
        return self.stack.workers[0]

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
        path = f"{self.crm.url}/flex/api/conversations/{self.rooms[cell.key]}/messages/"
        with requests.Session() as http:
            http.trust_env = False
            http.cookies.update(self.crm.http.cookies)
            headers = {"X-CSRFToken": self.crm.http.cookies["csrftoken"], "Referer": self.crm.url}
            fields = {"body": cell.key, "idempotency_key": cell.key}
            has_file = cell.has_file or cell.point == "with_file"
            files = {"media": ("a.png", PNG, "image/png")} if has_file else None
            return http.post(path, fields, files=files, headers=headers, timeout=SECONDS).status_code

    # --- what happens -------------------------------------------------------------------------------------------

    def bring(self, fault: str) -> list[Cell]:
        """Answer once for each place and wait until each answer is held there."""
        cells = [cell for cell in HELD_CELLS if cell.fault == fault]
        # A look comes seconds after its answer, so the others would outlive their leases meanwhile.
        for group in ([one for one in cells if one.point == "answer_looked"], cells):
            coming = [one for one in group if one.key not in self.taken]
            for cell in coming:
                self.stack.order(cell.point, cell.key)
                if cell.point == "answer_looked":
                    # Not carried out, or reading the conversation might find it before the lookup does.
                    self.sandbox.arm(cell.key, "drop_before", path=MESSAGES)
                self.write(cell)
            for cell in coming:
                self.stack.held(cell.point, cell.key)
        return cells

    def release(self, cells: Iterable[Cell]) -> None:
        """Let the answers go on."""
        for cell in cells:
            self.stack.release(cell.point, cell.key)

    def signal(self, cells: Iterable[Cell], number: int) -> list[int]:
        """Send a signal to each process that holds an answer; return their ids."""
        held = [self.stack.held(cell.point, cell.key) for cell in cells]
        for process in held:
            os.kill(process, number)
        return held

    def deliver(self, cell: Cell) -> None:
        """Have the job delivered three times more."""
        [(account_id,)] = self.stack.query(ACCOUNT_ID, cell.key)
        with Celery(broker=self.stack.environment["CELERY_BROKER_URL"]) as app:
            for _time in range(3):
                app.send_task("flex_outbound.tasks.message", (str(account_id),), ignore_result=True)

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


def kill_children(scene: AnswerScene) -> None:
    """SIGKILL of the pool's child that is at the place."""
    scene.signal(scene.bring("kill_child"), signal.SIGKILL)


def kill_worker(scene: AnswerScene) -> None:
    """SIGKILL of the whole worker while it is at all places at once."""
    scene.bring("kill_worker")
    scene.stack.crash(scene.worker)
    scene.stack.restart(scene.worker)


def stop(scene: AnswerScene) -> None:
    """SIGSTOP until the lease has run out and the answer was taken away, then SIGCONT."""
    cells = scene.bring("stop")
    stopped = scene.signal(cells, signal.SIGSTOP)
    before = [cell for cell in cells if cell.point != "answer_looked"]

    def is_taken_away() -> bool:
        return all(row[1] != "sending" for cell in before for row in scene.rows(cell))

    wait_for(is_taken_away, "the end of the leases", 25.0)
    scene.release(cells)
    for process in stopped:
        os.kill(process, signal.SIGCONT)


def broker(scene: AnswerScene) -> None:
    """The broker goes with everything in it, the answers go on without, and it comes back."""
    cells = scene.bring("broker")
    scene.stack.crash(scene.stack.broker)
    scene.release(cells)
    scene.stack.restart(scene.stack.broker)


def database(scene: AnswerScene) -> None:
    """The database crashes, the answers go on and run into it, and it comes back."""
    cells = scene.bring("database")
    scene.stack.crash(scene.stack.postgres.part)
    scene.release(cells)
    wait_for(lambda: "OperationalError" in scene.worker.log.read_text(errors="replace"), "missing the database", 20.0)
    scene.stack.restart(scene.stack.postgres.part)


def job_twice(scene: AnswerScene) -> None:
    """The broker delivers the job again while the first is at the place."""
    cells = scene.bring("job_twice")
    for cell in cells:
        scene.deliver(cell)
    scene.release(cells)


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
