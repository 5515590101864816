"""A history of clicks as a CRM with fifty agents has it after some months, made in the database itself.

``history COUNT DAYS`` fills an empty database and prints the number of rows and the size of the database.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.models import Model

from crm_demo.models import Contact
from crm_demo.seeding.twilio import seed_twilio
from crm_demo.seeding.users import seed_users
from flex_outbound.channels import Channel, normalize
from flex_outbound.models import Interaction, Message, Sender, Worker

AGENTS = 50
PER_CONTACT = 20
DUE = 50
OPEN = 400
REASONS = ("worker_unavailable", "already_open", "opted_out", "invalid_address", "channel_failed", "workflow_timeout")

_REASON = f"(ARRAY{list(REASONS)!r})[1 + (i * 7) %% {len(REASONS)}]"
# Log-normal, as waits are: 1.2 s in the middle, 4 s at the 95th percentile.
_WAIT = "exp(0.18 + 0.73 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())) * interval '1 second'"
# The rows of a contact lie far apart in the table, as they do in a table that has grown over months.
MADE = f"""
    (SELECT i, random() AS luck, {_WAIT} AS wait, lpad(to_hex(i), 32, '0') AS hex, i %% %(contacts)s + 1 AS contact,
        now() - interval '1 minute' - ((i - random()) * %(days)s / %(count)s) * interval '1 day' AS at
        FROM generate_series(1, %(count)s) AS i) AS made
    CROSS JOIN LATERAL (SELECT CASE
        WHEN i <= {DUE} THEN 'queued' WHEN i <= {OPEN} THEN 'active'
        WHEN luck < 0.05 THEN 'failed' WHEN luck < 0.06 THEN 'canceled' ELSE 'closed' END AS status) AS life
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS position FROM flex_outbound_worker) AS w
      ON w.position = (i * 31) %% {AGENTS}
"""
OPENED = "life.status IN ('active', 'closed')"


def _sid(prefix: str) -> str:
    return f"CASE WHEN {OPENED} THEN '{prefix}' || hex END"


INTERACTION = {
    "id": "md5(hex)::uuid",
    "contact_id": "contact::text",
    "contact_name": "'Customer ' || contact",
    "address": "'+33' || 600000000 + contact",
    "address_key": "'+33' || 600000000 + contact",
    "channel": "(ARRAY['sms', 'sms', 'sms', 'whatsapp', 'whatsapp', 'email'])[1 + i %% 6]",
    "agent_id": "w.user_id",
    "worker_id": "w.id",
    "worker_sid": "w.worker_sid",
    "idempotency_key": "hex",
    "status": "life.status",
    "next_at": "CASE WHEN life.status = 'queued' THEN at WHEN life.status = 'active' THEN now() + interval '1 day' END",
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
FOURTH = "made.id < '40000000-0000-0000-0000-000000000000' AND made.status = 'closed'"
MESSAGE = {
    "id": "nextval(pg_get_serial_sequence('flex_outbound_message', 'id'))",
    "interaction_id": "made.id",
    "key": "made.id",
    "status": "'sent'",
    "message_sid": "'IM' || replace(made.id::text, '-', '')",
    "next_at": "NULL",
}


@dataclass(frozen=True, slots=True)
class Given:
    """What all rows have in common."""

    agent: User
    worker: Worker
    sender: Sender
    contact_type: ContentType

    @classmethod
    def load(cls) -> "Given":
        """Read it from the seeded database."""
        agent = User.objects.get(username="agent")
        sender = Sender.objects.filter(channel="sms").order_by("-is_default", "pk")[0]
        contact_type = ContentType.objects.get_for_model(Contact)
        return cls(agent, Worker.objects.get(user=agent), sender, contact_type)

    def row(self, contact: Contact) -> Interaction:
        """Return a queued interaction, saved nowhere."""
        row = Interaction(
            contact_type=self.contact_type,
            contact_id=str(contact.pk),
            contact_name=contact.full_name,
            channel=Channel.SMS,
            address=normalize(Channel.SMS, contact.mobile),
            account_id=self.sender.account_id,
            sender=self.sender,
            sender_address=self.sender.address,
            agent=self.agent,
            worker=self.worker,
            worker_sid=self.worker.worker_sid,
            fingerprint="benchmark",
        )
        row.idempotency_key = row.key
        return row


def make_agents(given: Given) -> None:
    """Add workers up to fifty, each with a user."""
    for number in range(Worker.objects.count(), AGENTS):
        user = User.objects.create(username=f"agent{number:02d}", first_name="Agent", last_name=f"{number:02d}")
        sid = f"WK{number:032x}"
        Worker.objects.create(
            account=given.worker.account, user=user, worker_sid=sid, friendly_name=f"Agent {number:02d}"
        )


def fill(count: int, days: int) -> dict[str, int]:
    """Make ``count`` clicks over the last ``days`` days: 20 per contact, the newest under way, messages with a fourth.

    As many are due and open in a large table as in a small one.
    """
    call_command("migrate", verbosity=0)
    seed_twilio(seed_users())
    given = Given.load()
    make_agents(given)
    row = given.row(Contact.objects.create(full_name="Customer", mobile="+33 6 39 98 00 00"))
    row.save(force_insert=True)
    message = Message.objects.create(interaction=row, body="Hello")
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '512MB'")
        names = indices(cursor)
        for index, _definition in names:
            cursor.execute(f'DROP INDEX "{index}"')
        # The keys fit by construction; to look up five of them for each row would take most of the time.
        cursor.execute("SET session_replication_role = replica")
        multiply(cursor, row, INTERACTION, MADE, {"count": count, "days": days, "contacts": count // PER_CONTACT})
        multiply(cursor, message, MESSAGE, "flex_outbound_interaction AS made", {}, FOURTH)
        cursor.execute("DELETE FROM flex_outbound_message WHERE id = %s", [message.pk])
        cursor.execute("DELETE FROM flex_outbound_interaction WHERE id = %s", [row.pk])
        for _index, definition in names:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE flex_outbound_interaction, flex_outbound_message")
        cursor.execute("SELECT pg_database_size(current_database())")
        [size] = cursor.fetchone()
    return {"rows": Interaction.objects.count(), "bytes": size}


def multiply(
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


def indices(cursor: Any, table: str = "flex_outbound_interaction") -> list[tuple[str, str]]:
    """Return name and definition of a table's indices that no constraint needs: they are faster made after the rows."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s "
        "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = indexname)",
        [table],
    )
    return list(cursor.fetchall())


if __name__ == "__main__":
    print(json.dumps(fill(*map(int, sys.argv[1:3]))))
