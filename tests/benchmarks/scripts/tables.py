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
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections
from django.test import RequestFactory

from crm_demo.models import Contact
from crm_demo.seeding.twilio import seed_twilio
from crm_demo.seeding.users import seed_users
from flex_outbound.models import Interaction
from flex_outbound.outbox.sweep import sweep
from flex_outbound.pages import timeline_context
from tests.benchmarks.project.router import Switch

ALIASES = ("default", "large")
PER_CONTACT = 20
DUE = 50
OPEN = 200
CONTACTS = 100

FILL = """
INSERT INTO flex_outbound_interaction (
    id, contact_type_id, contact_id, contact_name, channel, address, cc, subject, account_id, sender_id,
    sender_address, agent_id, worker_id, worker_sid, click_key, fingerprint, status, version, attempt, sent_at, next_at,
    looks, interaction_sid, channel_sid, task_sid, conversation_sid, invite_sid, task_status, channel_status,
    error_reason, error_message, created_at, updated_at, opened_at, finished_at
)
SELECT
    md5('id' || i)::uuid, %(contact_type)s, (i %% %(contacts)s + 1)::text, 'Customer ' || i %% %(contacts)s,
    'sms', '+33639980000', '[]'::jsonb, '', s.account_id, s.id, s.address, w.user_id, w.id, w.worker_sid,
    hex, hex,
    CASE WHEN i <= %(due)s THEN 'queued' WHEN i <= %(due)s + %(open)s THEN 'active' ELSE 'closed' END,
    4, 1, at, CASE WHEN i <= %(due)s THEN at WHEN i <= %(due)s + %(open)s THEN now() + interval '1 day' END,
    1, 'KD' || hex, 'UO' || hex, 'WT' || hex, 'CH' || hex, 'KG' || hex, 'completed', 'closed', '', '', at, at, at,
    CASE WHEN i > %(due)s + %(open)s THEN at END
FROM generate_series(1, %(count)s) AS i
CROSS JOIN LATERAL (SELECT now() - (i + 60) * interval '10 seconds' AS at, lpad(to_hex(i), 32, '0') AS hex) AS made
CROSS JOIN (SELECT * FROM flex_outbound_sender WHERE channel = 'sms' ORDER BY id LIMIT 1) AS s
JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS position FROM flex_outbound_worker) AS w
  ON w.position = (i / %(contacts)s) %% (SELECT count(*) FROM flex_outbound_worker)
"""

FILL_MESSAGES = """
INSERT INTO flex_outbound_message (
    interaction_id, body, content_sid, content_variables, status, attempt, looks, message_sid, error_reason,
    error_message
)
SELECT id, 'Hello', '', '{}'::jsonb, 'sent', 1, 0, 'IM' || replace(id::text, '-', ''), '', ''
FROM flex_outbound_interaction WHERE id < '40000000-0000-0000-0000-000000000000'
"""


def fill(alias: str, count: int) -> None:
    """Make one database: mostly closed rows, 20 per contact, a fixed number due and open, messages with a fourth."""
    call_command("migrate", database=alias, verbosity=0)
    seed_twilio(seed_users())
    with connections[alias].cursor() as cursor:
        names = _indices(cursor)
        for index, _definition in names:
            cursor.execute(f'DROP INDEX "{index}"')
        # The keys fit by construction; to look up five of them for each row would take most of the time.
        cursor.execute("SET session_replication_role = replica")
        contact_type = ContentType.objects.db_manager(alias).get(app_label="crm_demo", model="contact").pk
        values = {"contact_type": contact_type, "contacts": count // PER_CONTACT, "due": DUE, "open": OPEN}
        cursor.execute(FILL, values | {"count": count})
        for _name, definition in names:
            cursor.execute(definition)
        cursor.execute(FILL_MESSAGES)
        cursor.execute("VACUUM ANALYZE flex_outbound_interaction, flex_outbound_message")


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
