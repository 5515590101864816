"""2xx means accepted, not done: looking after an interaction that exists, until it is over.

Asks the channel whether it came up, the task for what the first answer left out, and learns of the end where no
callback comes. Accounts whose GETs do not answer are tolerated: then the task alone speaks.
"""

import logging
from datetime import timedelta
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway import errors
from flex_outbound.gateway.base import ChannelState, Gateway, TaskState
from flex_outbound.models import Interaction
from flex_outbound.outbox import first_message, history, retry, transitions
from flex_outbound.outbox.twilio import gateway_for
from flex_outbound.statuses import OPEN, ChannelStatus, Status, TaskStatus

logger = logging.getLogger(__name__)

_YOUNG = timedelta(seconds=30)
"""A task younger than this that Twilio does not show may not be readable yet; an older one is gone."""


def watch(row_id: UUID) -> None:
    """Look once at an open interaction that is due, and set the time of the next look. Raises nothing of Twilio's."""
    # Taking the turn first keeps two workers that were woken for the same row from asking twice.
    taken = Interaction.objects.filter(pk=row_id, status__in=sorted(OPEN), next_at__lte=Now())
    if not taken.update(next_at=transitions.from_now(retry.next_watch(0) + 15)):
        return
    row = Interaction.objects.select_related("account").get(pk=row_id)
    try:
        _look(row, gateway_for(row.account))
    except (GatewayError, ConfigurationError) as error:
        logger.info("Interaction %s could not be looked at: %s", row.pk, type(error).__name__)
    Interaction.objects.filter(pk=row_id, status__in=sorted(OPEN)).update(
        looks=F("looks") + 1, next_at=transitions.from_now(retry.next_watch(row.looks + 1))
    )


def _look(row: Interaction, gateway: Gateway) -> None:
    channel = None
    if row.channel_sid and row.interaction_sid:
        channel = gateway.fetch_channel(row.interaction_sid, row.channel_sid)
    if channel is not None and _over(row, channel):
        return
    task = gateway.fetch_task(row.task_sid or "")
    if task is None:
        _task_is_gone(row)
        return
    if task.conversation_sid:
        history.note_conversation(row, task.conversation_sid)
    apply_task_status(row, task.status)
    _bring_up(row, channel, task)


def _over(row: Interaction, channel: ChannelState) -> bool:
    """Apply the channel's own word; True where it is the last."""
    history.note_channel_status(row, channel.status)
    if channel.status == ChannelStatus.FAILED:
        rule = errors.rule_for(channel.error_code, None)
        reason = rule.reason if channel.error_code else "channel_failed"
        transitions.broke(row.pk, reason=reason, message=errors.agent_message(reason), code=channel.error_code)
        return True
    if channel.status == ChannelStatus.CLOSED:
        transitions.closed(row.pk)
        return True
    return False


def _bring_up(row: Interaction, channel: ChannelState | None, task: TaskState) -> None:
    """Move to active when the channel says so, or, where the channel does not speak, when the task is in hands."""
    up = channel.status == ChannelStatus.ACTIVE if channel else task.status == TaskStatus.ASSIGNED
    if up and row.status == Status.CREATED:
        transitions.active(row.pk)
    elif channel is None and row.looks >= 1:
        first_message.release(row.pk)


def apply_task_status(row: Interaction, status: str) -> None:
    """Keep TaskRouter's status and end the row where it says so."""
    history.note_task_status(row, status)
    if status == TaskStatus.COMPLETED:
        transitions.closed(row.pk)
    elif status == TaskStatus.CANCELED:
        transitions.broke(
            row.pk,
            reason="task_canceled",
            message=_("The task was canceled in Flex before the conversation ended."),
            code=None,
        )


def _task_is_gone(row: Interaction) -> None:
    """TaskRouter deletes tasks five minutes after their end: what is gone has ended."""
    gone = Interaction.objects.filter(Q(opened_at__lte=Now() - _YOUNG), pk=row.pk).exists()
    if gone:
        transitions.closed(row.pk)
