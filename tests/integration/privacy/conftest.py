"""A Flex in memory, an agent who writes, and a customer who answers; every text of theirs bears a mark."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from crm_demo.models import Contact
from flex_outbound import testing
from flex_outbound.models import Account, Conversation, Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.testing import Flex

MARK = "MaRkEd"

Opened = Callable[..., Interaction]


@pytest.fixture
def user(db: None) -> User:
    """An agent."""
    return User.objects.create_user("ada", first_name="Ada")


@pytest.fixture
def flex(user: User) -> Iterator[Flex]:
    """Flex in memory, with the agent as its worker."""
    with testing.flex() as double:
        double.set_up(user)
        yield double


@pytest.fixture
def account(flex: Flex) -> Account:
    """The account of that Flex."""
    return Account.objects.get()


@pytest.fixture
def contact(db: None) -> Contact:
    """A customer whose name bears the mark."""
    return Contact.objects.create(
        full_name=f"Ann {MARK}", mobile="+14155550123", email=f"{MARK.lower()}@example.com", country="US"
    )


@pytest.fixture
def opened(flex: Flex, user: User, contact: Contact) -> Opened:
    """Write to a contact and have it sent."""

    def make(to: Contact = contact, channel: str = "sms", body: str = f"Hello {MARK}", **more: Any) -> Interaction:
        click = Click(user, "crm_demo.contact", str(to.pk), channel, body=body, idempotency_key="", **more)
        row = enqueue(click)
        flex.run_pending(within=30)
        row.refresh_from_db()
        return row

    return make


def read(flex: Flex) -> None:
    """Have the conversations read at once."""
    Conversation.objects.exclude(next_at=None).update(next_at=F("created_at"))
    flex.run_pending()


def end(flex: Flex, *rows: Interaction) -> None:
    """End conversations, and have that noticed."""
    for row in rows:
        flex.accept(row)
    flex.run_pending(within=400)
    for row in rows:
        flex.complete(row)
        flex.gateway.move_conversation(row.conversation_sid or "", "closed")
    flex.run_pending(within=400)
    read(flex)
