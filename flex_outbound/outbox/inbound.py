"""Customers who write first: where nobody has their conversation, an interaction brings somebody into it.

Keeping a customer's message notes on the conversation that it wants an agent. This job asks whether one is needed, and
commits the interaction, which the pipeline sends as every other. However often a webhook comes, and from however many
workers, a conversation has one at a time: the database refuses the second.
https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
"""

import logging
import time
import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.channels import InitiatedBy
from flex_outbound.contacts import adapter_by_type
from flex_outbound.exceptions import ClickError, ConfigurationError, GatewayError
from flex_outbound.gateway.base import Gateway
from flex_outbound.models import (
    ANSWERING,
    Account,
    Conversation,
    ConversationContact,
    Interaction,
    Message,
    Sender,
    Worker,
)
from flex_outbound.models.conversation import ConversationQuerySet, key_of
from flex_outbound.outbox import alerts, lifecycle, locks, offering, ratelimit, starting, waiting
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.conversations import opening
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.outbox.starting import Start
from flex_outbound.statuses import FINAL, OPEN, Status
from flex_outbound.twilio_statuses import Party, TaskStatus

logger = logging.getLogger(__name__)

BATCH: Final = 50
"""Conversations whose tasks one request asks for."""

WORKS_FOR: Final = 60.0
"""Seconds after which a job hands back the rest of its batch: half of the lease."""

LEASE: Final = 120.0
"""Seconds until another worker may take the same: longer than the questions about a batch take."""

LIVE: Final = frozenset({TaskStatus.PENDING, TaskStatus.RESERVED, TaskStatus.ASSIGNED})
"""Tasks by which somebody has a conversation, or is about to."""

NOT_READ_YET: Final = 2.0
AGAIN: Final = 15.0
FLEX_FIRST: Final = 10.0
"""Seconds for which Flex is left to make a task itself, in a conversation that an agent has left."""

FLEX_KNOWS: Final = 60.0
"""Seconds for which messages without an answer count as one: each further one does not give Flex its time anew."""

WAITS_FOR: Final = timedelta(hours=1)
"""A message that is older opens nothing any more: it came from reading what was said long ago."""

WAITS_UNANSWERED_FOR: Final = timedelta(days=1)
"""The same where nobody but the customer has written yet: it came while something of ours was down."""


def open_due(account_id: int) -> int:
    """Bring somebody into the conversations of an account that want an agent. Returns how many were begun.

    Never raises what Twilio or the network did.
    """
    due = _take(account_id)
    if len(due) == BATCH:
        request(Job.CONVERSATION, account_id)
    wanted = _wanted(due) if due else []
    if not wanted:
        return 0
    account = Account.objects.get(pk=account_id)
    wait = ratelimit.take(Budget.TASK_SEARCHES, account.account_sid)
    if wait:
        _later(wanted, wait)
        request(Job.CONVERSATION, account_id, wait)
        return 0
    try:
        gateway = gateway_for(account)
        tasks = gateway.find_tasks_of([one.conversation_sid for one in wanted])
    except (GatewayError, ConfigurationError) as error:
        logger.warning("Account %s could not be asked who has its conversations", account.account_sid)
        alerts.note_access(account, error)
        _later(wanted, AGAIN)
        return 0
    taken = {sid for sid, found in tasks.items() if any(task.status in LIVE for task in found)}
    _have_somebody([one for one in wanted if one.conversation_sid in taken])
    return _open_all([one for one in wanted if one.conversation_sid not in taken], gateway)


def _open_all(conversations: Sequence[Conversation], gateway: Gateway) -> int:
    """Open each; what goes wrong with one, as in the project's own code, does not keep the others waiting."""
    count, end = 0, time.monotonic() + WORKS_FOR
    for index, one in enumerate(conversations):
        if time.monotonic() > end:
            _later(conversations[index:], 0.0)
            request(Job.CONVERSATION, one.account_id)
            break
        try:
            count += _open(one, gateway)
        except Exception:
            logger.exception("Nobody could be brought into conversation %s yet", one.conversation_sid)
            _later([one], AGAIN)
    return count


