"""A history of clicks as a CRM with fifty agents has it after some months, made in the database itself.

``history COUNT DAYS`` fills an empty database and prints the number of rows.
"""

import json
import sys

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from crm_demo.models import Contact
from crm_demo.seeding.twilio import seed_twilio
from crm_demo.seeding.users import seed_users
from flex_outbound.models import Interaction, Worker
from tests.benchmarks.scripts.drain import Given
from tests.benchmarks.scripts.tables import _indices, _multiply

AGENTS = 50
UNSETTLED = 40
OPEN = 400
REASONS = ("worker_unavailable", "already_open", "opted_out", "invalid_address", "channel_failed", "workflow_timeout")

_REASON = f"(ARRAY{list(REASONS)!r})[1 + (i * 7) %% {len(REASONS)}]"
# Log-normal, as waits are: 1.2 s in the middle, 4 s at the 95th percentile.
_WAIT = "exp(0.18 + 0.73 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())) * interval '1 second'"
MADE = f"""
    (SELECT i, random() AS luck, {_WAIT} AS wait, lpad(to_hex(i), 32, '0') AS hex,
        now() - ((i - random()) * %(days)s / %(count)s) * interval '1 day' AS at
        FROM generate_series(1, %(count)s) AS i) AS made
    CROSS JOIN LATERAL (SELECT CASE
        WHEN i <= {UNSETTLED} THEN 'queued' WHEN i <= {OPEN} THEN 'active'
        WHEN luck < 0.05 THEN 'failed' WHEN luck < 0.06 THEN 'canceled' ELSE 'closed' END AS status) AS life
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS position FROM flex_outbound_worker) AS w
      ON w.position = (i * 31) %% {AGENTS}
"""
OPENED = "life.status IN ('active', 'closed')"


def _sid(prefix: str) -> str:
    return f"CASE WHEN {OPENED} THEN '{prefix}' || hex END"


INTERACTION = {
    "id": "md5(hex)::uuid",
    "contact_id": f"(CASE WHEN i <= {OPEN} THEN i ELSE i / 20 + {OPEN} END)::text",
    "contact_name": "'Customer ' || i / 20",
    "address": "'+33' || 600000000 + i / 20",
    "channel": "(ARRAY['sms', 'sms', 'sms', 'whatsapp', 'whatsapp', 'email'])[1 + i %% 6]",
    "agent_id": "w.user_id",
    "worker_id": "w.id",
    "worker_sid": "w.worker_sid",
    "idempotency_key": "hex",
    "status": "life.status",
    "next_at": "CASE WHEN life.status = 'queued' THEN at WHEN life.status = 'active' THEN now() END",
    "interaction_sid": _sid("KD"),
    "channel_sid": _sid("UO"),
    "task_sid": _sid("WT"),
    "conversation_sid": _sid("CH"),
    "invite_sid": _sid("KG"),
    "error_reason": f"CASE WHEN life.status = 'failed' THEN {_REASON} ELSE '' END",
    "created_at": "at",
    "updated_at": "at + interval '20 minutes'",
    "opened_at": f"CASE WHEN {OPENED} THEN at + wait END",
    "finished_at": "CASE WHEN life.status IN ('closed', 'failed', 'canceled') THEN at + interval '20 minutes' END",
}


def make_agents(given: Given) -> None:
    """Add workers up to fifty, each with a user."""
    for number in range(Worker.objects.count(), AGENTS):
        user = User.objects.create(username=f"agent{number:02d}", first_name="Agent", last_name=f"{number:02d}")
        sid = f"WK{number:032x}"
        Worker.objects.create(
            account=given.worker.account, user=user, worker_sid=sid, friendly_name=f"Agent {number:02d}"
        )


def fill(count: int, days: int) -> int:
    """Make ``count`` clicks over the last ``days`` days; the newest are under way, one in twenty failed."""
    call_command("migrate", verbosity=0)
    seed_twilio(seed_users())
    given = Given.load()
    make_agents(given)
    row = given.row(Contact.objects.create(full_name="Customer", mobile="+33 6 39 98 00 00"))
    row.save(force_insert=True)
    with connection.cursor() as cursor:
        names = _indices(cursor)
        for index, _definition in names:
            cursor.execute(f'DROP INDEX "{index}"')
        # The keys fit by construction; to look up five of them for each row would take most of the time.
        cursor.execute("SET session_replication_role = replica")
        _multiply(cursor, row, INTERACTION, MADE, {"count": count, "days": days})
        cursor.execute("DELETE FROM flex_outbound_interaction WHERE id = %s", [row.pk])
        for _index, definition in names:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE flex_outbound_interaction")
    return Interaction.objects.count()


if __name__ == "__main__":
    print(json.dumps(fill(*map(int, sys.argv[1:3]))))
