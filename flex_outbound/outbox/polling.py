"""2xx means accepted, not done: following an interaction that exists until it is over.

What is coming up is polled by itself: is the channel up, is the customer in the conversation, what did the first answer
leave out? What is steady is polled together with others: callbacks tell of ends, and this finds those that were lost.
Accounts whose channels cannot be read are served by the task alone.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import F, Q
from django.db.models.functions import Now

from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway.base import ChannelState, Gateway, TaskState
from flex_outbound.models import Account, Conversation, Interaction
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import (
    alerts,
    claims,
    closings,
    delivery,
    lifecycle,
    locks,
    message_lifecycle,
    offering,
    ratelimit,
    retry,
    taking,
    waiting,
)
from flex_outbound.outbox.bulk import In
from flex_outbound.outbox.changes import NOTHING, Change, channel_failed, channel_step, conversation_step, task_step
from flex_outbound.outbox.clock import from_now, since
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import OPEN, Event, Status
from flex_outbound.twilio_statuses import ChannelStatus, ConversationState, TaskStatus

logger = logging.getLogger(__name__)

BATCH: Final = 50
"""Steady conversations per request, which is what the gateway takes."""

REQUESTS: Final = 2
"""Requests per job, of the three that Twilio allows in a second: lookups of unknown outcomes come first."""

SINGLE: Final = 20
"""Interactions that one job polls by themselves; what is left has another job."""

FULL_POLL_EVERY: Final = 6
"""Every so many batch polls each conversation is polled by itself: the task may go on while the channel has ended."""

STEADY: Final = Q(status=Status.ACTIVE, lookups__gte=retry.STEADY_AFTER)
"""Conversations that are up, and known to be for some time or from a callback."""

YOUNG: Final = timedelta(seconds=30)
"""For so long polls let clicks that wait to be sent go first, and a task that Twilio does not show may not be readable
yet; an older one is gone."""

BACKLOG: Final = timedelta(seconds=1)
"""Clicks that have been due for so long show that the workers do not keep up."""

JOINING: Final = timedelta(seconds=4)
"""The customer may be added a moment after the channel is up."""

NOT_ADDED: Final = 80102
"""Twilio's code for a customer who was silently left out: https://www.twilio.com/docs/api/errors/80102"""

_LIVE: Final = {TaskStatus.PENDING, TaskStatus.RESERVED, TaskStatus.ASSIGNED, TaskStatus.WRAPPING}


def poll(account_id: int) -> int:
    """Poll the interactions of an account that are due. Raises nothing of Twilio's. Returns how many were polled."""
    account = Account.objects.filter(pk=account_id).first()
    if account is None:
        return 0
    return poll_single(account) + poll_batches(account) + look_at_waiting(account)


