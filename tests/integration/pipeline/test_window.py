"""WhatsApp's 24 hours: two senders have two windows, what is known to be closed is refused, what is unknown is not."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound import answering
from flex_outbound.channels import Channel
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Account, Conversation, Interaction, Message, Sender
from flex_outbound.models.conversation import ConversationContact
from flex_outbound.outbox import answers, messages, window
from flex_outbound.outbox.answers import Reply
from flex_outbound.outbox.window import State
from tests.integration.pipeline.conftest import Sandbox, run_due

NUMBER = "+14155550123"
TEMPLATE = "HX" + "1" * 32
Wrote = Callable[..., Conversation]
Click = Callable[..., Interaction]


@pytest.fixture
def whatsapp(senders: list[Sender]) -> Sender:
    """The sender of WhatsApp."""
    return next(one for one in senders if one.channel == Channel.WHATSAPP)


@pytest.fixture
def second(account: Account, whatsapp: Sender) -> Sender:
    """Another sender of WhatsApp."""
    return Sender.objects.create(
        account=account, channel="whatsapp", address="+15005550099", display_name="Second", queue_sid=whatsapp.queue_sid
    )


@pytest.fixture
def wrote(account: Account, whatsapp: Sender) -> Wrote:
    """Let the customer have written so many hours ago."""

    def write(hours: float, sender: Sender = whatsapp, **more: Any) -> Conversation:
        values = {"address": NUMBER, "channel": "whatsapp", "state": "closed", "inbound": 1} | more
        at = timezone.now() - timedelta(hours=hours)
        return Conversation.objects.create(
            id=uuid.uuid4(),
            account=account,
            sender=sender,
            sender_address=sender.address,
            last_inbound_at=at,
            **values,
        )

    return write


def shown(user: User, contact: Contact) -> dict[str, Any]:
    """Return WhatsApp as the API shows it."""
    client = Client()
    client.force_login(user)
    found = client.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/").json()["channels"]
    return dict(found[1])


@pytest.mark.parametrize(
    ("hours", "state", "words", "needs_template"),
    [
        (2, "open", "Free text until", False),
        (23.5, "closing", "less than an hour", False),
        (24.01, "closed", "only approved templates", True),
    ],
)
def test_the_window_is_counted_from_the_last_answer(
    agent: User, contact: Contact, wrote: Wrote, hours: float, state: str, words: str, needs_template: bool
) -> None:
    wrote(40)
    wrote(hours)
    found = shown(agent, contact)
    assert found["enabled"], "a template can be sent"
    assert (found["window"]["state"], found["needs_template"]) == (state, needs_template)
    assert words in found["window"]["text"]


def test_who_never_wrote_is_warned_about_and_not_refused(
    agent: User, contact: Contact, sandbox: Sandbox, click: Click
) -> None:
    found = shown(agent, contact)
    assert (found["window"]["state"], found["needs_template"]) == ("unknown", False)
    assert "we know of none" in found["window"]["text"]
    row = click(channel="whatsapp", body="Hello")
    run_due()
    row.refresh_from_db()
    assert row.status != "failed"


def test_a_project_may_refuse_what_is_unknown(agent: User, contact: Contact, click: Click, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "WHATSAPP_WINDOW": "refuse"}
    assert shown(agent, contact)["needs_template"]
    with pytest.raises(InvalidClick) as caught:
        click(channel="whatsapp", body="Hello")
    assert (caught.value.code, caught.value.field) == ("outside_window", "body")
    assert click(channel="whatsapp", content_sid=TEMPLATE, content_variables={})


def test_two_senders_have_two_windows(
    agent: User, contact: Contact, wrote: Wrote, second: Sender, click: Click, whatsapp: Sender
) -> None:
    wrote(30)
    wrote(1, second)
    windows = {one["sender"]: one["state"] for one in shown(agent, contact)["windows"]}
    assert windows == {whatsapp.pk: "closed", second.pk: "open"}
    with pytest.raises(InvalidClick):
        click(channel="whatsapp", body="Hello")
    assert click(channel="whatsapp", body="Hello", sender=second.pk)


def test_a_sender_that_was_deleted_is_found_by_its_address(
    agent: User, contact: Contact, wrote: Wrote, whatsapp: Sender
) -> None:
    row = wrote(1)
    Conversation.objects.filter(pk=row.pk).update(sender=None)
    assert shown(agent, contact)["window"]["state"] == "open"
    assert window.asked(Interaction(account=row.account, sender=whatsapp, address=NUMBER)) == State.UNKNOWN
    interaction = Interaction(account=row.account, sender=None, sender_address=whatsapp.address, address=NUMBER)
    assert window.asked(interaction) == State.OPEN


@pytest.mark.parametrize("more", [{"channel": "sms"}, {"is_foreign": True}, {"address": "+14155550199"}])
def test_only_what_was_said_to_this_sender_on_whatsapp_counts(
    agent: User, contact: Contact, wrote: Wrote, more: dict[str, Any]
) -> None:
    wrote(1, **more)
    assert shown(agent, contact)["window"]["state"] == "unknown"


def test_a_window_that_closes_between_click_and_dispatch_sends_nothing(
    wrote: Wrote, click: Click, sandbox: Sandbox
) -> None:
    row_of_window = wrote(23.9)
    row = click(channel="whatsapp", body="Hello")
    late = timezone.now() - timedelta(hours=24, seconds=1)
    Conversation.objects.filter(pk=row_of_window.pk).update(last_inbound_at=late)
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason) == ("failed", "outside_window")
    assert "approved template" in row.error_message
    assert sandbox.interactions == []


@pytest.mark.parametrize("content", [{"content_sid": TEMPLATE}, {}])
def test_a_template_and_no_text_at_all_go_outside_the_window(
    wrote: Wrote, click: Click, sandbox: Sandbox, content: dict[str, str]
) -> None:
    wrote(30)
    row = click(channel="whatsapp", **content)
    run_due()
    row.refresh_from_db()
    assert row.status != "failed"


def test_a_text_that_waits_for_its_conversation_is_checked_once_more(
    wrote: Wrote, click: Click, sandbox: Sandbox
) -> None:
    window_row = wrote(1)
    row = click(channel="whatsapp", body="Hello")
    run_due()
    Conversation.objects.filter(pk=window_row.pk).update(last_inbound_at=timezone.now() - timedelta(hours=25))
    Interaction.objects.update(sent_at=timezone.now() - timedelta(hours=1))
    message = Message.objects.select_related("interaction", "conversation").get(interaction=row)
    rejection = window.barrier_of_message(message)
    assert rejection is not None
    assert rejection.reason == "outside_window"


@pytest.fixture
def own(agent: User, contact: Contact, wrote: Wrote) -> Wrote:
    """Let the agent have an open conversation in which the customer wrote so many hours ago."""

    def make(hours: float, **more: Any) -> Conversation:
        room = wrote(hours, state="active", agent=agent, **more)
        ConversationContact.objects.create(
            conversation=room, contact_type=contact_type_of(contact), contact_id=str(contact.pk)
        )
        return room

    return make


def contact_type_of(contact: Contact) -> Any:
    """Return the content type of a contact."""
    return Conversation._meta.apps.get_model("contenttypes", "ContentType").objects.get_for_model(contact)


def test_an_answer_outside_the_window_is_refused_at_once_and_at_dispatch(
    agent: User, own: Wrote, sandbox: Sandbox
) -> None:
    room = own(23)
    sent = answers.answer(Reply(agent, room, body="Soon"))
    Conversation.objects.filter(pk=room.pk).update(last_inbound_at=timezone.now() - timedelta(hours=25))
    messages.deliver(room.account_id)
    sent.refresh_from_db()
    assert (sent.status, sent.error_reason) == ("failed", "outside_window")
    with pytest.raises(InvalidClick, match="approved template"):
        answers.answer(Reply(agent, room, body="Too late"))
    assert answers.answer(Reply(agent, room, content_sid=TEMPLATE))


def test_an_earlier_conversation_keeps_the_window_open_for_an_answer(
    agent: User, own: Wrote, wrote: Wrote, rf: Any, contact: Contact
) -> None:
    room = own(30)
    wrote(2)
    assert answers.answer(Reply(agent, room, body="In time"))
    request = rf.get("/")
    request.user = agent
    [one] = answering.answering_context(request, contact)["answerable"]
    assert [each.state for each in one["windows"]] == [State.OPEN]


def test_nothing_is_asked_for_where_no_window_is(
    agent: User, click: Click, django_assert_num_queries: Any, whatsapp: Sender
) -> None:
    with django_assert_num_queries(0):
        assert window.windows_of([], [whatsapp]) == window.windows_of([NUMBER], []) == []
        window.check(Interaction(channel="sms"), Message(body="Hello"))
        window.check(Interaction(channel="whatsapp"), Message(content_sid=TEMPLATE))
