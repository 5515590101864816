"""POST conversations/{sid}/messages/: an answer is committed once, and only into one's own conversation."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from crm_demo.models import Contact
from flex_outbound.api.shapes import AnswerShape
from flex_outbound.contacts import adapter_for, content_type_of
from flex_outbound.models import Account, Attachment, Conversation, ConversationContact, Message, Sender
from flex_outbound.outbox import jobs
from flex_outbound.twilio_statuses import ConversationState
from tests.integration.api.conftest import signed_in

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
Open = Callable[..., Conversation]
Say = Callable[..., Any]


@pytest.fixture
def open_conversation(account: Account, senders: dict[str, Sender], contact: Contact, agent: User) -> Open:
    """Return an open conversation, the agent's own by SMS unless told otherwise."""

    def make(channel: str = "sms", **changes: Any) -> Conversation:
        sender = senders[channel]
        values: dict[str, Any] = {
            "account": account,
            "channel": channel,
            "address": "ann@example.com" if channel == "email" else "+14155550123",
            "sender": sender,
            "sender_address": sender.address,
            "agent": agent,
            "state": ConversationState.ACTIVE,
        }
        room = Conversation.objects.create(pk=uuid.uuid4(), **{**values, **changes})
        kind = content_type_of(adapter_for(Contact))
        ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
        return room

    return make


@pytest.fixture
def conversation(open_conversation: Open) -> Conversation:
    return open_conversation()


def url_of(conversation: Conversation) -> str:
    return f"/flex/api/conversations/{conversation.conversation_sid}/messages/"


@pytest.fixture
def say(client: Client, conversation: Conversation) -> Say:
    """Answer as JSON; with a file as a form."""

    def post(headers: dict[str, str] | None = None, **values: Any) -> Any:
        if "media" in values:
            return client.post(url_of(conversation), values, headers=headers)
        return client.post(url_of(conversation), values, content_type="application/json", headers=headers)

    return post


def picture(data: bytes = PNG, name: str = "a.png", kind: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, kind)


def test_an_answer_is_accepted_and_says_where_to_follow_it(
    say: Say, client: Client, conversation: Conversation
) -> None:
    answer = say(body="Hello <b>")
    assert answer.status_code == 202
    row = Message.objects.get()
    assert (row.body, row.status, row.conversation) == ("Hello <b>", "waiting", conversation)
    assert answer.json() == {
        "id": row.pk,
        "message_sid": None,
        "conversation_sid": conversation.conversation_sid,
        "status": "waiting",
        "status_label": "Waiting to be sent",
        "is_final": False,
        "delivery_status": None,
        "error_code": None,
        "error_reason": "",
        "error_message": "",
        "status_url": f"/flex/api/messages/{row.pk}/",
    }
    assert answer["Location"] == f"/flex/api/messages/{row.pk}/"
    assert client.get(answer["Location"]).json() == answer.json()


def test_an_answer_holds_just_the_fields_that_are_described(say: Say) -> None:
    assert list(say(body="Hello").json()) == list(AnswerShape().fields)


