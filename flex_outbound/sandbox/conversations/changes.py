"""Changes to conversations, whether a REST request, Flex, the customer or the agent's desk makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flex_outbound.sandbox.conversations import attachments, delivery, notify, timers
from flex_outbound.sandbox.errors import bad_request, conflict
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Conversation, Media, Message, Participant
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.wire import iso_ms, now
from flex_outbound.sandbox.world import World

STOP_WORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
START_WORDS = {"START", "YES", "UNSTOP"}
HELP_WORDS = {"HELP", "INFO"}


@dataclass(slots=True)
class Draft:
    """A message that is about to be added."""

    author: str = "system"
    body: str | None = None
    attributes: str = "{}"
    subject: str | None = None
    content_sid: str | None = None
    participant_sid: str | None = None
    media: list[Media] = field(default_factory=list)
    failure: int = 0
    silent: bool = False
    opt_out: str = ""
    created: datetime | None = None
    updated: datetime | None = None


class Changes:
    """Changes to the conversations of one account. ``calls_webhooks``: not for plain REST requests."""

    def __init__(self, state: SandboxState, world: World, calls_webhooks: bool = True, rest: bool = False) -> None:
        self.state = state
        self.world = world
        self.calls_webhooks = calls_webhooks
        self.rest = rest

    def _tell(self, conversation: Conversation, event: str, fields: dict[str, str]) -> None:
        if self.calls_webhooks:
            notify.notify(self.state, self.world, conversation, event, fields, self.rest)

    def open(self, conversation: Conversation) -> Conversation:
        """Enter a new conversation; raises 50353 (HTTP 409) if its unique name is taken."""
        conversation.service_sid = conversation.service_sid or self.world.chat_service_sid
        self.rename(conversation, conversation.unique_name or "")
        self.world.conversations[conversation.sid] = conversation
        timers.fill(conversation.timers, self.world.default_timers)
        self.start_timers(conversation)
        self._tell(conversation, "onConversationAdded", notify.conversation_fields(conversation))
        return conversation

    def start_timers(self, conversation: Conversation) -> None:
        """Start the timers of ``conversation`` anew, as every activity in it does."""
        timers.start(self.state, conversation, Changes(self.state, self.world).set_state)

    def rename(self, conversation: Conversation, name: str) -> None:
        """Give ``conversation`` another unique name; raises 50353 (HTTP 409) if that is taken."""
        names, service = self.world.conversation_names, conversation.service_sid
        if name and names.get((service, name), conversation.sid) != conversation.sid:
            raise conflict(50353, "Conversation with provided unique name already exists")
        if names.get((service, conversation.unique_name or "")) == conversation.sid:
            del names[service, conversation.unique_name or ""]
        conversation.unique_name = name or None
        if name:
            names[service, name] = conversation.sid

    def delete(self, conversation: Conversation) -> None:
        """Delete ``conversation`` with everything in it."""
        for participant in list(conversation.participants.values()):
            self.remove(conversation, participant)
        self.rename(conversation, "")
        conversation.timers.turn += 1
        del self.world.conversations[conversation.sid]

    def add(self, conversation: Conversation, participant: Participant) -> Participant:
        """Add ``participant``; raises 50416 (HTTP 409) if its pair is in an open conversation."""
        if conversation.state == "closed":
            raise bad_request(50377, "Conversation is closed, participants cannot be added")
        if participant.address and participant.proxy:
            refuse_bound(self.world, participant.address, participant.proxy)
        identities = {one.identity for one in conversation.participants.values() if one.identity}
        if participant.identity in identities:
            raise conflict(50433, "Participant already exists")
        self.world.join(conversation, participant)
        self._tell(conversation, "onParticipantAdded", notify.participant_fields(participant))
        return participant

    def remove(self, conversation: Conversation, participant: Participant) -> None:
        """Take ``participant`` out of ``conversation``."""
        self.world.leave(conversation, participant)
        self._tell(conversation, "onParticipantRemoved", notify.participant_fields(participant))

    def set_state(self, conversation: Conversation, wanted: str, reason: str = "EVENT") -> None:
        """Move ``conversation`` to active, inactive or closed; raises 50377 if it is closed already."""
        before = conversation.state
        if before == wanted:
            return
        if before == "closed":
            raise bad_request(50377, "Conversation is closed and cannot be changed")
        conversation.state, conversation.updated = wanted, now()
        if wanted == "active":
            self.start_timers(conversation)
        if wanted == "closed":
            for participant in conversation.participants.values():
                self.world.release(conversation, participant)
        fields = notify.state_fields(conversation, before, reason)
        self._tell(conversation, "onConversationStateUpdated", fields)

    def add_message(self, conversation: Conversation, draft: Draft) -> Message:
        """Add a message and deliver it to the customers; raises 50377 if the conversation is closed."""
        if conversation.state == "closed":
            raise bad_request(50377, "Conversation is closed, messages cannot be added")
        if conversation.state == "inactive":
            self.set_state(conversation, "active")
        message = Message(
            new_sid("IM"),
            conversation.next_index,
            draft.author,
            draft.body,
            draft.attributes,
            draft.participant_sid,
            draft.subject,
            draft.content_sid,
            [attachments.shown(one) for one in draft.media] or None,
            silent=draft.silent,
        )
        for one in draft.media:
            one.message_sid, one.conversation_sid = message.sid, conversation.sid
        message.created = draft.created or message.created
        message.updated = draft.updated or message.created
        conversation.next_index += self.state.options.index_step
        conversation.messages[message.sid] = message
        conversation.updated = now()
        self.start_timers(conversation)
        is_shown = bool(draft.opt_out) and self.state.options.opt_out_type
        own = {"OptOutType": draft.opt_out} if is_shown else {}
        self._tell(conversation, "onMessageAdded", self._message_fields(message) | own)
        for participant in list(conversation.participants.values()):
            if participant.address and participant.sid != draft.participant_sid:
                delivery.send(self.state, self.world, conversation, message, participant, draft.failure)
        return message

    def _message_fields(self, message: Message) -> dict[str, str]:
        subject = message.subject if self.state.options.show_subject else None
        return notify.message_fields(message) | ({"Subject": subject} if subject else {})

    def edited(self, conversation: Conversation, message: Message, by: str) -> None:
        """Tell that ``message`` was changed ``by`` somebody; its new content and date are in it already."""
        edit = {"DateUpdated": iso_ms(message.updated), "ModifiedBy": by}
        self._tell(conversation, "onMessageUpdated", self._message_fields(message) | edit)

    def delete_message(self, conversation: Conversation, message: Message, by: str) -> None:
        """Take ``message`` out of ``conversation``."""
        del conversation.messages[message.sid]
        removal = {"DateRemoved": iso_ms(now()), "ModifiedBy": by}
        self._tell(conversation, "onMessageRemoved", self._message_fields(message) | removal)

    def add_reply(self, conversation: Conversation, customer: Participant, draft: Draft) -> Message:
        """Add the customer's own message; ``STOP`` opts the address out and ``START`` in again."""
        address = customer.address or customer.identity or ""
        self.world.heard_from[address, customer.proxy or ""] = now()
        word = (draft.body or "").strip().upper()
        if word in STOP_WORDS and customer.type == "sms":
            self.world.opted_out.add(address)
            draft.opt_out = "STOP"
        if word in START_WORDS:
            self.world.opted_out.discard(address)
            draft.opt_out = "START"
        if word in HELP_WORDS:
            draft.opt_out = "HELP"
        draft.author, draft.participant_sid = address, customer.sid
        return self.add_message(conversation, draft)


def refuse_bound(world: World, address: str, proxy: str) -> None:
    """Raise 50416 (HTTP 409), naming the conversation, if the pair is in an open one.

    https://www.twilio.com/docs/api/errors/50416
    """
    sid = world.bound_to(address, proxy)
    if sid:
        text = "A binding for this participant and proxy address already exists in Conversation"
        raise conflict(50416, f"{text} {sid}")
