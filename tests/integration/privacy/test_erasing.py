"""``flex_erase``: one contact's texts, addresses and names are gone everywhere, and the figures stay."""

import uuid
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db.models import Model

from crm_demo.models import Contact
from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import (
    Attachment,
    ContactAddress,
    Conversation,
    ConversationContact,
    DispatchAttempt,
    Draft,
    Interaction,
    Message,
    OpenSearch,
    TaskUpdate,
    WebhookEvent,
)
from flex_outbound.outbox import decisions
from flex_outbound.privacy import erasing, people
from flex_outbound.reports import days
from flex_outbound.reports.overview import Period, Wanted, overview
from flex_outbound.testing import Flex

from .conftest import MARK, Opened, end, read

pytestmark = pytest.mark.django_db

NUMBER = "4155550123"


def everything() -> str:
    """Return all that is in the app's tables and in the admin's log, but for who works here."""
    models: list[type[Model]] = [*apps.get_app_config("flex_outbound").get_models(), LogEntry]
    rows = (row for model in models for row in model._default_manager.all())
    return serializers.serialize("json", rows)


def traces() -> list[str]:
    text = everything()
    return [one for one in (MARK, MARK.lower(), NUMBER) if one in text]


def command(name: str, contact: Contact, *more: str) -> str:
    out = StringIO()
    call_command(name, "--contact", f"crm_demo.contact:{contact.pk}", *more, stdout=out)
    return out.getvalue()


def answer(flex: Flex, row: Interaction) -> None:
    file = flex.gateway.add_file("image/png", f"{MARK}.png", b"x")
    flex.gateway.add_message(row.conversation_sid or "", f"It is {MARK}", subject=MARK, media=[file])
    read(flex)


@pytest.fixture
def filled(flex: Flex, opened: Opened, contact: Contact, user: User) -> list[Interaction]:
    """A contact with everything: two conversations that ended, one that failed, log entries, events, a file."""
    sms = opened()
    answer(flex, sms)
    mail = opened(channel="email", subject=f"About {MARK}", cc=(f"{MARK.lower()}+1@example.com",))
    answer(flex, mail)
    end(flex, sms, mail)
    flex.fail_next(21211)
    failed = opened(content_sid="HX" + "1" * 32, content_variables={"1": MARK}, body="", channel="whatsapp")
    assert failed.status == "failed"
    Interaction.objects.filter(pk=failed.pk).update(
        error_params={"said": f"Not for {MARK}"}, idempotency_key=f"mail-{MARK}"
    )
    Interaction.objects.filter(pk=sms.pk).update(outcome="Solved", notes=f"Called {MARK}", outcome_state="waiting")
    TaskUpdate.objects.create(interaction=sms, attributes={"conversations": {"content": f"Called {MARK}"}})
    OpenSearch.objects.create(account=sms.account, sender=sms.sender, channel="sms", address=sms.address)
    message = Message.objects.get(interaction=failed)
    Attachment.objects.create(message=message, content_type="image/png", filename=f"{MARK}.png", size=1, data=b"x")
    attempts: Any = DispatchAttempt._default_manager
    attempts.filter(interaction=failed).update(error_detail=f"Not to {MARK}")
    WebhookEvent.objects.create(
        account=sms.account,
        source="taskrouter",
        event_id="1",
        event_type="task.created",
        interaction=sms,
        payload={"Said": MARK},
        processed_at=sms.created_at,
    )
    ContactAddress.objects.get_or_create(
        contact_type=sms.contact_type, contact_id=str(contact.pk), address_key=f"{MARK.lower()}@example.com"
    )
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(Interaction),
        object_id=str(sms.pk),
        object_repr=str(sms),
        action_flag=CHANGE,
        change_message="Canceled.",
    )
    rows = [sms, mail, failed]
    for row in rows:
        row.refresh_from_db()
    assert {row.status for row in rows} == {"closed", "failed"}
    return rows


def figures() -> Any:
    today = days.today()
    found = overview(Period(today, today), Wanted())
    return found.total, found.by_channel, found.by_agent


