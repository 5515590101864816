"""Delivery receipts: late, in another order, twice, never, read; and added up over all recipients."""

from __future__ import annotations

from typing import Any

import pytest
from twilio.base.instance_resource import InstanceResource
from twilio.rest import Client

from .conftest import Control, Receiver, Start, channel_of, eventually, routing_of


def listen(client: Client, receiver: Receiver) -> None:
    client.conversations.v1.configuration.webhooks().update(
        post_webhook_url=receiver.url, filters=["onDeliveryUpdated"], method="POST"
    )


def told(receiver: Receiver) -> list[str]:
    return [call["form"]["Status"] for call in receiver.of("onDeliveryUpdated")]


def send(client: Client, conversation: str) -> Any:
    return client.conversations.v1.conversations(conversation).messages.create(body="Hello")


def summary(message: InstanceResource) -> dict[str, Any]:
    found: dict[str, Any] = message.fetch().delivery
    return found


@pytest.mark.parametrize(
    ("order", "statuses"),
    [
        ("usual", ["delivered", "read"]),
        ("all", ["sent", "delivered", "read"]),
        ("reversed", ["delivered", "sent", "read"]),
        ("twice", ["delivered", "delivered", "read", "sent", "sent"]),
    ],
)
def test_receipts_come_in_the_order_that_is_asked_for(
    start: Start, client: Client, control: Control, receiver: Receiver, order: str, statuses: list[str]
) -> None:
    listen(client, receiver)
    control.options(receipts=order, read_ms=60)
    message = send(client, start().conversation)
    eventually(lambda: len(told(receiver)) == len(statuses))
    assert (sorted(told(receiver)) if order == "twice" else told(receiver)) == statuses
    assert {call["form"]["MessageSid"] for call in receiver.calls} == {message.sid}
    [receipt] = message.delivery_receipts.list()
    assert receipt.status == "read"
    assert summary(message) == {
        "total": 1, "sent": "all", "delivered": "all", "read": "all", "failed": "none", "undelivered": "none"
    }  # fmt: skip


def test_receipts_may_never_come(start: Start, client: Client, control: Control, receiver: Receiver) -> None:
    listen(client, receiver)
    conversation = start().conversation
    control.options(receipts="never", read_ms=1)
    lost = send(client, conversation)
    control.options(receipts="usual", read_ms=0)
    heard = send(client, conversation)
    eventually(lambda: told(receiver))
    assert [call["form"]["MessageSid"] for call in receiver.calls] == [heard.sid]
    assert [one.status for one in lost.delivery_receipts.list()] == ["sent"]
    assert summary(lost)["delivered"] == "none"


def test_a_failure_that_was_sent_before_keeps_its_code(
    start: Start, client: Client, control: Control, receiver: Receiver
) -> None:
    listen(client, receiver)
    control.options(receipts="reversed", read_ms=1)
    control.fault("undelivered", {"product": "conversations"}, code=30007)
    message = send(client, start().conversation)
    eventually(lambda: told(receiver) == ["failed", "sent"])
    forms = [call["form"] for call in receiver.calls]
    assert [form.get("ErrorCode") for form in forms] == ["30007", None]
    [receipt] = message.delivery_receipts.list()
    assert (receipt.status, receipt.error_code) == ("failed", 30007)


def test_the_receipts_of_several_recipients_are_added_up(client: Client, control: Control, receiver: Receiver) -> None:
    control.options(receipts="never")
    people = [{"level": level, "name": level, "address": f"{level}@example.com"} for level in ("to", "cc", "bcc")]
    made = client.flex_api.v1.interaction.create(
        channel=channel_of("email", participants=people), routing=routing_of(task_channel_unique_name="email")
    )
    conversation = control.account()["conversations"][0]
    assert made.sid
    listen(client, receiver)
    message = send(client, conversation["sid"])
    assert summary(message) | {"total": 3} == summary(message)
    assert (summary(message)["sent"], summary(message)["delivered"]) == ("all", "none")
    control.post("/receipts", {"message_sid": message.sid, "status": "read", "address": "to@example.com"})
    control.post("/receipts", {"message_sid": message.sid, "status": "delivered", "address": "cc@example.com"})
    [bcc] = [one["sid"] for one in conversation["participants"] if one["level"] == "bcc"]
    failed = {"message_sid": message.sid, "status": "undelivered", "participant_sid": bcc, "error_code": 30005}
    answer = control.post("/receipts", failed)
    expected = {
        "total": 3, "sent": "some", "delivered": "some", "read": "some", "failed": "none", "undelivered": "some"
    }  # fmt: skip
    assert answer["delivery"] == summary(message) == expected
    assert answer["receipts"][0]["participant_sid"] == bcc
    form = eventually(lambda: len(told(receiver)) == 3 and receiver.calls)[-1]["form"]
    assert (form["ParticipantSid"], form["ErrorCode"]) == (bcc, "30005")


def test_a_receipt_by_the_control_api_only_moves_forward(
    start: Start, client: Client, control: Control, receiver: Receiver
) -> None:
    message = send(client, start().conversation)
    eventually(lambda: message.delivery_receipts.list()[0].status == "delivered")
    listen(client, receiver)
    control.post("/receipts", {"message_sid": message.sid, "status": "sent"})
    assert eventually(lambda: told(receiver)) == ["sent"]
    assert message.delivery_receipts.list()[0].status == "delivered"
    shown = control.account()["conversations"][0]["messages"][0]["receipts"][0]
    assert shown["reported"] == ["delivered", "sent"]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"status": "seen"}, 400),
        ({"status": "read", "error_code": "x"}, 400),
        ({"status": "read", "address": "+15550000000"}, 404),
        ({"status": "read", "participant_sid": "MB0"}, 404),
    ],
)
def test_a_receipt_that_makes_no_sense_is_refused(
    start: Start, client: Client, control: Control, wrong: dict[str, Any], status: int
) -> None:
    message = send(client, start().conversation)
    assert control.http.post("/receipts", json={"message_sid": message.sid, **wrong}).status_code == status


def test_a_removed_message_has_no_more_receipts(
    start: Start, client: Client, control: Control, receiver: Receiver
) -> None:
    listen(client, receiver)
    conversation = start().conversation
    control.options(delivery_ms=80)
    send(client, conversation).delete()
    control.options(delivery_ms=120)
    kept = send(client, conversation)
    eventually(lambda: told(receiver))
    assert [call["form"]["MessageSid"] for call in receiver.calls] == [kept.sid]
