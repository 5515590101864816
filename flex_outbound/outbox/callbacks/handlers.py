"""What each event changes. Events come in any order, twice, or late: the surest reason for an end stays.

An interaction is read and locked by ``processing`` before an event is applied to it.
"""

from typing import Any, Final

from django.db.models import F
from django.db.models.functions import Least, Now

from flex_outbound.gateway.base import TaskState
from flex_outbound.models import Interaction, Message, Source, WebhookEvent
from flex_outbound.outbox import closings, delivery, lifecycle, lookups, retry, taking
from flex_outbound.outbox.bulk import In
from flex_outbound.outbox.callbacks.events import PARTICIPANT_KIND, UNSIGNED, CallbackEvent, EventName
from flex_outbound.outbox.changes import Change, channel_failed, channel_step, conversation_step, task_step
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.statuses import FINAL, OPEN, UNSETTLED, Event, MessageStatus, Status
from flex_outbound.twilio_statuses import (
    TASK_ORDER,
    ChannelStatus,
    ConversationState,
    DeliveryStatus,
    Party,
    TaskStatus,
)

REASONS: Final = ("task_canceled", "task_deleted", "workflow_timeout", "agent_timeout", "agent_rejected")
"""Reasons that callbacks tell, from effects to causes: where two are told, the later one here stays."""

_RANK: Final = {reason: rank for rank, reason in enumerate(REASONS)}
_ACCEPTED: Final = frozenset({TaskStatus.ASSIGNED, TaskStatus.WRAPPING, TaskStatus.COMPLETED})
_IN_HAND: Final = frozenset({TaskStatus.ASSIGNED, TaskStatus.WRAPPING})
_TASK_ENDED: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELED})

_GOES_ON: Final = frozenset({ConversationState.ACTIVE, ConversationState.INACTIVE})

_BY_AGENT: Final[dict[str, str]] = {
    EventName.RESERVATION_REJECTED: "agent_rejected",
    EventName.RESERVATION_TIMEOUT: "agent_timeout",
}
_BY_TASK: Final[dict[str, str]] = {
    EventName.TASK_CANCELED: "task_canceled",
    EventName.TASK_DELETED: "task_deleted",
    EventName.WORKFLOW_TIMEOUT: "workflow_timeout",
}
_TASK_ENDS: Final[frozenset[str]] = frozenset({*_BY_AGENT, *_BY_TASK, EventName.TASK_SYSTEM_DELETED})
_CHANNEL_EVENTS: Final = frozenset({EventName.CHANNEL_CREATE_FAILED, EventName.CHANNEL_STATUS_UPDATED})
_CONVERSATION_EVENTS: Final = frozenset(
    {EventName.CONVERSATION_STATE_UPDATED, EventName.MESSAGE_ADDED, EventName.DELIVERY_UPDATED}
)


def is_noop(interaction: Interaction, event: CallbackEvent) -> bool:
    """Tell whether applying an event would surely change nothing, now or later. In doubt False.

    What Twilio has told of a task, a channel or a conversation once only moves forward, so an interaction that was read
    a moment ago is good enough to compare with.
    """
    if interaction.status in UNSETTLED or (interaction.conversation_sid is None and event.conversation_sid):
        return False
    if event.source != Source.TASKROUTER:
        names = _CHANNEL_EVENTS if event.source == Source.INTERACTIONS else _CONVERSATION_EVENTS
        return event.name not in names and not event.is_customer_joining
    is_own = event.task is not None and event.task.task_sid == interaction.task_sid
    if event.name == EventName.RESERVATION_ACCEPTED and taking.is_open_to_all(interaction):
        return False
    if not is_own or event.name in _TASK_ENDS or event.task_status in _TASK_ENDED:
        return False
    return TASK_ORDER.get(event.task_status, len(TASK_ORDER)) <= TASK_ORDER.get(interaction.task_status, -1)


def apply(interaction: Interaction, event: CallbackEvent) -> bool:
    """Apply one event to the interaction that it names. Returns False where it has to wait until that is settled."""
    if not event.is_signed:
        return _confirm(interaction, event)
    if event.source == Source.TASKROUTER:
        return _apply_task(interaction, event)
    if interaction.status in UNSETTLED and not _adopt_named(interaction, event):
        return False
    # A conversation outlives its interactions, so its events prove it theirs only by the key of a message.
    if event.source == Source.INTERACTIONS or event.message_key == interaction.pk:
        _write(interaction, Change(None, facts=conversation_step(interaction, event.conversation_sid)))
    if event.is_customer_joining:
        _customer_joined(interaction)
    elif event.name == EventName.CHANNEL_CREATE_FAILED:
        _break(interaction, channel_failed(event.error_code, **channel_step(interaction, ChannelStatus.FAILED)))
    elif event.name == EventName.CHANNEL_STATUS_UPDATED and event.channel_status in ChannelStatus.values:
        _channel_moved(interaction, event)
    elif event.name == EventName.CONVERSATION_STATE_UPDATED and event.state_to == ConversationState.CLOSED:
        _closed(interaction, {"conversation_state": ConversationState.CLOSED.value})
    elif event.name == EventName.CONVERSATION_STATE_UPDATED:
        _still_open(interaction, event.state_to)
    elif event.name == EventName.MESSAGE_ADDED:
        _message_added(interaction, event)
    elif event.name == EventName.DELIVERY_UPDATED and event.delivery_status in DeliveryStatus.values:
        return _receipt(interaction, event)
    return True


