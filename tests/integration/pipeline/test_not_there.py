"""A click of an agent who is offline in Flex or has no room there: API and form say what the page says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.exceptions import ClickConflict, InvalidClick
from flex_outbound.models import Account, Interaction, Presence, Worker
from flex_outbound.models.setup import forget_setup
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.sandbox import defaults
from tests.integration.pipeline.agents import grow_old
from tests.integration.pipeline.conftest import Ask, Sandbox, run_due

pytestmark = pytest.mark.usefixtures("nobody_looked")

CHAT = {"sid": defaults.TASK_CHANNELS["chat"], "assigned": 3, "capacity": 3, "available": True}
STATES = {
    "worker_offline": {"is_available": False},
    "worker_full": {"channels": {"chat": CHAT}},
    "worker_channel_off": {"channels": {"chat": {**CHAT, "available": False}}},
}


def be(**state: Any) -> None:
    """Let the agent's worker be so, as Twilio said a second ago."""
    then = timezone.now() - timedelta(seconds=1)
    values = {"is_available": True, "activity_name": "Lunch", "activity_at": then, "asked_at": then, "seen_at": then}
    Presence.objects.update_or_create(worker=Worker.objects.get(), defaults={**values, "channels": {}, **state})


@pytest.fixture
def payload(contact: Contact) -> dict[str, Any]:
    """The shortest click."""
    given = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms"}
    return given | {"body": "Typed", "idempotency_key": "k" * 32}


@pytest.fixture
def client(agent: User, sandbox: Sandbox) -> Client:
    """The agent's browser."""
    client = Client()
    client.force_login(agent)
    return client


@pytest.mark.parametrize("reason", STATES)
def test_a_click_is_refused_in_the_pages_words(client: Client, look: Ask, payload: dict[str, Any], reason: str) -> None:
    be(**STATES[reason])
    page = look()["sms"]
    answer = client.post("/flex/api/interactions/", payload, content_type="application/json")
    assert (page["reason"], answer.status_code, answer.json()["code"]) == (reason, 409, reason)
    assert answer.json()["detail"] == f"{page['reason_text']} {page['remedy']}"
    form = client.post("/flex/send/", payload | {"next": "/"})
    assert form.status_code == 409
    assert str(page["remedy"]) in form.content.decode()
    assert "Typed</textarea>" in form.content.decode()
    assert not Interaction.objects.exists()


def test_other_channels_go(client: Client, payload: dict[str, Any]) -> None:
    be(**STATES["worker_full"])
    answer = client.post("/flex/api/interactions/", payload | {"channel": "email"}, content_type="application/json")
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "state",
    [
        *({**one, "seen_at": None, "told_at": None} for one in STATES.values()),
        {"is_available": None},
        # A callback of now tells of the activity; the room was counted long ago.
        {**STATES["worker_full"], "seen_at": timezone.now() - timedelta(days=1), "told_at": "now"},
    ],
)
def test_what_is_not_known_for_sure_refuses_no_click(click: Callable[..., Interaction], state: dict[str, Any]) -> None:
    be(**{name: timezone.now() if value == "now" else value for name, value in state.items()})
    assert click().status == "queued"


@pytest.mark.parametrize("reason", STATES)
def test_what_is_older_refuses_no_click(click: Callable[..., Interaction], reason: str) -> None:
    be(**STATES[reason])
    grow_old(30)
    assert click().status == "queued"


def test_who_is_back_since_the_senders_were_read_is_not_refused(
    client: Client, payload: dict[str, Any], look: Ask
) -> None:
    be(**STATES["worker_offline"])
    look()
    be()
    answer = client.post("/flex/api/interactions/", payload, content_type="application/json")
    assert answer.status_code == 202


def test_who_is_refused_has_twilio_asked_again(click: Callable[..., Interaction], sandbox: Sandbox) -> None:
    be(**STATES["worker_full"])
    grow_old(20)
    with pytest.raises(ClickConflict, match="chat 3 of 3"):
        click()
    run_due()
    assert click().status == "queued", "the sandbox says that there is room"


def test_what_was_taken_stays_taken(click: Callable[..., Interaction]) -> None:
    row = click(idempotency_key="k" * 32)
    be(**STATES["worker_full"])
    forget_setup()
    assert click(idempotency_key="k" * 32) == row


def test_a_conversation_in_the_way_is_named_first(click: Callable[..., Interaction], agent: User) -> None:
    row = click(body="Hello")
    be(**STATES["worker_full"])
    forget_setup()
    with pytest.raises(ClickConflict) as told:
        click(body="Another")
    assert (told.value.code, told.value.interaction) == ("already_open", row)


@pytest.mark.parametrize("reason", STATES)
def test_who_is_no_longer_there_when_it_is_sent_opens_nothing(
    click: Callable[..., Interaction], sandbox: Sandbox, account: Account, reason: str
) -> None:
    row = click(body="Hello")
    be(**STATES[reason])
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason, row.may_retry) == ("failed", reason, True)
    assert "Nothing was sent." in row.error_message
    assert sandbox.interactions == []


def test_a_check_costs_no_query_where_nothing_is_in_the_way(
    click: Callable[..., Interaction], agent: User, contact: Contact, django_assert_num_queries: Any
) -> None:
    be()
    with pytest.raises(InvalidClick):
        click(address="+14155550999")  # the senders are kept now
    enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "email"))
    # Contact, savepoint, interaction, and its end.
    with django_assert_num_queries(4):
        click()