def test_nothing_of_a_person_is_left_and_the_figures_stay(filled: list[Interaction], contact: Contact) -> None:
    assert len(traces()) == 3
    before = figures(), Interaction.objects.count(), Message.objects.count(), Conversation.objects.count()
    states = sorted(Message.objects.values_list("message_sid", "index", "status", "delivery_status", "party"), key=str)
    command("flex_erase", contact, "--yes")
    assert traces() == []
    assert before == (figures(), Interaction.objects.count(), Message.objects.count(), Conversation.objects.count())
    kept = sorted(Message.objects.values_list("message_sid", "index", "status", "delivery_status", "party"), key=str)
    assert kept == states
    row = Interaction.objects.get(pk=filled[0].pk)
    assert (row.outcome, row.notes) == ("Solved", "")
    assert not TaskUpdate.objects.exists()
    assert (row.task_sid, row.conversation_sid, row.status, row.agent_id) == (
        *(filled[0].task_sid, filled[0].conversation_sid, "closed", filled[0].agent_id),
    )


def test_it_tells_what_twilio_still_holds_and_how_it_is_deleted(
    filled: list[Interaction], flex: Flex, contact: Contact
) -> None:
    held = len(flex.gateway.records)
    told = command("flex_erase", contact, "--yes")
    again = command("flex_erase", contact, "--yes")
    for text in (told, again):
        for row in filled[:2]:
            assert f"DELETE https://conversations.twilio.com/v1/Conversations/{row.conversation_sid}" in text
            assert f"/Tasks/{row.task_sid}" in text
            assert f"interaction {row.interaction_sid}" in text
        assert "/Media/ME" in text
    assert MARK not in told
    assert len(flex.gateway.records) == held


def test_what_was_erased_does_not_come_back_by_reading(filled: list[Interaction], flex: Flex, contact: Contact) -> None:
    command("flex_erase", contact, "--yes")
    Conversation.objects.update(state="active", read_index=None, next_at=filled[0].created_at)
    flex.run_pending(within=60)
    assert Conversation.objects.filter(read_at__isnull=False).count() == 2
    assert traces() == []


