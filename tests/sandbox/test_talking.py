"""Customers and agents write by the control API: media, emails, other addresses, edits and removals."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from twilio.rest import Client

from flex_outbound.sandbox import defaults

from .conftest import CUSTOMER, Control, Receiver, Start, eventually

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
OTHER = "+15558675399"
OPAQUE = "whatsapp:US.1A2b3C"
MESSAGE_EVENTS = ["onMessageAdded", "onMessageUpdated", "onMessageRemoved"]
FIRST = ["onConversationAdded", "onParticipantAdded", "onMessageAdded"]


def picture(**changes: str) -> dict[str, str]:
    data = base64.b64encode(PNG).decode()
    return {"content_type": "image/png", "filename": "cat.png", "data": data} | changes


def listen(client: Client, receiver: Receiver, events: list[str]) -> None:
    client.conversations.v1.configuration.webhooks().update(
        post_webhook_url=receiver.url, filters=events, method="POST"
    )


def messages_of(client: Client, conversation: str) -> list[Any]:
    return list(client.conversations.v1.conversations(conversation).messages.list())


def content_of(raw: httpx.Client, sid: str) -> httpx.Response:
    return raw.get(f"/mcs/v1/Services/{defaults.CHAT_SERVICE_SID}/Media/{sid}/Content")


def test_the_customer_sends_a_picture(
    start: Start, control: Control, client: Client, raw: httpx.Client, receiver: Receiver
) -> None:
    made = start()
    listen(client, receiver, MESSAGE_EVENTS)
    said = control.post("/messages", {"conversation_sid": made.conversation, "media": [picture()]})
    [message] = messages_of(client, made.conversation)
    assert (message.author, message.body, message.media[0]["sid"]) == (CUSTOMER, None, said["media"][0])
    answer = content_of(raw, said["media"][0])
    assert (answer.content, answer.headers["Content-Type"]) == (PNG, "image/png")
    form = eventually(lambda: receiver.of("onMessageAdded"))[0]["form"]
    assert json.loads(form["Media"])[0]["Filename"] == "cat.png"


def test_the_agent_sends_a_picture_from_the_desk(start: Start, control: Control, client: Client) -> None:
    made = start()
    control.post(f"/tasks/{made.task}/accept")
    body = {"conversation_sid": made.conversation, "author": "agent", "body": "Look", "media": [picture()]}
    control.post("/replies", body)
    [message] = messages_of(client, made.conversation)
    assert (message.author, message.body, len(message.media)) == ("agent", "Look", 1)
    assert message.participant_sid.startswith("MB")


def test_an_email_has_its_text_and_its_html_as_media(
    start: Start, control: Control, client: Client, raw: httpx.Client, receiver: Receiver
) -> None:
    made = start("email", "ann@example.com")
    listen(client, receiver, MESSAGE_EVENTS)
    mail = {"from": "ann@example.com", "subject": "Re: Order", "body": "Thanks", "html": "<p>Thanks</p>"}
    control.post("/messages", mail | {"media": [picture(filename="plan.pdf", content_type="application/pdf")]})
    [message] = messages_of(client, made.conversation)
    assert message.body is None
    assert [(one["category"], one["content_type"]) for one in message.media] == [
        ("media", "application/pdf"),
        ("body", "text/plain"),
        ("body", "text/html"),
    ]
    assert content_of(raw, message.media[2]["sid"]).text == "<p>Thanks</p>"
    path = f"/conversations/v1/Conversations/{made.conversation}/Messages/{message.sid}"
    assert raw.get(path).json()["subject"] == "Re: Order"
    assert eventually(lambda: receiver.of("onMessageAdded"))[0]["form"]["Subject"] == "Re: Order"
    control.options(show_subject=False)
    assert "subject" not in raw.get(path).json()


def test_a_keyword_can_be_named_in_its_callback(
    start: Start, control: Control, client: Client, receiver: Receiver
) -> None:
    made = start()
    listen(client, receiver, ["onMessageAdded"])
    for word in ("STOP", "Hello", "start", "HELP"):
        control.post("/messages", {"conversation_sid": made.conversation, "body": word})
    control.options(opt_out_type=True)
    for word in ("STOP", "Hello", "start", "HELP"):
        control.post("/messages", {"conversation_sid": made.conversation, "body": word})
    told = eventually(lambda: calls if len(calls := receiver.of("onMessageAdded")) == 8 else None)
    named = [call["form"].get("OptOutType") for call in sorted(told, key=lambda one: int(one["form"]["Index"]))]
    assert named == [None] * 4 + ["STOP", None, "START", "HELP"]


def test_a_customer_who_answers_from_another_number_opens_another_conversation(
    start: Start, control: Control, client: Client, receiver: Receiver
) -> None:
    made = start()
    listen(client, receiver, FIRST)
    said = control.post("/messages", {"from": OTHER, "to": defaults.SMS_SENDER, "body": "It is me"})
    assert said["conversation_sid"] != made.conversation
    [customer] = client.conversations.v1.conversations(said["conversation_sid"]).participants.list()
    assert customer.messaging_binding == {"type": "sms", "address": OTHER, "proxy_address": defaults.SMS_SENDER}
    eventually(lambda: {call["form"]["EventType"] for call in receiver.calls} == set(FIRST))
    again = control.post("/messages", {"from": OTHER, "to": defaults.SMS_SENDER, "body": "Hello?"})
    assert again["conversation_sid"] == said["conversation_sid"]
    assert len(control.account()["tasks"]) == 1


def test_an_address_whose_configuration_creates_nothing_takes_no_first_message(
    control: Control, client: Client
) -> None:
    [address] = [
        one for one in client.conversations.v1.address_configurations.list() if one.address == defaults.SMS_SENDER
    ]
    address.update(auto_creation_enabled=False)
    first = {"from": OTHER, "to": defaults.SMS_SENDER, "body": "x"}
    assert control.http.post("/messages", json=first).status_code == 404
    assert control.http.post("/messages", json=first | {"to": "+15559999999"}).status_code == 404


def test_a_configuration_can_give_the_conversation_a_webhook(
    control: Control, client: Client, receiver: Receiver
) -> None:
    [address] = [one for one in client.conversations.v1.address_configurations.list() if one.type == "whatsapp"]
    address.update(
        auto_creation_enabled=True,
        auto_creation_type="webhook",
        auto_creation_webhook_url=receiver.url + "/auto",
        auto_creation_webhook_method="post",
        auto_creation_webhook_filters=["onMessageAdded"],
    )
    control.post("/messages", {"from": f"whatsapp:{OTHER}", "to": defaults.WHATSAPP_SENDER, "body": "x"})
    call = eventually(lambda: receiver.of("onMessageAdded"))[0]
    assert call["path"] == "/auto"
    assert call["form"]["WebhookSid"].startswith("WH")


def test_a_stranger_may_write_into_a_conversation_that_is_named(start: Start, control: Control, client: Client) -> None:
    made = start("email", "ann@example.com")
    control.post("/messages", {"conversation_sid": made.conversation, "from": "bob@example.com", "body": "Hi"})
    [message] = messages_of(client, made.conversation)
    assert (message.author, message.participant_sid) == ("bob@example.com", None)


def test_a_new_email_opens_a_conversation(control: Control, client: Client) -> None:
    mail = {"from": "new@example.com", "to": defaults.EMAIL_SENDER, "body": "Hello", "subject": "A question"}
    said = control.post("/messages", mail)
    [customer] = client.conversations.v1.conversations(said["conversation_sid"]).participants.list()
    assert customer.messaging_binding == {"type": "email", "level": "to", "address": "new@example.com"}


def test_an_opaque_address_is_a_customer_like_any_other(start: Start, control: Control, client: Client) -> None:
    made = start("whatsapp", OPAQUE)
    [customer] = client.conversations.v1.conversations(made.conversation).participants.list()
    assert customer.messaging_binding["address"] == OPAQUE
    control.post("/messages", {"from": OPAQUE, "body": "Hello"})
    [message] = messages_of(client, made.conversation)
    assert (message.author, message.participant_sid) == (OPAQUE, customer.sid)
    [found] = client.conversations.v1.participant_conversations.list(address=OPAQUE)
    assert (found.conversation_sid, found.participant_messaging_binding["address"]) == (made.conversation, OPAQUE)


def test_an_opaque_address_writes_first_and_may_be_refused_as_a_recipient(control: Control, raw: httpx.Client) -> None:
    said = control.post("/messages", {"from": OPAQUE, "to": defaults.WHATSAPP_SENDER, "body": "Hello"})
    people = raw.get(f"/conversations/v1/Conversations/{said['conversation_sid']}/Participants").json()
    assert people["participants"][0]["messaging_binding"]["address"] == OPAQUE
    control.options(opaque_addresses="refuse")
    made = raw.post("/conversations/v1/Conversations").json()["sid"]
    pair = {
        "MessagingBinding.Address": "whatsapp:DE.1",
        "MessagingBinding.ProxyAddress": defaults.WHATSAPP_SENDER,
    }
    path = f"/conversations/v1/Conversations/{made}/Participants"
    assert raw.post(path, data=pair).json()["code"] == 21211
    control.options(opaque_addresses="accept")
    assert raw.post(path, data=pair).status_code == 201


def test_a_silent_message_calls_no_webhook(start: Start, control: Control, client: Client, receiver: Receiver) -> None:
    made = start()
    listen(client, receiver, [*MESSAGE_EVENTS, "onDeliveryUpdated", "onConversationStateUpdated"])
    client.conversations.v1.conversations(made.conversation).update(state="inactive")
    control.post("/messages", {"conversation_sid": made.conversation, "body": "quiet", "silent": True})
    control.post("/replies", {"conversation_sid": made.conversation, "body": "quiet too", "silent": True})
    control.post("/messages", {"conversation_sid": made.conversation, "body": "loud"})
    eventually(lambda: receiver.of("onMessageAdded"))
    assert [call["form"].get("Body") for call in receiver.calls] == ["loud"]
    assert len(messages_of(client, made.conversation)) == 3


def test_a_message_is_edited_and_removed_by_the_control_api(
    start: Start, control: Control, client: Client, receiver: Receiver
) -> None:
    made = start()
    sid = control.post("/messages", {"conversation_sid": made.conversation, "body": "helo"})["sid"]
    listen(client, receiver, MESSAGE_EVENTS)
    control.post(f"/messages/{sid}", {"body": "hello"})
    form = eventually(lambda: receiver.of("onMessageUpdated"))[0]["form"]
    assert (form["MessageSid"], form["Body"], form["ModifiedBy"]) == (sid, "hello", CUSTOMER)
    assert form["DateUpdated"].endswith("Z")
    assert messages_of(client, made.conversation)[0].body == "hello"
    assert control.http.delete(f"/messages/{sid}").json() == {"sid": sid}
    form = eventually(lambda: receiver.of("onMessageRemoved"))[0]["form"]
    assert (form["MessageSid"], form["Index"]) == (sid, "0")
    assert form["DateRemoved"].endswith("Z")
    assert messages_of(client, made.conversation) == []
    assert control.http.delete(f"/messages/{sid}").status_code == 404


def test_a_rest_edit_and_removal_are_told_only_with_the_header(
    start: Start, client: Client, raw: httpx.Client, receiver: Receiver
) -> None:
    listen(client, receiver, MESSAGE_EVENTS)
    conversation = start().conversation
    messages = client.conversations.v1.conversations(conversation).messages
    quiet, loud = messages.create(body="a"), messages.create(body="b")
    path = f"/conversations/v1/Conversations/{conversation}/Messages/{loud.sid}"
    quiet.update(body="c")
    quiet.delete()
    loud.update(body="d", x_twilio_webhook_enabled="true")
    raw.delete(path, headers={"X-Twilio-Webhook-Enabled": "true"})
    eventually(lambda: len(receiver.calls) == 2)
    told = {call["form"]["EventType"]: call["form"] for call in receiver.calls}
    assert told["onMessageUpdated"]["Body"] == "d"
    assert told["onMessageUpdated"]["ModifiedBy"] == "system"
    assert told["onMessageRemoved"]["MessageSid"] == loud.sid


def test_an_edit_does_not_invent_a_body_and_keeps_its_limit(start: Start, control: Control, raw: httpx.Client) -> None:
    made = start()
    sid = control.post("/messages", {"conversation_sid": made.conversation, "media": [picture()]})["sid"]
    path = f"/conversations/v1/Conversations/{made.conversation}/Messages/{sid}"
    assert raw.post(path, data={"Attributes": '{"a": 1}'}).json()["body"] is None
    assert raw.post(path, data={"Body": "x" * 1601}).json()["code"] == 50502


def test_conversations_callbacks_can_be_off(start: Start, control: Control, client: Client, receiver: Receiver) -> None:
    listen(client, receiver, [*FIRST, "onDeliveryUpdated"])
    control.options(conversation_callbacks=False)
    made = start()
    control.post("/messages", {"conversation_sid": made.conversation, "body": "nobody hears"})
    control.options(conversation_callbacks=True)
    control.post("/messages", {"conversation_sid": made.conversation, "body": "heard"})
    eventually(lambda: receiver.calls)
    assert [call["form"]["Body"] for call in receiver.calls] == ["heard"]
    assert receiver.calls[0]["form"]["RetryCount"] == "0"


def test_messages_are_paged_both_ways_and_their_indexes_may_skip(
    start: Start, control: Control, client: Client, raw: httpx.Client
) -> None:
    control.options(index_step=3, enforce_limits=False)
    conversation = start().conversation
    for number in range(5):
        control.post("/messages", {"conversation_sid": conversation, "body": str(number)})
    path = f"/conversations/v1/Conversations/{conversation}/Messages"
    first = raw.get(path, params={"Order": "desc", "PageSize": 2}).json()
    assert [one["index"] for one in first["messages"]] == [12, 9]
    assert "Order=desc" in first["meta"]["next_page_url"]
    newest = client.conversations.v1.conversations(conversation).messages.list(order="desc", page_size=2)
    assert [one.index for one in newest] == [12, 9, 6, 3, 0]
    assert raw.get(path, params={"PageSize": 100}).status_code == 200
    assert raw.get(path, params={"PageSize": 101}).status_code == 400


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/messages", {"media": "x"}, 400),
        ("/messages", {"media": ["x"]}, 400),
        ("/messages", {"media": [{"data": "§"}]}, 400),
        ("/messages", {"media": [{"data": "", "category": "cat"}]}, 400),
        ("/messages", {"body": 1}, 400),
        ("/messages", {"body": "x", "silent": "yes"}, 400),
        ("/messages", {"from": 5, "body": "x"}, 400),
        ("/blocks", {}, 400),
        ("/blocks", {"address": CUSTOMER}, 400),
        ("/blocks", {"address": f"whatsapp:{CUSTOMER}", "blocked": "yes"}, 400),
        ("/messages/IM0", {"body": "x"}, 404),
        ("/receipts", {"message_sid": "IM0", "status": "read"}, 404),
        ("/interactions/KD0/resume", {}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(control: Control, path: str, body: object, status: int) -> None:
    assert control.http.post(path, json=body).status_code == status
