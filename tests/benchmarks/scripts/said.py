"""Messages as a CRM has them after some years, made in the database itself.

``said COUNT`` fills an empty database: 100 messages for each conversation, two conversations for each contact.
"""

import json
import sys
import uuid
from typing import Any, Final

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from crm_demo.models import Contact
from crm_demo.seeding.twilio import seed_twilio
from crm_demo.seeding.users import seed_users
from flex_outbound.models import Conversation, ConversationContact, Message, Sender
from tests.benchmarks.scripts.history import indices, multiply

PER_CONVERSATION: Final = 100
PER_CONTACT: Final = 2

# The messages of a conversation lie far apart in the table, as they do in one that has grown.
CONVERSATION: Final = {"id": "lpad(to_hex(i), 32, '0')::uuid", "address": "'+33' || 600000000 + i"}
LINK: Final = {
    "id": "i + 1",
    "conversation_id": "lpad(to_hex(i), 32, '0')::uuid",
    "contact_id": "((i - 1) / %(contacts)s + 1)::text",
}
MESSAGE: Final = {
    "id": "nextval(pg_get_serial_sequence('flex_outbound_message', 'id'))",
    "conversation_id": "lpad(to_hex((i - 1) %% %(conversations)s + 1), 32, '0')::uuid",
    "index": "(i - 1) / %(conversations)s",
    "message_sid": "'IM' || lpad(to_hex(i), 32, '0')",
    "said_at": "now() - ((%(count)s - i) * interval '1 minute' / 10)",
    "party": "(ARRAY['agent', 'customer'])[1 + i %% 2]",
    "status": "(ARRAY['sent', 'received'])[1 + i %% 2]",
}


def fill(count: int) -> dict[str, int]:
    """Make the rows; returns how many messages there are."""
    call_command("migrate", verbosity=0)
    users = seed_users()
    seed_twilio(users)
    sender = Sender.objects.filter(channel="sms").order_by("pk")[0]
    number = uuid.UUID(int=2**127)
    row = Conversation.objects.create(
        pk=number, account_id=sender.account_id, channel="sms", sender=sender, sender_address=sender.address,
        agent=users["agent"], state="active",
    )  # fmt: skip
    kind = ContentType.objects.get_for_model(Contact)
    link = ConversationContact.objects.create(conversation=row, contact_type=kind, contact_id="0")
    message = Message.objects.create(
        account_id=sender.account_id, conversation=row, body="Good morning, my card is lost.", index=0,
        message_sid="IM" + "f" * 32, status="sent",
    )  # fmt: skip
    conversations = count // PER_CONVERSATION
    values = {"count": count, "conversations": conversations, "contacts": PER_CONTACT}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        multiply(cursor, row, CONVERSATION, _series("conversations"), values)
        multiply(cursor, link, LINK, _series("conversations"), values)
        names = indices(cursor, Message._meta.db_table)
        for index, _definition in names:
            cursor.execute(f'DROP INDEX "{index}"')
        multiply(cursor, message, MESSAGE, _series("count"), values)
        for _index, definition in names:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE flex_outbound_message, flex_outbound_conversation")
        cursor.execute("VACUUM ANALYZE flex_outbound_conversationcontact")
    return {"rows": Message.objects.count(), "contacts": conversations // PER_CONTACT}


def _series(name: str) -> Any:
    return f"generate_series(1, %({name})s) AS i"


if __name__ == "__main__":
    print(json.dumps(fill(int(sys.argv[1]))))
