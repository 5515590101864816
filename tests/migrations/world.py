"""One row of every model, for tests of the database's constraints."""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import models

from crm_demo.models import Contact
from flex_outbound.models import (
    Account,
    Closing,
    ConsentEvent,
    ContactAddress,
    Conversation,
    ConversationContact,
    DispatchAttempt,
    Draft,
    Interaction,
    Message,
    ReadMark,
    Resource,
    ResourceKind,
    SavedReply,
    Sender,
    Source,
    Template,
    TemplateUse,
    WebhookEvent,
    Worker,
)
from flex_outbound.models.event import WebhookReceipt, WebhookRefusal
from flex_outbound.sandbox import defaults

MOMENT = datetime(2025, 6, 1, tzinfo=UTC)


CONVERSATION = uuid.UUID(int=1)
OLDER = {"is_newest": False}


def sid(prefix: str, letter: str = "a") -> str:
    """Return a SID of the right shape."""
    return prefix + letter * 32


class World:
    """One row of every model, each in a state that may be."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.user = self.make(User, username="agent", password="!")
        self.account = self.make(Account, name="Account", account_sid=sid("AC"), workspace_sid=sid("WS"))
        self.sender = self.make(Sender, **self.like_sender)
        self.group = self.make(Group, name="Clinic")
        self.worker = self.make(Worker, account=self.account, user=self.user, worker_sid=sid("WK"))
        self.row = self.make(Interaction, **self.like_row)
        self.attempt = self.make(DispatchAttempt, interaction=self.row, number=1)
        self.message = self.make(Message, account=self.account, interaction=self.row, body="Hello")
        self.event = self.make(WebhookEvent, **self.like_event)
        self.refusal = self.make(WebhookRefusal, **self.like_refusal)
        self.receipt = self.make(WebhookReceipt, **self.like_receipt)
        self.closing = self.make(Closing, **self.like_closing)
        self.resource = self.make(Resource, **self.like_resource)
        self.template = self.make(Template, **self.like_template)
        self.template_use = self.make(TemplateUse, user=self.user, template=self.template)
        self.conversation = self.make(Conversation, pk=CONVERSATION, account=self.account)
        self.link = self.make(ConversationContact, conversation=self.conversation, **self.contact)
        self.mark = self.make(ReadMark, user=self.user, conversation=self.conversation)
        self.reply = self.make(SavedReply, title="Greeting", body="Hello", short_code="hi")
        self.own_reply = self.make(SavedReply, title="Greeting", body="Hello", short_code="hi", owner=self.user)
        self.consent = self.make(ConsentEvent, **self.like_consent)
        self.address = self.make(ContactAddress, address_key="+14155550101", **self.contact)
        self.draft = self.make(Draft, user=self.user, place="sms", **self.contact)

    def make(self, model: type[models.Model], **values: Any) -> Any:
        """Insert a row as it is."""
        [row] = model._base_manager.using(self.alias).bulk_create([model(**values)])
        return row

    def change(self, row: models.Model, **values: Any) -> None:
        """Update a row past everything but the database."""
        type(row)._base_manager.using(self.alias).filter(pk=row.pk).update(**values)

    @property
    def contact(self) -> dict[str, Any]:
        return {"contact_type_id": self.row.contact_type_id, "contact_id": "1"}

    @property
    def like_sender(self) -> dict[str, Any]:
        """What makes a sender."""
        address = defaults.SMS_SENDER
        return {"account": self.account, "channel": "sms", "address": address, "queue_sid": sid("WQ")}

    @property
    def like_search(self) -> dict[str, Any]:
        """What makes a question about an open conversation."""
        return {"account": self.account, "sender": self.sender, "channel": "sms", "address": "+14155550142"}

    @property
    def like_row(self) -> dict[str, Any]:
        """What makes an interaction that waits to be sent, of a click of its own."""
        contact_type = ContentType.objects.db_manager(self.alias).get_for_model(Contact)
        return {
            "contact_type": contact_type,
            "contact_id": "1",
            "channel": "sms",
            "address": "+14155550142",
            "account": self.account,
            "sender": self.sender,
            "sender_address": self.sender.address,
            "agent": self.user,
            "worker_sid": sid("WK"),
            "idempotency_key": uuid.uuid4().hex,
            "next_at": MOMENT,
        }

    @property
    def like_event(self) -> dict[str, Any]:
        """What makes a callback."""
        return {"account": self.account, "source": Source.TASKROUTER, "event_id": "EV1", "event_type": "task.created"}

    @property
    def like_refusal(self) -> dict[str, Any]:
        """What makes the count of callbacks that were turned away."""
        return {"account": self.account, "source": Source.TASKROUTER, "code": "signature"}

    @property
    def like_receipt(self) -> dict[str, Any]:
        """What makes the note of the last genuine callback."""
        return {"account": self.account, "source": Source.TASKROUTER, "event_type": "task.created"}

    @property
    def like_consent(self) -> dict[str, Any]:
        """What makes an entry that counts."""
        address = {"address": "+14155550101", "address_key": "+14155550101"}
        return {**address, "channel": "sms", "state": "opted_out", "source": "person", "is_newest": True}

    @property
    def like_closing(self) -> dict[str, Any]:
        """What makes a channel that has to be closed."""
        sids = {"interaction_sid": sid("KD"), "channel_sid": sid("UO")}
        return {"interaction": self.row, "kind": Closing.Kind.DUPLICATE, **sids}

    @property
    def like_resource(self) -> dict[str, Any]:
        """What makes something that the account has at Twilio."""
        return {"account": self.account, "kind": ResourceKind.TASK_QUEUE, "sid": sid("WQ"), "seen_at": MOMENT}

    @property
    def like_template(self) -> dict[str, Any]:
        """What makes a content template."""
        return {"account": self.account, "content_sid": sid("HX"), "name": "reminder"}

    def another_row(self, **values: Any) -> Any:
        """Insert an interaction with another contact."""
        return self.make(Interaction, **self.like_row | {"contact_id": "2", "address": "+14155550143"} | values)


CREATED = {"status": "created", "opened_at": MOMENT, "interaction_sid": sid("KD"), "task_sid": sid("WT")}
FAILED = {"status": "failed", "finished_at": MOMENT, "next_at": None, "error_reason": "why"}
SENDING = {"status": "sending", "lease_until": MOMENT, "sent_at": MOMENT, "attempt": 1}
CLOSED = CREATED | {"status": "closed", "finished_at": MOMENT, "next_at": None}