def test_a_job_is_asked_for_after_the_commit(
    say: Say, woken: list[tuple[str, str]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        say(body="Hello")
        assert woken == []
    assert woken == [("message", str(Message.objects.get().account_id))]


def test_a_broker_that_is_down_costs_the_agent_nothing(
    say: Say, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    def refuse(job: jobs.Job, row_id: str, delay: float) -> None:
        raise ConnectionError

    jobs.connect(refuse)
    with django_capture_on_commit_callbacks(execute=True):
        assert say(body="Hello").status_code == 202
    assert Message.objects.get().next_at is not None


def test_the_same_key_is_one_message_also_from_the_header(say: Say) -> None:
    first = say(body="Hello", idempotency_key="k")
    again = say(body="Hello", headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    assert Message.objects.count() == 1


def test_another_content_with_the_same_key_is_a_conflict(say: Say) -> None:
    say(body="Hello", idempotency_key="k")
    answer = say(body="Hello!", subject="", idempotency_key="k")
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["differs_in"]) == ("idempotency_key_reused", ["body"])


def test_the_same_key_in_another_conversation_is_a_conflict(say: Say, client: Client, open_conversation: Open) -> None:
    say(body="Hello", idempotency_key="k")
    values = {"body": "Hello", "idempotency_key": "k"}
    answer = client.post(url_of(open_conversation("email")), values, content_type="application/json")
    assert (answer.status_code, answer.json()["differs_in"]) == (409, ["conversation_sid"])


def test_a_file_comes_as_a_form(say: Say) -> None:
    answer = say(body="Look", media=picture(name="../../House <1>.PNG"), idempotency_key="k")
    assert answer.status_code == 202
    file = Attachment.objects.get()
    assert (bytes(file.data), file.content_type, file.filename, file.size) == (PNG, "image/png", "House <1>.png", 68)
    assert say(body="Look", media=picture(name="../../House <1>.PNG"), idempotency_key="k").json() == answer.json()


def test_a_template_comes_with_its_variables(say: Say) -> None:
    assert say(content_sid="HX" + "a" * 32, content_variables={"1": "Ann"}).status_code == 202
    assert Message.objects.get().content_variables == {"1": "Ann"}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (picture(b""), "empty"),
        (picture(b"<svg onload=alert(1)>"), "not what its type says"),
        (picture(PNG + b"\0" * 5 * 2**20), "at most 5.0"),
        (picture(b"\0" * (16 * 2**20 + 1)), "at most 16.0"),
        (picture(b"MZ\x90", "a.exe", "application/x-msdownload"), "no file of this type"),
        (picture(b"RIFF0000WEBPVP8 ", "a.webp", "image/webp"), "no file of this type"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_a_remedy(file: SimpleUploadedFile, words: str, say: Say) -> None:
    answer = say(media=file)
    assert answer.status_code == 400
    [sentence] = answer.json()["media"]
    assert words in sentence.replace("\xa0", " ")
    assert not Message.objects.exists()


def test_whatsapp_shows_no_text_with_a_document(client: Client, open_conversation: Open) -> None:
    room = open_conversation("whatsapp")
    pdf = picture(b"%PDF-1.7", "a.pdf", "application/pdf")
    answer = client.post(url_of(room), {"body": "Look", "media": pdf})
    assert "Send the file alone" in answer.json()["media"][0]
    assert client.post(url_of(room), {"media": picture(b"%PDF-1.7", "a.pdf", "application/pdf")}).status_code == 202


def test_a_request_that_is_far_too_large_is_refused_unread(client: Client, conversation: Conversation) -> None:
    answer = client.post(url_of(conversation), {"media": picture(b"\0" * 18 * 2**20)})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("given", [{"body": ""}, {"body": "x" * 1601}, {"body": 7}, {"media": "no file", "body": "x"}])
def test_a_bad_field_is_named(given: dict[str, Any], say: Say, client: Client, conversation: Conversation) -> None:
    answer = client.post(url_of(conversation), json.dumps(given), content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()) == {"media" if "media" in given else "body"}


def test_nobody_answers_into_anothers_conversation(
    say: Say, colleague: User, open_conversation: Open, agent: User, client: Client
) -> None:
    for user in (colleague, agent):
        user.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    theirs = open_conversation("email", agent=colleague)
    assert client.post(url_of(theirs), {"body": "Hi"}).status_code == 404
    assert client.post("/flex/api/conversations/CHx/messages/", {"body": "Hi"}).status_code == 404
    assert client.post(f"/flex/api/conversations/CH{'0' * 32}/messages/", {"body": "Hi"}).status_code == 404
    mine = say(body="Mine").json()
    assert signed_in(colleague).get(mine["status_url"]).status_code == 404
    assert client.get("/flex/api/messages/987654321/").status_code == 404


def test_what_stands_in_the_way_is_said(
    say: Say, conversation: Conversation, contact: Contact, agent: User, client: Client
) -> None:
    Contact.objects.filter(pk=contact.pk).update(do_not_contact=True)
    assert say(body="Hi").json() == {"detail": "This customer has asked not to be messaged.", "code": "not_allowed"}
    Contact.objects.filter(pk=contact.pk).update(do_not_contact=False, restricted=True)
    assert say(body="Hi").status_code == 403
    Contact.objects.filter(pk=contact.pk).update(restricted=False)
    Conversation.objects.update(state=ConversationState.CLOSED)
    answer = say(body="Hi")
    assert (answer.status_code, answer.json()["code"]) == (409, "conversation_closed")
    Conversation.objects.update(state=ConversationState.INACTIVE)
    assert say(body="Hi").status_code == 202
    agent.user_permissions.clear()
    assert say(body="Hi").status_code == 403
    assert Client().post(url_of(conversation), {"body": "Hi"}).status_code in (401, 403)


def test_answers_are_limited_together_with_clicks(say: Say, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": {"click": "2/minute"}}
    assert [say(body=str(number)).status_code for number in range(3)] == [202, 202, 429]


def test_an_answer_is_a_handful_of_queries(say: Say, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    say(body="Warm")
    sign_in, savepoint = 2, 2
    asked = 1 + 1 + 1 + 1  # the conversation, permissions, whose it is, the contact
    with django_assert_num_queries(sign_in + asked + savepoint + 2):  # the message, the conversation's time
        assert say(body="Hello").status_code == 202


def test_following_is_one_query(say: Say, client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    url = say(body="Hello").json()["status_url"]
    with django_assert_num_queries(2 + 1):
        assert client.get(url).status_code == 200
