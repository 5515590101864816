"""Opening when the customer answers: the first message goes into a conversation that has no task.

So fifty messages that nobody has answered yet cost no agent's capacity. The conversation is made under the
interaction's key as its unique name, so making it again does no harm, and an unknown outcome is repeated. What the
customer answers brings somebody into the conversation as ``inbound`` does: the agent who wrote first, while available.
https://www.twilio.com/docs/conversations/api/conversation-resource
"""

from typing import Final

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.exceptions import ClickConflict, InvalidClick, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.base import Gateway, InteractionRequest, InteractionResult
from flex_outbound.models import Conversation, Interaction
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import closings, retry
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.outbox.preflight import NotSent, Rejection
from flex_outbound.problems import GAVE_UP
from flex_outbound.statuses import Event, MessageStatus, Status
from flex_outbound.twilio_statuses import ConversationState

CHANNELS: Final = (Channel.SMS, Channel.WHATSAPP, Channel.MESSENGER)
"""Those whose customers Conversations adds by their address. Emails are not among them, and who chats is there already.

https://www.twilio.com/docs/conversations/api/conversation-participant-resource
"""

REQUESTS: Final = 2
"""Requests of making a conversation: the conversation, and its customer."""

LOOK_AGAIN: Final = 3600.0
"""Seconds after which a row is looked at once more: callbacks and reading tell sooner that its conversation ended."""


def can_wait(channel: str) -> bool:
    """Tell whether a channel can wait for the customer's answer."""
    return channel in CHANNELS


def check(interaction: Interaction, *, has_message: bool) -> None:
    """Raise InvalidClick for a click that cannot wait for an answer."""
    if not interaction.opens_on_answer:
        return
    if not can_wait(interaction.channel):
        words = _("%(channel)s cannot wait for the customer's answer. Open it now.")
        raise InvalidClick(
            words % {"channel": Channel(interaction.channel).label}, code="cannot_wait", field="opens_on_answer"
        )
    if not has_message:
        words = _("Write the message that the customer is to answer, or open it now.")
        raise InvalidClick(words, code="required", field="body")


def withdraw(gateway: Gateway, rejection: Rejection, request: InteractionRequest) -> InteractionResult:
    """Close what an earlier attempt may have made: it would be open with the customer in it, and known to nobody.

    Always raises: NotSent, or what Twilio's answer was, after which it is tried again.
    """
    try:
        made = gateway.begin_conversation(request)
        gateway.close_conversation(made.conversation_sid or "")
    except Refused:
        # The customer was never in it, or it is closed.
        pass
    raise NotSent(rejection)


def decide(interaction: Interaction, answer: InteractionResult | OutcomeUnknown) -> Change:
    """Return what the answer to making a conversation means. Pure but for the jitter.

    It may be made again under its name, so an unknown outcome is repeated and, at the end, counts as not accepted.
    """
    if not isinstance(answer, OutcomeUnknown):
        return Change(Event.BEGUN, LOOK_AGAIN, sids={"conversation_sid": answer.conversation_sid})
    if interaction.attempt < conf.max_attempts:
        return Change(Event.UNKNOWN, retry.backoff(interaction.attempt), error=answer)
    error = NotAccepted(answer.detail, reason=answer.reason, http_status=answer.http_status)
    return Change(Event.REJECTED, reason=error.reason, case=GAVE_UP, error=error)


def follow(interaction: Interaction, event: Event) -> None:
    """Do what follows from a move of an interaction that opens when the customer answers, within its transaction."""
    if not interaction.conversation_sid:
        return
    same = Conversation.objects.filter(pk=key_of(interaction.conversation_sid), account=interaction.account_id)
    if event is Event.BEGUN:
        same.update(opens_on_answer=True)
        # They may have written by chance while the conversation was made.
        if same.open().filter(inbound__gt=0).update(wants_agent_at=Now()):
            request_after_commit(Job.CONVERSATION, interaction.account_id)
    elif event in (Event.CANCELED, Event.BROKEN):
        for conversation in same.open():
            closings.close_conversation(conversation)


def taken_over() -> Change:
    """Return the end of a wait: another interaction has the conversation from here on."""
    return Change(Event.ANSWERED, facts={"is_succeeded": True})


def decide_due(interaction: Interaction, conversation: Conversation | None) -> Change | None:
    """Return what ends a wait without an answer, None where it goes on. ``conversation``: None where it is not kept."""
    message = interaction.first_message
    if message is not None and message.status == MessageStatus.FAILED:
        why = {"reason": message.error_reason, "code": message.error_code}
        return Change(Event.BROKEN, facts={"error_params": message.error_params}, **why)
    # One that Twilio does not know any more is not read again.
    is_gone = conversation is not None and conversation.read_at is not None and conversation.next_at is None
    if is_gone or (conversation is not None and conversation.state == ConversationState.CLOSED):
        return Change(Event.ENDED, facts={"conversation_state": ConversationState.CLOSED.value})
    return None


def waiting_in(conversation: Conversation) -> Interaction | None:
    """Return the interaction that waits for an answer in a conversation, None where there is none."""
    if not conversation.opens_on_answer:
        return None
    same = Interaction.objects.filter(conversation_sid=conversation.conversation_sid, account=conversation.account_id)
    return same.filter(status=Status.WAITING).select_related("worker__user").first()


def check_unanswered(interaction: Interaction) -> None:
    """Raise ClickConflict (``answered``) where the customer has answered what an interaction waits for."""
    if interaction.status != Status.WAITING:
        return
    same = Conversation.objects.filter(pk=key_of(interaction.conversation_sid or ""), wants_agent_at__isnull=False)
    if same.exists():
        words = _("The customer has answered. Their message is being brought to an agent.")
        raise ClickConflict(words, code="answered", interaction=interaction)
