"""Events of interactions and their channels.

Source: https://www.twilio.com/docs/flex/admin-guide/setup/conversations/configure-interactions-webhook
"""

from typing import Any

from flex_outbound.gateway.base import TaskState
from flex_outbound.gateway.results import parse_code
from flex_outbound.models import Interaction
from flex_outbound.outbox import history, lookups
from flex_outbound.outbox.callbacks import arrivals, endings
from flex_outbound.outbox.callbacks.facts import CUSTOMER, PARTICIPANT_KIND, conversation_sid_of
from flex_outbound.sids import SidKind, sid_or_none
from flex_outbound.statuses import UNSETTLED, ChannelStatus


def apply(row: Interaction, event_type: str, payload: dict[str, Any]) -> bool:
    """Apply one event to the row that it names. Returns False where it has to wait until the row is settled."""
    if row.status in UNSETTLED and not _adopt(row, payload):
        return False
    conversation_sid = conversation_sid_of(payload)
    if conversation_sid and row.conversation_sid is None:
        history.note_conversation(row, conversation_sid)
    if event_type == "onChannelCreateFailed":
        history.note_channel_status(row, ChannelStatus.FAILED)
        endings.channel_failed(row, parse_code(payload.get("ErrorCode")))
    elif event_type == "onChannelStatusUpdated":
        _channel_moved(row, payload.get("ChannelStatus", ""), payload)
    elif event_type == "onParticipantJoined" and payload.get(PARTICIPANT_KIND) == CUSTOMER:
        arrivals.customer_joined(row)
    return True


def _adopt(row: Interaction, payload: dict[str, Any]) -> bool:
    """Take over an interaction that was accepted without naming its task; most events do not name it either."""
    task_sid = sid_or_none(payload.get("TaskSid"), SidKind.TASK)
    if task_sid is None:
        return False
    interaction_sid = sid_or_none(payload.get("InteractionSid"), SidKind.INTERACTION)
    channel_sid = sid_or_none(payload.get("ChannelSid"), SidKind.CHANNEL)
    named = (interaction_sid, channel_sid, conversation_sid_of(payload))
    adopted = lookups.adopt(row, [TaskState(task_sid, "", {}, *named, invite_sid=None, key=row.key)])
    if adopted:
        row.refresh_from_db()
    return adopted


def _channel_moved(row: Interaction, status: str, payload: dict[str, Any]) -> None:
    if status not in ChannelStatus.values:
        return
    # Late news of the set-up must not hide that it is over.
    if status != ChannelStatus.SETUP or not row.channel_status:
        history.note_channel_status(row, status)
    if status == ChannelStatus.ACTIVE:
        arrivals.channel_up(row)
    elif status == ChannelStatus.FAILED:
        endings.channel_failed(row, parse_code(payload.get("ErrorCode")))
    elif status == ChannelStatus.CLOSED:
        endings.over(row)
