"""The text of one message, read at Twilio for the one who asks and kept nowhere."""

import logging
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import serializers
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from flex_outbound.exceptions import OutcomeUnknown, TextUnavailable
from flex_outbound.models import Account, Conversation, Interaction, Message
from flex_outbound.outbox import ratelimit
from flex_outbound.outbox.conversations.fetching import fetch_text
from flex_outbound.testing import Flex
from tests.integration.pages import strict

from .conftest import MARK, Opened, read

pytestmark = pytest.mark.django_db

SAID = f"<script>alert(1)</script>\nIt is {MARK} \u202e&"


@pytest.fixture
def message(flex: Flex, opened: Opened) -> Message:
    """A customer's message whose text is at Twilio only."""
    Account.objects.update(message_text="fetch")
    row = opened()
    sid = flex.gateway.add_message(row.conversation_sid or "", SAID, subject=f"About {MARK}")
    read(flex)
    found = Message.objects.get(message_sid=sid)
    assert found.body == ""
    return found


@pytest.fixture
def reader(client: Client, user: User) -> Client:
    """A browser in which the agent of the conversation is signed in."""
    client.force_login(user)
    return client


def ask(client: Client, message: Message, accept: str = "application/json") -> Any:
    return client.get(f"/flex/messages/{message.pk}/text/", headers={"accept": accept})


def code_of(message: Message) -> str:
    with pytest.raises(TextUnavailable) as caught:
        fetch_text(Message.objects.get(pk=message.pk))
    return caught.value.code


def test_the_text_comes_from_twilio_and_is_kept_nowhere(
    message: Message, reader: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = ask(reader, message)
    assert answer.json() == {"body": SAID, "subject": f"About {MARK}"}
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert MARK not in serializers.serialize("json", Message.objects.all())
    assert MARK not in caplog.text
    assert MARK not in repr(getattr(cache, "_cache", ""))


def test_without_a_script_it_is_a_page(message: Message, reader: Client) -> None:
    answer = ask(reader, message, "text/html")
    page = answer.content.decode()
    assert "&lt;script&gt;" in page
    assert f"About {MARK}" in page
    assert strict.read(page).faults == []
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_what_is_kept_is_not_asked_for(flex: Flex, opened: Opened) -> None:
    row = opened()
    flex.gateway.records.clear()
    assert fetch_text(Message.objects.get(interaction=row)) == f"Hello {MARK}"


def test_the_text_of_an_email_is_read_from_its_file(flex: Flex, opened: Opened) -> None:
    Account.objects.update(message_text="fetch")
    row = opened(channel="email", subject="Hi")
    part = flex.gateway.add_file("text/html", "", b"<p>It is <b>mine</b></p><img src='http://evil'>", category="body")
    sid = flex.gateway.add_message(row.conversation_sid or "", media=[part])
    read(flex)
    assert fetch_text(Message.objects.get(message_sid=sid)) == "It is mine"


def test_none_shows_no_text_whether_it_is_here_or_at_twilio(message: Message, reader: Client) -> None:
    Account.objects.update(message_text="none")
    assert ask(reader, message).status_code == 403
    assert code_of(message) == "hidden"
    Message.objects.filter(pk=message.pk).update(body=MARK, is_text_kept=True)
    assert code_of(message) == "hidden"


def test_what_an_agent_still_sends_is_shown_in_every_way(flex: Flex, opened: Opened) -> None:
    row = opened()
    Account.objects.update(message_text="none")
    Message.objects.filter(interaction=row).update(status="failed")
    assert fetch_text(Message.objects.get(interaction=row)) == f"Hello {MARK}"


def test_what_was_removed_or_is_gone_is_not_shown(message: Message, flex: Flex, reader: Client) -> None:
    flex.gateway.records.clear()
    assert code_of(message) == "gone"
    assert ask(reader, message).status_code == 404
    Message.objects.filter(pk=message.pk).update(removed_at=timezone.now())
    assert code_of(message) == "gone"


def test_what_was_erased_is_not_brought_back(message: Message, reader: Client) -> None:
    Conversation.objects.update(forgotten_at=message.said_at)
    assert code_of(message) == "erased"
    assert ask(reader, message).status_code == 410


def test_twilio_that_fails_is_told_without_its_words(message: Message, flex: Flex, reader: Client) -> None:
    flex.fail_next(OutcomeUnknown(f"no {MARK}", reason="no_answer"), "fetch_message")
    answer = ask(reader, message)
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (502, "unreachable", "5")
    assert MARK not in answer.content.decode()


def test_asking_is_within_the_limit_of_all_workers(
    message: Message, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratelimit, "take", lambda budget, sid: 1.4)
    answer = ask(reader, message, "text/html")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "alert" in answer.content.decode()


def test_only_who_may_see_the_conversation_may_read(message: Message, client: Client, opened: Opened) -> None:
    assert ask(client, message).status_code == 302
    other = User.objects.create_user("bea")
    client.force_login(other)
    assert ask(client, message).status_code == 404
    assert client.get("/flex/messages/99999999/text/").status_code == 404
    other.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    assert ask(client, message).status_code == 200


def test_a_first_message_before_its_conversation_is_shown_to_its_agent(
    flex: Flex, opened: Opened, user: User, client: Client
) -> None:
    row = opened()
    Interaction.objects.filter(pk=row.pk).update(agent=user)
    Message.objects.filter(interaction=row).update(conversation=None)
    first = Message.objects.get(interaction=row)
    client.force_login(User.objects.create_user("bea"))
    assert ask(client, first).status_code == 404
    client.force_login(user)
    assert ask(client, first).json()["body"] == f"Hello {MARK}"
