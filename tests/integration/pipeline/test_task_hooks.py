"""What the project adds to a task when it is created: attributes, and where it goes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound import testing
from flex_outbound.channels import Channel
from flex_outbound.gateway import payloads
from flex_outbound.gateway.base import InteractionRequest
from flex_outbound.models import Account, Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.testing import Flex

pytestmark = pytest.mark.django_db

QUEUE, WORKFLOW = "WQ" + "b" * 32, "WW" + "b" * 32
Sent = Callable[[], InteractionRequest]


@pytest.fixture
def flex(db: None) -> Iterator[Flex]:
    user = User.objects.create_user("agent", "agent@example.com")
    with testing.flex() as flex:
        flex.set_up(user)
        yield flex


@pytest.fixture
def sent(flex: Flex, contact: Contact) -> Sent:
    """Open an interaction and return what was sent."""

    def send() -> InteractionRequest:
        user = User.objects.get()
        enqueue(Click(user=user, contact_type="crm_demo.contact", contact_id=str(contact.pk), channel="sms"))
        flex.run_pending()
        (request,) = flex.interactions
        return request

    return send


def attributes_of(request: InteractionRequest) -> dict[str, Any]:
    return payloads.task_attributes(request)


def routing_of(request: InteractionRequest) -> dict[str, Any]:
    properties: dict[str, Any] = payloads.routing_payload(request)["properties"]
    return {name: value for name, value in properties.items() if name in ("queue_sid", "workflow_sid", "priority")}


def hook(monkeypatch: pytest.MonkeyPatch, name: str, answer: Any) -> list[tuple[Any, ...]]:
    """Let the adapter answer, or raise; return what it is asked with."""
    asked: list[tuple[Any, ...]] = []

    def ask(_adapter: Any, *args: Any) -> Any:
        asked.append(args)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(CrmContact, name, ask)
    return asked


def test_the_task_is_told_what_the_project_says(sent: Sent, contact: Contact, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = hook(monkeypatch, "get_task_attributes", {"segment": {"vip": True}, "customerName": "Theirs"})
    request = sent()
    attributes = attributes_of(request)
    assert attributes["segment"] == {"vip": True}
    assert attributes["customerName"] == contact.full_name, "ours win"
    assert asked == [(contact, Interaction.objects.get())]


def test_what_does_not_fit_is_shortened_and_ours_stays(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    hook(monkeypatch, "get_task_attributes", {"history": "x" * 4000, "segment": "vip"})
    attributes = attributes_of(sent())
    assert len(str(attributes)) < payloads.MAX_ATTRIBUTES - payloads.RESERVED
    assert attributes["segment"] == "vip"
    assert attributes[payloads.KEY] == Interaction.objects.get().key


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("+14155550123"),
        None,
        ["segment"],
        {"flexOutboundKey": "x"},
        {"conversationSid": "x"},
        {"conversations": {"outcome": "x"}},
        {"outcome": "x"},
        {"when": object()},
        {"text": "\x00"},
    ],
    ids=range(9),
)
def test_what_the_task_cannot_be_told_is_logged_and_left_out(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hook(monkeypatch, "get_task_attributes", answer)
    attributes = attributes_of(sent())
    assert not {"conversations", "conversationSid", "outcome", "when", "text"} & set(attributes)
    assert attributes[payloads.KEY] == Interaction.objects.get().key
    assert attributes[payloads.CONTACT_ID], "what else is told of the contact stays"
    assert "get_task_attributes" in caplog.text
    assert "4155550123" not in caplog.text


def test_the_project_says_where_it_goes(sent: Sent, contact: Contact, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = hook(monkeypatch, "get_routing", {"queue_sid": QUEUE, "workflow_sid": WORKFLOW, "priority": 7})
    assert routing_of(sent()) == {"queue_sid": QUEUE, "workflow_sid": WORKFLOW, "priority": 7}
    assert asked == [(contact, Channel.SMS)]


def test_what_it_does_not_say_is_the_senders(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    hook(monkeypatch, "get_routing", {"priority": 0})
    routing = routing_of(sent())
    sender = Interaction.objects.get().sender
    assert sender is not None
    assert (routing["queue_sid"], routing["priority"]) == (sender.queue_sid, 0)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (ValueError("+14155550123"), "ValueError"),
        (None, "TypeError"),
        ("fast", "ValueError"),
        ({"queue_sid": "WQ1", "priority": -1, "workflow_sid": QUEUE}, "priority, queue_sid, workflow_sid"),
        ({"priority": True}, "priority"),
        ({"priority": "7"}, "priority"),
        ({"priority": 2**40}, "priority"),
        ({"queue": QUEUE, 7: 8}, "7, queue"),
    ],
    ids=range(8),
)
def test_wrong_values_are_logged_and_the_senders_are_used(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, answer: Any, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook(monkeypatch, "get_routing", answer)
    routing = routing_of(sent())
    sender = Interaction.objects.get().sender
    assert sender is not None
    assert routing["queue_sid"] == sender.queue_sid
    assert "priority" not in routing
    assert named in caplog.text
    assert "4155550123" not in caplog.text


CONTEXT = "HQ" + "c" * 32


@pytest.mark.parametrize("answer", [CONTEXT, None])
def test_the_project_may_name_the_interaction_s_context(
    sent: Sent, contact: Contact, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    asked = hook(monkeypatch, "get_interaction_context_sid", answer)
    fields = payloads.interaction_payload(sent())
    assert fields.get("interaction_context_sid") == answer
    assert asked == [(contact, Interaction.objects.get())]


@pytest.mark.parametrize(
    "answer", [ValueError("+14155550123"), "", "HQ1", "HQ" + "C" * 32, "KD" + "c" * 32, CONTEXT + "\n", 7, [CONTEXT]]
)
def test_what_is_no_context_is_logged_and_left_out(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hook(monkeypatch, "get_interaction_context_sid", answer)
    request = sent()
    assert payloads.interaction_payload(request).keys() == {"channel", "routing"}
    assert attributes_of(request)[payloads.CONTACT_ID], "what else is told of the contact stays"
    assert "get_interaction_context_sid" in caplog.text
    assert "4155550123" not in caplog.text


def test_a_new_interaction_bears_the_account_s_webhook(sent: Sent) -> None:
    ttid = "flex_interactionwebhook_1"
    Account.objects.update(interaction_webhook=ttid)
    assert payloads.interaction_payload(sent())["webhook_ttid"] == ttid
    assert Interaction.objects.get().webhook_ttid == ttid


def test_without_a_webhook_none_is_named(sent: Sent) -> None:
    assert "webhook_ttid" not in payloads.interaction_payload(sent())
    assert Interaction.objects.get().webhook_ttid == ""
