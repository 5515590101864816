"""The matrix of what no agent begins: requests by programs, and customers who write first.

Every place of their ways against what can happen there, each with a customer of its own, by whose number it is known.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import pytest
import requests
from celery import Celery

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import SECONDS, Crm
from tests.faults.sandbox import Sandbox
from tests.faults.scene import LOST, REFUSED, SEARCH
from tests.faults.stack import FaultStack
from tests.processes import wait_for

SENDING: Final = ("after_claim", "before_post", "answer_lost", "before_write", "before_ack", "before_lookup")
POINTS: Final = {"api": SENDING, "customer": ("inbound_taken", "inbound_asked", "committed", *SENDING)}
"""Places in the worker."""

WEB: Final = {"api": ("uncommitted", "before_job"), "customer": ("heard", "before_job")}
"""Places in the web server."""

HELD: Final = {
    "kill_child": "SIGKILL child",
    "kill_worker": "SIGKILL worker",
    "kill_web": "SIGKILL web server",
    "stop": "SIGSTOP > lease",
    "broker": "broker gone",
    "database": "database gone",
    "job_twice": "job twice",
}
IN_WEB: Final = ("kill_web", "broker", "database")
REPEATS_FOR: Final = 40.0
"""Seconds for which a program repeats its request, with the same key, until it is answered."""

ROWS: Final = """
SELECT i.id, i.status, i.interaction_sid, i.channel_sid, i.task_sid, i.conversation_sid,
    (SELECT count(*) FROM flex_outbound_closing c WHERE c.interaction_id = i.id)
FROM flex_outbound_interaction i WHERE i.address = %s
"""
HEARD: Final = """
SELECT m.message_sid FROM flex_outbound_message m JOIN flex_outbound_conversation c ON c.id = m.conversation_id
WHERE c.address = %s AND m.party = 'customer'
"""
NAMED: Final = "SELECT interaction_id, wants_agent_at FROM flex_outbound_conversation WHERE address = %s"
ACCOUNT_ID: Final = "SELECT id FROM flex_outbound_account WHERE account_sid = %s"
BUSY: Final = """
SELECT (SELECT count(*) FROM flex_outbound_interaction
        WHERE status IN ('queued', 'sending', 'unconfirmed') OR conversation_sid IS NULL)
     + (SELECT count(*) FROM flex_outbound_conversation WHERE wants_agent_at IS NOT NULL OR interaction_id IS NULL)
     + (SELECT count(*) FROM flex_outbound_taskupdate WHERE state = 'waiting')
     + (SELECT count(*) FROM flex_outbound_webhookevent WHERE processed_at IS NULL AND error = '')
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that happens at one place. ``by``: who begins it."""

    by: str
    fault: str
    point: str

    @property
    def key(self) -> str:
        """Its name, and a program's idempotency key."""
        return f"{self.by}-{self.fault}-{self.point}"


def _cells(by: str) -> list[Cell]:
    held = [Cell(by, fault, point) for fault in HELD if fault != "kill_web" for point in POINTS[by]]
    web = [Cell(by, fault, point) for fault in IN_WEB for point in WEB[by]]
    lost = [Cell(by, fault, "lost") for fault in LOST]
    refused = [Cell(by, fault, "refused") for fault in ("timeout", "reset", "500", "429")]
    looks = [Cell(by, fault, "look") for fault in ("500", "hostile", "unfit")]
    return [*held, *web, *lost, *refused, *looks, Cell(by, "none", "quiet")]


AFTERWARDS: Final = Cell("api", "twice", "afterwards")
"""Asked for once more, with the same key, when all is done."""

REPEATED: Final = [Cell("api", "twice", "same_key"), Cell("api", "twice", "other_key"), AFTERWARDS]
QUESTIONS: Final = [Cell("customer", fault, "question") for fault in REFUSED]
WEBHOOKS: Final = [Cell("customer", "webhook", what) for what in ("twice", "order", "message_lost", "all_lost")]
WRITES_TWICE: Final = Cell("customer", "twice", "at_once")
CELLS: Final = [*_cells("api"), *REPEATED, *_cells("customer"), *QUESTIONS, *WEBHOOKS, WRITES_TWICE]
_NUMBERS: Final = {cell: f"+1415300{number:04}" for number, cell in enumerate(CELLS, 1)}


def number_of(cell: Any) -> str:
    """Return the customer's number: what an order to hold a process names, and every request about it mentions."""
    return _NUMBERS[cell] if isinstance(cell, Cell) else str(cell.key)


