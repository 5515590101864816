"""The signature of emails: the sender's, with the agent's name, below every text and never twice."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Conversation, Interaction, Message, Sender
from flex_outbound.models.setup import forget_setup
from flex_outbound.outbox import messages
from flex_outbound.outbox.conversations.keeping import NO_TEXT
from flex_outbound.twilio_statuses import ConversationState
from tests.integration.api.conftest import Post

SIGNATURE = "{{agent.name}}\nMail: {{agent.email}}\n{{agent.email}}\n\nThe Clinic"
AS_SENT = "Ada\nMail:\n\nThe Clinic"
"""What stays of it for an agent without an address: no line of a placeholder alone, and no braces."""


def sign(text: str) -> None:
    Sender.objects.update(signature=text)
    forget_setup()


@pytest.fixture(autouse=True)
def signed(senders: dict[str, Sender]) -> None:
    """Every sender has one; only that of emails is used."""
    sign(SIGNATURE)


@pytest.fixture
def email(post: Post) -> Post:
    def click(**changes: Any) -> Any:
        return post(**{"channel": "email", "subject": "Yours", "body": "Hello"} | changes)

    return click


def test_an_email_goes_with_its_signature(email: Post) -> None:
    assert email().status_code == 202
    message = Message.objects.select_related("interaction").get()
    assert message.body == f"Hello\n\n{AS_SENT}"
    assert message.typed == "Hello"
    assert messages.build_request(message).body == message.body


def test_other_channels_have_none_and_neither_has_an_empty_text(post: Post, email: Post) -> None:
    post(channel="sms", body="Hello")
    assert Message.objects.get().body == "Hello"
    email(body="  ")
    assert Message.objects.count() == 1


@pytest.mark.parametrize("text", [f"Hello\n{AS_SENT}", f"Hello\n\n{AS_SENT}\n", AS_SENT])
def test_a_text_that_bears_it_already_gets_no_second_one(email: Post, text: str) -> None:
    email(body=text)
    assert Message.objects.get().body == text.rstrip()


def test_one_that_only_ends_alike_gets_it(email: Post) -> None:
    sign("da")
    email(body="Hello, I am Ada")
    assert Message.objects.get().body == "Hello, I am Ada\n\nda"


def test_a_retry_signs_once_with_the_signature_of_today(email: Post, client: Client) -> None:
    first = email().json()
    Interaction.objects.update(
        status="failed", error_reason="server_error", next_at=None, finished_at="2025-01-01T00:00Z"
    )
    sign("New")
    again = client.post(first["retry_url"])
    assert again.status_code == 202, again.content
    assert Message.objects.get(interaction=again.json()["id"]).body == "Hello\n\nNew"


def test_the_same_request_is_the_same_after_a_new_signature(email: Post) -> None:
    first = email(idempotency_key="k")
    sign("New")
    assert email(idempotency_key="k").json()["id"] == first.json()["id"]
    other = email(idempotency_key="k", body="Another")
    assert (other.status_code, other.json()["differs_in"]) == (409, ["body"])
    assert Message.objects.count() == 1


def test_a_new_signature_makes_no_other_click_of_an_equal_one(email: Post) -> None:
    first = email(idempotency_key="k")
    sign("New")
    assert email(idempotency_key="l").json()["id"] == first.json()["id"]
    assert email(idempotency_key="k", subject="Other").json()["differs_in"] == ["subject"]


def test_both_together_must_fit(email: Post) -> None:
    sign("s" * 1000)
    refused = email(body="b" * 1600)
    assert refused.status_code == 400
    [words] = refused.json()["body"]
    assert "signature of 1002 characters" in words
    assert "Shorten it by 1002." in words
    assert not Interaction.objects.exists()
    assert email(body="b" * 598).status_code == 202
    assert len(Message.objects.get().body) == 1600


def test_1600_emoji_go_where_there_is_no_signature(email: Post) -> None:
    sign("")
    assert email(body="😀" * 1600).status_code == 202


def test_a_placeholder_that_a_signature_cannot_have_is_left_out(email: Post) -> None:
    sign("Yours, {{contact.name}}{{ AGENT.name }}")
    email()
    assert Message.objects.get().body == "Hello\n\nYours,  Ada"


def test_an_answer_is_signed_too(client: Client, agent: User, senders: dict[str, Sender], contact: Contact) -> None:
    sender = senders["email"]
    values = {"account": sender.account, "channel": "email", "address": "ann@example.com", "sender": sender}
    room = Conversation.objects.create(pk=uuid.uuid4(), agent=agent, state=ConversationState.ACTIVE, **values)
    url = f"/flex/api/conversations/{room.conversation_sid}/messages/"
    first = client.post(url, {"body": "Hello", "idempotency_key": "k"}, "application/json")
    sign("New")
    again = client.post(url, {"body": "Hello", "idempotency_key": "k"}, "application/json")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert Message.objects.get().body == f"Hello\n\n{AS_SENT}"


def test_what_is_forgotten_takes_the_signature_along() -> None:
    assert NO_TEXT["signature"] == ""


@pytest.mark.parametrize(
    ("to", "kept"),
    [
        (["Ann Other <other@example.com>"], ["other@example.com"]),
        (["other@EXAMPLE.com", "Other@example.com"], ["other@example.com"]),
    ],
)
def test_addresses_come_with_a_name_or_twice(email: Post, to: list[str], kept: list[str]) -> None:
    assert email(to=to).status_code == 202
    assert Interaction.objects.get().to == kept


def test_every_wrong_address_is_named(email: Post) -> None:
    refused = email(cc=["a@example.com", "nobody", "b@", "c@example.com"])
    assert refused.json() == {"cc": ["nobody, b@: This is not a valid email address."]}


def test_who_is_a_recipient_already_gets_no_hidden_copy(email: Post, client: Client) -> None:
    assert (
        email(to=["x@example.com"], cc=["y@example.com"], bcc=["X@example.com", "ann@example.com"]).status_code == 202
    )
    row = Interaction.objects.get()
    assert (row.to, row.cc, row.bcc) == (["x@example.com"], ["y@example.com"], [])


def test_a_subject_with_a_line_break_is_refused(email: Post) -> None:
    assert email(subject="One\nTwo").json() == {"subject": ["A subject is one line."]}
