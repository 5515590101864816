"""The conversations of the gateway without a network: their messages, files, receipts and participants.

``memory.MemoryGateway`` is the whole double.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.utils import timezone

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.exceptions import GatewayError, Refused
from flex_outbound.gateway import payloads
from flex_outbound.gateway.base import (
    ConversationDetails,
    ConversationState,
    Delivery,
    InteractionRequest,
    InteractionResult,
    Media,
    MediaItem,
    MessagePage,
    MessageRecord,
    MessageRequest,
    Participant,
    Receipt,
)
from flex_outbound.sids import SidKind
from flex_outbound.twilio_statuses import ConversationState as TwilioState
from flex_outbound.twilio_statuses import DeliveryStatus

CHAT_SERVICE_SID: Final = f"{SidKind.CHAT_SERVICE.value}{1:032x}"
_CHUNK: Final = 64 * 1024

_IMPLIED: Final = {
    DeliveryStatus.READ: frozenset({DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.READ}),
    DeliveryStatus.DELIVERED: frozenset({DeliveryStatus.SENT, DeliveryStatus.DELIVERED}),
}
"""What was true before a status came."""


class MemoryConversations:
    """The part of ``MemoryGateway`` that is about conversations.

    ``messages``: the requests that were carried out, in order. ``conversations`` by conversation SID, ``participants``
    and ``records`` (the messages of all authors, by index) likewise, ``receipts`` by message SID, ``files`` by media
    SID: what lookups find; tests may change them.
    """

    def __init__(self) -> None:
        self.messages: list[MessageRequest] = []
        self.conversations: dict[str, ConversationState] = {}
        self.participants: dict[str, list[Participant]] = {}
        self.records: dict[str, list[MessageRecord]] = defaultdict(list)
        self.receipts: dict[str, list[Receipt]] = {}
        self.files: dict[str, tuple[MediaItem, bytes]] = {}
        self._customers: dict[str, tuple[Channel, str]] = {}
        self._failures: dict[str, list[tuple[GatewayError, bool]]] = defaultdict(list)
        self._lock = threading.Lock()
        self._begun: dict[str, str] = {}
        self._count = 0

    def fail_next(self, error: GatewayError, method: str = "create_interaction", *, carried_out: bool = False) -> None:
        """Let the next call of ``method`` raise ``error``. Several errors are raised in turn.

        ``carried_out``: the request is carried out, and only its answer is lost.
        """
        self._failures[method].append((error, carried_out))

    def add_conversation(self, channel: Channel, address: str, sender_address: str) -> str:
        """Let a customer begin a conversation, without an interaction, and return its SID."""
        with self._lock:
            return self._begin(channel, address, sender_address)

    def move_conversation(self, conversation_sid: str, state: str) -> None:
        """Set a conversation's state."""
        with self._lock:
            self.conversations[conversation_sid] = replace(self.conversations[conversation_sid], state=state)

    def remove_customer(self, conversation_sid: str) -> None:
        """Take the customer out of a conversation, as when Twilio fails to add them and does not say so."""
        with self._lock:
            _channel, gone = self._customers.pop(conversation_sid, (None, ""))
            self.participants[conversation_sid] = [
                one for one in self._people(conversation_sid) if not one.address and one.identity != gone
            ]

    def add_file(self, content_type: str, filename: str, data: bytes, category: str = "media") -> MediaItem:
        """Keep a file, to be given to ``add_message``."""
        with self._lock:
            return self._keep(content_type, filename, data, category)

    def add_message(
        self,
        conversation_sid: str,
        body: str = "",
        *,
        author: str = "",
        subject: str = "",
        media: Sequence[MediaItem] = (),
    ) -> str:
        """Let somebody else write a message, the customer where no ``author`` is given, and return its SID."""
        with self._lock:
            shown = next((one.address for one in self._people(conversation_sid) if one.address), "")
            channel, address = self._customers.get(conversation_sid, (Channel.SMS, ""))
            customer = address if channel.has_identity else shown
            return self._add(conversation_sid, author or customer, body, subject, tuple(media))

    def begin_conversation(self, request: InteractionRequest) -> InteractionResult:
        """Begin a conversation without a task, once for each key."""
        with self._lock:
            error = self._failure("begin_conversation")
            sid = self._begun.get(request.key) or self._begin(request.channel, request.address, request.sender_address)
            if self.conversations[sid].state == TwilioState.CLOSED:
                raise Refused("the conversation that was begun is closed", reason="closed")
            self._begun[request.key] = sid
        if error:
            raise error
        return InteractionResult(None, None, None, sid, None)

    def find_conversations(self, channel: Channel, address: str, sender_address: str) -> list[ConversationState]:
        """Return the conversations of this address and sender."""
        with self._lock:
            self._fail_lookup("find_conversations")
            mine = [one for sid, one in self.conversations.items() if self._is_in(sid, channel, address)]
            return [one for one in mine if one.sender_address in ("", sender_address)]

    def has_customer(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        """Return whether the customer takes part, None where that is not known."""
        with self._lock:
            self._fail_lookup("has_customer")
            if conversation_sid not in self.conversations:
                return None
            return self._is_in(conversation_sid, channel, address)

    def create_message(self, request: MessageRequest) -> str:
        """Keep the message and return a new SID. Raises Refused for a conversation that is unknown or closed."""
        with self._lock:
            error = self._failure("create_message")
            known = self.conversations.get(request.conversation_sid)
            if known is None:
                raise _missing("conversation")
            if known.state == "closed":
                raise Refused("the conversation is closed", reason="closed", code=50377, http_status=400)
            self.messages.append(request)
            files = [self.files[request.media_sid][0]] if request.media_sid in self.files else []
            sid = self._add(
                request.conversation_sid, request.author, request.body, request.subject, tuple(files),
                key=request.key, content_sid=request.content_sid,
            )  # fmt: skip
        if error:
            raise error
        return sid

    def find_message(self, conversation_sid: str, key: str, since: datetime | None = None) -> str | None:
        """Return the SID of the first message with this key, not created before ``since``, or None."""
        with self._lock:
            self._fail_lookup("find_message")
            recent = (one for one in self.records[conversation_sid] if since is None or _is_since(one, since))
            return next((one.message_sid for one in recent if one.key == key), None)

    def find_receipts(self, conversation_sid: str, message_sid: str) -> list[Receipt]:
        """Return the receipts that ``receipts`` holds for the message."""
        with self._lock:
            self._fail_lookup("find_receipts")
            return list(self.receipts.get(message_sid, []))

    def list_messages(self, conversation_sid: str, after: int | None = None) -> MessagePage | None:
        """Return the messages with an index above ``after``, None for an unknown conversation."""
        with self._lock:
            self._fail_lookup("list_messages")
            if conversation_sid not in self.conversations:
                return None
            listed = [self._shown(one) for one in self.records[conversation_sid]]
            return MessagePage(
                tuple(one for one in listed if after is None or one.index is None or one.index > after), is_whole=True
            )

    def fetch_message(self, conversation_sid: str, message_sid: str) -> MessageRecord | None:
        """Return one message, or None."""
        with self._lock:
            self._fail_lookup("fetch_message")
            there = (one for one in self.records[conversation_sid] if one.message_sid == message_sid)
            return next(map(self._shown, there), None)

    def list_participants(self, conversation_sid: str) -> list[Participant] | None:
        """Return who takes part, None for an unknown conversation."""
        with self._lock:
            self._fail_lookup("list_participants")
            return list(self._people(conversation_sid)) if conversation_sid in self.conversations else None

    def fetch_conversation(self, conversation_sid: str) -> ConversationDetails | None:
        """Return a conversation, or None."""
        with self._lock:
            self._fail_lookup("fetch_conversation")
            known = self.conversations.get(conversation_sid)
            if known is None:
                return None
            return ConversationDetails(conversation_sid, known.state, CHAT_SERVICE_SID, known.created_at, None)

    def list_conversations(self, since: datetime, check: Callable[[], None]) -> list[ConversationDetails]:
        """Return the conversations that were begun since then, newest first, as if in one page."""
        check()
        with self._lock:
            self._fail_lookup("list_conversations")
            begun = [one for one in self.conversations.values() if one.created_at is None or one.created_at >= since]
            return [
                ConversationDetails(one.conversation_sid, one.state, CHAT_SERVICE_SID, one.created_at, None)
                for one in reversed(begun)
            ]

    @contextmanager
    def fetch_media(self, chat_service_sid: str, media_sid: str) -> Iterator[Media]:
        """Open a file. Raises Refused for an unknown one."""
        with self._lock:
            self._fail_lookup("fetch_media")
            if media_sid not in self.files:
                raise _missing("file")
            item, data = self.files[media_sid]
        parts = (data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK))
        yield Media(item.content_type, item.size, parts)

    def upload_media(self, chat_service_sid: str, content_type: str, filename: str, data: bytes) -> str:
        """Keep a file and return its SID."""
        with self._lock:
            error = self._failure("upload_media")
            item = self._keep(content_type, filename, data, "")
        if error:
            raise error
        return item.media_sid

    def _people(self, conversation_sid: str) -> list[Participant]:
        return self.participants.get(conversation_sid, [])

    def _is_in(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        there = self._customers.get(conversation_sid)
        if there is None or there[0] != channel:
            return False
        # As at Twilio, a user's id in place of a number proves nothing.
        return addresses.is_among(address, [there[1]]) if channel.is_phone else addresses.same(there[1], address)

    def _begin(self, channel: Channel, address: str, sender_address: str) -> str:
        sid = self._sid(SidKind.CONVERSATION)
        # As at Twilio, where the bindings of emails do not show the business's address, and chats have none.
        shown = sender_address if channel.shows_sender else ""
        self.conversations[sid] = ConversationState(sid, "active", shown, timezone.now())
        self._customers[sid] = (channel, address)
        self.participants[sid] = [self._customer(channel, address, shown)]
        return sid

    def _customer(self, channel: Channel, address: str, shown: str) -> Participant:
        sid = self._sid(SidKind.PARTICIPANT)
        if channel.has_identity:
            return Participant(sid, address, "", "", "", "")
        bound = [payloads.binding_address(channel, one) if one else "" for one in (address, shown)]
        return Participant(sid, "", bound[0], bound[1], channel.value, "to" if channel is Channel.EMAIL else "")

    def _add(
        self,
        conversation_sid: str,
        author: str,
        body: str,
        subject: str,
        media: tuple[MediaItem, ...],
        *,
        key: str = "",
        content_sid: str = "",
    ) -> str:
        sid, there = self._sid(SidKind.MESSAGE), self.records[conversation_sid]
        writers = (one for one in self._people(conversation_sid) if author in (one.identity, one.address))
        writer = next(writers, None)
        index = max((one.index for one in there if one.index is not None), default=-1) + 1
        there.append(
            MessageRecord(
                message_sid=sid,
                index=index,
                author=author,
                participant_sid=writer.participant_sid if writer else None,
                body=body,
                subject=subject,
                key=key,
                media=media,
                content_sid=content_sid,
                created_at=timezone.now(),
                updated_at=None,
                delivery=None,
            )
        )
        if self.conversations[conversation_sid].state == "inactive":
            self.conversations[conversation_sid] = replace(self.conversations[conversation_sid], state="active")
        return sid

    def _shown(self, record: MessageRecord) -> MessageRecord:
        receipts = self.receipts.get(record.message_sid)
        return replace(record, delivery=_summary(receipts)) if receipts else record

    def _keep(self, content_type: str, filename: str, data: bytes, category: str) -> MediaItem:
        item = MediaItem(self._sid(SidKind.MEDIA), content_type, filename, len(data), category)
        self.files[item.media_sid] = (item, data)
        return item

    def _failure(self, method: str) -> GatewayError | None:
        """Raise the next scripted error of a ``method``, or return it where the request is carried out all the same."""
        if not self._failures[method]:
            return None
        error, carried_out = self._failures[method].pop(0)
        if carried_out:
            return error
        raise error

    def _fail_lookup(self, method: str) -> None:
        error = self._failure(method)
        if error:
            raise error

    def _sid(self, kind: SidKind) -> str:
        self._count += 1
        return f"{kind.value}{self._count:032x}"


def _missing(what: str) -> Refused:
    return Refused(f"no such {what}", reason="setup_outdated", code=20404, http_status=404)


def _is_since(record: MessageRecord, since: datetime) -> bool:
    return record.created_at is None or record.created_at >= since


def _summary(receipts: Sequence[Receipt]) -> Delivery:
    """Add up receipts as Twilio does."""
    had = [_IMPLIED.get(DeliveryStatus(one.status), {one.status}) if one.status else set() for one in receipts]

    def part(status: DeliveryStatus) -> str:
        count = sum(status in one for one in had)
        return "none" if not count else "all" if count == len(had) else "some"

    return Delivery(
        total=len(had),
        sent=part(DeliveryStatus.SENT),
        delivered=part(DeliveryStatus.DELIVERED),
        read=part(DeliveryStatus.READ),
        failed=part(DeliveryStatus.FAILED),
        undelivered=part(DeliveryStatus.UNDELIVERED),
    )