class RequestScene:
    """The stack, a program that asks, and customers who write."""

    def __init__(self, stack: FaultStack, sandbox: Sandbox, crm: Crm) -> None:
        self.stack, self.sandbox, self.crm = stack, sandbox, crm
        self.pool = ThreadPoolExecutor(32)
        self.answers: dict[str, list[Future[int]]] = {}
        self.failed: list[str] = []
        self.stopped = threading.Event()

    @property
    def worker(self) -> Any:
        """The one worker, in which all that is held at a time is held."""
        return self.stack.workers[0]

    def open(self) -> None:
        """Have customers answered who write first."""
        assert self.post("/faults/first-messages/", {"sender": defaults.SMS_SENDER}) == 204

    # --- what programs and customers do -------------------------------------------------------------------------

    def begin(self, cell: Cell, key: str = "", text: str = "Hello?") -> None:
        """Ask as a program does, until there is an answer; or write as a customer does, once."""
        if cell.by == "customer":
            customer = {"from": number_of(cell), "to": defaults.SMS_SENDER, "body": text}
            self.sandbox.post("messages", customer)
            return
        wanted = {"address": number_of(cell), "name": cell.key, "attributes": {"topic": cell.key}}
        asked = self.pool.submit(self._until_answered, "/faults/requests/", wanted | {"key": key or cell.key})
        self.answers.setdefault(cell.key, []).append(asked)

    def post(self, path: str, data: dict[str, Any]) -> int:
        """Post to the CRM, in a thread of its own or not."""
        with requests.Session() as http:
            http.trust_env = False
            http.cookies.update(self.crm.http.cookies)
            headers = {"X-CSRFToken": self.crm.http.cookies["csrftoken"], "Referer": self.crm.url}
            return http.post(self.crm.url + path, json=data, headers=headers, timeout=3 * SECONDS).status_code

    def _until_answered(self, path: str, data: dict[str, Any]) -> int:
        end = time.monotonic() + REPEATS_FOR
        while True:
            try:
                status = self.post(path, data)
            except requests.RequestException:
                status = 0
            if 200 <= status < 500 or time.monotonic() > end or self.stopped.is_set():
                return status
            time.sleep(0.5)

    # --- what happens -------------------------------------------------------------------------------------------

    def arm(self, cell: Cell, fault: str, **how: Any) -> None:
        """Do ``fault`` to the next request that opens something for the cell's customer."""
        self.sandbox.arm(number_of(cell).lstrip("+"), fault, **how)

    def bring(self, cells: list[Any], begin: Callable[[Any], None]) -> None:
        """Begin each and wait until each is held at its place.

        A lookup comes seconds after its request, so the others would outlive their leases meanwhile.
        """
        first = [one for one in cells if one.point == "before_lookup"]
        for group in (first, [one for one in cells if one not in first]):
            for cell in group:
                self.stack.order(cell.point, number_of(cell))
                if cell.point == "before_lookup":
                    self.arm(cell, "drop_after")
                begin(cell)
            for cell in group:
                self.held(cell)

    def held(self, cell: Any) -> int:
        """Return the process that holds a cell, waiting until one does.

        Conversations calls nobody a second time. Where the call of a customer's message finds no server, as right after
        one was killed, the customer writes again.
        """
        if cell.point in WEB["customer"] and getattr(cell, "by", "") == "customer":
            with contextlib.suppress(pytest.fail.Exception):
                return self.stack.held(cell.point, number_of(cell), 10.0)
            self.begin(cell, text="Are you there?")
        return self.stack.held(cell.point, number_of(cell))

    def release(self, cells: Iterable[Any]) -> None:
        """Let them go on."""
        for cell in cells:
            self.stack.release(cell.point, number_of(cell))

    def signal(self, cells: Iterable[Any], number: int) -> list[int]:
        """Send a signal to each process that holds one; return their ids."""
        held = [self.held(cell) for cell in cells]
        for process in held:
            os.kill(process, number)
        return held

    def deliver(self) -> None:
        """Have the account's jobs delivered three times more."""
        [(account_id,)] = self.stack.query(ACCOUNT_ID, defaults.ACCOUNT_SID)
        with Celery(broker=self.stack.environment["CELERY_BROKER_URL"]) as app:
            for job in ("conversation", "dispatch", "lookup", "poll", "attributes") * 3:
                app.send_task(f"flex_outbound.tasks.{job}", (str(account_id),), ignore_result=True)

    def rows(self, cell: Cell) -> list[tuple[Any, ...]]:
        """Return the interactions with a cell's customer."""
        return self.stack.query(ROWS, number_of(cell))

    def end(self) -> None:
        """Let nobody ask any more."""
        self.stopped.set()
        self.pool.shutdown()


def cells_of(fault: str) -> list[Cell]:
    """Return what is held while ``fault`` happens."""
    points = {point for names in (*POINTS.values(), *WEB.values()) for point in names}
    return [cell for cell in CELLS if cell.fault == fault and cell.point in points]


def one_by_one(scene: RequestScene) -> None:
    """Questions that name no cell fail, each alone: who has a conversation, and whether a lost request was made."""
    for cell in QUESTIONS:
        number = scene.sandbox.add({"match": SEARCH, **REFUSED[cell.fault]})
        scene.begin(cell)
        _until_hit(scene, number, cell)
    for cell in (one for one in CELLS if one.point == "look"):
        scene.arm(cell, "drop_after")
        scene.begin(cell)
        wait_for(lambda cell=cell: [row[1] for row in scene.rows(cell)] == ["unconfirmed"], cell.key, 15.0)
        _until_hit(scene, scene.sandbox.add({"match": SEARCH, **REFUSED[cell.fault]}), cell)


