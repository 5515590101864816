"""An agent with open conversations: ``inbox COUNT CONTACT…`` makes them and prints the queries of the inbox."""

import json
import sys
import uuid
from datetime import timedelta

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Account, Conversation, ConversationContact

API, UNREAD, PAGE = "/flex/api/inbox/?page_size=100", "/flex/api/inbox/unread/", "/inbox/"


def fill(agent: User, contacts: list[int], count: int) -> None:
    """Make ``count`` open conversations of the agent, half of them unread, and as many closed ones."""
    account, contact_type = Account.objects.get(), ContentType.objects.get_for_model(Contact)
    now = timezone.now()
    made = Conversation.objects.bulk_create(
        [
            Conversation(
                id=uuid.uuid4(),
                account=account,
                agent=agent,
                channel="sms",
                address=f"+336399{number:05}",
                customer_name=f"Customer {number}",
                state="active" if number < count else "closed",
                inbound=number % 2,
                last_index=number % 2,
                last_at=now - timedelta(minutes=number),
                last_inbound_at=now - timedelta(minutes=number),
                last_text="Thank you, I will come at noon.",
                last_party="customer",
            )
            for number in range(2 * count)
        ]
    )
    ConversationContact.objects.bulk_create(
        ConversationContact(
            conversation=one, contact_type=contact_type, contact_id=str(contacts[number % len(contacts)])
        )
        for number, one in enumerate(made)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def queries(client: Client, path: str, status: int = 200, headers: dict[str, str] | None = None) -> int:
    """Return how many queries an answer takes, beside session and user; raises RuntimeError for another status."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path, headers=headers)
    if answer.status_code != status:
        raise RuntimeError(f"{path} answered {answer.status_code}")
    return len(captured) - 2


def main() -> None:
    """Fill, count, and print."""
    agent = User.objects.get(username="agent")
    fill(agent, list(map(int, sys.argv[2:])), int(sys.argv[1]))
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(agent)
    for path in (API, PAGE):
        queries(client, path)
    tag = client.get(UNREAD)["ETag"]
    found = {"api": queries(client, API), "page": queries(client, PAGE)}
    print(json.dumps({**found, "poll": queries(client, UNREAD, 304, {"If-None-Match": tag}), "tag": tag}))


if __name__ == "__main__":
    main()
