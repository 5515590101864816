"""The REST face over the real pipeline; nobody is woken, so rows stay as the click left them."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.api.views import PollThrottle
from flex_outbound.models import Account, Conversation, ConversationContact, Interaction, Sender, Worker
from flex_outbound.outbox import jobs
from flex_outbound.statuses import FINAL, Status
from tests.integration.api.drafts import address

LIST = "/flex/api/interactions/"


def sid(prefix: str) -> str:
    """Return a new SID."""
    return prefix + uuid.uuid4().hex


@pytest.fixture(autouse=True)
def fresh_throttles() -> None:
    """Forget what other tests were counted for: user ids repeat."""
    cache.clear()
    PollThrottle.reset()


@pytest.fixture(autouse=True)
def woken() -> Iterator[list[tuple[str, str]]]:
    """Collect what the broker would be asked for."""
    asked: list[tuple[str, str]] = []
    before = jobs.connect(lambda job, row_id, delay: asked.append((job.value, row_id)))
    yield asked
    jobs.connect(before)


def make_sender(account: Account, channel: str, address: str, **more: Any) -> Sender:
    """Return a sender."""
    return Sender.objects.create(
        account=account, channel=channel, address=address, display_name=address, queue_sid=sid("WQ"), **more
    )


def make_user(name: str, *permissions: str, account: Account | None = None) -> User:
    """Return a user; with an account, one who is a worker there."""
    user = User.objects.create_user(name, first_name=name.title())
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    if account is not None:
        Worker.objects.create(account=account, user=user, worker_sid=sid("WK"), friendly_name=name)
    return User.objects.get(pk=user.pk)


@pytest.fixture
def agent(account: Account, senders: dict[str, Sender]) -> User:
    """Who clicks."""
    return make_user("ada", "add_interaction", account=account)


@pytest.fixture
def colleague(account: Account, senders: dict[str, Sender]) -> User:
    """Another agent."""
    return make_user("bob", "add_interaction", account=account)


def signed_in(user: User) -> Client:
    """Return a browser of this user."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client(agent: User) -> Client:
    """The agent's browser."""
    return signed_in(agent)


@pytest.fixture
def payload(contact: Contact) -> dict[str, Any]:
    """The shortest click."""
    return {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms"}


Post = Callable[..., Any]


@pytest.fixture
def post(client: Client, payload: dict[str, Any]) -> Post:
    """Click; keywords change the payload."""

    def click(headers: dict[str, str] | None = None, **changes: Any) -> Any:
        return client.post(LIST, {**payload, **changes}, content_type="application/json", headers=headers)

    return click


MakeRow = Callable[..., Interaction]


@pytest.fixture
def make_row(account: Account, senders: dict[str, Sender], agent: User, contact: Contact) -> MakeRow:
    """Return a row in any state."""

    def make(status: Status = Status.QUEUED, **changes: Any) -> Interaction:
        now = timezone.now()
        values: dict[str, Any] = {
            "contact_type": ContentType.objects.get_for_model(Contact),
            "contact_id": str(contact.pk),
            "contact_name": contact.full_name,
            "channel": "sms",
            "address": f"+1415{uuid.uuid4().int % 10**7:07}",
            "account": account,
            "sender": senders["sms"],
            "sender_address": senders["sms"].address,
            "agent": agent,
            "worker_sid": sid("WK"),
            "idempotency_key": uuid.uuid4().hex,
            "fingerprint": "0" * 64,
            "status": status,
            "next_at": None if status in FINAL else now,
            "finished_at": now if status in FINAL else None,
            "error_reason": "refused" if status == Status.FAILED else "",
        }
        if status in {Status.CREATED, Status.ACTIVE, Status.CLOSED}:
            values |= {"interaction_sid": sid("KD"), "task_sid": sid("WT"), "opened_at": now}
        if status in {Status.SENDING, Status.UNCONFIRMED}:
            values |= {"attempt": 1, "sent_at": now, "lease_until": now if status == Status.SENDING else None}
        return Interaction.objects.create(**{**values, **changes})

    return make


Save = Callable[..., Any]
Open = Callable[..., Conversation]


@pytest.fixture
def known_types(db: None) -> None:
    """Fill Django's cache of content types, as the first request of a process does."""
    ContentType.objects.get_for_model(Contact)


@pytest.fixture
def save(client: Client, contact: Contact) -> Save:
    """Keep what is typed by SMS; keywords are fields."""

    def post(place: str = "sms", browser: Client = client, to: Contact = contact, **typed: Any) -> Any:
        return browser.post(address(to, place), typed, content_type="application/json")

    return post


@pytest.fixture
def open_conversation(account: Account, senders: dict[str, Sender], agent: User, contact: Contact) -> Open:
    """Return the agent's own open conversation with the contact."""

    def make(channel: str = "sms", **changes: Any) -> Conversation:
        sender = senders[channel]
        values = {"account": account, "channel": channel, "agent": agent, "sender": sender, "state": "active"}
        room = Conversation.objects.create(pk=uuid.uuid4(), **{**values, **changes})
        kind = ContentType.objects.get_for_model(Contact)
        ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
        return room

    return make
