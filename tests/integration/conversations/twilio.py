"""One conversation at Twilio: what happens there, the callbacks about it, and what its lists show."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flex_outbound.gateway.base import (
    ConversationDetails,
    Delivery,
    MediaItem,
    MessagePage,
    MessageRecord,
    Participant,
    Receipt,
)
from flex_outbound.sandbox import defaults
from flex_outbound.twilio_statuses import DELIVERY_ORDER, DeliveryStatus

Params = dict[str, str]

CONVERSATION = "CH" + "d" * 32
CUSTOMER, AGENT = "MB" + "1" * 32, "MB" + "2" * 32
BEGIN = datetime(2026, 11, 1, 9, 0, 0, 250_000, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """A message at Twilio. ``receipts``: status and code by receipt SID."""

    record: MessageRecord
    receipts: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    is_removed: bool = False


class Twilio:
    """Happenings are method calls; each leaves its callback in ``told``. As a gateway it shows what is so now.

    ``step``: seconds between two happenings. ``calls``: the requests made of it, by name.
    """

    def __init__(self, customer: str, sender: str, agent: str = "agent", step: float = 1.0) -> None:
        self.customer, self.sender, self.agent = customer, sender, agent
        self.state = "active"
        self.changed = self.now = BEGIN
        self.step = step
        self.said: list[Said] = []
        self.people: dict[str, Participant] = {}
        self.told: list[Params] = []
        self.calls: list[str] = []
        self.is_shown = True

    # -- what happens --------------------------------------------------------------------------------------------------

    def join(self, *, customer: bool = True) -> None:
        """Let the customer or the agent in."""
        if customer:
            one = Participant(CUSTOMER, "", self.customer, self.sender, "sms", "")
        else:
            one = Participant(AGENT, self.agent, "", "", "", "")
        self.people[one.participant_sid] = one
        self._tell("onParticipantAdded", **_binding(one))

    def leave(self, *, customer: bool = True) -> None:
        """Take the customer or the agent out; the callback does not say how they took part."""
        one = self.people.pop(CUSTOMER if customer else AGENT)
        self._tell("onParticipantRemoved", ParticipantSid=one.participant_sid)

    def say(self, body: str, author: str = "", key: str = "", **more: Any) -> str:
        """Let the customer say something, or ``author``; returns the message's SID."""
        self._pass()
        author = author or self.customer
        writer = next((one for one in self.people.values() if author in (one.identity, one.address)), None)
        index = len(self.said)
        record = MessageRecord(
            message_sid=f"IM{index:032x}",
            index=index,
            author=author,
            participant_sid=writer.participant_sid if writer else None,
            body=body,
            subject=more.pop("subject", ""),
            key=key,
            media=more.pop("media", ()),
            content_sid="",
            created_at=self.now.replace(microsecond=0),
            updated_at=None,
            delivery=None,
        )
        self.said.append(Said(record))
        self._tell("onMessageAdded", **self._message(index), **more)
        if self.state == "inactive":
            self.move("active")
        return record.message_sid

    def edit(self, index: int, body: str) -> None:
        """Change a text."""
        self._pass()
        record = replace(self.said[index].record, body=body, updated_at=self.now.replace(microsecond=0))
        self.said[index] = replace(self.said[index], record=record)
        self._tell("onMessageUpdated", **self._message(index), DateUpdated=_iso(self.now))

    def remove(self, index: int) -> None:
        """Delete a message."""
        self._pass()
        self.said[index] = replace(self.said[index], is_removed=True)
        self._tell("onMessageRemoved", **self._message(index), DateRemoved=_iso(self.now))

    def deliver(self, index: int, status: str, recipient: int = 0, code: int | None = None) -> None:
        """Let a receipt move."""
        self._pass()
        sid = f"DY{index:016x}{recipient:016x}"
        self.said[index].receipts[sid] = (status, code)
        error = {"ErrorCode": str(code)} if code else {}
        names = {"MessageSid": f"IM{index:032x}", "DeliveryReceiptSid": sid, "Status": status}
        self._tell("onDeliveryUpdated", **names, **error)

    def move(self, state: str) -> None:
        """Change the conversation's state."""
        self._pass()
        before, self.state, self.changed = self.state, state, self.now
        self._tell("onConversationStateUpdated", StateFrom=before, StateTo=state, StateUpdated=_iso(self.now))

    def _pass(self) -> None:
        self.now += timedelta(seconds=self.step)

    def _message(self, index: int) -> Params:
        record = self.said[index].record
        made = record.created_at or self.now
        return {
            "MessageSid": record.message_sid,
            "Index": str(index),
            "DateCreated": _iso(made + timedelta(milliseconds=250)),
            "Body": record.body,
            "Author": record.author,
            "ParticipantSid": record.participant_sid or "",
            "Attributes": json.dumps({"flexOutboundKey": record.key} if record.key else {}),
        } | ({"Media": json.dumps([_media(one) for one in record.media])} if record.media else {})

    def _tell(self, event: str, **fields: str) -> None:
        self.told.append(
            {
                "AccountSid": defaults.ACCOUNT_SID,
                "ChatServiceSid": defaults.CHAT_SERVICE_SID,
                "ConversationSid": CONVERSATION,
                "EventType": event,
                "Source": "API",
                **fields,
            }
        )

    # -- what is shown -------------------------------------------------------------------------------------------------

    @property
    def shown(self) -> list[Said]:
        """What lists still have."""
        return [one for one in self.said if not one.is_removed]

    def list_messages(self, conversation_sid: str, after: int | None = None) -> MessagePage | None:
        self.calls.append("list_messages")
        if not self.is_shown:
            return None
        listed = [replace(one.record, delivery=summary(one.receipts)) for one in self.shown]
        return MessagePage(tuple(one for one in listed if after is None or (one.index or 0) > after), is_whole=True)

    def list_participants(self, conversation_sid: str) -> list[Participant] | None:
        self.calls.append("list_participants")
        return list(self.people.values()) if self.is_shown else None

    def fetch_conversation(self, conversation_sid: str) -> ConversationDetails | None:
        self.calls.append("fetch_conversation")
        if not self.is_shown:
            return None
        changed = self.changed.replace(microsecond=0)
        return ConversationDetails(conversation_sid, self.state, defaults.CHAT_SERVICE_SID, BEGIN, changed)

    def find_receipts(self, conversation_sid: str, message_sid: str) -> list[Receipt]:
        self.calls.append("find_receipts")
        found = next(one.receipts for one in self.said if one.record.message_sid == message_sid)
        return [Receipt(status, code, sid) for sid, (status, code) in found.items()]


