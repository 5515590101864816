"""Closing channels that must not stay open: never by canceling the task, always through the interaction.

Source: https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-channels-subresource
"""

import logging
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from flex_outbound import addresses
from flex_outbound.exceptions import ConfigurationError, GatewayError, Refused
from flex_outbound.gateway.base import Gateway
from flex_outbound.models import Account, Closing, Conversation, ConversationHolder, Interaction, OpenSearch
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import alerts, claims, locks, owners, ratelimit, retry
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import FINAL, OPEN, Status
from flex_outbound.twilio_statuses import ChannelStatus, ConversationState, TaskStatus

logger = logging.getLogger(__name__)

BATCH: Final = 10
"""Channels that one job closes, one or two requests each."""

LEASE: Final = retry.LONGEST_DELAY
"""Seconds after which another job closes what a job has claimed and not written."""

TAKEN: Final = "taken"
"""What is written down as the error where somebody has taken the conversation meanwhile."""


def close_duplicate(
    interaction: Interaction, interaction_sid: str | None, channel_sid: str | None, task_sid: str | None
) -> bool:
    """Keep what Twilio opened a second time for one interaction and have it closed; returns whether it was new.

    What another interaction has is not closed.
    """
    if interaction_sid == interaction.interaction_sid or not (interaction_sid and channel_sid):
        return False
    if interaction.continues_id is not None or interaction.media_channel_sid:
        # A second task of an invite is in the channel of the conversation that it is about, and so is a second channel
        # of a conversation that was there before.
        return False
    if owners.is_anothers(interaction, {"interaction_sid": interaction_sid, "channel_sid": channel_sid}):
        # Not a duplicate, whatever the answer says: another customer's conversation.
        return False
    logger.error("Interaction %s was opened a second time, as %s (task %s)", interaction.pk, interaction_sid, task_sid)
    return _keep(interaction, Closing.Kind.DUPLICATE, interaction_sid, channel_sid, task_sid)


def close_orphan(interaction: Interaction) -> bool:
    """Have the channel of an interaction closed in which the agent or the customer would be alone."""
    if not (interaction.interaction_sid and interaction.channel_sid):
        return False
    sids = (interaction.interaction_sid, interaction.channel_sid, interaction.task_sid)
    return _keep(interaction, Closing.Kind.ORPHAN, *sids)


def _keep(
    interaction: Interaction, kind: Closing.Kind, interaction_sid: str, channel_sid: str, task_sid: str | None
) -> bool:
    values = {"interaction": interaction, "kind": kind, "interaction_sid": interaction_sid, "task_sid": task_sid}
    channels = Closing.objects.exclude(kind=Closing.Kind.LEAVE)
    closing, new = channels.get_or_create(channel_sid=channel_sid, defaults=values)
    if new:
        _touch(closing)
        request_after_commit(Job.CLOSE, interaction.account_id)
    return new


def leave(interaction: Interaction) -> None:
    """Have the agent of an interaction taken out of its conversation, which goes on without them."""
    if not (interaction.interaction_sid and interaction.channel_sid and interaction.task_sid):
        return
    sids = {"interaction_sid": interaction.interaction_sid, "channel_sid": interaction.channel_sid}
    values = {**sids, "interaction": interaction}
    kind = Closing.Kind.LEAVE
    closing, new = Closing.objects.get_or_create(kind=kind, task_sid=interaction.task_sid, defaults=values)
    if not new:
        # Once more where Twilio refused it before.
        refused = Closing.objects.filter(pk=closing.pk, closed_at=None, next_at=None)
        new = refused.update(next_at=Now(), error="") == 1
    if new:
        request_after_commit(Job.CLOSE, interaction.account_id)


def after_failure(interaction: Interaction) -> None:
    """Have the channel of a failed interaction closed, where nobody else is in its conversation or about to be.

    An invite that failed leaves the conversation as it was, unless that was opened in vain. A conversation that was
    there before is the customer's, and stays open: what they write next finds somebody.
    """
    origin = interaction.origin_id
    same = Interaction.objects.filter(Q(pk=origin) | Q(continues=origin)).exclude(pk=interaction.pk)
    if same.exclude(status__in=sorted(FINAL)).exists():
        return
    if interaction.media_channel_sid or same.filter(pk=origin, media_channel_sid__isnull=False).exists():
        return
    if interaction.continues_id is None or same.filter(pk=origin, status=Status.FAILED).exists():
        close_orphan(interaction)


