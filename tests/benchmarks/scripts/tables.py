"""The same queries over a small and a large history, in one process, interleaved.

``tables SMALL LARGE ROUNDS`` asks the databases ``default`` and ``large``, which ``history`` has filled with so many
interactions, for timelines, for what is due and for what an inbox shows. It prints milliseconds and plan nodes of every
query by name and alias.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.contrib.auth.models import User
from django.db import connections
from django.test import RequestFactory

from crm_demo.models import Contact
from flex_outbound.models import Interaction
from flex_outbound.outbox.sweep import sweep
from flex_outbound.statuses import OPEN
from flex_outbound.timeline import timeline_context
from tests.benchmarks.project.router import Switch
from tests.benchmarks.scripts.history import PER_CONTACT

ALIASES = ("default", "large")
CONTACTS = 50
ASKED = 20
PAGE = 25


class Watch:
    """Times what the database is asked about interactions, and keeps the plan of the last such query."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self.last: tuple[str, Any] = ("", None)

    @contextmanager
    def over(self, alias: str) -> Iterator[None]:
        """Watch one database for a while."""
        with connections[alias].execute_wrapper(self._wrap):
            yield

    def _wrap(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if 'FROM "flex_outbound_interaction"' not in sql:
            return execute(sql, params, many, context)
        start = time.perf_counter()
        result = execute(sql, params, many, context)
        self.milliseconds.append((time.perf_counter() - start) * 1000)
        self.last = (sql, params)
        return result


def nodes(alias: str, watch: Watch) -> list[str]:
    """Return the plan of the last query: its nodes from the top, with the index that each uses."""
    return walk_plan(*watch.last, alias=alias)


def walk_plan(sql: str, params: Any, alias: str = "default") -> list[str]:
    """Return the nodes of a query's plan, from the top."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        plan = cursor.fetchone()[0]
    return list(_walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def _walk(plan: dict[str, Any]) -> Iterator[str]:
    index = plan.get("Index Name")
    yield f"{plan['Node Type']} ({index})" if index else plan["Node Type"]
    for below in plan.get("Plans", ()):
        yield from _walk(below)


class Queries:
    """What is asked, of one database at a time."""

    def __init__(self, alias: str, count: int) -> None:
        self.alias = alias
        self.users = {name: User.objects.using(alias).get(username=name) for name in ("agent", "manager")}
        picked = random.Random(1).sample(range(1, count // PER_CONTACT + 1), min(CONTACTS, count // PER_CONTACT))
        self.contacts = [Contact(pk=pk, full_name="Customer") for pk in picked]

    def timelines(self, name: str) -> Callable[[Watch], None]:
        """Return what asks for every contact's timeline as this user sees it."""

        def ask(watch: Watch) -> None:
            request = RequestFactory().get("/")
            request.user = self.users[name]
            for contact in self.contacts:
                with watch.over(self.alias):
                    timeline_context(request, contact)

        return ask

    def due(self, watch: Watch) -> None:
        """Ask for what is due, as the sweep does, and hand nothing out."""
        for _time in range(ASKED):
            with watch.over(self.alias):
                sweep(lambda *_job: None)

    def inbox(self, **wanted: Any) -> Callable[[Watch], None]:
        """Return what asks for the newest of one agent's interactions, as an inbox shows them."""

        def ask(watch: Watch) -> None:
            rows = Interaction.objects.using(self.alias).filter(agent=self.users["agent"], **wanted)
            for _time in range(ASKED):
                with watch.over(self.alias):
                    list(rows.order_by("-created_at", "-id")[:PAGE])

        return ask

    def all(self) -> dict[str, Callable[[Watch], None]]:
        """Return the questions by name."""
        return {
            "timeline, own rows (agent)": self.timelines("agent"),
            "timeline, all rows (manager)": self.timelines("manager"),
            "sweep, what is due": self.due,
            "inbox, an agent's newest": self.inbox(),
            "inbox, an agent's open ones": self.inbox(status__in=sorted(OPEN)),
        }


def main() -> None:
    """Ask and print."""
    counts = dict(zip(ALIASES, map(int, sys.argv[1:3]), strict=True))
    queries = {alias: Queries(alias, count).all() for alias, count in counts.items()}
    found: dict[str, Any] = {name: {alias: {"rounds": []} for alias in ALIASES} for name in queries["default"]}
    # The first round warms the caches of both.
    for number in range(int(sys.argv[3]) + 1):
        for name, measured in found.items():
            for alias in ALIASES:
                Switch.alias, watch = alias, Watch()
                queries[alias][name](watch)
                if number:
                    measured[alias]["rounds"].append(watch.milliseconds)
                    measured[alias]["nodes"] = nodes(alias, watch)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