def summary(receipts: dict[str, tuple[str, int | None]]) -> Delivery | None:
    """Add receipts up, as Twilio does in lists."""
    if not receipts:
        return None
    statuses = [status for status, _code in receipts.values()]

    def part(name: str) -> str:
        is_error = name in ("failed", "undelivered")
        reached = [one == name if is_error else _has_reached(one, name) for one in statuses]
        return "none" if not any(reached) else "all" if all(reached) else "some"

    return Delivery(len(statuses), *(part(name) for name in ("sent", "delivered", "read", "failed", "undelivered")))


def least(receipts: dict[str, tuple[str, int | None]]) -> str:
    """Return what pages should say of these receipts."""
    statuses = [status for status, _code in receipts.values()]
    for error in ("failed", "undelivered"):
        if error in statuses:
            return error
    return min(statuses, key=lambda one: DELIVERY_ORDER[one], default="")


def _has_reached(status: str, name: str) -> bool:
    errors = (DeliveryStatus.FAILED, DeliveryStatus.UNDELIVERED)
    return status not in errors and DELIVERY_ORDER[status] >= DELIVERY_ORDER[name]


def _binding(one: Participant) -> Params:
    if one.identity:
        return {"ParticipantSid": one.participant_sid, "Identity": one.identity}
    return {
        "ParticipantSid": one.participant_sid,
        "MessagingBinding.Address": one.address,
        "MessagingBinding.ProxyAddress": one.proxy_address,
        "MessagingBinding.Type": one.kind,
    }


def _media(one: MediaItem) -> dict[str, Any]:
    return {"Sid": one.media_sid, "Size": one.size, "ContentType": one.content_type, "Filename": one.filename}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