def be_alone(interaction: Interaction) -> None:
    """Note after the end of one that another in its conversation is in the way of the next click from now on.

    Of several it is one: the database lets no two be in the way.
    """
    origin = interaction.origin_id
    same = Interaction.objects.filter(Q(pk=origin) | Q(continues=origin), status__in=sorted(OPEN))
    others = same.exclude(pk=interaction.pk)
    heir = others.filter(is_beside=True).order_by("status", "-created_at").values_list("pk", flat=True).first()
    if heir is None or others.filter(is_beside=False).exists():
        return
    try:
        with transaction.atomic(using=locks.alias()):
            Interaction.objects.filter(pk=heir).update(is_beside=False)
    except IntegrityError:
        # A click came in between; Twilio refuses one of the two.
        logger.info("Another interaction is open beside those of %s", origin)


def succeed(interaction: Interaction) -> None:
    """Note that the agent who was invited is in the conversation: it is nobody's that was left, any more.

    Where they take it over, the agents who are still in it leave; where one of these has handed it over, that one does.
    """
    origin = interaction.origin_id
    earlier = Interaction.objects.filter(Q(pk=origin) | Q(continues=origin)).exclude(pk=interaction.pk)
    leaving = Q(pk=interaction.invited_from) if interaction.invited_from else Q(pk__isnull=False)
    over = Q(status__in=sorted(FINAL)) | (leaving if interaction.takes_over else Q(pk__in=[]))
    fresh = {"version": F("version") + 1, "updated_at": Now()}
    earlier.filter(over, is_succeeded=False).update(is_succeeded=True, **fresh)
    if interaction.takes_over:
        for one in earlier.filter(leaving, status__in=sorted(OPEN)):
            leave(one)


def close_left(interaction: Interaction) -> None:
    """Have the conversation closed that an interaction left open; once more where that was tried before."""
    if not close_orphan(interaction):
        again = {"next_at": Now(), "closed_at": None, "error": ""}
        same = Closing.objects.exclude(kind=Closing.Kind.LEAVE)
        for closing in same.filter(channel_sid=interaction.channel_sid or ""):
            Closing.objects.filter(pk=closing.pk).update(**again)
            _touch(closing)
            request_after_commit(Job.CLOSE, interaction.account_id)


def is_closing(row: Interaction | Conversation) -> bool:
    """Tell whether the channel of an interaction, or of a conversation's newest, is being closed just now.

    It costs a query where the row was loaded without the column ``is_being_closed`` of ``being_closed``.
    """
    known: bool | None = vars(row).get("is_being_closed")
    interaction = row.interaction if isinstance(row, Conversation) else row
    if known is not None or interaction is None:
        return bool(known)
    return _pending(interaction.channel_sid or "").exists()


def being_closed(channel_sid: str) -> Exists:
    """Return a column for ``is_closing``. ``channel_sid``: the path to the channel."""
    return Exists(_pending(OuterRef(channel_sid)))


def _pending(channel_sid: str | OuterRef) -> QuerySet[Closing]:
    pending: QuerySet[Closing] = Closing.objects.filter(channel_sid=channel_sid, closed_at=None, next_at__isnull=False)
    return pending.exclude(kind=Closing.Kind.LEAVE)


def close_due(account_id: int) -> int:
    """Close the channels of an account that are due. Returns how many are closed now."""
    due = Closing.objects.due().filter(interaction__account=account_id).select_related("interaction__account")
    with locks.bounded_transaction(read_first=True):
        # A worker that dies over it leaves the channel to the next job after the pause.
        closings = claims.take(due, BATCH, LEASE, attempts=F("attempts") + 1)
    return sum(_close(closing) for closing in closings)


def _close(closing: Closing) -> bool:
    mine = Closing.objects.filter(pk=closing.pk)
    gateway_call = _leave if closing.kind == Closing.Kind.LEAVE else _close_channel
    try:
        if _is_being_joined(closing) or (_is_left(closing) and _is_taken(closing)):
            mine.update(next_at=None, error=TAKEN)
            _touch(closing)
            return False
        gateway_call(closing)
    except TooSoon as wait:
        mine.update(next_at=from_now(wait.seconds))
        return False
    except Refused as error:
        logger.error("Channel %s cannot be closed: error %s", closing.channel_sid, error.code)
        alerts.note_access(closing.interaction.account, error)
        mine.update(next_at=None, error=error.detail[:500])
        return False
    except (GatewayError, ConfigurationError) as error:
        # Closing twice does no harm, so here an unknown outcome may simply be repeated.
        logger.warning("Channel %s could not be closed yet: %s", closing.channel_sid, type(error).__name__)
        alerts.note_access(closing.interaction.account, error)
        mine.update(next_at=from_now(retry.backoff(closing.attempts + 1)))
        return False
    if closing.kind == Closing.Kind.LEAVE:
        # Written first: if the worker dies in between, the next job leaves once more, and the row is polled after all.
        own = Interaction.objects.filter(pk=closing.interaction_id, status__in=sorted(OPEN))
        is_open = own.update(next_at=Now())
        mine.update(closed_at=Now(), next_at=None, error="")
        if is_open:
            request_after_commit(Job.POLL, closing.interaction.account_id)
        return True
    mine.update(closed_at=Now(), next_at=None, error="")
    # Its tasks and its conversation are closed with it.
    own = Interaction.objects.filter(pk=closing.interaction_id, channel_sid=closing.channel_sid, status=Status.CLOSED)
    own.update(channel_status=ChannelStatus.CLOSED, conversation_state=ConversationState.CLOSED)
    _note_closed(closing)
    _touch(closing)
    return True