def _take(account_id: int) -> list[Conversation]:
    due = Conversation.objects.ours().filter(account=account_id, wants_agent_at__lte=Now()).order_by("wants_agent_at")
    with locks.bounded_transaction(read_first=True):
        keys = list(locks.lock(due, skip_locked=True).values_list("pk", flat=True)[:BATCH])
        Conversation.objects.filter(pk__in=keys).update(wants_agent_at=from_now(LEASE))
    return list(Conversation.objects.filter(pk__in=keys).select_related("sender__account", "account"))


def _later(conversations: Collection[Conversation], seconds: float) -> None:
    _taken(conversations).update(wants_agent_at=from_now(seconds))


def _settled(conversations: Collection[Conversation]) -> None:
    _taken(conversations).update(wants_agent_at=None)


def _have_somebody(conversations: Collection[Conversation]) -> None:
    """Settle conversations that somebody has, by a task that was not made from here."""
    ended = [one for conversation in conversations if (one := waiting.waiting_in(conversation)) is not None]
    lifecycle.apply([(one, waiting.taken_over()) for one in ended])
    _settled(conversations)


def _taken(conversations: Collection[Conversation]) -> ConversationQuerySet:
    """Return those that are still as they were taken: a customer who wrote meanwhile wants an agent now, not later."""
    return Conversation.objects.filter(pk__in=[one.pk for one in conversations], wants_agent_at__gt=Now())


def _wanted(taken: Sequence[Conversation]) -> list[Conversation]:
    """Return those in which nobody is, and settle the others."""
    unread = [one for one in taken if opening.is_strange(one) and one.read_at is None and _is_recent(one)]
    _later(unread, NOT_READ_YET)
    answered = [one for one in taken if _is_answered_here(one) and one not in unread]
    occupied = _occupied([one.conversation_sid for one in answered])
    wanted = [one for one in answered if one.pk not in occupied]
    _settled([one for one in taken if one not in wanted + unread])
    return wanted


def _is_recent(conversation: Conversation) -> bool:
    if conversation.last_inbound_at is None:
        return False
    age = timezone.now() - conversation.last_inbound_at
    return age < WAITS_FOR or (age < WAITS_UNANSWERED_FOR and not _was_answered(conversation))


def _was_answered(conversation: Conversation) -> bool:
    return Message.objects.filter(conversation=conversation).exclude(party=Party.CUSTOMER).exists()


def _is_answered_here(conversation: Conversation) -> bool:
    """Tell whether what a customer writes in this conversation brings an agent from here.

    What is said where an answer was waited for does so however late it is heard of.
    """
    sender = conversation.sender
    is_on = sender is not None and sender.is_active and sender.account.is_active
    is_wanted = conversation.opens_on_answer or (sender is not None and sender.opens_on_inbound)
    is_late = not (conversation.opens_on_answer or _is_recent(conversation))
    return is_on and is_wanted and conversation.is_open and not is_late


def _occupied(sids: Collection[str]) -> set[Any]:
    """Return the keys of those conversations in which somebody is, or is about to be, by an interaction of ours."""
    going_on = Interaction.objects.exclude(status__in=sorted({*FINAL, Status.WAITING}))
    # Three questions, because each has an index, and all of them at once have none.
    begun = Interaction.objects.filter(ANSWERING, media_channel_sid__in=sids).values_list("media_channel_sid")
    named = going_on.filter(conversation_sid__in=sids).values_list("conversation_sid")
    origins = Interaction.objects.filter(conversation_sid__in=sids).values("pk")
    invited = going_on.filter(continues__in=origins).values_list("continues__conversation_sid")
    return {key_of(sid) for found in (begun, named, invited) for (sid,) in found if sid}


