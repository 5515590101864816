"""The same two queries over a small and a large table, in one process, interleaved.

``tables SMALL LARGE ROUNDS`` fills the databases ``default`` and ``large`` with so many interactions, asks each for
timelines and for what is due, and prints milliseconds and plan nodes of every query by name and alias.
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
from django.core.management import call_command
from django.db import connections
from django.db.models import Model
from django.test import RequestFactory

from crm_demo.models import Contact
from crm_demo.seeding.twilio import seed_twilio
from crm_demo.seeding.users import seed_users
from flex_outbound.contexts import timeline_context
from flex_outbound.models import Interaction, Message
from flex_outbound.outbox.sweep import sweep
from tests.benchmarks.project.router import Switch
from tests.benchmarks.scripts.drain import Given

ALIASES = ("default", "large")
PER_CONTACT = 20
DUE = 50
OPEN = 200
CONTACTS = 50

MADE = f"""
    generate_series(1, %(count)s) AS i
    CROSS JOIN LATERAL (SELECT now() - (i + 60) * interval '10 seconds' AS at, lpad(to_hex(i), 32, '0') AS hex) AS made
    CROSS JOIN LATERAL (SELECT i <= {DUE} AS is_due, i <= {DUE + OPEN} AS is_open) AS life
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS position FROM flex_outbound_worker) AS w
      ON w.position = (i / %(contacts)s) %% (SELECT count(*) FROM flex_outbound_worker)
"""
INTERACTION = {
    "id": "md5(hex)::uuid",
    "contact_id": "(i %% %(contacts)s + 1)::text",
    "agent_id": "w.user_id",
    "worker_id": "w.id",
    "worker_sid": "w.worker_sid",
    "idempotency_key": "hex",
    "status": "CASE WHEN is_due THEN 'queued' WHEN is_open THEN 'active' ELSE 'closed' END",
    "next_at": "CASE WHEN is_due THEN at WHEN is_open THEN now() + interval '1 day' END",
    "interaction_sid": "'KD' || hex",
    "channel_sid": "'UO' || hex",
    "task_sid": "'WT' || hex",
    "conversation_sid": "'CH' || hex",
    "created_at": "at",
    "updated_at": "at",
    "opened_at": "at",
    "finished_at": "CASE WHEN NOT is_open THEN at END",
}
FOURTH = "made.id < '40000000-0000-0000-0000-000000000000' AND made.id <> pattern.interaction_id"
MESSAGE = {
    "id": "nextval(pg_get_serial_sequence('flex_outbound_message', 'id'))",
    "interaction_id": "made.id",
    "status": "'sent'",
    "message_sid": "'IM' || replace(made.id::text, '-', '')",
    "next_at": "NULL",
}


def fill(alias: str, count: int) -> None:
    """Make one database: mostly closed rows, 20 per contact, a fixed number due and open, messages with a fourth."""
    call_command("migrate", database=alias, verbosity=0)
    seed_twilio(seed_users())
    row = Given.load().row(Contact.objects.create(full_name="Customer", mobile="+33 6 39 98 00 00"))
    row.save(force_insert=True)
    message = Message.objects.create(interaction=row, body="Hello")
    with connections[alias].cursor() as cursor:
        names = _indices(cursor)
        for index, _definition in names:
            cursor.execute(f'DROP INDEX "{index}"')
        # The keys fit by construction; to look up five of them for each row would take most of the time.
        cursor.execute("SET session_replication_role = replica")
        _multiply(cursor, row, INTERACTION, MADE, {"count": count, "contacts": count // PER_CONTACT})
        _multiply(cursor, message, MESSAGE, "flex_outbound_interaction AS made", {}, FOURTH)
        cursor.execute("DELETE FROM flex_outbound_message WHERE id = %s", [message.pk])
        cursor.execute("DELETE FROM flex_outbound_interaction WHERE id = %s", [row.pk])
        for _index, definition in names:
            cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE flex_outbound_interaction, flex_outbound_message")


def _multiply(
    cursor: Any, row: Model, changes: dict[str, str], source: str, values: dict[str, int], condition: str = "TRUE"
) -> None:
    """Copy one row once for each row of ``source``, with ``changes`` by column."""
    table = row._meta.db_table
    columns = [str(field.column) for field in row._meta.concrete_fields]
    selected = ", ".join(changes.get(column, f'pattern."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    cursor.execute(
        f"INSERT INTO {table} ({names}) SELECT {selected} FROM {source} "
        f"JOIN {table} AS pattern ON pattern.id = %(pattern)s WHERE {condition}",
        {**values, "pattern": row.pk},
    )


def _indices(cursor: Any) -> list[tuple[str, str]]:
    """Return name and definition of the indices that no constraint needs: faster made after the rows than before."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'flex_outbound_interaction' "
        "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = indexname)"
    )
    return list(cursor.fetchall())


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
    sql, params = watch.last
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
        for _time in range(20):
            with watch.over(self.alias):
                sweep(lambda *_job: None)

    def all(self) -> dict[str, Callable[[Watch], None]]:
        """Return the questions by name."""
        return {
            "timeline, own rows (agent)": self.timelines("agent"),
            "timeline, all rows (manager)": self.timelines("manager"),
            "sweep, what is due": self.due,
        }


def main() -> None:
    """Fill, ask, print."""
    counts = dict(zip(ALIASES, map(int, sys.argv[1:3]), strict=True))
    for alias, count in counts.items():
        Switch.alias = alias
        fill(alias, count)
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
    rows = {alias: Interaction.objects.using(alias).count() for alias in ALIASES}
    print(json.dumps({"queries": found, "rows": rows}))


if __name__ == "__main__":
    main()