def _note_closed(closing: Closing) -> None:
    """Note that the conversation of a closed channel is closed, so that nothing is offered about it any more."""
    sid = closing.interaction.conversation_sid
    if sid and closing.channel_sid == closing.interaction.channel_sid:
        rows = Conversation.objects.open().filter(pk=key_of(sid), account=closing.interaction.account_id)
        closed = {"state": ConversationState.CLOSED, "asked_by": None, "asked_at": None}
        rows.update(**closed, next_at=Now(), updated_at=Now())


def close_conversation(conversation: Conversation) -> None:
    """Have a conversation closed that no interaction of ours leads to, unless somebody has taken it by then."""
    holder, _made = ConversationHolder.objects.get_or_create(conversation=conversation)
    rows = ConversationHolder.objects.filter(pk=holder.pk, close_at=None)
    if rows.update(close_at=Now(), close_error=""):
        request_after_commit(Job.CLOSE, conversation.account_id)


class TooSoon(Exception):
    """The account's limit is reached. ``seconds``: until it is not."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _is_being_joined(closing: Closing) -> bool:
    """Tell whether somebody of ours is in the conversation by now, or on the way: then its channel stays open.

    So it does where the customer has written meanwhile and is to get somebody.
    """
    interaction = closing.interaction
    if closing.kind != Closing.Kind.ORPHAN or closing.channel_sid != interaction.channel_sid:
        return False
    origin = interaction.origin_id
    same = Q(pk=origin) | Q(continues=origin)
    if interaction.conversation_sid:
        same |= Q(media_channel_sid=interaction.conversation_sid)
        alone = Conversation.objects.filter(pk=key_of(interaction.conversation_sid), wants_agent_at__isnull=False)
        if alone.filter(Q(sender__opens_on_inbound=True) | Q(opens_on_answer=True)).exists():
            return True
    others = Interaction.objects.filter(same).exclude(pk=interaction.pk).exclude(status__in=sorted(FINAL))
    return others.exists()


def _is_left(closing: Closing) -> bool:
    """Tell whether a conversation is to be closed that an interaction left open, so that nobody had it."""
    interaction = closing.interaction
    is_own = closing.kind == Closing.Kind.ORPHAN and closing.channel_sid == interaction.channel_sid
    return is_own and interaction.status == Status.CLOSED and bool(interaction.conversation_sid)


def _is_taken(closing: Closing) -> bool:
    interaction = closing.interaction
    sid = str(interaction.conversation_sid)
    if not has_task(gateway_for(interaction.account), interaction.account, sid, interaction.task_sid):
        return False
    logger.info("Channel %s stays open: somebody has taken its conversation", closing.channel_sid)
    note_taken(sid, interaction.sender_id, interaction.address)
    return True


def has_task(gateway: Gateway, account: Account, conversation_sid: str, but_for: str | None = None) -> bool:
    """Ask Twilio whether a conversation has a task that has not ended: somebody has it, or is about to get it.

    ``but_for``: a task that does not count. Raises TooSoon and GatewayError.
    """
    wait = ratelimit.take(Budget.TASK_SEARCHES, account.account_sid)
    if wait:
        raise TooSoon(wait)
    tasks = gateway.find_tasks_of([conversation_sid]).get(conversation_sid, [])
    return any(one.status not in _OVER and one.task_sid != but_for for one in tasks)


_OVER: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELED})


def note_taken(conversation_sid: str, sender_id: int | None, address: str) -> None:
    """Write down that a conversation was not closed because it has a task, and have the next page ask whose it is."""
    ConversationHolder.objects.filter(conversation=key_of(conversation_sid)).update(close_at=None, close_error=TAKEN)
    same = OpenSearch.objects.filter(sender=sender_id, address_key=addresses.key(address)[:254], next_at=None)
    same.update(asked_at=None, failed_at=None)


def _close_channel(closing: Closing) -> None:
    gateway_for(closing.interaction.account).close_channel(closing.interaction_sid, closing.channel_sid)


def _leave(closing: Closing) -> None:
    gateway = gateway_for(closing.interaction.account)
    gateway.leave_channel(closing.interaction_sid, closing.channel_sid, closing.task_sid or "")


def _touch(closing: Closing) -> None:
    """Let the page see that something changed."""
    Interaction.objects.filter(pk=closing.interaction_id).update(version=F("version") + 1, updated_at=Now())
