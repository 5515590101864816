"""The pipeline against a real sandbox, over real HTTP and the real SDK; time passes in the rows, not in sleep."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db.models import F
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for
from flex_outbound.models import Account, Closing, Conversation, Interaction, Message, Sender, Worker
from flex_outbound.outbox import answers, contact_index, sweep
from flex_outbound.outbox.answers import Reply
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer
from flex_outbound.statuses import Status
from tests.integration.pipeline.elsewhere import Twilio


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    """One sandbox for the whole folder."""
    with SandboxServer() as server:
        yield server


class Sandbox:
    """The sandbox's control API, as a test speaks to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        # Without TLS there is nothing to verify, and reading the certificates takes longer than many a test.
        self.http = httpx.Client(base_url=f"{url}/_sandbox/", timeout=5, verify=False)

    def fault(self, kind: str, path: str = "/v1/Interactions$", method: str = "POST", **more: Any) -> None:
        """Set a fault, on opening an interaction unless told otherwise."""
        answer = self.http.post("faults", json={"fault": kind, "match": {"path": path, "method": method}, **more})
        answer.raise_for_status()

    def mend(self) -> None:
        """Take every fault away."""
        self.http.delete("faults").raise_for_status()

    def options(self, **values: Any) -> None:
        """Switch options."""
        self.http.post("options", json=values).raise_for_status()

    def state(self) -> dict[str, Any]:
        """Return everything that the sandbox holds of the account."""
        return dict(self.http.get("state").json()["accounts"][defaults.ACCOUNT_SID])

    @property
    def interactions(self) -> list[dict[str, Any]]:
        """Return the interactions that really exist."""
        return list(self.state()["interactions"])

    def act(self, task_sid: str, verb: str) -> None:
        """Do what an agent does with a task: accept, wrapup, complete, cancel…"""
        self.http.post(f"tasks/{task_sid}/{verb}").raise_for_status()


@pytest.fixture
def sandbox(sandbox_server: SandboxServer, settings: Any) -> Iterator[Sandbox]:
    """A sandbox as new, and the settings that lead to it."""
    control = Sandbox(sandbox_server.url)
    control.http.post("reset").raise_for_status()
    control.mend()
    control.options(enforce_limits=False, channel_setup_ms=0, reserve_delay_ms=0)
    settings.FLEX_OUTBOUND = {
        "API_BASE_URL": sandbox_server.url,
        "HTTP_TIMEOUT": (1.0, 1.0),
        # Time passes in the rows: minutes of looks come within one second of Twilio's.
        "RATE_LIMITS": dict.fromkeys(["interactions", "task_searches", "conversations", "workers"]),
    }
    yield control
    control.http.close()


@pytest.fixture
def senders(account: Account) -> list[Sender]:
    """The sandbox's senders, one or two per channel."""
    return [
        Sender.objects.create(
            account=account,
            channel=sender.channel,
            address=sender.address.removeprefix("whatsapp:"),
            display_name=sender.name,
            queue_sid=defaults.QUEUES["Outbound"],
            is_default=sender.address != defaults.SMS_SENDER_UK,
        )
        for sender in defaults.SENDERS
    ]


def make_agent(account: Account, name: str) -> User:
    """Return a user who is the sandbox's worker of that name and may open conversations."""
    user = User.objects.create_user(name, first_name=name.title())
    user.user_permissions.add(Permission.objects.get(codename="add_interaction"))
    Worker.objects.create(account=account, user=user, worker_sid=defaults.WORKERS[name], friendly_name=name)
    return User.objects.get(pk=user.pk)


@pytest.fixture
def agent(account: Account, senders: list[Sender]) -> User:
    """An agent who is online."""
    return make_agent(account, "agent")


@pytest.fixture
def contact(db: None) -> Contact:
    """A contact with a mobile and an email address."""
    return Contact.objects.create(full_name="Ann Other", mobile="415 555 0123", email="ann@example.com", country="US")