def _open(conversation: Conversation, gateway: Gateway) -> bool:
    """Commit the interaction that brings somebody into a conversation; returns whether there is a new one."""
    newest = _newest(conversation)
    if newest is not None and newest.status != Status.FAILED and _is_flexs_turn(conversation, newest):
        # Flex itself makes a task where a customer writes into a conversation that was left, unless routing is custom.
        # https://www.twilio.com/docs/flex/developer/conversations/leave-conversation
        _later([conversation], FLEX_FIRST)
        return False
    sender = conversation.sender
    assert sender is not None
    former = offering.former_worker(conversation)
    worker = former if former is not None and offering.is_free(former, sender, gateway) else None
    made = offering.offer_again(newest, worker, sender) if newest is not None else _begin(conversation, sender, worker)
    if made is None:
        # Something of ours is in the way that may just be ending.
        _later([conversation], AGAIN)
        return False
    _settled([conversation])
    return True


def _newest(conversation: Conversation) -> Interaction | None:
    """Return the newest interaction of ours in a conversation that has a channel, None where it never had one of ours.

    A second channel of one conversation would be refused, so somebody is invited to that one.
    """
    known = Interaction.objects.filter(
        account=conversation.account_id,
        conversation_sid=conversation.conversation_sid,
        interaction_sid__isnull=False,
        channel_sid__isnull=False,
    )
    return known.order_by("-created_at", "-id").first()


def _is_flexs_turn(conversation: Conversation, newest: Interaction) -> bool:
    """Tell whether Flex may still make a task itself for what a customer wrote, who may have written more since.

    ``newest``: our newest interaction in the conversation. What was written before it ended made no task.
    """
    at, now = conversation.last_inbound_at, timezone.now()
    if at is None or now - at >= timedelta(seconds=FLEX_FIRST):
        return False
    said = Message.objects.filter(conversation=conversation, message_sid__isnull=False)
    answered = said.filter(party=Party.AGENT).aggregate(at=Max("said_at"))["at"]
    begin = now - timedelta(seconds=FLEX_KNOWS)
    ended = newest.finished_at - opening.JUST_SAID if newest.finished_at is not None else begin
    since = max(begin, ended, answered or begin)
    earlier = said.filter(party=Party.CUSTOMER, said_at__gt=since, said_at__lte=now - timedelta(seconds=FLEX_FIRST))
    return not earlier.exists()


def _begin(conversation: Conversation, sender: Sender, worker: Worker | None) -> Interaction | None:
    """Commit the interaction, and with it that a wait for the answer has ended, where there was one."""
    wanted = Start(
        conversation.channel,
        contact=_contact_of(conversation),
        name=conversation.customer_name,
        sender=sender,
        account=conversation.account,
        conversation_sid=conversation.conversation_sid,
        initiated_by=InitiatedBy.CUSTOMER,
    )
    try:
        row = starting.build(wanted, uuid.uuid4().hex)
        if worker is not None and not _was_refused(conversation):
            row.worker, row.worker_sid = worker, worker.worker_sid
        return starting.commit(row, ends=waiting.waiting_in(conversation))
    except ClickError as error:
        logger.info("Conversation %s gets no agent from here yet: %s", conversation.conversation_sid, error.code)
        other = getattr(error, "interaction", None)
        if other is not None and polling_soon(other):
            request(Job.POLL, conversation.account_id)
        return None


def _was_refused(conversation: Conversation) -> bool:
    """Tell whether Twilio refused before to open this conversation for one agent: then Flex chooses."""
    same = Interaction.objects.filter(media_channel_sid=conversation.conversation_sid, status=Status.FAILED)
    return same.filter(worker__isnull=False, interaction_sid=None).exists()


def polling_soon(interaction: Interaction) -> bool:
    """Have an interaction polled at once that is in the way: perhaps it has ended."""
    return Interaction.objects.filter(pk=interaction.pk, status__in=sorted(OPEN)).update(next_at=Now()) == 1


def _contact_of(conversation: Conversation) -> Any | None:
    """Return the contact of a conversation, None where it is unknown, gone, or one of several."""
    links = list(ConversationContact.objects.filter(conversation=conversation)[:2])
    adapter = adapter_by_type(links[0].contact_type_id) if len(links) == 1 else None
    if adapter is None:
        return None
    return adapter.model._default_manager.filter(pk=links[0].contact_id).first()
