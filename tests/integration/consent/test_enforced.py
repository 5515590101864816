# ruff: noqa: F811
"""Who has unsubscribed is written to from nowhere: not at the click, and not by what was queued before."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound import answering
from flex_outbound.channels import Channel
from flex_outbound.contacts import move_history
from flex_outbound.exceptions import ClickNotAllowed, InvalidClick
from flex_outbound.models import Account, ConsentEvent, Conversation, Interaction, Message, Sender
from flex_outbound.outbox import answers, consent, decisions, sender_tests
from flex_outbound.outbox.answers import Reply
from flex_outbound.outbox.consent import Entry
from flex_outbound.outbox.preflight import Setup, channel_options
from flex_outbound.outbox.sender_tests import SenderTest
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import MessageStatus, Status
from tests.integration.pipeline.conftest import (  # noqa: F401
    Sandbox,
    agent,
    click,
    contact,
    in_review,
    run_due,
    sandbox,
    sandbox_server,
    senders,
)

pytestmark = pytest.mark.django_db

NUMBER = "+14155550123"
Clicker = Callable[..., Interaction]
Stop = Callable[..., list[ConsentEvent]]


@pytest.fixture
def stop(account: Account) -> Stop:
    """Let the customer unsubscribe."""

    def add(address: str = NUMBER, channel: str = "sms", state: str = "opted_out", **more: Any) -> list[ConsentEvent]:
        return consent.append([Entry(channel, address, state, "keyword", account.pk, **more)])

    return add


@pytest.fixture
def conversation(click: Clicker, sandbox: Sandbox) -> Conversation:
    """The agent's own conversation, which is open."""
    row = click()
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    found = answers.own_conversation(row.agent, row.conversation_sid or "")
    assert found is not None
    return found


@pytest.fixture
def host_says(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[Any]]:
    """Give the project a ledger of its own; returns what it was asked."""

    def answer(said: Any) -> list[Any]:
        asked: list[Any] = []

        def has_consent(_self: Any, contact: Any, channel: Channel, address: str, sender: str) -> bool | None:
            asked.append((contact.pk, channel, address, sender))
            if isinstance(said, Exception):
                raise said
            return bool(said) if said is not None else None

        monkeypatch.setattr(CrmContact, "has_consent", has_consent)
        return asked

    return answer


# -- the click ---------------------------------------------------------------------------------------------------------


def test_a_click_is_refused(click: Clicker, stop: Stop) -> None:
    stop()
    with pytest.raises(InvalidClick, match="unsubscribed") as refusal:
        click(body="Hello")
    assert refusal.value.code == "opted_out"
    assert not Interaction.objects.exists()


def test_another_channel_is_free(click: Clicker, stop: Stop) -> None:
    stop()
    assert click(channel="whatsapp").pk
    assert click(channel="email").pk


def test_it_counts_for_every_contact_with_the_number(click: Clicker, stop: Stop) -> None:
    stop()
    twin = Contact.objects.create(full_name="Bob Other", phone="+1 (415) 555-0123", country="US")
    with pytest.raises(InvalidClick, match="unsubscribed"):
        click(contact_id=str(twin.pk))


def test_a_new_number_of_the_contact_starts_clean(click: Clicker, stop: Stop, contact: Contact) -> None:
    stop()
    Contact.objects.update(mobile="+1 415 555 0199")
    assert click().address == "+14155550199"


def test_merged_contacts_keep_what_was_said_about_each_number(
    click: Clicker,
    stop: Stop,
    contact: Contact,
    agent: User,
) -> None:
    stop()
    other = Contact.objects.create(full_name="Ann Again", mobile="+1 415 555 0199", phone=NUMBER, country="US")
    move_history(contact, other)
    contact.delete()
    option = channel_options(agent, other)[0]
    assert [one.value for one in option.addresses] == ["+14155550199"]
    twin = Contact.objects.create(full_name="Same number", mobile=NUMBER, country="US")
    move_history(twin, other)
    with pytest.raises(InvalidClick, match="unsubscribed"):
        click(contact_id=str(twin.pk))


def test_of_several_numbers_and_senders_what_is_left_is_offered_and_taken(
    click: Clicker,
    stop: Stop,
    contact: Contact,
    agent: User,
) -> None:
    Contact.objects.update(phone="+1 415 555 0199")
    contact.refresh_from_db()
    stop(sender_address=defaults.SMS_SENDER)
    stop("+14155550199", sender_address=defaults.SMS_SENDER)
    option = channel_options(agent, contact)[0]
    assert (len(option.addresses), [one.address for one in option.senders]) == (2, [defaults.SMS_SENDER_UK])
    assert click().sender_address == defaults.SMS_SENDER_UK
    default = Sender.objects.get(address=defaults.SMS_SENDER)
    with pytest.raises(InvalidClick):
        click(sender=default.pk, address="+14155550199")


