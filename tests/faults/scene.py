"""One matrix on one stack: brings rows to their places, side by side, and lets things happen to them there."""

import os
import signal
from collections.abc import Iterable
from typing import Any

import requests
from celery import Celery

from flex_outbound.sandbox import defaults, signing
from tests.acceptance.crm import Crm
from tests.acceptance.test_callbacks import callback_url
from tests.faults.cells import CALLBACKS, HTTP, ORDER, POINTS, UNKNOWN, Cell
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack
from tests.processes import Person, wait_for

LOST = {
    "timeout": {"fault": "delay", "after": True, "ms": 3000},
    "reset": {"fault": "drop_after"},
    "500": {"fault": "status", "status": 500, "after": True},
    "malformed": {"fault": "malformed"},
    "hostile": {"fault": "hostile", "shape": "foreign"},
    "unfit": {"fault": "hostile", "shape": "half_emoji"},
}
"""The work is done, the answer does not come through."""

REFUSED = {
    "timeout": {"fault": "delay", "ms": 3000},
    "reset": {"fault": "drop_before"},
    "500": {"fault": "status", "status": 500},
    "429": {"fault": "status", "status": 429, "code": 20429},
    "malformed": {"fault": "malformed"},
    "hostile": {"fault": "hostile", "shape": "nulls"},
    "unfit": {"fault": "hostile", "shape": "nul"},
}
"""The request fails before anything is done; what timed out is done all the same, late."""

SEARCH = {"method": "GET", "product": "taskrouter", "path": "/Tasks$"}
LATE = 9000
"""Milliseconds: well after the first lookup, on a machine with other work too."""
STATUS = "SELECT status FROM flex_outbound_interaction WHERE idempotency_key = %s"
TASK = "SELECT task_sid FROM flex_outbound_interaction WHERE idempotency_key = %s"
ACCOUNT_ID = "SELECT account_id FROM flex_outbound_interaction WHERE idempotency_key = %s"
ROW_ID = "SELECT id FROM flex_outbound_interaction WHERE idempotency_key = %s"
APPLIED = """
SELECT count(*) FROM flex_outbound_webhookevent e JOIN flex_outbound_interaction i ON i.id = e.interaction_id
WHERE i.idempotency_key = %s AND e.processed_at IS NOT NULL
"""


