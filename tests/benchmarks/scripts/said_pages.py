"""Ask for the messages of two pages of fifty contacts' timelines, and time what the database is asked.

``said_pages ROUNDS`` prints milliseconds by page and round, and the nodes of the last plan of the newest page.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.contrib.auth.models import User
from django.db import connection

from crm_demo.models import Contact
from flex_outbound.models import Message
from flex_outbound.timeline import PAGE_SIZE, Place, messages, read_cursor
from tests.benchmarks.scripts.said import PER_CONTACT, PER_CONVERSATION
from tests.benchmarks.scripts.tables import walk_plan

CONTACTS: Final = 50


class Watch:
    """Times the statements that read messages, and keeps the last one."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self.last: tuple[str, Any] = ("", None)

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if 'FROM "flex_outbound_message"' not in sql:
            return execute(sql, params, many, context)
        start = time.perf_counter()
        result = execute(sql, params, many, context)
        self.milliseconds.append((time.perf_counter() - start) * 1000)
        self.last = (sql, params)
        return result


def main() -> None:
    """Ask and print."""
    user = User.objects.get(username="agent")
    count = Message.objects.count() // PER_CONVERSATION // PER_CONTACT
    picked = random.Random(1).sample(range(1, count + 1), min(CONTACTS, count))
    contacts = [Contact(pk=pk, full_name="Customer") for pk in picked]
    places: list[Place | None] = [None] * len(contacts)
    rounds: dict[str, list[list[float]]] = {"newest page": [], "page before it": []}
    nodes: list[str] = []
    # The first round warms the caches.
    for _round in range(int(sys.argv[1]) + 1):
        watches = [Watch(), Watch()]
        for number, contact in enumerate(contacts):
            with connection.execute_wrapper(watches[0]):
                _page, older = messages(user, contact, None, PAGE_SIZE)
            places[number] = places[number] or (read_cursor(older) if older else None)
            with connection.execute_wrapper(watches[1]):
                messages(user, contact, places[number], PAGE_SIZE)
        for name, watch in zip(rounds, watches, strict=True):
            rounds[name].append(watch.milliseconds)
        nodes = nodes or walk_plan(*watches[0].last)
    print(json.dumps({"rounds": {name: found[1:] for name, found in rounds.items()}, "nodes": nodes}))


if __name__ == "__main__":
    main()
