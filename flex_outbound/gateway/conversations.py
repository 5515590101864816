"""One conversation at Twilio, as it is read: its messages with their receipts, and who takes part.

An answer that cannot be read is never taken for an empty one: what is not found may be sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from twilio.base.page import Page

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.gateway import records, results
from flex_outbound.gateway.base import ConversationDetails, MessagePage, MessageRecord, Participant, Receipt
from flex_outbound.gateway.calls import TwilioCalls, found_or_none, in_path
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.observe import Operation
from flex_outbound.sids import SidKind

PARTICIPANTS_PER_PAGE = 100
MAX_PARTICIPANT_PAGES = 10
"""A conversation takes 1,000 participants: https://www.twilio.com/docs/conversations/conversations-limits"""

RECEIPTS_PER_PAGE = 50
MAX_RECEIPT_PAGES = 2
"""A conversation takes 50 participants that are not of a chat, and each has one receipt."""

MESSAGES_PER_PAGE = 100
MAX_FIRST_PAGES = 2
"""Pages in which a conversation's first message is looked for."""

MAX_RECENT_PAGES = 20
"""Pages in which a message of a known time is looked for."""

MAX_MESSAGE_PAGES = 50

CONVERSATIONS_PER_PAGE = 100
MAX_CONVERSATION_PAGES = 10_000
"""A million conversations in the time that is asked for. A longer list is taken for a fault."""

_BINDING_OF_AGENTS = frozenset({"type", "projected_address", "proxy_address"})
NOT_SHOWN = (403, 404)


class _RawPage(Page):  # type: ignore[misc]
    """A page of a list with its records as they came: the SDK's objects lack fields, as a message's subject."""

    def get_instance(self, payload: Any) -> Any:
        """Return the record."""
        return payload


@dataclass(frozen=True, slots=True)
class _RawList:
    """A list at Twilio by its path. ``version``: the SDK's object for an API and its version."""

    version: Any
    path: str

    def page(self, **params: Any) -> _RawPage:
        """Ask for the first page."""
        return _RawPage(self.version, self.version.page("GET", self.path, params=params))