def test_a_number_that_refuses_one_sender_is_written_to_from_another(
    click: Clicker,
    stop: Stop,
    contact: Contact,
) -> None:
    """Each alone is on offer, and together they are refused with words."""
    Contact.objects.update(phone="+1 415 555 0199")
    stop(sender_address=defaults.SMS_SENDER)
    row = click()
    assert (row.address, row.sender_address) == (NUMBER, defaults.SMS_SENDER_UK)
    default = Sender.objects.get(address=defaults.SMS_SENDER)
    with pytest.raises(InvalidClick) as refusal:
        click(sender=default.pk, address=NUMBER)
    assert (refusal.value.code, refusal.value.field) == ("opted_out", "address")


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
def test_an_email_names_the_recipient_who_has_unsubscribed(click: Clicker, stop: Stop, field: str) -> None:
    stop("bob@example.com", "email")
    with pytest.raises(InvalidClick, match=r"(?i)bob@example\.com") as refusal:
        click(channel="email", subject="Hello", **{field: ("eve@example.com", "Bob@example.com")})
    assert (refusal.value.code, refusal.value.field) == ("opted_out", field)
    assert click(channel="email", subject="Hello", **{field: ("eve@example.com",)}).pk


def test_who_agreed_again_is_written_to(click: Clicker, stop: Stop, account: Account) -> None:
    stop()
    consent.append([Entry("sms", NUMBER, "opted_in", "person", reason="Asked for it by telephone.")])
    assert click().pk


def test_the_api_says_the_same(stop: Stop, agent: User, contact: Contact) -> None:
    agent.user_permissions.add(Permission.objects.get(codename="change_interaction"))
    stop()
    client = Client()
    client.force_login(agent)
    shown = client.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/").json()["channels"][0]
    assert (shown["enabled"], shown["reason"]) == (False, "opted_out")
    body = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms"}
    answer = client.post("/flex/api/interactions/", body, content_type="application/json")
    assert (answer.status_code, "unsubscribed" in answer.content.decode()) == (400, True)