def test_what_is_open_is_named_and_nothing_is_erased(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened()
    with pytest.raises(CommandError, match=str(row.pk)):
        command("flex_erase", contact, "--yes")
    end(flex, row)
    Message.objects.filter(interaction=row).update(status="unconfirmed", next_at=row.created_at)
    with pytest.raises(CommandError, match="message"):
        command("flex_erase", contact, "--yes")
    assert MARK in everything()


@pytest.mark.django_db(transaction=True)
def test_an_erasure_that_was_interrupted_goes_on(
    filled: list[Interaction], contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 1)
    person = people.find(f"crm_demo.contact:{contact.pk}")
    real = erasing._erase_batch
    calls = iter(range(10))

    def fail_later(batch: Any) -> int:
        if next(calls):
            raise KeyboardInterrupt
        return real(batch)

    monkeypatch.setattr(erasing, "_erase_batch", fail_later)
    with pytest.raises(KeyboardInterrupt):
        erasing.erase(person)
    assert Interaction.objects.filter(address="").count() == 1
    monkeypatch.setattr(erasing, "_erase_batch", real)
    assert erasing.erase(person).interactions == 2
    assert traces() == []


def test_without_a_yes_nothing_is_erased(filled: list[Interaction], contact: Contact) -> None:
    with pytest.raises(CommandError, match="--yes"):
        command("flex_erase", contact)
    assert len(traces()) == 3


@pytest.mark.parametrize("text", ["7", "crm_demo.contact", "crm_demo.nothing:7", "crm_demo.contact:", ":7", "x:y"])
def test_whom_nobody_knows_is_an_error_in_words(db: None, text: str) -> None:
    with pytest.raises(CommandError, match=r"app_label\.model|no model"):
        call_command("flex_erase", "--contact", text, "--yes")


def test_others_keep_theirs(filled: list[Interaction], flex: Flex, opened: Opened) -> None:
    other = Contact.objects.create(full_name="Bob Other", mobile="+14155550199", email="bob@example.com", country="US")
    row = opened(to=other, body="Dear Bob")
    end(flex, row)
    call_command("flex_erase", "--contact", f"crm_demo.contact:{filled[0].contact_id}", "--yes", stdout=StringIO())
    row.refresh_from_db()
    assert (row.contact_name, row.address) == ("Bob Other", "+14155550199")
    assert Message.objects.get(interaction=row).body == "Dear Bob"


def test_an_address_goes_from_the_copies_of_emails_to_others(flex: Flex, opened: Opened, contact: Contact) -> None:
    other = Contact.objects.create(full_name="Bob Other", email="bob@example.com", country="US")
    mail = contact.email
    row = opened(to=other, channel="email", subject="Hi", body="Dear Bob", cc=(mail, "c@example.com"), bcc=())
    end(flex, row)
    told = command("flex_erase", contact, "--yes")
    row.refresh_from_db()
    assert (row.cc, row.address) == (["c@example.com"], "bob@example.com")
    assert "1 emails to others" in told


@pytest.mark.parametrize("shared", [False, True])
def test_a_conversation_of_two_contacts_is_told_and_erased_only_when_asked_for(
    flex: Flex, opened: Opened, contact: Contact, shared: bool
) -> None:
    other = Contact.objects.create(full_name="Bob Other", mobile=contact.mobile, country="US")
    row = opened()
    answer(flex, row)
    end(flex, row)
    ConversationContact.objects.create(
        conversation=Conversation.objects.get(), contact_type=row.contact_type, contact_id=str(other.pk)
    )
    told = command("flex_erase", contact, "--yes", *(["--shared"] if shared else []))
    assert f"{row.conversation_sid} is another contact's as well" in told
    conversation = Conversation.objects.get()
    assert conversation.customer_name == ""
    assert conversation.address == ("" if shared else contact.mobile)
    said = Message.objects.get(party="customer")
    assert said.body == ("" if shared else f"It is {MARK}")
    assert Message.objects.get(interaction=row).body == ""
    assert ConversationContact.objects.filter(contact_id=str(other.pk)).exists()


def test_a_conversation_that_is_nobodys_goes_with_the_address(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened()
    answer(flex, row)
    end(flex, row)
    ConversationContact.objects.all().delete()
    Conversation.objects.update(interaction=None)
    Interaction.objects.filter(pk=row.pk).update(conversation_sid=None)
    command("flex_erase", contact, "--yes")
    assert traces() == []


def test_a_contact_that_is_gone_can_still_be_erased(filled: list[Interaction], contact: Contact) -> None:
    pk = contact.pk
    contact.delete()
    call_command("flex_erase", "--contact", f"crm_demo.contact:{pk}", "--yes", stdout=StringIO())
    assert traces() == []


def test_what_was_erased_is_not_sent_again(filled: list[Interaction], contact: Contact, user: User) -> None:
    failed = filled[2]
    assert failed.may_retry
    command("flex_erase", contact, "--yes")
    failed.refresh_from_db()
    assert not failed.may_retry
    with pytest.raises(ClickConflict):
        decisions.retry(failed, user)


def test_what_is_written_while_somebody_is_erased_is_sent_as_it_is(
    filled: list[Interaction], contact: Contact, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = Conversation.objects.get(interaction=filled[0])
    check = erasing._refuse_open

    def answer_then(*args: Any) -> None:
        check(*args)
        Message.objects.create(
            account=conversation.account, conversation=conversation, body="On its way", key=uuid.uuid4(), agent=user
        )

    monkeypatch.setattr(erasing, "_refuse_open", answer_then)
    assert "run this again" in command("flex_erase", contact, "--yes")
    assert Message.objects.get(status="waiting").body == "On its way"


def test_drafts_are_erased_with_their_contact(user: User, contact: Contact) -> None:
    kind = ContentType.objects.get_for_model(Contact)
    values = {"contact_type": kind, "user": user, "place": "sms", "values": {"body": MARK}}
    Draft.objects.create(contact_id=str(contact.pk), **values)
    Draft.objects.create(contact_id="4711", **values)
    person = people.find(f"crm_demo.contact:{contact.pk}")
    assert erasing.preview(person).drafts == 1
    assert erasing.erase(person).drafts == 1
    assert [one.contact_id for one in Draft.objects.all()] == ["4711"]


def test_drafts_go_with_their_user(user: User, contact: Contact) -> None:
    kind = ContentType.objects.get_for_model(Contact)
    Draft.objects.create(contact_type=kind, contact_id="1", user=user, place="sms", values={"body": MARK})
    user.delete()
    assert not Draft.objects.exists()