class TwilioConversations(TwilioCalls):
    """The lookups of the protocol that are about one conversation."""

    def list_messages(self, conversation_sid: str, after: int | None = None) -> MessagePage | None:
        """Return the messages with an index above ``after``, the newest 5,000 at most.

        None where Twilio does not show the conversation (403, 404). Raises OutcomeUnknown for a message without a SID.
        https://www.twilio.com/docs/conversations/api/conversation-message-resource#list-all-conversation-messages
        """
        return found_or_none(partial(self._messages_after, conversation_sid, after), missing=NOT_SHOWN)

    def fetch_message(self, conversation_sid: str, message_sid: str) -> MessageRecord | None:
        """Return one message, None where Twilio does not show it (403, 404)."""
        path = f"{_messages_of(conversation_sid)}/{in_path(message_sid, SidKind.MESSAGE)}"
        payload = found_or_none(partial(self._fetch_raw, Operation.FETCH_MESSAGE, path), missing=NOT_SHOWN)
        if payload is None:
            return None
        record = records.parse_record(payload)
        if record is None:
            raise malformed("no message SID", self._http.last_status)
        return record

    def list_participants(self, conversation_sid: str) -> list[Participant] | None:
        """Return the participants, None where Twilio does not show the conversation (403, 404).

        Raises OutcomeUnknown for a participant without a SID.
        https://www.twilio.com/docs/conversations/api/conversation-participant-resource
        """
        return found_or_none(partial(self._participants, conversation_sid), missing=NOT_SHOWN)

    def fetch_conversation(self, conversation_sid: str) -> ConversationDetails | None:
        """Return a conversation itself, None where Twilio does not show it (403, 404)."""
        path = _conversation(conversation_sid)
        payload = found_or_none(partial(self._fetch_raw, Operation.FETCH_CONVERSATION, path), missing=NOT_SHOWN)
        if payload is None:
            return None
        details = records.parse_details(payload)
        if details is None:
            raise malformed("no conversation SID", self._http.last_status)
        return details

    def list_conversations(self, since: datetime, check: Callable[[], None]) -> list[ConversationDetails]:
        """Return the conversations of the default service created since then, all of them, newest first.

        ``check``: called before each request, each page of 100 being one; what it raises is raised.
        Raises OutcomeUnknown for a conversation without a SID, and for a list that repeats itself or does not end.
        https://www.twilio.com/docs/conversations/api/conversation-resource#read-multiple-conversation-resources
        """
        # By SID: one that moves from one page to the next while they are read is listed twice.
        found: dict[str, ConversationDetails] = {}
        # The filter takes whole days. With it, Twilio sorts by creation, the newest first.
        day = since.astimezone(UTC).strftime("%Y-%m-%dT00:00:00Z")
        fields: dict[str, Any] = {"StartDate": day, "PageSize": CONVERSATIONS_PER_PAGE}
        listed = self._raw("/Conversations")
        check()
        for page, more in self._pages(Operation.LIST_CONVERSATIONS, listed, pages=MAX_CONVERSATION_PAGES, **fields):
            read = [self._readable_conversation(payload) for payload in page]
            # One without a date may be new.
            new = [one for one in read if one.created_at is None or one.created_at >= since]
            if more and read and all(one.conversation_sid in found for one in read):
                raise malformed("a list that repeats itself", self._http.last_status)
            for one in new:
                found.setdefault(one.conversation_sid, one)
            if len(new) < len(read):
                break
            if more:
                check()
        return list(found.values())

    def _readable_conversation(self, payload: Any) -> ConversationDetails:
        details = records.parse_details(payload)
        if details is None:
            raise malformed("a conversation without a SID", self._http.last_status)
        return details

    def has_customer(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        """Return whether the customer takes part, None where that is not proven.

        It is not where Twilio does not show the conversation or its participants, or shows one whose address is no
        number, or may be another form of the customer's. The customer of a chat has an identity, and no other form.
        https://www.twilio.com/docs/conversations/api/conversation-participant-resource
        """
        return found_or_none(partial(self._takes_part, conversation_sid, channel, address), missing=NOT_SHOWN)

    def find_message(self, conversation_sid: str, key: str, since: datetime | None = None) -> str | None:
        """Return the SID of the message with this key, None where there is none.

        Without ``since``, it is looked for among the conversation's first 200 messages. With it, among those created
        since then, newest first; raises OutcomeUnknown where these are more than 2,000, or where one cannot be read.
        """
        if since is not None:
            return self._find_recent(conversation_sid, key, since)
        # Oldest first: it is the first message of a new conversation.
        fields: dict[str, Any] = {"order": "asc", "page_size": MESSAGES_PER_PAGE}
        messages = self._messages(conversation_sid)
        for record in self._records(Operation.FIND_MESSAGE, messages, pages=MAX_FIRST_PAGES, is_whole=False, **fields):
            sid, found = results.parse_message({"sid": record.sid, "attributes": record.attributes})
            if sid and found == key:
                return sid
        return None

    def find_receipts(self, conversation_sid: str, message_sid: str) -> list[Receipt]:
        """Return the delivery receipts of a message, [] where Twilio does not show the message (403, 404).

        https://www.twilio.com/docs/conversations/api/delivery-receipt-resource
        """
        return found_or_none(partial(self._receipts, conversation_sid, message_sid), missing=NOT_SHOWN) or []

    def _messages(self, conversation_sid: str) -> Any:
        conversations = self._client.conversations.v1.conversations
        return conversations(in_path(conversation_sid, SidKind.CONVERSATION)).messages

    def _raw(self, path: str) -> _RawList:
        return _RawList(self._client.conversations.v1, path)

    def _fetch_raw(self, operation: Operation, path: str) -> Any:
        with self._call(operation):
            return self._client.conversations.v1.fetch("GET", path)

    def _messages_after(self, conversation_sid: str, after: int | None) -> MessagePage:
        # By SID: one that moves from one page to the next while they are read is listed twice.
        found: dict[str, MessageRecord] = {}
        more, listed = False, self._raw(_messages_of(conversation_sid))
        fields: dict[str, Any] = {"is_whole": False, "Order": "desc", "PageSize": MESSAGES_PER_PAGE}
        for page, more in self._pages(Operation.LIST_MESSAGES, listed, pages=MAX_MESSAGE_PAGES, **fields):
            read = [self._readable_message(payload) for payload in page]
            new = [one for one in read if after is None or one.index is None or one.index > after]
            for one in new:
                found.setdefault(one.message_sid, one)
            if len(new) < len(read):
                more = False
                break
        return MessagePage(_ascending(list(found.values())), is_whole=not more)

    def _readable_message(self, payload: Any) -> MessageRecord:
        record = records.parse_record(payload)
        if record is None:
            raise malformed("a message without a SID", self._http.last_status)
        return record

    def _find_recent(self, conversation_sid: str, key: str, since: datetime) -> str | None:
        # Twilio shows whole seconds, cut off.
        begin = since.replace(microsecond=0)
        listed = self._raw(_messages_of(conversation_sid))
        fields: dict[str, Any] = {"Order": "desc", "PageSize": MESSAGES_PER_PAGE}
        for page, _more in self._pages(Operation.FIND_MESSAGE, listed, pages=MAX_RECENT_PAGES, **fields):
            created: datetime | None = None
            for payload in page:
                sid, found, created = records.parse_sent(payload)
                if found == key and sid:
                    return sid
                is_old = created is not None and created < begin
                if not is_old and (sid is None or found is None):
                    # It may be the one that is looked for. Left out, it would be sent again.
                    raise malformed("a message that cannot be read", self._http.last_status)
            # Only the oldest of a page counts: who writes a message may give it an earlier date.
            if created is not None and created < begin:
                return None
        return None

    def _participants(self, conversation_sid: str) -> list[Participant]:
        listed = self._raw(f"{_conversation(conversation_sid)}/Participants")
        found: dict[str, Participant] = {}
        for payload in self._records(
            Operation.LIST_PARTICIPANTS, listed, pages=MAX_PARTICIPANT_PAGES, PageSize=PARTICIPANTS_PER_PAGE
        ):
            one = records.parse_participant(payload)
            if one is None:
                raise malformed("a participant without a SID", self._http.last_status)
            found.setdefault(one.participant_sid, one)
        return list(found.values())

    def _takes_part(self, conversation_sid: str, channel: Channel, address: str) -> bool | None:
        conversations = self._client.conversations.v1.conversations
        people = conversations(in_path(conversation_sid, SidKind.CONVERSATION)).participants
        all_shown, present = True, []
        for record in self._records(
            Operation.HAS_CUSTOMER, people, pages=MAX_PARTICIPANT_PAGES, page_size=PARTICIPANTS_PER_PAGE
        ):
            binding = results.parse_binding(record.messaging_binding)
            if addresses.same(_identity_of(record) if channel.has_identity else binding.address, address):
                return True
            if binding.address:
                present.append(binding.address)
            all_shown = all_shown and bool(binding.address or _is_agent(record))
        if channel.has_identity or channel is Channel.MESSENGER:
            return False if all_shown else None
        return addresses.is_among(address, present) if all_shown else None

    def _receipts(self, conversation_sid: str, message_sid: str) -> list[Receipt]:
        receipts = self._messages(conversation_sid)(in_path(message_sid, SidKind.MESSAGE)).delivery_receipts
        listed = self._records(Operation.FIND_RECEIPTS, receipts, pages=MAX_RECEIPT_PAGES, page_size=RECEIPTS_PER_PAGE)
        return [results.parse_receipt(_receipt_fields(one)) for one in listed]


def _is_agent(record: Any) -> bool:
    """Tell whether a participant is surely an agent: by an identity that is no address in a form of its own.

    One who is bound in a way that cannot be read may be the customer, and so may one without identity and address.
    """
    identity = _identity_of(record)
    bound = {name for name, value in results.parse_attributes(record.messaging_binding).items() if value}
    is_bound_otherwise = bool(bound - _BINDING_OF_AGENTS)
    return bool(identity) and not is_bound_otherwise and not addresses.may_be_address(identity)


def _identity_of(record: Any) -> str:
    return record.identity if isinstance(record.identity, str) else ""


def _conversation(conversation_sid: str) -> str:
    return f"/Conversations/{in_path(conversation_sid, SidKind.CONVERSATION)}"


def _messages_of(conversation_sid: str) -> str:
    return f"{_conversation(conversation_sid)}/Messages"


def _receipt_fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("sid", "participant_sid", "status", "error_code")}


def _ascending(newest_first: list[MessageRecord]) -> tuple[MessageRecord, ...]:
    """Return messages by their index; one without an index stays behind the older one that it was listed with."""
    placed: list[tuple[int, MessageRecord]] = []
    last = -1
    for record in reversed(newest_first):
        last = last if record.index is None else record.index
        placed.append((last, record))
    return tuple(record for _index, record in sorted(placed, key=lambda one: one[0]))