def test_a_click_costs_one_query_more_where_anybody_has_unsubscribed(
    click: Clicker,
    stop: Stop,
    account: Account,
    contact: Contact,
) -> None:
    def asked(**changes: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            click(**changes)
        return len(captured)

    click(channel="whatsapp")
    before = asked(channel="email", subject="One", body="x")
    stop("+14155550177")
    stop("eve@example.com", "email")
    click(channel="sms")
    Interaction.objects.update(status="failed", error_reason="x", next_at=None, finished_at="2026-01-01T00:00Z")
    assert asked(channel="email", subject="Two", body="x") == before + 1


# -- what is queued ----------------------------------------------------------------------------------------------------


def test_who_unsubscribes_while_a_click_is_queued_is_not_written_to(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    row = click(body="Hello")
    stop()
    before = ConsentEvent.objects.count()
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason, sandbox.interactions) == (Status.FAILED, "opted_out", [])
    assert row.message.status == MessageStatus.FAILED
    # Our own refusal is no news for the ledger.
    assert ConsentEvent.objects.count() == before


def test_of_a_batch_only_theirs_is_kept_back_for_one_query(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    people = [
        Contact.objects.create(full_name=f"P{n}", mobile=f"+1415555{n:04}", country="US") for n in range(200, 204)
    ]
    made = [click(contact_id=str(one.pk)) for one in people]
    stop("+14155550202")
    with CaptureQueriesContext(connection) as captured:
        run_due()
    assert [Interaction.objects.get(pk=one.pk).status for one in made] == ["created", "created", "failed", "created"]
    table = f'FROM "{ConsentEvent._meta.db_table}"'
    assert sum(one["sql"].startswith("SELECT") and table in one["sql"][:1200] for one in captured) <= 2


def test_a_recipient_who_unsubscribes_while_an_email_is_queued_keeps_it_back(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    row = click(channel="email", subject="Hello", cc=("bob@example.com",))
    stop("bob@example.com", "email")
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason, sandbox.interactions) == (Status.FAILED, "opted_out", [])
    assert "Another recipient" in row.error_message


def test_who_unsubscribes_before_the_first_message_does_not_get_it(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    """The conversation is open by then, and the customer may have written STOP into it."""
    row = click(body="Hello")
    run_due()
    stop()
    run_due(2.5)
    run_due(2.5)
    row.refresh_from_db()
    assert (row.message.status, row.message.error_reason) == (MessageStatus.FAILED, "opted_out")
    assert (row.delivery_status, row.error_reason) == ("failed", "opted_out")
    assert [one for room in sandbox.state()["conversations"] for one in room["messages"]] == []


def test_what_a_person_sends_again_is_asked_about_again(in_review: Interaction, stop: Stop, sandbox: Sandbox) -> None:
    sandbox.mend()
    stop()
    decisions.retry(in_review, in_review.agent)
    run_due()
    in_review.refresh_from_db()
    assert (in_review.status, in_review.error_reason, sandbox.interactions) == (Status.FAILED, "opted_out", [])


def test_what_failed_is_not_sent_again_to_who_has_unsubscribed(
    click: Clicker,
    stop: Stop,
    sandbox: Sandbox,
) -> None:
    row = click()
    decisions.cancel(row, row.agent)
    row.refresh_from_db()
    stop()
    with pytest.raises(InvalidClick, match="unsubscribed"):
        decisions.retry(row, row.agent)


# -- answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_is_refused_and_its_form_says_so(conversation: Conversation, stop: Stop, agent: User) -> None:
    stop()
    with pytest.raises(ClickNotAllowed, match="unsubscribed") as refusal:
        answers.answer(Reply(user=agent, conversation=conversation, body="Hello"))
    assert refusal.value.code == "opted_out"
    shown = answering.describe_conversation(conversation, Setup.load(agent))
    assert "unsubscribed" in shown["blocked"]


def test_who_unsubscribes_while_an_answer_is_queued_does_not_get_it(
    conversation: Conversation,
    stop: Stop,
    agent: User,
    sandbox: Sandbox,
) -> None:
    message = answers.answer(Reply(user=agent, conversation=conversation, body="Hello"))
    stop()
    run_due()
    message.refresh_from_db()
    assert (message.status, message.error_reason) == (MessageStatus.FAILED, "opted_out")
    assert [one for room in sandbox.state()["conversations"] for one in room["messages"]] == []


def test_a_template_is_refused_as_well(click: Clicker, stop: Stop) -> None:
    stop(channel="whatsapp")
    with pytest.raises(InvalidClick, match="unsubscribed"):
        click(channel="whatsapp", content_sid="HX" + "a" * 32)


# -- tests of senders --------------------------------------------------------------------------------------------------


def test_a_test_of_a_sender_goes_to_ones_own_numbers_alone(
    stop: Stop,
    agent: User,
    sandbox: Sandbox,
) -> None:
    agent.user_permissions.add(Permission.objects.get(codename="change_sender"))
    user = User.objects.get(pk=agent.pk)
    sender = Sender.objects.get(address=defaults.SMS_SENDER)
    worker = sender.account.workers.get(user=user)
    own = Sender.objects.create(account=sender.account, channel="sms", address="+33639980150", display_name="Mobile")
    stop()
    with pytest.raises(InvalidClick, match="unsubscribed"):
        sender_tests.send_test(SenderTest(user, sender, NUMBER, worker.pk))
    stop(own.address)
    row = sender_tests.send_test(SenderTest(user, sender, own.address, worker.pk))
    run_due()
    row.refresh_from_db()
    assert row.status == Status.CREATED


# -- the project's own ledger ------------------------------------------------------------------------------------------


def test_a_project_that_says_no_is_heard_at_the_click(click: Clicker, host_says: Any, contact: Contact) -> None:
    asked = host_says(False)
    with pytest.raises(InvalidClick, match="not agreed") as refusal:
        click()
    assert refusal.value.code == "no_consent"
    assert (contact.pk, Channel.SMS, NUMBER, defaults.SMS_SENDER) in asked


@pytest.mark.parametrize("said", [True, None])
def test_a_project_that_says_yes_or_nothing_refuses_nothing_and_overrules_nothing(
    click: Clicker,
    host_says: Any,
    stop: Stop,
    said: bool | None,
) -> None:
    host_says(said)
    assert click(channel="whatsapp").pk
    stop()
    with pytest.raises(InvalidClick, match="unsubscribed"):
        click()


@pytest.mark.parametrize(("said", "reason"), [(False, "no_consent"), (RuntimeError("down"), "consent_unknown")])
def test_a_project_is_asked_again_before_it_is_sent(
    click: Clicker,
    host_says: Any,
    sandbox: Sandbox,
    said: Any,
    reason: str,
) -> None:
    row = click()
    host_says(said)
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason, sandbox.interactions) == (Status.FAILED, reason, [])


def test_a_ledger_that_cannot_be_read_lets_nothing_through(
    click: Clicker, host_says: Any, agent: User, contact: Contact
) -> None:
    host_says(RuntimeError("down"))
    with pytest.raises(InvalidClick, match="could not be checked"):
        click()
    assert {one.reason for one in channel_options(agent, contact)} == {"consent_unknown"}


def test_contacts_that_cannot_be_read_are_not_written_to_where_the_project_has_a_ledger(
    click: Clicker,
    host_says: Any,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = click()
    host_says(None)

    def broken(*_given: Any) -> Iterator[Any]:
        raise RuntimeError("down")

    monkeypatch.setattr(CrmContact, "get_queryset", broken)
    run_due()
    row.refresh_from_db()
    assert (row.error_reason, sandbox.interactions) == ("consent_unknown", [])


def test_a_project_is_asked_about_answers(conversation: Conversation, host_says: Any, agent: User) -> None:
    message = answers.answer(Reply(user=agent, conversation=conversation, body="Hello"))
    host_says(False)
    run_due()
    message.refresh_from_db()
    assert (message.status, message.error_reason) == (MessageStatus.FAILED, "no_consent")
    with pytest.raises(ClickNotAllowed, match="not agreed"):
        answers.answer(Reply(user=agent, conversation=conversation, body="Hello again"))
    assert Message.objects.filter(body="Hello again").count() == 0