def _until_hit(scene: RequestScene, number: int, cell: Cell) -> None:
    wait_for(lambda: scene.sandbox.hits(number), f"the question of {cell.key}", 20.0)


def lost_requests(scene: RequestScene) -> None:
    """The request fails, or its answer is lost; and some to which nothing happens."""
    faults = {"lost": LOST, "refused": REFUSED}
    for cell in CELLS:
        if cell.point in faults:
            scene.arm(cell, **faults[cell.point][cell.fault])
            scene.begin(cell)
        elif cell.fault == "none":
            scene.begin(cell)


def twice(scene: RequestScene) -> None:
    """Programs ask twice in the same moment, with one key and with two; a customer writes twice."""
    same, other, afterwards = REPEATED
    for cell, keys in ((same, [same.key] * 2), (other, [other.key, f"{other.key}-2"]), (afterwards, [""])):
        for key in keys:
            scene.begin(cell, key)
    for one in [scene.pool.submit(scene.begin, WRITES_TWICE, "", text) for text in ("Hello?", "Anybody?")]:
        one.result()


def webhooks(scene: RequestScene) -> None:
    """The webhook comes twice, in the wrong order, without the message, or never; then the customer writes again."""
    twice_told, order, message_lost, all_lost = ((cell, f"%2B{number_of(cell)[1:]}") for cell in WEBHOOKS)
    scene.sandbox.arm_callback(twice_told[1], "callback_twice")
    scene.sandbox.arm_callback(f"MessagingBinding.Address={order[1]}", "callback_late", ms=1500)
    scene.sandbox.arm_callback(f"Author={message_lost[1]}", "callback_lost")
    number = scene.sandbox.add({"match": {"body": all_lost[1]}, "fault": "callback_lost", "times": None})
    for cell in WEBHOOKS:
        scene.begin(cell)
    scene.sandbox.http.delete(f"{scene.sandbox.url}/_sandbox/faults?id={number}", timeout=SECONDS).raise_for_status()
    scene.begin(all_lost[0], text="Anybody?")


# --- verdicts ---------------------------------------------------------------------------------------------------------


def harm_of(scene: RequestScene, cell: Cell, flex: dict[str, Any]) -> list[str]:
    """Return what became wrong in one cell; empty is as it should be. ``flex``: the account at the sandbox."""
    number, rows = number_of(cell), scene.rows(cell)
    found = _answered(scene, cell)
    rooms = [one for one in flex["conversations"] if any(_is_of(number, who) for who in one["participants"])]
    if len(rooms) != 1:
        found.append(f"{len(rooms)} conversations")
    if len(rows) != 1:
        return [*found, "lost" if not rows else f"{len(rows)} rows"]
    [(row_id, status, *sids, closings)] = rows
    if status != "active":
        found.append(f"stuck: {status}")
    if closings:
        found.append("something closed")
    made = [one for one in flex["interactions"] if one["channel"]["conversation_sid"] in {one["sid"] for one in rooms}]
    if len(made) != 1:
        found.append(f"opened {len(made)} times")
    elif sids not in _sids(made[0]):
        found.append("SIDs wrong")
    if any("closed" in (one["state"],) for one in rooms):
        found.append("closed")
    return found + (_heard(scene, number, rooms, row_id) if cell.by == "customer" else [])


def _is_of(number: str, participant: dict[str, Any]) -> bool:
    return participant.get("address") == number


def _answered(scene: RequestScene, cell: Cell) -> list[str]:
    answers = sorted(one.result() for one in scene.answers.get(cell.key, []))
    wanted = [202, 409] if cell.point == "other_key" else [202] * max(1, len(answers)) if cell.by == "api" else []
    return [] if answers == wanted else [f"answers: {answers}"]


def _sids(made: dict[str, Any]) -> list[list[str]]:
    channel = made["channel"]
    tasks = [one["task_sid"] for one in channel["invites"].values()]
    return [[made["sid"], channel["sid"], task, channel["conversation_sid"]] for task in tasks if len(tasks) == 1]


def _heard(scene: RequestScene, number: str, rooms: list[dict[str, Any]], row_id: Any) -> list[str]:
    """Return what is wrong with what the customer wrote: all of it is to be kept, and somebody to have it."""
    said = sorted(one["sid"] for room in rooms for one in room["messages"] if one["author"] == number)
    found = [] if sorted(sid for (sid,) in scene.stack.query(HEARD, number)) == said else ["messages lost or twice"]
    if scene.stack.query(NAMED, number) != [(row_id, None)]:
        found.append("the conversation does not know it")
    return found
