"""2xx means accepted, not done: looking after an interaction that exists, until it is over.

Asks the channel whether it came up, the task for what the first answer left out, and learns of the end where no
callback comes. Accounts whose GETs do not answer are tolerated: then the task alone speaks.
"""

import logging
from datetime import timedelta
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway import errors
from flex_outbound.gateway.base import ChannelState, Gateway, TaskState
from flex_outbound.models import Interaction
from flex_outbound.outbox import history, lifecycle, messages, retry
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.statuses import OPEN, ChannelStatus, Status, TaskStatus

logger = logging.getLogger(__name__)

_PATIENCE = timedelta(seconds=30)
_BACKLOG = timedelta(seconds=1)
"""Clicks that have been due for so long show that the workers do not keep up."""

_JOINING = timedelta(seconds=4)
"""The customer may be added a moment after the channel is up."""

NOT_ADDED = 80102

_YOUNG = timedelta(seconds=30)
"""A task younger than this that Twilio does not show may not be readable yet; an older one is gone."""


def watch(row_id: UUID) -> bool:
    """Look once at an open interaction that is due, and set the time of the next look. Raises nothing of Twilio's.

    Returns whether it was looked at.
    """
    if _must_wait(row_id):
        return False
    # Taking the turn first keeps two workers that were woken for the same row from asking twice.
    taken = Interaction.objects.filter(pk=row_id, status__in=sorted(OPEN), next_at__lte=Now())
    if not taken.update(next_at=from_now(sum(conf.http_timeout) * 2)):
        return False
    row = Interaction.objects.select_related("account").get(pk=row_id)
    try:
        _look(row, gateway_for(row.account))
    except (GatewayError, ConfigurationError) as error:
        logger.info("Interaction %s could not be looked at: %s", row.pk, type(error).__name__)
    coming_up = Interaction.objects.filter(pk=row_id, status=Status.CREATED)
    if not coming_up.update(lookups=F("lookups") + 1, next_at=from_now(retry.next_watch(row.lookups + 1))):
        # Nothing is being waited for any more: from now on it is counted together with others.
        going_on = Interaction.objects.filter(pk=row_id, status=Status.ACTIVE)
        going_on.update(lookups=Greatest(F("lookups") + 1, retry.CALM), next_at=from_now(retry.next_count(row.lookups)))
    return True


def _must_wait(row_id: UUID) -> bool:
    """Let clicks that wait to be sent go first, for a while: an agent waits for those, nobody for this."""
    young = Interaction.objects.filter(
        pk=row_id, status__in=sorted(OPEN), message=None, opened_at__gt=Now() - _PATIENCE
    )
    backlog = Interaction.objects.filter(status=Status.QUEUED, next_at__lte=Now() - _BACKLOG)
    if not (young.exists() and backlog.exists()):
        return False
    young.update(next_at=from_now(retry.BUSY_WATCH))
    return True


def _look(row: Interaction, gateway: Gateway) -> None:
    channel = None
    if row.channel_sid and row.interaction_sid:
        channel = gateway.fetch_channel(row.interaction_sid, row.channel_sid)
    if channel is not None and _over(row, channel, gateway):
        return
    # The channel mostly says it all; of a canceled task it may say nothing, so the task is asked every other time.
    if channel is None or row.conversation_sid is None or row.lookups % 2:
        task = gateway.fetch_task(row.task_sid or "")
        if task is None:
            _task_is_gone(row)
            return
        _note_task(row, task)
    _bring_up(row, channel, gateway)


def _note_task(row: Interaction, task: TaskState) -> None:
    if task.conversation_sid:
        history.note_conversation(row, task.conversation_sid)
    apply_task_status(row, task.status)


def _over(row: Interaction, channel: ChannelState, gateway: Gateway) -> bool:
    """Apply the channel's own word; True where it is the last."""
    history.note_channel_status(row, channel.status)
    if channel.status == ChannelStatus.FAILED:
        # Twilio wraps the cause into the words of a general code: 45352 over a 50416.
        _rule, reason, code = errors.read_words(channel.error_message, channel.error_code, None)
        reason = reason if code else "channel_failed"
        lifecycle.broke(row.pk, reason=reason, message=errors.agent_message(reason), code=code)
        return True
    if channel.status == ChannelStatus.CLOSED:
        task = gateway.fetch_task(row.task_sid or "")
        if task is not None:
            # Its last word, and whether it was completed or canceled.
            apply_task_status(row, task.status)
        lifecycle.closed(row.pk)
        return True
    return False


def _bring_up(row: Interaction, channel: ChannelState | None, gateway: Gateway) -> None:
    """Move to active when the channel says so, or, where the channel does not speak, when the task is in hands."""
    up = channel.status == ChannelStatus.ACTIVE if channel else row.task_status == TaskStatus.ASSIGNED
    if row.status == Status.CREATED and (up or channel is None):
        if not _customer_is_there(row, gateway):
            return
        if up:
            lifecycle.active(row.pk)
        elif row.lookups >= 1:
            messages.release(row.pk)


def _customer_is_there(row: Interaction, gateway: Gateway) -> bool:
    """Ask whether the customer takes part; ends a row whose agent would sit alone.

    Twilio may accept an interaction for a customer who is in another open conversation, and silently leave them out.
    Source: https://www.twilio.com/docs/api/errors/80102
    """
    if row.conversation_sid is None:
        return False
    if gateway.has_customer(row.conversation_sid, Channel(row.channel), row.address) is not False:
        return True
    if Interaction.objects.filter(pk=row.pk, opened_at__lte=Now() - _JOINING).exists():
        words = errors.agent_message("already_open")
        lifecycle.broke(row.pk, reason="already_open", message=words, code=NOT_ADDED)
    return False


def apply_task_status(row: Interaction, status: str) -> None:
    """Keep TaskRouter's status and end the row where it says so."""
    history.note_task_status(row, status)
    if status == TaskStatus.COMPLETED:
        lifecycle.closed(row.pk)
    elif status == TaskStatus.CANCELED:
        words = _("The task was canceled in Flex before the conversation ended.")
        lifecycle.broke(row.pk, reason="task_canceled", message=words, code=None)


def _task_is_gone(row: Interaction) -> None:
    """TaskRouter deletes tasks five minutes after their end: what is gone has ended."""
    gone = Interaction.objects.filter(opened_at__lte=Now() - _YOUNG, pk=row.pk).exists()
    if gone:
        lifecycle.closed(row.pk)