# -- by itself ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """What Twilio shows of one interaction. None: it was not asked, or does not show it.

    ``is_gone``: Twilio was asked for the task and does not have it. ``customer``: whether the customer takes part.
    ``conversation_state``: asked where the task has ended and the channel has not. ``worker_sid``: who has taken it.
    """

    channel: ChannelState | None = None
    task: TaskState | None = None
    is_gone: bool = False
    customer: bool | None = None
    conversation_state: str = ""
    worker_sid: str = ""


def poll_single(account: Account) -> int:
    """Poll by themselves the interactions that are not steady. Returns how many were polled."""
    due = Interaction.objects.due().filter(account=account, status__in=sorted(OPEN)).exclude(STEADY)
    due = due.select_related("message")
    _let_clicks_go_first(account)
    with locks.bounded_transaction(read_first=True):
        # Longer than the two requests that a poll takes: a worker that dies over it leaves it to the next one.
        taken = claims.take(due, SINGLE, sum(conf.http_timeout) * 2)
    for interaction in taken:
        poll_one(interaction, account)
    if len(taken) == SINGLE:
        request(Job.POLL, account.pk)
    return len(taken)


def _let_clicks_go_first(account: Account) -> None:
    coming_up = Interaction.objects.due().filter(account=account, status__in=sorted(OPEN)).exclude(STEADY)
    young = coming_up.filter(message=None, opened_at__gt=Now() - YOUNG)
    backlog = Interaction.objects.filter(status=Status.QUEUED, next_at__lte=Now() - BACKLOG)
    if young.exists() and backlog.exists():
        keys = list(young.values_list("pk", flat=True))
        Interaction.objects.filter(pk__in=keys).update(next_at=from_now(retry.BUSY_POLL))


def poll_one(interaction: Interaction, account: Account, *, has_ended: bool = False) -> None:
    """Ask Twilio about one interaction, and write what that means and when it is polled next.

    ``has_ended``: its task seems to have ended, so that it is asked for, too.
    """
    try:
        gateway = gateway_for(account)
        findings = ask(interaction, gateway, has_ended=has_ended)
        receipts = delivery.ask(interaction, gateway)
    except (GatewayError, ConfigurationError) as error:
        logger.info("Interaction %s could not be polled: %s", interaction.pk, type(error).__name__)
        alerts.note_access(account, error)
        findings, receipts = None, []
    with locks.bounded_transaction(read_first=True):
        # Read again, for callbacks may have come while Twilio was asked.
        same = Interaction.objects.filter(pk=interaction.pk, status__in=sorted(OPEN))
        same = same.select_related("message").annotate(since_opened=since("opened_at"))
        current = locks.lock(same).first()
        if current is None:
            return
        change = decide(current, findings) if findings is not None else NOTHING
        if findings is not None and findings.worker_sid:
            # Whose worker that is, the database knows; a decision asks nobody.
            change = change.with_facts(**taking.taken_by(current, findings.worker_sid))
        if change.event is None and _waits_for_message(current, findings):
            message_lifecycle.release(current)
        for receipt in receipts:
            delivery.apply(current, current.first_message, receipt.status, receipt.error_code)
        lifecycle.apply([(current, _with_next_poll(current, change))])
        if change.event is None and not change.facts:
            Interaction.objects.filter(pk=current.pk).update(**_next_poll(current, current.status))


def ask(interaction: Interaction, gateway: Gateway, *, has_ended: bool = False) -> Findings:
    """Ask Twilio as little as decides. Raises GatewayError."""
    channel = task = None
    if interaction.channel_sid and interaction.interaction_sid:
        channel = gateway.fetch_channel(interaction.interaction_sid, interaction.channel_sid)
    if channel is not None and _has_failed(channel):
        return Findings(channel)
    if channel is not None and channel.status == ChannelStatus.CLOSED:
        # The task's last word: whether it was completed or canceled.
        return Findings(channel, gateway.fetch_task(interaction.task_sid or ""))
    # The channel mostly says it all; of a canceled task it may say nothing, so the task is asked every other time.
    # Of an invite the channel says nothing: it was there before.
    is_invited = interaction.continues_id is not None and interaction.status == Status.CREATED
    is_in_turn = bool(interaction.lookups % 2) or has_ended or is_invited
    if channel is None or interaction.conversation_sid is None or is_in_turn:
        task = gateway.fetch_task(interaction.task_sid or "")
        if channel is not None and (task is None or task.status == TaskStatus.COMPLETED):
            # Completing a task need not close its conversation: it may have been left, paused or parked.
            state = _state_of_conversation(interaction, gateway)
            return Findings(channel, task, is_gone=task is None, conversation_state=state)
        if task is None:
            return Findings(is_gone=True)
    conversation_sid = interaction.conversation_sid or (task.conversation_sid if task else None)
    is_coming_up = interaction.status == Status.CREATED
    customer = None
    is_to_join = is_coming_up and _adds_customer(interaction)
    if is_to_join and conversation_sid and (channel is None or channel.status == ChannelStatus.ACTIVE):
        customer = gateway.has_customer(conversation_sid, Channel(interaction.channel), interaction.address)
    return Findings(channel, task, customer=customer, worker_sid=_who_has(interaction, task, gateway))


def _adds_customer(interaction: Interaction) -> bool:
    """Tell whether Twilio was to add the customer: not without an address, nor who was in the conversation before."""
    was_there = interaction.media_channel_sid or interaction.initiated_by == InitiatedBy.CUSTOMER
    return bool(interaction.address) and not was_there


def _who_has(interaction: Interaction, task: TaskState | None, gateway: Gateway) -> str:
    """Ask who has accepted the task of an interaction that no agent began, once it is known that somebody has."""
    status = task.status if task is not None else interaction.task_status
    if not taking.is_unknown(interaction) or status not in (TaskStatus.ASSIGNED, TaskStatus.WRAPPING):
        return ""
    holder = gateway.fetch_holder(interaction.task_sid or "")
    return holder.worker_sid if holder is not None else ""


def _state_of_conversation(interaction: Interaction, gateway: Gateway) -> str:
    channel = Channel(interaction.channel)
    found = gateway.find_conversations(channel, interaction.address, interaction.sender_address)
    states = [one.state for one in found if one.conversation_sid == interaction.conversation_sid]
    return states[0] if states and states[0] in ConversationState.values else ""


def decide(interaction: Interaction, found: Findings) -> Change:
    """Return what Twilio's state means. ``interaction``: as it is now, with ``since_opened``."""
    since_opened: timedelta = interaction.since_opened  # type: ignore[attr-defined]
    facts: dict[str, Any] = {"conversation_state": found.conversation_state} if found.conversation_state else {}
    if found.channel is not None:
        facts |= channel_step(interaction, found.channel.status)
    if found.task is not None:
        facts |= conversation_step(interaction, found.task.conversation_sid)
        facts |= task_step(interaction, found.task.status)
    if found.channel is not None and _has_failed(found.channel):
        return channel_failed(found.channel.error_code, found.channel.error_message, **facts)
    ended = decide_task(found.task.status) if found.task is not None else NOTHING
    is_closed = found.channel is not None and found.channel.status == ChannelStatus.CLOSED
    if ended.event is None and (is_closed or (found.is_gone and since_opened >= YOUNG)):
        ended = Change(Event.ENDED)
        if found.is_gone and not is_closed and offering.is_offered_first(interaction):
            # Nobody accepted it as far as is known, and TaskRouter has deleted it.
            ended = Change(Event.BROKEN, reason="task_deleted")
    if ended.event is not None or found.is_gone:
        return ended.with_facts(**facts)
    if found.customer is False and since_opened >= JOINING and _adds_customer(interaction):
        return Change(Event.BROKEN, reason="already_open", code=NOT_ADDED).with_facts(**facts)
    if interaction.status == Status.CREATED and _is_up(interaction, found, facts):
        return Change(Event.UP).with_facts(**facts)
    return Change(None, facts=facts)