def _write(interaction: Interaction, change: Change) -> bool:
    """Write a change; returns whether it made its move."""
    return lifecycle.apply([(interaction, change)]) == [True] and change.event is not None


def _confirm(interaction: Interaction, event: CallbackEvent) -> bool:
    """Have Twilio asked at once about what an event without a signature tells: it is believed only from there."""
    if interaction.status in UNSETTLED:
        return False
    is_known = event.name != EventName.CHANNEL_STATUS_UPDATED or event.channel_status in ChannelStatus.values
    if event.is_customer_joining or (event.name in _CHANNEL_EVENTS and is_known):
        _poll_now(interaction, is_single=True)
    return True


# -- tasks -------------------------------------------------------------------------------------------------------------


def _apply_task(interaction: Interaction, event: CallbackEvent) -> bool:
    task = event.task
    if task is None:
        return True
    if interaction.status in UNSETTLED:
        lookups.adopt(interaction, [task])
    if interaction.task_sid == task.task_sid:
        _own_task(interaction, event, task)
    elif interaction.task_sid or interaction.status in FINAL:
        # A transfer makes further tasks for the same interaction; another interaction is a duplicate.
        closings.close_duplicate(interaction, task.interaction_sid, task.channel_sid, task.task_sid)
    return True


def _own_task(interaction: Interaction, event: CallbackEvent, task: TaskState) -> None:
    facts = conversation_step(interaction, event.conversation_sid)
    reason = _reason(interaction, event)
    facts |= task_step(interaction, task.status)
    if event.name == EventName.RESERVATION_ACCEPTED:
        facts |= taking.taken_by(interaction, event.worker_sid)
    if task.status == TaskStatus.COMPLETED or (event.name == EventName.TASK_SYSTEM_DELETED and reason is None):
        # TaskRouter itself deletes a task minutes after its end, so its end was missed.
        _write(interaction, Change(Event.ENDED, facts=facts))
    elif reason is not None:
        _break(interaction, Change(Event.BROKEN, reason=reason, facts=facts))
    elif interaction.continues_id and interaction.status == Status.CREATED and task.status in _IN_HAND:
        _write(interaction, _up(interaction, facts))
    else:
        _write(interaction, Change(None, facts=facts))


def _reason(interaction: Interaction, event: CallbackEvent) -> str | None:
    """Return why the task will not become a conversation, None where the event does not say so.

    Source: https://www.twilio.com/docs/flex/developer/conversations/best-practices
    """
    if event.name in _BY_TASK:
        return _BY_TASK[event.name]
    status = task_step(interaction, event.task_status).get("task_status", interaction.task_status)
    # Of a task that was accepted once, declined reservations are those of transfers. Of one that no agent began, the
    # task may be offered to others; what ends it is told as well.
    is_agents = not taking.is_open_to_all(interaction)
    if is_agents and event.name in _BY_AGENT and event.worker_sid == interaction.worker_sid and status not in _ACCEPTED:
        return _BY_AGENT[event.name]
    return "task_canceled" if event.task_status == TaskStatus.CANCELED else None


def _break(interaction: Interaction, change: Change) -> None:
    """End an interaction whose conversation Twilio leaves open, or refine the reason of one that has ended."""
    if _write(interaction, change) or interaction.status != Status.FAILED:
        return
    if _RANK.get(interaction.error_reason, len(_RANK)) < _RANK.get(change.reason, len(_RANK)):
        _write(interaction, Change(None, facts=change.why, tell=True))


# -- channels ----------------------------------------------------------------------------------------------------------


def _adopt_named(interaction: Interaction, event: CallbackEvent) -> bool:
    """Take over an interaction that was accepted without naming its task; most events do not name it either."""
    if event.task is None:
        return False
    sids = (event.interaction_sid, event.channel_sid, event.conversation_sid)
    task = TaskState(event.task.task_sid, "", {}, *sids, invite_sid=None, key=interaction.key)
    return lookups.adopt(interaction, [task])


