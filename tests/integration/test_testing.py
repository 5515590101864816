"""What host projects test with: a click through the test client, and Flex in memory behind it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from crm_demo.models import Contact
from flex_outbound import testing
from flex_outbound.gateway import callbacks
from flex_outbound.gateway import client as real
from flex_outbound.gateway.base import Connection
from flex_outbound.models import Account, Interaction, Worker
from flex_outbound.outbox import gateways, jobs
from flex_outbound.sandbox.server import SandboxServer
from flex_outbound.signals import interaction_created

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("agent", "agent@example.com")


def click(client: Client, user: User, contact: Contact, **fields: Any) -> Interaction:
    client.force_login(user)
    payload = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms", **fields}
    answer = client.post("/flex/api/interactions/", payload, content_type="application/json")
    assert answer.status_code == 202, answer.content
    return Interaction.objects.get(pk=answer.json()["id"])


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_a_click_reaches_flex_and_the_contact(client: Client, user: User, contact: Contact, channel: str) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        interaction = click(client, user, contact, channel=channel)
        assert flex.interactions == []
        flex.run_pending()
    (sent,) = flex.interactions
    assert (sent.channel, sent.key) == (channel, interaction.id.hex)
    interaction.refresh_from_db()
    contact.refresh_from_db()
    assert interaction.status in ("created", "active")
    assert contact.last_task_sid == interaction.task_sid


@pytest.mark.django_db(transaction=True)
def test_a_click_that_is_committed_asks_no_broker(client: Client, user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        click(client, user, contact)
        flex.run_pending()
        assert len(flex.interactions) == 1


def test_the_first_message_follows(client: Client, user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        click(client, user, contact, body="Hello Ann")
        flex.run_pending(within=30)
    assert [message.body for message in flex.messages] == ["Hello Ann"]


def test_a_conversation_from_its_beginning_to_its_end(client: Client, user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        interaction = click(client, user, contact)
        flex.run_pending(within=10)
        flex.accept(interaction)
        flex.run_pending(within=600)
        interaction.refresh_from_db()
        assert (interaction.status, interaction.task_status) == ("active", "assigned")
        flex.complete(interaction)
        flex.run_pending(within=600)
        interaction.refresh_from_db()
        assert interaction.status == "closed"


def test_a_customer_answers(client: Client, user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        interaction = click(client, user, contact)
        flex.run_pending()
        sid = flex.answer(interaction, "Yes, please")
        interaction.refresh_from_db()
        page = flex.gateway.list_messages(interaction.conversation_sid or "")
    assert page is not None
    (answer,) = page.messages
    assert (answer.message_sid, answer.body, answer.author) == (sid, "Yes, please", "+14155550123")


def test_a_task_that_is_declined_fails(client: Client, user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        interaction = click(client, user, contact)
        flex.run_pending()
        flex.decline(interaction)
        flex.run_pending(within=600)
    interaction.refresh_from_db()
    assert interaction.status == "failed"


def test_a_channel_that_fails_says_why(client: Client, user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        interaction = click(client, user, contact)
        flex.run_pending()
        flex.fail_channel(interaction, 21610)
        flex.run_pending(within=600)
    interaction.refresh_from_db()
    assert (interaction.status, interaction.error_reason) == ("failed", "opted_out")


def test_what_twilio_refuses_fails(client: Client, user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        flex.fail_next(21610)
        interaction = click(client, user, contact)
        flex.run_pending()
    interaction.refresh_from_db()
    assert (interaction.status, interaction.error_reason, flex.interactions) == ("failed", "opted_out", [])


def test_what_twilio_did_not_take_is_sent_again(client: Client, user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        flex.fail_next(testing.NotAccepted("busy", reason="busy", http_status=429))
        interaction = click(client, user, contact)
        flex.run_pending()
        interaction.refresh_from_db()
        assert interaction.status == "queued"
        flex.run_pending(within=120)
    interaction.refresh_from_db()
    assert (interaction.attempt, len(flex.interactions)) == (2, 1)


@pytest.mark.parametrize("carried_out", [True, False])
def test_an_answer_that_got_lost_is_looked_up(client: Client, user: User, contact: Contact, carried_out: bool) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        flex.fail_next(testing.OutcomeUnknown("timeout", reason="outcome_unknown"), carried_out=carried_out)
        interaction = click(client, user, contact)
        flex.run_pending()
        interaction.refresh_from_db()
        assert interaction.status == "unconfirmed"
        flex.run_pending(within=600)
    interaction.refresh_from_db()
    assert interaction.status == "active"
    assert len(flex.interactions) == 1
    assert interaction.attempt == (1 if carried_out else 2)


def test_signals_are_sent(client: Client, user: User, contact: Contact) -> None:
    seen: list[Interaction] = []

    def note(interaction: Interaction, **kwargs: Any) -> None:
        seen.append(interaction)

    interaction_created.connect(note)
    try:
        with testing.flex() as flex:
            flex.set_up(user)
            interaction = click(client, user, contact)
            flex.run_pending()
    finally:
        interaction_created.disconnect(note)
    assert [one.pk for one in seen] == [interaction.pk]


def test_nothing_due_is_no_work() -> None:
    with testing.flex() as flex:
        assert not flex.run_pending(within=3600)


def test_a_task_that_does_not_exist_yet_cannot_be_accepted(client: Client, user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        with pytest.raises(ValueError, match="run_pending"):
            flex.accept(click(client, user, contact))


def test_afterwards_everything_is_as_before() -> None:
    publisher = jobs.connect(lambda *_: None)
    jobs.connect(publisher)
    with pytest.raises(ZeroDivisionError), testing.flex():
        raise ZeroDivisionError
    assert gateways.use(real.connect) is real.connect
    assert jobs.connect(publisher) is publisher


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(reserve_delay_ms=0, channel_setup_ms=0) as server:
        yield server


def test_pending_work_is_done_against_the_sandbox_too(
    client: Client,
    account: Account,
    worker: Worker,
    senders: Any,
    contact: Contact,
    sandbox: SandboxServer,
    settings: Any,
) -> None:
    settings.FLEX_OUTBOUND = {"API_BASE_URL": sandbox.url}
    assert worker.user is not None
    interaction = click(client, worker.user, contact)
    done = testing.run_pending()
    interaction.refresh_from_db()
    assert interaction.status in ("created", "active")
    assert sum(done.values()) >= 1


def test_a_sandbox_is_told_where_to_call_back(account: Account, sandbox: SandboxServer) -> None:
    testing.register_callbacks(account, "https://crm.example.com", sandbox_url=sandbox.url)
    at_twilio = callbacks.connect(
        Connection(account.account_sid, *account.credentials(), account.workspace_sid, sandbox.url, (1.0, 1.0))
    )
    instance = at_twilio.fetch_flex().instance_sid
    urls = [
        at_twilio.fetch_workspace_callback().url,
        at_twilio.fetch_conversations_webhook("").url,
        *(one.url for one in at_twilio.list_interaction_webhooks(instance)),
    ]
    at_twilio.close()
    path = f"https://crm.example.com/flex/webhooks/{account.pk}"
    assert [url.startswith(path) or url for url in urls] == [True] * 3


def test_a_sandbox_that_is_not_there_is_an_error(account: Account) -> None:
    with pytest.raises(testing.NotAccepted):
        testing.register_callbacks(account, "https://crm.example.com", sandbox_url="http://127.0.0.1:9")
