"""A conversation at Twilio, its callbacks as the addresses take them, and reading it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import F
from django.db.models.functions import Now
from django.test import TestCase

from crm_demo.models import Contact
from flex_outbound import signals
from flex_outbound.channels import Channel
from flex_outbound.models import Account, Conversation, Interaction, Message, Sender, Source, Worker
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import callbacks
from flex_outbound.outbox.conversations import reading, telling
from flex_outbound.webhooks import receipts
from flex_outbound.webhooks.read import Callback
from flex_outbound.webhooks.store import store

from .twilio import CONVERSATION, Params, Twilio

NUMBER = "+14155550123"
SIDS = {
    "interaction_sid": "KD" + "a" * 32,
    "channel_sid": "UO" + "b" * 32,
    "task_sid": "WT" + "c" * 32,
    "conversation_sid": CONVERSATION,
}
_numbers = count()


@pytest.fixture(autouse=True)
def _as_at_the_start(settings: Any) -> None:
    receipts.pauses.clear()
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": dict.fromkeys(["interactions", "task_searches", "conversations"])}


@pytest.fixture
def twilio(account: Account, senders: dict[Channel, Sender], monkeypatch: pytest.MonkeyPatch) -> Twilio:
    """A conversation between the contact's number and our SMS sender, which is what readings find."""
    made = Twilio(NUMBER, senders[Channel.SMS].address)
    monkeypatch.setattr(reading, "gateway_for", lambda _account: made)
    return made


@pytest.fixture
def click(
    account: Account, senders: dict[Channel, Sender], agent: User, worker: Worker, contact: Contact
) -> Callable[..., Interaction]:
    """Write a click by SMS that is due to be sent, with a first message where a ``body`` is given."""

    def make(body: str = "") -> Interaction:
        sender = senders[Channel.SMS]
        row = Interaction.objects.create(
            contact_type=ContentType.objects.get_for_model(Contact),
            contact_id=str(contact.pk),
            contact_name="Ann Example",
            channel="sms",
            address=NUMBER,
            account=account,
            sender=sender,
            sender_address=sender.address,
            agent=agent,
            worker=worker,
            worker_sid=worker.worker_sid,
            idempotency_key=str(next(_numbers)),
            fingerprint="x",
        )
        if body:
            Message.objects.create(interaction=row, body=body, agent=agent)
        return row

    return make


def tell(account: Account, params: Params) -> None:
    """Store and apply one verified callback of Conversations."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        store(account, Source.CONVERSATIONS, Callback(dict(params), None), str(next(_numbers)))
    with TestCase.captureOnCommitCallbacks(execute=True):
        callbacks.apply_due(account.pk)


def read(account: Account) -> None:
    """Read the conversation, whenever that was due; time has passed since the last callback."""
    Message.objects.update(created_at=F("created_at") - timedelta(minutes=2))
    Conversation.objects.ours().update(next_at=Now() - timedelta(seconds=1))
    with TestCase.captureOnCommitCallbacks(execute=True):
        reading.read_due(account.pk)


def conversation() -> Conversation:
    """Return the conversation's row."""
    return Conversation.objects.get(pk=key_of(CONVERSATION))


def rows() -> list[tuple[Any, ...]]:
    """Return what people see of its messages, in order."""
    names = ("index", "message_sid", "party", "status", "body", "subject", "delivery_status")
    shown = Message.objects.filter(conversation=key_of(CONVERSATION), removed_at=None)
    return list(shown.order_by("index", "pk").values_list(*names))


def counted(row: Conversation) -> dict[str, Any]:
    """Return what a conversation says that it counts."""
    names = ("inbound", "last_index", "last_at", "last_inbound_at", "last_text", "last_party")
    return {name: getattr(row, name) for name in names}


def counted_from_rows() -> dict[str, Any]:
    """Return the same, counted from the messages."""
    said = [one for one in Message.objects.filter(conversation=key_of(CONVERSATION)) if one.message_sid]
    theirs = [one.said_at for one in said if one.party == "customer"]
    last = max(said, key=lambda one: -1 if one.index is None else one.index, default=None)
    return {
        "inbound": len(theirs),
        "last_index": last.index if last else None,
        "last_at": last.said_at if last else None,
        "last_inbound_at": max(theirs, default=None),
        "last_text": " ".join(last.body.split())[:120] if last else "",
        "last_party": last.party if last else "",
    }


class Heard(list[tuple[str, str]]):
    """The signals that a host got: name and message SID."""

    def of(self, name: str) -> list[str]:
        """Return the message SIDs of one signal."""
        return [sid for one, sid in self if one == name]


@pytest.fixture
def host() -> Iterator[Heard]:
    """A host that listens to both signals."""
    heard = Heard()

    def received(message: Message, message_sid: str, **given: Any) -> None:
        assert set(given) == {"signal", "sender", "conversation", "interaction"}
        heard.append(("received", message_sid))

    def updated(message: Message, message_sid: str, **given: Any) -> None:
        assert set(given) == {"signal", "sender", "conversation", "interaction"}
        heard.append(("updated", message_sid))

    signals.message_received.connect(received, weak=False, dispatch_uid="test")
    signals.message_updated.connect(updated, weak=False, dispatch_uid="test")
    yield heard
    signals.message_received.disconnect(dispatch_uid="test")
    signals.message_updated.disconnect(dispatch_uid="test")


def tell_host(account: Account) -> None:
    """Tell the host what it has not heard yet."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        while telling.tell(account.pk):
            pass


def tell_all(twilio: Twilio, account: Account) -> None:
    for params in twilio.told:
        tell(account, params)
    twilio.told = []


@pytest.fixture
def going_on(twilio: Twilio, account: Account) -> Twilio:
    """A conversation that a customer has begun with our sender, read once."""
    twilio.join()
    twilio.say("Hello")
    tell_all(twilio, account)
    read(account)
    return twilio


@pytest.fixture
def other_account(db: None) -> Account:
    return Account.objects.create(
        name="Other",
        account_sid="AC" + "9" * 32,
        api_key_sid="SK" + "9" * 32,
        api_key_secret="other",
        auth_token="other",
        workspace_sid="WS" + "9" * 32,
        workflow_sid="WW" + "9" * 32,
    )