def _channel_moved(interaction: Interaction, event: CallbackEvent) -> None:
    status = event.channel_status
    # Late news of the set-up must not hide that it is over.
    is_news = status != ChannelStatus.SETUP or not interaction.channel_status
    facts = channel_step(interaction, status) if is_news else {}
    if status == ChannelStatus.FAILED or (status == ChannelStatus.CLOSED and event.error_code):
        _break(interaction, channel_failed(event.error_code, **facts))
    elif status == ChannelStatus.CLOSED:
        _closed(interaction, facts)
    elif status == ChannelStatus.ACTIVE:
        _channel_up(interaction, facts)
    else:
        _write(interaction, Change(None, facts=facts))


def _closed(interaction: Interaction, facts: dict[str, str]) -> None:
    """End an interaction whose conversation or channel was closed.

    Where nobody has taken part in it yet, that may as well be how a failed set-up looks: then Twilio is asked.
    """
    if interaction.status in (Status.ACTIVE, Status.WAITING) or interaction.task_status in _ACCEPTED:
        _write(interaction, Change(Event.ENDED, facts=facts))
    else:
        _write(interaction, Change(None, facts=facts))
        _poll_now(interaction)


def _still_open(interaction: Interaction, state: str) -> None:
    """Take note that the conversation of an interaction that has ended goes on: its task was completed, it was not."""
    known = interaction.conversation_state
    if interaction.status == Status.CLOSED and state in _GOES_ON and known not in (state, ConversationState.CLOSED):
        _write(interaction, Change(None, facts={"conversation_state": state}))


def _channel_up(interaction: Interaction, facts: dict[str, str]) -> None:
    """Take note that the channel is active.

    Whether the customer is in it is known from an earlier event, or else has to be asked: Twilio may set up a channel
    and silently leave out a customer who is in another open conversation.
    Source: https://www.twilio.com/docs/api/errors/80102
    """
    if interaction.continues_id is not None:
        # The channel was there before: it is the task that tells whether the agent has come.
        _write(interaction, Change(None, facts=facts))
        return
    if interaction.status == Status.CREATED and _has_joined(interaction):
        _write(interaction, _up(interaction, facts))
        return
    _write(interaction, Change(None, facts=facts))
    if interaction.status == Status.CREATED:
        _poll_now(interaction)


def _customer_joined(interaction: Interaction) -> None:
    """Take note that the customer is in the conversation; whether the channel is up, its own event tells."""
    is_new = interaction.continues_id is None
    if is_new and interaction.channel_status == ChannelStatus.ACTIVE and interaction.status == Status.CREATED:
        _write(interaction, _up(interaction, {}))


def _up(interaction: Interaction, facts: dict[str, Any]) -> Change:
    """Return the move to active. Where callbacks tell what happens, Twilio need not be asked again so soon."""
    told = {"next_at": In(retry.POLL_AFTER_CALLBACK), "lookups": retry.AFTER_CALLBACK}
    return Change(Event.UP, facts={**facts, **(told if interaction.conversation_sid else {})})


def _has_joined(interaction: Interaction) -> bool:
    joined = (EventName.PARTICIPANT_ADDED, EventName.PARTICIPANT_JOINED)
    told = WebhookEvent.objects.filter(interaction=interaction, event_type__in=joined)
    told = told.exclude(payload__has_key=UNSIGNED)
    return told.filter(**{f"payload__{PARTICIPANT_KIND}": Party.CUSTOMER}).exists()


def _poll_now(interaction: Interaction, *, is_single: bool = False) -> None:
    """Have an open interaction polled without delay. ``is_single``: by itself, which asks for its channel as well."""
    lookups = {"lookups": Least(F("lookups"), retry.STEADY_AFTER - 1)} if is_single else {}
    if Interaction.objects.filter(pk=interaction.pk, status__in=sorted(OPEN)).update(next_at=Now(), **lookups):
        request_after_commit(Job.POLL, interaction.account_id)


# -- messages ----------------------------------------------------------------------------------------------------------


def _message_added(interaction: Interaction, event: CallbackEvent) -> None:
    if event.message_key == interaction.pk:
        # The first message, perhaps one whose answer was lost: a lookup will find it now.
        lost = Message.objects.filter(interaction=interaction, status=MessageStatus.UNCONFIRMED)
        if lost.update(next_at=Now()):
            request_after_commit(Job.MESSAGE, interaction.account_id)
    elif event.message_sid and event.author == Party.CUSTOMER:
        _still_open(interaction, ConversationState.ACTIVE.value)


def _receipt(interaction: Interaction, event: CallbackEvent) -> bool:
    """Note what became of the first message. False while it is not known what it is called."""
    message = Message.objects.filter(interaction=interaction).first()
    if message is None or (message.message_sid is not None and message.message_sid != event.message_sid):
        return True
    if message.message_sid is None:
        # Sent, but its SID is not written yet: it may well be this one.
        return message.status not in (MessageStatus.SENDING, MessageStatus.UNCONFIRMED)
    delivery.apply(interaction, message, event.delivery_status, event.error_code)
    return True