@pytest.fixture
def click(agent: User, contact: Contact) -> Callable[..., Interaction]:
    """Make a click: SMS to the contact unless told otherwise."""

    def make(**changes: Any) -> Interaction:
        values: dict[str, Any] = {
            "user": agent,
            "contact_type": "crm_demo.contact",
            "contact_id": str(contact.pk),
            "channel": "sms",
        }
        return enqueue(Click(**{**values, **changes}))

    return make


def pass_time(seconds: float) -> None:
    """Let so many seconds pass for every row."""
    shift = timedelta(seconds=seconds)
    for model, names in (
        (Interaction, ("next_at", "sent_at", "lease_until", "first_lookup_at", "opened_at")),
        (Message, ("next_at", "sent_at", "lease_until")),
        (Closing, ("next_at",)),
        (Conversation, ("next_at", "read_at")),
    ):
        model._default_manager.update(**{name: F(name) - shift for name in names})


def run_due(seconds: float = 0) -> None:
    """Let time pass, then do whatever is due in this process."""
    if seconds:
        pass_time(seconds)
    sweep.sweep(sweep.run)


@pytest.fixture
def in_review(click: Callable[..., Interaction], sandbox: Sandbox, settings: Any) -> Interaction:
    """A row whose decision is a person's, in strict mode; nothing was opened."""
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "UNCONFIRMED": "strict"}
    sandbox.fault("status", status=503)
    row = click()
    for seconds in (0, 2, 125):
        run_due(seconds)
    row.refresh_from_db()
    assert row.status == Status.REVIEW
    return row


Ask = Callable[[], dict[str, Any]]


@pytest.fixture
def nobody_looked() -> Iterator[None]:
    """Nobody has looked at a page yet, before and after."""
    cache.clear()
    yield
    cache.clear()


def channels(user: User, contact: Contact, live: str = "?live=1", **headers: str) -> Any:
    """Ask for a contact's channels as a page does."""
    client = Client()
    client.force_login(user)
    return client.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/{live}", headers=headers)


@pytest.fixture
def look(agent: User, contact: Contact, sandbox: Sandbox) -> Ask:
    """Look at a contact's page live; the jobs are done by ``run_due``."""
    return lambda: {one["channel"]: one for one in channels(agent, contact).json()["channels"]}


@pytest.fixture
def twilio(sandbox: Sandbox) -> Iterator[Twilio]:
    """Twilio as others use it."""
    others = Twilio(sandbox.url)
    yield others
    others.http.close()


@pytest.fixture
def colleague(account: Account, agent: User) -> User:
    """Another agent."""
    return make_agent(account, "bea")


@pytest.fixture
def supervisor(account: Account, agent: User) -> User:
    """An agent who may take over."""
    user = make_agent(account, "carlos")
    user.user_permissions.add(Permission.objects.get(codename="supervise"))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def indexed(contact: Contact) -> None:
    """The contacts' addresses are known."""
    contact_index.build(adapter_for(Contact))


Clicker = Callable[..., Interaction]
Write = Callable[..., Message]


@pytest.fixture
def opened(click: Clicker, sandbox: Sandbox) -> Clicker:
    """Open a conversation and return its interaction."""

    def make(**changes: Any) -> Interaction:
        row = click(**changes)
        run_due()
        run_due(2.5)
        row.refresh_from_db()
        return row

    return make


@pytest.fixture
def conversation(opened: Clicker) -> Conversation:
    """The agent's own conversation by SMS, which is open."""
    return conversation_of(opened())


@pytest.fixture
def write(agent: User, conversation: Conversation) -> Write:
    """Answer in it."""

    def make(body: str = "", **more: Any) -> Message:
        user, room = more.pop("user", agent), more.pop("conversation", conversation)
        found = answers.own_conversation(user, room.conversation_sid)
        assert found is not None
        return answers.answer(Reply(user=user, conversation=found, body=body, **more))

    return make


def conversation_of(row: Interaction) -> Conversation:
    found = answers.own_conversation(row.agent, row.conversation_sid or "")
    assert found is not None
    return found
