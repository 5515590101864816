"""One attempt to open an interaction: claim, build, fence, POST, write down what came of it."""

import logging
from dataclasses import asdict
from uuid import UUID

from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import errors, payloads
from flex_outbound.gateway.base import Gateway, InteractionRequest, InteractionResult
from flex_outbound.models import Interaction, Outcome
from flex_outbound.outbox import history, retry, transitions
from flex_outbound.outbox.fence import Fence
from flex_outbound.outbox.twilio import gateway_for

logger = logging.getLogger(__name__)


def dispatch(row_id: UUID) -> bool:
    """Send one queued row if it is due. Returns whether it was claimed here.

    Never raises what Twilio or the network did; an error of ours leaves the row to its lease and so to a look.
    """
    fence = Fence()
    row = transitions.claim(row_id)
    if row is None:
        return False
    try:
        gateway = gateway_for(row.account)
        request = build_request(row)
    except ConfigurationError as error:
        _give_up(row, error)
        return True
    history.keep_request(row, payloads.redacted(request))
    if not fence.is_open:
        logger.warning("Interaction %s was not sent: its worker was stopped past the lease", row.pk)
        transitions.not_accepted(row.pk, row.attempt, 0)
        history.finish_attempt(row, Outcome.NOT_ACCEPTED)
        return True
    _send(row, gateway, request)
    return True


def build_request(row: Interaction) -> InteractionRequest:
    """Return what is to be sent for a claimed row. Raises ConfigurationError where its sender is gone."""
    sender = row.sender
    if sender is None or not sender.is_active:
        raise ConfigurationError("The sender of this interaction was removed or switched off. Choose another one.")
    worker_queue = row.worker.queue_sid if row.worker else ""
    return InteractionRequest(
        key=row.key,
        attempt=row.attempt,
        channel=Channel(row.channel),
        address=row.address,
        sender_address=row.sender_address,
        sender_name=sender.display_name,
        customer_name=row.contact_name,
        worker_sid=row.worker_sid,
        queue_sid=worker_queue or sender.queue_sid,
        workspace_sid=row.account.workspace_sid,
        workflow_sid=sender.workflow_sid or row.account.workflow_sid,
        task_channel=sender.task_channel,
        priority=sender.priority,
        timeout=sender.timeout,
        subject=row.subject,
        cc=tuple(row.cc),
    )


def _send(row: Interaction, gateway: Gateway, request: InteractionRequest) -> None:
    try:
        result = gateway.create_interaction(request)
    except NotAccepted as error:
        _try_later(row, error)
    except Refused as error:
        _refused(row, error)
    except OutcomeUnknown as error:
        logger.warning("Interaction %s: outcome unknown (%s)", row.pk, error.reason)
        transitions.unconfirmed(row.pk, row.attempt, error=error)
        history.finish_attempt(row, Outcome.UNKNOWN, error)
    else:
        _accepted(row, result)


def _accepted(row: Interaction, result: InteractionResult) -> None:
    sids = {name: value for name, value in asdict(result).items() if name in transitions.SIDS}
    if result.interaction_sid and result.task_sid:
        written = transitions.created(row.pk, row.attempt, sids, result.task_status)
    else:
        # Accepted, but the answer does not say what the task is called: a look will.
        written = transitions.unconfirmed(row.pk, row.attempt, sids=sids)
    if not written:
        _beaten(row, result)
    history.finish_attempt(row, Outcome.ACCEPTED)
    history.clear_trouble(row.account)


def _beaten(row: Interaction, result: InteractionResult) -> None:
    """A callback or a look wrote the row first: the same interaction is as it should be, another is a duplicate."""
    row.refresh_from_db()
    if row.interaction_sid != result.interaction_sid:
        logger.error("Interaction %s: Twilio also opened %s for it", row.pk, result.interaction_sid)
    elif result.conversation_sid and row.conversation_sid is None:
        history.note_conversation(row, result.conversation_sid)


def _try_later(row: Interaction, error: NotAccepted) -> None:
    history.finish_attempt(row, Outcome.NOT_ACCEPTED, error)
    if row.attempt >= conf.max_attempts:
        transitions.failed(
            row.pk,
            row.attempt,
            reason=error.reason,
            message=_("Twilio could not be reached for several minutes. Nothing was sent; you can try again."),
            code=error.code,
        )
        return
    transitions.not_accepted(row.pk, row.attempt, retry.backoff(row.attempt, error.retry_after), error)


def _refused(row: Interaction, error: Refused) -> None:
    history.finish_attempt(row, Outcome.REFUSED, error)
    if errors.rule_for(error.code, error.http_status).admin:
        history.note_trouble(row.account, error)
    transitions.failed(
        row.pk, row.attempt, reason=error.reason, message=errors.agent_message(error.reason), code=error.code
    )


def _give_up(row: Interaction, error: ConfigurationError) -> None:
    refused = Refused(str(error), reason="not_set_up")
    history.finish_attempt(row, Outcome.REFUSED, refused)
    history.note_trouble(row.account, refused)
    transitions.failed(row.pk, row.attempt, reason="not_set_up", message=errors.agent_message("not_set_up"), code=None)
