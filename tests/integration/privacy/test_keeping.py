"""``MESSAGE_TEXT``: what is kept of what was said, in each of its three ways."""

import json
from typing import Any

import pytest
from django.core import serializers

from flex_outbound.exceptions import Refused
from flex_outbound.models import Account, Conversation, Interaction, Message
from flex_outbound.outbox import decisions
from flex_outbound.outbox.conversations import hearing
from flex_outbound.testing import Flex

from .conftest import MARK, Opened, read

pytestmark = pytest.mark.django_db

LESS = pytest.mark.parametrize("mode", ["fetch", "none"])


def kept() -> str:
    """Return everything that is in the tables of what was said."""
    rows = [*Conversation.objects.all(), *Message.objects.all()]
    return serializers.serialize("json", rows)


def texts_of_customers() -> list[str]:
    return list(Message.objects.exclude(party="agent").values_list("body", flat=True))


def answer(flex: Flex, row: Interaction, body: str = f"It is {MARK}", **more: Any) -> str:
    """Let the customer answer with a text, a subject and a file."""
    file = flex.gateway.add_file("image/png", f"{MARK}.png", b"x")
    sid = flex.gateway.add_message(row.conversation_sid or "", body, subject=MARK, media=[file], **more)
    read(flex)
    return sid


@pytest.mark.parametrize("per_account", [False, True])
def test_texts_are_stored_by_default(flex: Flex, opened: Opened, settings: Any, per_account: bool) -> None:
    if per_account:
        settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "MESSAGE_TEXT": "none"}
        Account.objects.update(message_text="store")
    row = opened()
    answer(flex, row)
    assert texts_of_customers() == [f"It is {MARK}"]
    assert f"{MARK}.png" in kept()
    assert Conversation.objects.get().last_text == f"It is {MARK}"


@LESS
@pytest.mark.parametrize("per_account", [False, True])
def test_nothing_that_was_said_is_kept_where_texts_are_not(
    flex: Flex, opened: Opened, settings: Any, mode: str, per_account: bool
) -> None:
    if per_account:
        Account.objects.update(message_text=mode)
    else:
        settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "MESSAGE_TEXT": mode}
    row = opened(channel="email", subject=f"About {MARK}")
    assert [(one.body, one.subject) for one in flex.messages] == [(f"Hello {MARK}", f"About {MARK}")]
    sid = answer(flex, row)

    row.refresh_from_db()
    assert row.subject == ""
    Conversation.objects.update(customer_name="", address="", address_key="")
    Message.objects.exclude(party="agent").update(author="")
    assert MARK not in kept()
    heard = Message.objects.get(message_sid=sid)
    assert (heard.is_text_kept, heard.has_media, heard.media[0]["content_type"]) == (False, True, "image/png")
    assert not Message.objects.get(interaction=row).is_text_kept


@LESS
def test_what_callbacks_tell_is_not_kept_either(flex: Flex, opened: Opened, mode: str) -> None:
    Account.objects.update(message_text=mode)
    row = opened()
    said = {"ConversationSid": row.conversation_sid, "Author": row.address, "MessageSid": "IM" + "7" * 32}
    said |= {"Index": "9", "Body": MARK, "Subject": MARK}
    said |= {"Media": json.dumps({"Sid": "ME" + "7" * 32, "Filename": f"{MARK}.png", "ContentType": "image/png"})}
    for event, more in (
        ("onMessageAdded", {}),
        ("onMessageUpdated", {"DateCreated": "2026-01-01T00:00:00Z", "DateUpdated": "2026-01-02T00:00:00Z"}),
    ):
        hearing.hear(row.account, event, said | more, lambda: row)
    flex.run_pending()
    assert Message.objects.filter(message_sid=said["MessageSid"], has_media=True).exists()
    assert MARK not in serializers.serialize("json", Message.objects.all())
    assert MARK not in Conversation.objects.get().last_text


@LESS
def test_an_email_whose_text_is_a_file_is_not_taken_for_one_without(flex: Flex, opened: Opened, mode: str) -> None:
    Account.objects.update(message_text=mode)
    row = opened(channel="email", subject="Hi")
    part = flex.gateway.add_file("text/plain", "", MARK.encode(), category="body")
    sid = flex.gateway.add_message(row.conversation_sid or "", media=[part])
    read(flex)
    message = Message.objects.get(message_sid=sid)
    assert (message.body, message.is_text_kept) == ("", False)


@LESS
def test_what_an_agent_wrote_is_kept_until_it_was_sent(flex: Flex, opened: Opened, user: Any, mode: str) -> None:
    Account.objects.update(message_text=mode)
    flex.fail_next(Refused("no", reason="invalid_request", http_status=400), "create_message")
    row = opened(channel="email", subject=MARK)
    message = Message.objects.get(interaction=row)
    assert (message.status, message.body, message.is_text_kept) == ("failed", f"Hello {MARK}", True)
    assert row.subject == MARK
    flex.complete(row)
    flex.run_pending(within=400)
    Interaction.objects.filter(pk=row.pk).update(status="failed", error_reason="not_opened")
    row.refresh_from_db()

    again = decisions.retry(row, user)
    flex.run_pending(within=30)
    assert [one.body for one in flex.messages] == [f"Hello {MARK}"]
    assert [one.subject for one in flex.messages] == [MARK]
    for one in (row, again):
        one.refresh_from_db()
        assert (one.subject, Message.objects.get(interaction=one).body) == ("", "")


@LESS
def test_an_answer_that_was_lost_is_found_and_then_emptied(flex: Flex, opened: Opened, mode: str) -> None:
    Account.objects.update(message_text=mode)
    flex.gateway.fail_next(Refused("no", reason="invalid_request", http_status=400), "create_message", carried_out=True)
    row = opened()
    read(flex)
    message = Message.objects.get(interaction=row)
    assert (message.status, message.body, message.is_text_kept) == ("sent", "", False)
    assert Conversation.objects.get().last_text == ""


def test_an_edit_after_the_switch_leaves_nothing_of_the_former_text(flex: Flex, opened: Opened) -> None:
    row = opened()
    sid = answer(flex, row)
    Account.objects.update(message_text="fetch")
    times = {"DateCreated": "2026-01-01T00:00:00Z", "DateUpdated": "2099-01-02T00:00:00Z"}
    edited = {"ConversationSid": row.conversation_sid or "", "Author": row.address, "MessageSid": sid, "Body": "New"}
    hearing.hear(Account.objects.get(), "onMessageUpdated", edited | times, lambda: row)
    message = Message.objects.get(message_sid=sid)
    assert (message.body, message.subject, message.is_text_kept) == ("", "", False)
    Account.objects.update(message_text="store")
    hearing.hear(
        Account.objects.get(), "onMessageUpdated", edited | times | {"DateUpdated": "2099-01-03T00:00:00Z"}, lambda: row
    )
    message.refresh_from_db()
    assert (message.body, message.is_text_kept) == ("New", True)


def test_messages_of_a_time_that_was_forgotten_are_not_taken_up_again(flex: Flex, opened: Opened) -> None:
    row = opened()
    sid = answer(flex, row)
    known = Message.objects.get(interaction=row)
    later = Message.objects.get(message_sid=sid)
    Conversation.objects.update(forgotten_at=later.said_at, inbound=1)
    Message.objects.filter(pk=known.pk).update(body="", media=[], author="", index=None)
    later.delete()
    read(flex)
    known.refresh_from_db()
    assert (known.body, known.author, known.index) == ("", "", 0)
    assert not Message.objects.filter(message_sid=sid).exists()
    assert Conversation.objects.get().inbound == 1
