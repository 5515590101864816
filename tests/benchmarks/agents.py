"""Agents at work: each clicks, has the page poll as our JavaScript does, accepts the task and completes it."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from tests.benchmarks.client import Browser
from tests.benchmarks.servers import control

CLICK: Final = "/flex/api/interactions/"
UNSETTLED: Final = ("queued", "sending", "unconfirmed")
FAST: Final = (0.15, 0.25, 0.4, 0.6, 1.0, 1.5, 2.5, 4.0, 5.0)
"""Seconds between polls while Flex opens the task, as in flex-outbound.js."""

SLOW_FIRST, SLOW_FACTOR, SLOW_MOST = 5.0, 1.5, 30.0
"""Afterwards."""

ACCEPT, COMPLETE = 1.0, 6.0
"""Seconds from the click until the agent accepts the task, and completes it: a short conversation."""

PATIENCE: Final = 90.0
NEVER: Final = float("inf")


@dataclass(slots=True)
class Life:
    """One interaction from the click to its end, as the page of the agent sees it."""

    contact: int
    polls: int = 0
    unchanged: int = 0
    row: dict[str, Any] = field(default_factory=dict)
    tag: str = ""
    fast: int = 0
    slow: float = 0.0
    moves: list[tuple[float, str]] = field(default_factory=lambda: [(ACCEPT, "accept"), (COMPLETE, "complete")])

    def live(self, browser: Browser, sandbox: str) -> None:
        """Click, poll, accept, complete; raises RuntimeError where it does not end well or not at all."""
        begun = time.monotonic()
        body = {"contact_type": "crm_demo.contact", "contact_id": str(self.contact), "channel": "sms"}
        status, answer = browser.post(CLICK, body)
        self.row = json.loads(answer)
        if status != 202:
            raise RuntimeError(f"a click was answered {status}: {self.row}")
        due = time.monotonic() + self._pause()
        while not self.row["is_final"]:
            if time.monotonic() > begun + PATIENCE:
                raise RuntimeError(f"an interaction is still {self.row['status']}")
            move_at = begun + self.moves[0][0] if self.moves and self.row["task_sid"] else NEVER
            time.sleep(max(0.0, min(due, move_at) - time.monotonic()))
            if move_at <= due:
                control(sandbox, f"tasks/{self.row['task_sid']}/{self.moves.pop(0)[1]}", {})
            else:
                self._poll(browser)
                due = time.monotonic() + self._pause()
        if self.row["status"] != "closed":
            raise RuntimeError(f"an interaction ended as {self.row['status']}: {self.row.get('error')}")

    def _poll(self, browser: Browser) -> None:
        headers = {"If-None-Match": self.tag} if self.tag else {}
        status, answer, given = browser.get(self.row["status_url"], **headers)
        self.polls += 1
        if status == 304:
            self.unchanged += 1
        elif status == 200:
            former, self.row, self.tag = self.row["status"], json.loads(answer), given["ETag"]
            if self.row["status"] != former:
                self.fast, self.slow = min(self.fast, 3), 0.0
        else:
            raise RuntimeError(f"a poll was answered {status}: {answer[:500]!r}")

    def _pause(self) -> float:
        status = self.row["status"]
        if status in UNSETTLED or (status == "created" and not self.row["conversation_sid"]):
            self.fast += 1
            return FAST[min(self.fast, len(FAST)) - 1]
        self.slow = min(self.slow * SLOW_FACTOR, SLOW_MOST) if self.slow else SLOW_FIRST
        return self.slow


def work(web: str, sandbox: str, contacts: Sequence[int], rate: float) -> list[Life]:
    """Click so many times a second, once for each contact; return all lives when the last has ended.

    Every life has a connection of its own. Raises RuntimeError for the first that did not end as closed.
    """
    first = Browser(web)
    lives = [Life(contact) for contact in contacts]
    begun = time.monotonic()

    def one(number: int) -> None:
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        browser = first.another()
        try:
            lives[number].live(browser, sandbox)
        finally:
            browser.close()

    with ThreadPoolExecutor(max_workers=min(len(lives), round(rate * PATIENCE))) as pool:
        list(pool.map(one, range(len(lives))))
    first.close()
    return lives
