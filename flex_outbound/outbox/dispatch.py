"""One attempt to open an interaction: claim, fence, POST, write down what came of it."""

import logging
from dataclasses import asdict
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import errors, payloads
from flex_outbound.gateway.base import Gateway, InteractionRequest, InteractionResult
from flex_outbound.models import Interaction, Outcome
from flex_outbound.outbox import closings, history, lifecycle, locks, retry, turns
from flex_outbound.outbox.fence import Fence
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job
from flex_outbound.outbox.standing import objection_to
from flex_outbound.statuses import UNSETTLED, Status

logger = logging.getLogger(__name__)

NOT_SET_UP = errors.NOT_SET_UP.reason


class Next(NamedTuple):
    """What a row needs next: which job, in how many seconds. The sweep finds it too, only later."""

    job: Job
    seconds: float


def dispatch(row_id: UUID) -> Next | None:
    """Send one queued row if it is due and its turn; take it from a worker whose lease ran out.

    Returns what it needs next if that is near, None also where it was not due or has to stand in line.

    Never raises what Twilio or the network did; an error of ours leaves the row to its lease and so to a look.
    """
    appointment = turns.ask(row_id)
    if appointment is None:
        return None
    fence = Fence()
    row = lifecycle.claim(row_id, _describe)
    if row is None:
        return _after_lease(row_id)
    try:
        gateway, request = gateway_for(row.account), build_request(row)
    except ConfigurationError as error:
        _give_up(row, error)
        return None
    objection = objection_to(row)
    if objection is not None:
        _end(row, Outcome.NOT_ACCEPTED, NotAccepted("not sent", reason=objection.reason), objection.words)
        return None
    fence.mark()
    marked = lifecycle.about_to_send(row)
    # After everything that takes its time, and within what the fence allows for since the mark.
    appointment.wait()
    if not (marked and fence.is_open):
        logger.warning("Interaction %s was not sent: its worker was stopped past the lease", row.pk)
        return _back(row, 0.0, None)
    return _send(row, gateway, request)


def _after_lease(row_id: UUID) -> Next | None:
    if not Interaction.objects.filter(pk=row_id, status=Status.SENDING, lease_until__lte=Now()).exists():
        return None
    with locks.short():
        state = lifecycle.lease_ran_out(row_id)
    if state is None:
        return None
    return Next(Job.DISPATCH if state == Status.QUEUED else Job.LOOK, 0.0)


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


def _describe(row: Interaction) -> dict[str, Any]:
    try:
        return payloads.redacted(build_request(row))
    except ConfigurationError:
        return {}


def _send(row: Interaction, gateway: Gateway, request: InteractionRequest) -> Next | None:
    try:
        result = gateway.create_interaction(request)
    except NotAccepted as error:
        return _try_later(row, error)
    except Refused as error:
        _refused(row, error)
        return None
    except OutcomeUnknown as error:
        logger.warning("Interaction %s: outcome unknown (%s)", row.pk, error.reason)
        with locks.short():
            lifecycle.unconfirmed(row.pk, row.attempt, error=error)
            history.finish_attempt(row, Outcome.UNKNOWN, error)
        return Next(Job.LOOK, retry.first_look(conf.settle_seconds))
    return _accepted(row, result)


def _accepted(row: Interaction, result: InteractionResult) -> Next | None:
    sids = {name: value for name, value in asdict(result).items() if name in lifecycle.SIDS}
    is_urgent = row.first_message is not None or result.conversation_sid is None
    following = Next(Job.WATCH, retry.URGENT_WATCH if is_urgent else retry.next_watch(0))
    with locks.short():
        if result.interaction_sid and result.task_sid:
            written = lifecycle.created(row, sids, result.task_status, following.seconds)
        else:
            # Accepted, but the answer does not say what the task is called: a look will.
            written = lifecycle.unconfirmed(row.pk, row.attempt, sids=sids)
            following = Next(Job.LOOK, retry.first_look(conf.settle_seconds))
        history.finish_attempt(row, Outcome.ACCEPTED)
    if not written:
        _beaten(row, result)
    history.clear_problem(row.account)
    return following if is_urgent or following.job is Job.LOOK else None


def _beaten(row: Interaction, result: InteractionResult) -> None:
    """A callback or a look wrote the row first: the same interaction is as it should be, another is a duplicate."""
    attempt = row.attempt
    row.refresh_from_db()
    if row.attempt == attempt and row.interaction_sid is None and row.status in UNSETTLED:
        # Accepted without a task's SID, and read after the lease: it is this row's all the same.
        lifecycle.accepted_late(row, asdict(result))
    elif row.interaction_sid != result.interaction_sid:
        closings.duplicate(row, result.interaction_sid, result.channel_sid, result.task_sid)
    elif result.conversation_sid and row.conversation_sid is None:
        history.note_conversation(row, result.conversation_sid)


def _try_later(row: Interaction, error: NotAccepted) -> Next | None:
    if error.reason == NOT_SET_UP:
        # A certificate that is not trusted: nothing was sent, and only an admin can mend it.
        history.record_problem(row.account, error)
    if row.attempt < conf.max_attempts:
        return _back(row, retry.backoff(row.attempt, error.retry_after), error)
    words = _("Twilio could not be reached for several minutes. Nothing was sent; you can try again.")
    _end(row, Outcome.NOT_ACCEPTED, error, words)
    return None


def _back(row: Interaction, delay: float, error: NotAccepted | None) -> Next:
    with locks.short():
        lifecycle.not_accepted(row.pk, row.attempt, delay, error)
        history.finish_attempt(row, Outcome.NOT_ACCEPTED, error)
    return Next(Job.DISPATCH, delay)


def _refused(row: Interaction, error: Refused) -> None:
    if errors.rule_for(error.code, error.http_status).admin:
        history.record_problem(row.account, error)
    _end(row, Outcome.REFUSED, error, errors.agent_message(error.reason))


def _give_up(row: Interaction, error: ConfigurationError) -> None:
    refused = Refused(str(error), reason=NOT_SET_UP)
    history.record_problem(row.account, refused)
    _end(row, Outcome.REFUSED, refused, errors.agent_message(NOT_SET_UP))


def _end(row: Interaction, outcome: Outcome, error: NotAccepted | Refused, words: str) -> None:
    with locks.short():
        lifecycle.failed(row.pk, row.attempt, reason=error.reason, message=words, code=error.code)
        history.finish_attempt(row, outcome, error)