def decide_task(status: str) -> Change:
    """Return what a task's status means by itself: the end, or nothing."""
    if status == TaskStatus.COMPLETED:
        return Change(Event.ENDED)
    if status == TaskStatus.CANCELED:
        return Change(Event.BROKEN, reason="task_canceled")
    return NOTHING


def _has_failed(channel: ChannelState) -> bool:
    """Tell whether a channel ended with an error: the only one that Twilio's OpenAPI file shows is closed and has one.

    https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-channels-subresource
    """
    has_error = channel.error_code is not None or bool(channel.error_message)
    return channel.status == ChannelStatus.FAILED or (channel.status == ChannelStatus.CLOSED and has_error)


def _is_up(interaction: Interaction, found: Findings, facts: dict[str, Any]) -> bool:
    """Tell whether the channel says so, or, where it does not speak, the task is in somebody's hands.

    The customer must not be missing: Twilio may accept an interaction for a customer who is in another open
    conversation, and silently leave them out. Source: https://www.twilio.com/docs/api/errors/80102
    """
    is_left_out = found.customer is False and _adds_customer(interaction)
    if is_left_out or not (interaction.conversation_sid or facts.get("conversation_sid")):
        return False
    if found.channel is not None and interaction.continues_id is None:
        return found.channel.status == ChannelStatus.ACTIVE
    status: str = facts.get("task_status", interaction.task_status)
    return status == TaskStatus.ASSIGNED or (interaction.continues_id is not None and status == TaskStatus.WRAPPING)


