"""The form under the timeline, and its way without JavaScript."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound import answering
from flex_outbound.channels import Channel
from flex_outbound.contacts import adapter_for, content_type_of
from flex_outbound.models import Attachment, Conversation, ConversationContact, Interaction, Message, Sender
from flex_outbound.twilio_statuses import ConversationState
from tests.integration.pages.strict import read

Open = Callable[..., Conversation]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60


@pytest.fixture
def open_conversation(senders: dict[Channel, Sender], worker: Any, agent: Any, contact: Contact) -> Open:
    def make(channel: Channel = Channel.SMS, **changes: Any) -> Conversation:
        sender = senders[channel]
        values: dict[str, Any] = {
            "account": sender.account,
            "channel": channel,
            "address": "ann@example.com" if channel is Channel.EMAIL else "+14155550123",
            "sender": sender,
            "sender_address": sender.address,
            "agent": agent,
            "state": ConversationState.ACTIVE,
            "last_inbound_at": timezone.now(),
        }
        room = Conversation.objects.create(pk=uuid.uuid4(), **{**values, **changes})
        kind = content_type_of(adapter_for(Contact))
        ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
        return room

    return make


@pytest.fixture
def request_of(agent: Any) -> HttpRequest:
    request = RequestFactory().get("/contacts/1/?tab=2")
    request.user = agent
    return request


def shown(request: HttpRequest, contact: Contact) -> str:
    context = answering.answering_context(request, contact)
    return render_to_string("flex_outbound/_answer.html", context, request)


def test_there_is_one_form_for_each_own_open_conversation(
    open_conversation: Open, request_of: HttpRequest, contact: Contact, other_agent: Any
) -> None:
    sms, email = open_conversation(), open_conversation(Channel.EMAIL)
    open_conversation(Channel.WHATSAPP, agent=other_agent)
    open_conversation(Channel.WHATSAPP, state=ConversationState.CLOSED)
    html = shown(request_of, contact)
    read(html)
    for room in (sms, email):
        assert f'action="/flex/conversations/{room.conversation_sid}/answer/"' in html
    assert html.count("<form") == 2
    assert "up to 5.0" in html.replace("\xa0", " ")
    assert "Attach them in Flex" in html


def test_without_any_conversation_there_is_nothing(request_of: HttpRequest, contact: Contact, senders: Any) -> None:
    html = shown(request_of, contact)
    assert "<form" not in html
    assert "ended" not in html


def test_where_all_have_ended_it_says_what_can_be_done(
    open_conversation: Open, request_of: HttpRequest, contact: Contact
) -> None:
    open_conversation(state=ConversationState.CLOSED)
    assert "Begin a new one with the buttons" in shown(request_of, contact)


def test_who_cannot_send_is_told_why(
    open_conversation: Open, request_of: HttpRequest, contact: Contact, senders: dict[Channel, Sender]
) -> None:
    open_conversation()
    senders[Channel.SMS].is_active = False
    senders[Channel.SMS].save()
    html = shown(request_of, contact)
    assert "switched off" in html
    assert "<textarea" not in html


def test_the_page_says_what_happens_while_nobody_is_there(
    open_conversation: Open, request_of: HttpRequest, contact: Contact
) -> None:
    room = open_conversation(state=ConversationState.INACTIVE)
    assert "to any agent" in shown(request_of, contact)
    row = Interaction(status="active", channel_status="pause")
    room.state, room.interaction = ConversationState.ACTIVE, row
    assert ["paused" in one for one in answering.hints_of(room)] == [True]


def test_the_page_warns_outside_of_whatsapps_window(open_conversation: Open) -> None:
    late = timezone.now() - timedelta(hours=25)
    room = open_conversation(Channel.WHATSAPP, last_inbound_at=late)
    assert ["24 hours" in one for one in answering.hints_of(room)] == [True]
    room.last_inbound_at = timezone.now()
    assert answering.hints_of(room) == []


@pytest.mark.parametrize(("subject", "proposed"), [("Offer", "Re: Offer"), ("RE: Offer", "RE: Offer"), ("", "")])
def test_the_answer_to_an_email_has_its_subject(open_conversation: Open, subject: str, proposed: str) -> None:
    room = open_conversation(Channel.EMAIL)
    room.interaction = Interaction(subject=subject, status="active")
    setup = answering.Setup(None)
    assert answering.describe_conversation(room, setup)["subject"] == proposed


def url_of(room: Conversation) -> str:
    return f"/flex/conversations/{room.conversation_sid}/answer/"


def test_the_plain_form_answers_and_goes_back(client_agent: Client, open_conversation: Open) -> None:
    form = {"body": "One\r\nTwo", "idempotency_key": "k" * 32, "next": "/?q=ann"}
    for _time in range(2):
        response = client_agent.post(url_of(open_conversation() if not Message.objects.exists() else _room()), form)
        assert (response.status_code, response["Location"]) == (302, "/?q=ann")
    assert [one.body for one in Message.objects.all()] == ["One\nTwo"]
    assert [str(one) for one in get_messages(response.wsgi_request)][-1] == "Your answer is being sent."


def _room() -> Conversation:
    return Conversation.objects.get()


def test_a_file_goes_without_javascript(client_agent: Client, open_conversation: Open) -> None:
    form = {"body": "", "media": SimpleUploadedFile("a.png", PNG, "image/png")}
    assert client_agent.post(url_of(open_conversation()), form).status_code == 302
    assert bytes(Attachment.objects.get().data) == PNG


def test_no_file_chosen_is_no_file(client_agent: Client, open_conversation: Open) -> None:
    parts = (b'name="body"\r\n\r\nHi', b'name="media"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n')
    body = b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--x--\r\n"
    url = url_of(open_conversation())
    assert client_agent.post(url, body, content_type="multipart/form-data; boundary=x").status_code == 302
    assert not Message.objects.get().has_media


def test_an_error_keeps_what_was_typed_and_names_the_field(client_agent: Client, open_conversation: Open) -> None:
    form = {"body": "Say <b>", "idempotency_key": "k" * 32, "media": SimpleUploadedFile("a.png", b"<svg>", "image/png")}
    response = client_agent.post(url_of(open_conversation()), form)
    html = response.content.decode()
    read(html)
    assert response.status_code == 400
    assert "Say &lt;b&gt;" in html
    assert "not what its type says" in html
    assert "Choose the file again" in html
    assert 'name="idempotency_key" value="' + "k" * 32 in html


def test_what_can_no_longer_be_sent_is_shown_to_be_copied(client_agent: Client, open_conversation: Open) -> None:
    response = client_agent.post(url_of(open_conversation(state=ConversationState.CLOSED)), {"body": "My words"})
    html = response.content.decode()
    assert response.status_code == 409
    assert "has ended" in html
    assert "My words" in html
    assert "flex-answer-form" not in html


def test_anothers_conversation_is_not_there(
    client_agent: Client, open_conversation: Open, other_agent: Any, client: Client
) -> None:
    assert client_agent.post(url_of(open_conversation(agent=other_agent)), {"body": "Hi"}).status_code == 404
    assert Client().post(url_of(_room()), {"body": "Hi"}).status_code == 302  # to the sign-in page
    assert not Message.objects.exists()


def test_the_form_can_be_asked_for_anew(client_agent: Client, open_conversation: Open, contact: Contact) -> None:
    open_conversation()
    response = client_agent.get(f"/flex/answering/crm_demo.contact/?id={contact.pk}")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert response.content.count(b"<form") == 1
    assert client_agent.get("/flex/answering/crm_demo.contact/?id=999").status_code == 404


def test_forged_answers_are_refused(agent: Any, open_conversation: Open) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(agent)
    assert client.post(url_of(open_conversation()), {"body": "Hi"}).status_code == 403


def test_a_form_that_is_larger_than_any_answer_is_refused_before_it_is_read(
    client: Client, open_conversation: Open, agent: Any
) -> None:
    client.force_login(agent)
    address = f"/flex/conversations/{open_conversation().conversation_sid}/answer/"
    answer = client.post(address, {"body": "Hello"}, CONTENT_LENGTH=str(10**10))
    assert answer.status_code == 413
    assert "at most 16" in answer.content.decode().replace("\xa0", " ")
    assert not Message.objects.filter(body="Hello").exists()
