"""Closing channels that must not stay open: never by canceling the task, always through the interaction.

Source: https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-channels-subresource
"""

import logging

from django.db.models import F
from django.db.models.functions import Now

from flex_outbound.exceptions import ConfigurationError, GatewayError, Refused
from flex_outbound.models import Closing, Interaction
from flex_outbound.outbox import retry
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, wake_after_commit

logger = logging.getLogger(__name__)


def duplicate(row: Interaction, interaction_sid: str | None, channel_sid: str | None, task_sid: str | None) -> bool:
    """Keep what Twilio opened a second time for one click and have it closed. Returns whether it was new."""
    if interaction_sid == row.interaction_sid or not (interaction_sid and channel_sid):
        return False
    logger.error("Interaction %s was opened a second time, as %s (task %s)", row.pk, interaction_sid, task_sid)
    return _keep(row, Closing.Kind.DUPLICATE, interaction_sid, channel_sid, task_sid)


def orphan(row: Interaction) -> bool:
    """Have the channel of a failed interaction closed, so that nobody sits in it alone."""
    if not (row.interaction_sid and row.channel_sid):
        return False
    return _keep(row, Closing.Kind.ORPHAN, row.interaction_sid, row.channel_sid, row.task_sid)


def _keep(row: Interaction, kind: Closing.Kind, interaction_sid: str, channel_sid: str, task_sid: str | None) -> bool:
    values = {"interaction": row, "kind": kind, "interaction_sid": interaction_sid, "task_sid": task_sid}
    closing, new = Closing.objects.get_or_create(channel_sid=channel_sid, defaults=values)
    if new:
        _touch(closing)
        wake_after_commit(Job.CLOSE, closing.pk)
    return new


def close(closing_id: int) -> bool:
    """Close one channel if it is due. Returns whether it is closed now."""
    due = Closing.objects.due().filter(pk=closing_id)
    if not due.update(attempts=F("attempts") + 1, next_at=from_now(retry.LONGEST_DELAY)):
        return False
    closing = Closing.objects.select_related("interaction__account").get(pk=closing_id)
    try:
        gateway_for(closing.interaction.account).close_channel(closing.interaction_sid, closing.channel_sid)
    except Refused as error:
        logger.error("Channel %s cannot be closed: error %s", closing.channel_sid, error.code)
        Closing.objects.filter(pk=closing_id).update(next_at=None, error=error.detail[:500])
        return False
    except (GatewayError, ConfigurationError) as error:
        # Closing twice does no harm, so here an unknown outcome may simply be repeated.
        logger.warning("Channel %s could not be closed yet: %s", closing.channel_sid, type(error).__name__)
        Closing.objects.filter(pk=closing_id).update(next_at=from_now(retry.backoff(closing.attempts)))
        return False
    Closing.objects.filter(pk=closing_id).update(closed_at=Now(), next_at=None, error="")
    _touch(closing)
    return True


def _touch(closing: Closing) -> None:
    """Let the page see that something changed."""
    Interaction.objects.filter(pk=closing.interaction_id).update(version=F("version") + 1, updated_at=Now())