class Scene:
    """The stack, an agent, and whom each cell's click is for."""

    def __init__(self, stack: FaultStack, sandbox: Sandbox, crm: Crm) -> None:
        self.stack, self.sandbox, self.crm = stack, sandbox, crm
        self.taken: dict[str, int] = {}
        self.forged: dict[str, int] = {}
        self.blocked: dict[str, list[str]] = {}
        self.failed: list[str] = []
        self._people = iter(stack.people())
        self._hook = callback_url(stack)
        sandbox.listen(self._hook)

    @property
    def worker(self) -> Any:
        """The one worker, in which all that is held at a time is held."""
        return self.stack.workers[0]

    # --- bringing rows to their places --------------------------------------------------------------------------

    def bring(self, fault: str, points: Iterable[str] = POINTS) -> list[Cell]:
        """Click once for each place and wait until each row is held there."""
        cells = [cell for cell in (Cell(fault, point) for point in points) if not cell.impossible]
        for group in ORDER:
            coming = [cell for cell in cells if cell.point in group]
            for cell in coming:
                self.stack.order(cell.point, cell.key)
                self.click(cell)
            for cell in coming:
                self.stack.held(cell.point, cell.key)
        return cells

    def click(self, cell: Cell) -> None:
        """Click for a cell, with what has to go wrong first for its row to come by its place."""
        person = next(self._people)
        token = person.email.partition("@")[0]
        self._prepare(cell, token)
        self.click_for(cell.key, person)

    def click_for(self, key: str, person: Person | None = None) -> str:
        """Click, under a key, by email: the one channel on which Flex itself stops no second interaction."""
        person = person or next(self._people)
        answer = self.crm.click(person, "email", idempotency_key=key)
        self.taken[key] = answer.status_code
        assert answer.status_code == 202, (key, answer.status_code, answer.text)
        return person.email.partition("@")[0]

    def next_token(self) -> tuple[str, Person]:
        """Return the next person, and what requests and callbacks about them mention."""
        person = next(self._people)
        return person.email.partition("@")[0], person

    def _prepare(self, cell: Cell, token: str) -> None:
        if cell.point == "answer_lost" and cell.fault in HTTP:
            self.sandbox.arm(token, **LOST[cell.fault])
        elif cell.point == "before_post" and cell.fault in HTTP:
            self.sandbox.arm(token, **REFUSED[cell.fault])
        elif cell.point in UNKNOWN:
            self.sandbox.arm(token, "drop_after")
        if cell.point != "callback":
            self._keep_quiet(cell, token)
        self._spoil_callbacks(cell, token)

    def _keep_quiet(self, cell: Cell, token: str) -> None:
        """Let no callback tell what the look is to find, or only after it: Twilio promises none."""
        if cell.fault not in CALLBACKS:
            self.sandbox.arm_callback(token, "callback_lost")
        elif cell.fault != "callback_late" and cell.point == "reconcile":
            self.sandbox.arm_callback(token, "callback_late", ms=LATE)

    def _spoil_callbacks(self, cell: Cell, token: str) -> None:
        if cell.fault == "callback_twice":
            self.sandbox.arm_callback(token, "callback_twice")
        elif cell.fault == "callback_late":
            # Late, but before the first look, where the callback is to find the row unconfirmed.
            self.sandbox.arm_callback(token, "callback_late", ms=1000 if cell.point == "callback" else LATE)
        elif cell.fault == "callback_order":
            # Only the first, the task's creation.
            self.sandbox.arm_callback(token, "callback_late", ms=4000, times=1)

    # --- what happens -------------------------------------------------------------------------------------------

    def release(self, cells: Iterable[Cell]) -> None:
        """Let the rows go on."""
        for cell in cells:
            self.stack.release(cell.point, cell.key)

    def signal(self, cells: Iterable[Cell], number: int) -> list[int]:
        """Send a signal to each process that holds a row; return their ids."""
        held = [self.stack.held(cell.point, cell.key) for cell in cells]
        for process in held:
            os.kill(process, number)
        return held

    def status(self, key: str) -> str:
        """Return a row's status."""
        [(status,)] = self.stack.query(STATUS, key)
        return str(status)

    def until(self, cells: Iterable[Cell], *statuses: str, seconds: float = 20.0) -> None:
        """Wait until each of these rows is in one of these states."""
        for cell in cells:
            wait_for(lambda cell=cell: self.status(cell.key) in statuses, f"{cell.key} {statuses}", seconds)

    def until_applied(self, cell: Cell, callbacks: int) -> None:
        """Wait until so many callbacks about a row were applied."""
        wait_for(lambda: self.stack.query(APPLIED, cell.key)[0][0] >= callbacks, f"callbacks of {cell.key}", 15.0)

    def deliver(self, cells: Iterable[Cell], job: str, times: int = 1, wait: bool = True) -> None:
        """Have jobs delivered once more, as a broker does that was in doubt; ``wait`` until they have run."""
        with Celery(broker=self.stack.environment["CELERY_BROKER_URL"]) as app:
            for cell in cells:
                [(account_id,)] = self.stack.query(ACCOUNT_ID, cell.key)
                name, words = f"flex_outbound.tasks.{job}", (str(account_id),)
                sent = [app.send_task(name, words, ignore_result=True).id for _ in range(times)]
                if wait:
                    wait_for(lambda sent=sent: all(map(self._ran, sent)), f"{job} for {cell.key}", 15.0)

    def _ran(self, job_id: str) -> bool:
        return f"{job_id}] succeeded" in self.worker.log.read_text(errors="replace")

    def forge(self, cell: Cell) -> None:
        """Call with everything right but the signature; note how many were taken."""
        [(row_id,)] = self.stack.query(ROW_ID, cell.key)
        form = {
            "AccountSid": defaults.ACCOUNT_SID,
            "WorkspaceSid": defaults.WORKSPACE_SID,
            "EventType": "task.canceled",
            "TaskSid": f"WT{row_id.hex}",
            "TaskAssignmentStatus": "canceled",
            "TaskAttributes": f'{{"flexOutboundKey": "{row_id.hex}", "flexInteractionSid": "KD{row_id.hex}"}}',
        }
        wrong = [None, "", "Zm9yZ2Vk", signing.signature("guessed", self._hook, form)]
        wrong.append(signing.signature(defaults.AUTH_TOKEN, f"{self._hook}?other=1", form))
        wrong.append(signing.signature(defaults.AUTH_TOKEN, self._hook, form | {"TaskSid": "WT0"}))
        answers = [self._call(form, signature) for signature in wrong]
        self.forged[cell.key] = sum(status != 403 for status in answers)

    def _call(self, form: dict[str, str], signature: str | None) -> int:
        headers = {} if signature is None else {"X-Twilio-Signature": signature}
        with requests.Session() as http:
            http.trust_env = False
            return http.post(self._hook, form, headers=headers, timeout=10).status_code

    def kill_worker(self) -> None:
        """Kill the whole worker, master and children, and start it again as a supervisor would."""
        self.stack.crash(self.worker)
        self.stack.restart(self.worker)

    def complete(self, cell: Cell) -> None:
        """Have the agent at the desk take the task and complete it."""
        [(task_sid,)] = self.stack.query(TASK, cell.key)
        for move in ("accept", "complete"):
            self.sandbox.post(f"tasks/{task_sid}/{move}", {})

    def kill_children(self, cells: Iterable[Cell]) -> None:
        """Kill the children that hold rows, each at its place."""
        self.signal(cells, signal.SIGKILL)
