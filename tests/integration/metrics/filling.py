"""A large database for ``scrape_cost``: rows multiplied by the database itself, from one that the ORM made."""

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.models import Model

from flex_outbound.models import Closing, DispatchAttempt, Interaction, Sender, Source, WebhookEvent

OPEN = 5_000

MADE = """
generate_series(1, {count}) AS i CROSS JOIN LATERAL (
    SELECT now() - ({count} - i) * interval '1 second' AS at, md5('sid' || i) AS hex, i % {every} = 0 AS open
) AS made
"""

INTERACTION = {
    "id": "md5('id' || i)::uuid",
    "contact_id": "i::text",
    "channel": "(ARRAY['sms', 'whatsapp', 'email'])[i % 3 + 1]",
    "idempotency_key": "hex",
    "status": "CASE WHEN NOT open THEN 'closed' "
    "WHEN i % 20 = 0 THEN 'queued' WHEN i % 20 = 5 THEN 'review' ELSE 'active' END",
    "next_at": "CASE WHEN open THEN at + interval '1 day' END",
    "finished_at": "CASE WHEN NOT open THEN at END",
    "interaction_sid": "'KD' || hex",
    "channel_sid": "'UO' || hex",
    "task_sid": "'WT' || hex",
    "conversation_sid": "'CH' || hex",
    **dict.fromkeys(["sent_at", "created_at", "updated_at", "opened_at"], "at"),
}
_ROW = {"interaction_id": "md5('id' || i)::uuid"}
_EVENT_DONE = {"processed_at": "CASE WHEN NOT open THEN at END"}
ATTEMPT = {"id": "i", **_ROW, "outcome": "'accepted'", "started_at": "at", "finished_at": "at"}
EVENT = {"id": "i", **_ROW, "event_id": "hex", "received_at": "at", **_EVENT_DONE}
CLOSING = {"id": "i", **_ROW, "channel_sid": "'UO' || hex", "next_at": "NULL", "found_at": "at", "closed_at": "at"}


def multiply(row: Model, count: int, columns: dict[str, str]) -> None:
    """Turn one saved row into ``count`` that differ from it in ``columns`` (name to SQL over ``i``, at, hex, open)."""
    row.save()
    table = row._meta.db_table
    names = [field.column for field in row._meta.concrete_fields]
    values = ", ".join(columns.get(name, f'base."{name}"') for name in names)
    made = MADE.format(count=count, every=max(count // OPEN, 1))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE base AS SELECT * FROM {table}")
        cursor.execute(f"DELETE FROM {table}")
        listed = ", ".join(f'"{name}"' for name in names)
        cursor.execute(f"INSERT INTO {table} ({listed}) SELECT {values} FROM base CROSS JOIN {made}")
        cursor.execute("DROP TABLE base")


def fill(count: int) -> None:
    """Make the tables and the rows."""
    call_command("migrate", verbosity=0)
    call_command("seed", verbosity=0)
    with connection.cursor() as cursor:
        # The keys fit by construction, so they are not looked up one by one.
        cursor.execute("SET session_replication_role = replica")
    sender = Sender.objects.select_related("account").order_by("pk")[0]
    contact_type = ContentType.objects.get(app_label="crm_demo", model="contact")
    row = Interaction(
        contact_type=contact_type,
        contact_id="0",
        channel=sender.channel,
        address="+14155550123",
        account=sender.account,
        sender=sender,
        sender_address=sender.address,
        worker_sid="WK" + "0" * 32,
        fingerprint="0" * 64,
        attempt=1,
    )
    multiply(row, count, INTERACTION)
    multiply(DispatchAttempt(interaction=row, number=1), count, ATTEMPT)
    event = WebhookEvent(account=sender.account, source=Source.TASKROUTER, event_type="task.completed", interaction=row)
    multiply(event, count, EVENT)
    sids = {"interaction_sid": "KD" + "0" * 32, "channel_sid": "UO" + "0" * 32}
    multiply(Closing(interaction=row, kind=Closing.Kind.ORPHAN, **sids), count // 100, CLOSING)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
