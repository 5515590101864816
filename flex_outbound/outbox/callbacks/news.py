"""Whether a callback can change its row at all: most only say what is known, and need no job."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from flex_outbound.models import Interaction, Source
from flex_outbound.outbox.callbacks import taskrouter
from flex_outbound.outbox.callbacks.facts import CUSTOMER, PARTICIPANT_KIND, conversation_sid_of
from flex_outbound.statuses import TASK_ORDER, UNSETTLED

_OF_THE_CHANNEL: Final = frozenset({"onChannelCreateFailed", "onChannelStatusUpdated"})
_OF_THE_CONVERSATION: Final = frozenset({"onConversationStateUpdated", "onMessageAdded", "onDeliveryUpdated"})
_JOINED: Final = frozenset({"onParticipantAdded", "onParticipantJoined"})

Payload = Mapping[str, Any]


def is_old(row: Interaction, source: str, event_type: str, payload: Payload) -> bool:
    """Tell whether applying an event would surely change nothing, now or later. In doubt False.

    What Twilio has told of a task, a channel or a conversation once only moves forward, so a row that was read a moment
    ago is good enough to compare with.
    """
    if row.status in UNSETTLED:
        return False
    if row.conversation_sid is None and conversation_sid_of(payload):
        return False
    return not _TELLS[source](row, event_type, payload)


def _task_tells(row: Interaction, event_type: str, payload: Payload) -> bool:
    status = payload.get("TaskAssignmentStatus", "")
    if payload.get("TaskSid") != row.task_sid or event_type in taskrouter.ENDS or status in taskrouter.ENDED:
        return True
    return TASK_ORDER.get(status, len(TASK_ORDER)) > TASK_ORDER.get(row.task_status, -1)


def _channel_tells(row: Interaction, event_type: str, payload: Payload) -> bool:
    return event_type in _OF_THE_CHANNEL or _customer_joins(event_type, payload)


def _conversation_tells(row: Interaction, event_type: str, payload: Payload) -> bool:
    return event_type in _OF_THE_CONVERSATION or _customer_joins(event_type, payload)


def _customer_joins(event_type: str, payload: Payload) -> bool:
    return event_type in _JOINED and payload.get(PARTICIPANT_KIND) == CUSTOMER


_TELLS: Final[dict[str, Callable[[Interaction, str, Payload], bool]]] = {
    Source.TASKROUTER: _task_tells,
    Source.INTERACTIONS: _channel_tells,
    Source.CONVERSATIONS: _conversation_tells,
}