def _waits_for_message(interaction: Interaction, found: Findings | None) -> bool:
    """Tell whether the first message may go although nobody says that the channel is up: it cannot be read."""
    return (
        found is not None
        and found.channel is None
        and found.task is not None
        and found.customer is not False
        and interaction.status == Status.CREATED
        and bool(interaction.conversation_sid or found.task.conversation_sid)
        and interaction.lookups >= 1
    )


def _with_next_poll(interaction: Interaction, change: Change) -> Change:
    """Add to a change when the interaction is polled next; nothing to an end, or where nothing else is written."""
    if change.event in (Event.ENDED, Event.BROKEN) or (change.event is None and not change.facts):
        return change
    status = Status.ACTIVE if change.event is Event.UP else interaction.status
    return change.with_facts(**_next_poll(interaction, status, in_bulk=True))


def _next_poll(interaction: Interaction, status: str, *, in_bulk: bool = False) -> dict[str, Any]:
    polls = interaction.lookups + 1
    if status == Status.ACTIVE and not (polls < retry.STEADY_AFTER and interaction.awaits_receipt):
        # Nothing is being waited for any more: from now on it is polled together with others.
        pause, polls = retry.next_batch_poll(interaction.lookups), max(polls, retry.STEADY_AFTER)
    else:
        pause = retry.next_poll(polls)
    return {"lookups": polls, "next_at": In(pause) if in_bulk else from_now(pause)}


# -- together ----------------------------------------------------------------------------------------------------------


def poll_batches(account: Account) -> int:
    """Ask for the steady conversations of an account that are due, many in a request. Returns how many go on."""
    going_on = 0
    due = Interaction.objects.due().filter(STEADY, account=account)
    for _request in range(REQUESTS):
        if not due.exists() or ratelimit.take(Budget.TASK_SEARCHES, account.account_sid):
            break
        with locks.bounded_transaction(read_first=True):
            # Whatever becomes of this poll, there will be another.
            taken = claims.take(due, BATCH, lambda one: retry.next_batch_poll(one.lookups), lookups=F("lookups") + 1)
        try:
            found = gateway_for(account).find_tasks([one.key for one in taken]) if taken else {}
        except (GatewayError, ConfigurationError) as error:
            logger.info("Account %s could not be polled: %s", account.account_sid, type(error).__name__)
            alerts.note_access(account, error)
            break
        going_on += sum(_goes_on(one, account, found.get(one.key, [])) for one in taken)
    return going_on


def _goes_on(interaction: Interaction, account: Account, tasks: list[TaskState]) -> bool:
    own = next((task for task in tasks if task.task_sid == interaction.task_sid), None)
    for task in tasks:
        if task is not own:
            closings.close_duplicate(interaction, task.interaction_sid, task.channel_sid, task.task_sid)
    has_ended = own is None or own.status not in _LIVE
    if own is None or has_ended or interaction.lookups % FULL_POLL_EVERY == 0:
        # Ended, it seems, and nobody told. How, the single poll finds out; it also sees an end of the channel alone.
        interaction.lookups += 1
        poll_one(interaction, account, has_ended=has_ended)
        return False
    lifecycle.apply([(interaction, Change(None, facts=task_step(interaction, own.status)))])
    return True


# -- without a task ----------------------------------------------------------------------------------------------------


def look_at_waiting(account: Account) -> int:
    """End the waits for an answer that none can come to. Returns how many were looked at; Twilio is not asked.

    What becomes of their conversations, callbacks and reading tell.
    """
    due = Interaction.objects.due().filter(account=account, status=Status.WAITING).select_related("message")
    with locks.bounded_transaction(read_first=True):
        taken = claims.take(due, BATCH, waiting.LOOK_AGAIN)
    keys = {key_of(one.conversation_sid or "") for one in taken}
    conversations = Conversation.objects.in_bulk(keys) if keys else {}
    ended = [(one, waiting.decide_due(one, conversations.get(key_of(one.conversation_sid or "")))) for one in taken]
    lifecycle.apply([(one, change) for one, change in ended if change is not None])
    if len(taken) == BATCH:
        request(Job.POLL, account.pk)
    return len(taken)
