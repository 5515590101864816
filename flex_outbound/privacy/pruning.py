"""Deleting what is old: messages, interactions, conversations and callbacks, in batches, oldest first.

What is open stays: interactions that have not ended, what is still being sent, applied, closed or told to the host, and
conversations that are still read. The daily figures stay as well. What a run does not do, the next one does.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import (
    Account,
    Closing,
    Conversation,
    Draft,
    Interaction,
    Message,
    OpenSearch,
    TaskUpdate,
    WebhookEvent,
)
from flex_outbound.outbox import drafts, locks
from flex_outbound.outbox.conversations import keeping, searching
from flex_outbound.reports import days as calendar
from flex_outbound.reports import rollup
from flex_outbound.statuses import FINAL, MESSAGE_FINAL, MessageStatus
from flex_outbound.twilio_statuses import Party

BATCH: Final = 500
"""Rows that one transaction deletes."""

SPAN: Final = 5_000
"""Messages that one statement looks at."""

PAUSE: Final = 0.05
"""Seconds between two batches, which leave the database to others."""

DRAFT_DAYS: Final = 7
"""Days for which a text that was not sent may be sent again, where texts are not kept."""

FIRST_DAYS: Final = 1.0
"""The least age: figures of a day are final when the day is over."""

Step = Iterator[tuple[str, int]]
Report = Callable[[str, int], None]


class TryLater(FlexOutboundError):
    """Another process is doing what has to be done first."""


def prune(
    older: float | None, *, texts: bool = False, seconds: float | None = None, pause: float = PAUSE
) -> Counter[str]:
    """Delete what is older than so many days; returns how many rows, by kind.

    ``older``: None deletes no rows. ``texts``: also empty texts that were stored before their account came to keep
    none. ``seconds``: stop after so long. Texts that were not sent, of accounts that keep none, are emptied in any case
    once they are a week old, and drafts are deleted in any case after ``drafts.DAYS``. Raises ValueError for less than
    a day, TryLater while the figures are counted.
    """
    end = time.monotonic() + seconds if seconds is not None else None
    done: Counter[str] = Counter()
    for kind, count in _steps(older, texts=texts):
        done[kind] += count
        if end is not None and time.monotonic() > end:
            break
        if count:
            time.sleep(pause)
    return done


def preview(older: float | None, *, texts: bool = False) -> Counter[str]:
    """Return how many rows ``prune`` would delete or empty, as things are now."""
    found: Counter[str] = Counter()
    if older is not None:
        cutoff = _cutoff(older)
        found["messages"] = _old_messages(cutoff).count()
        found["interactions"] = _old_interactions(cutoff).count()
        found["conversations"] = _old_conversations(cutoff, emptied=False).count()
        found["webhook events"] = _old_events(cutoff).count()
    found["drafts"] = _old_drafts(older).count()
    for wanted in _texts(texts=texts):
        found["texts"] += wanted.count()
    return found


def _steps(older: float | None, *, texts: bool) -> Step:
    # What pages asked for is of no use after an hour, whatever is kept.
    OpenSearch.objects.filter(wanted_at__lt=Now() - searching.KEPT_FOR).delete()
    for wanted in _texts(texts=texts):
        yield from _forget_texts(wanted)
    yield from _prune_drafts(older)
    if older is None:
        return
    cutoff = _cutoff(older)
    # The figures of these days are counted before their interactions go.
    if not rollup.freeze(calendar.day_of(cutoff) + calendar.DAY):
        raise TryLater("The daily figures are being counted just now. Run this again in a minute.")
    yield from _prune_messages(cutoff)
    yield from _prune_interactions(cutoff)
    yield from _prune_conversations(cutoff)
    yield from _prune_events(cutoff)


def _cutoff(older: float) -> datetime:
    if older < FIRST_DAYS:
        raise ValueError("Nothing younger than a day is deleted.")
    return timezone.now() - timedelta(days=older)


# -- rows --------------------------------------------------------------------------------------------------------------


def _old_messages(cutoff: datetime) -> QuerySet[Message]:
    has_ended = Q(interaction=None) | Q(interaction__status__in=sorted(FINAL))
    return Message.objects.filter(has_ended, said_at__lt=cutoff, status__in=sorted(MESSAGE_FINAL), to_tell="")


def _prune_messages(cutoff: datetime) -> Step:
    for after, until in _spans():
        while True:
            with locks.bounded_transaction(read_first=True):
                rows = _old_messages(cutoff).filter(pk__gt=after, pk__lte=until).order_by("pk")
                # The conversations first, in the order of who records; then what another run has not deleted meanwhile.
                keys = list(rows.values_list("pk", "conversation")[:BATCH])
                _lock_conversations({key for _pk, key in keys if key})
                found = list(rows.filter(pk__in=[pk for pk, _key in keys]).values_list("pk", "conversation", "party"))
                _note_forgotten([(key, party) for _pk, key, party in found if key], cutoff)
                Message.objects.filter(pk__in=[pk for pk, _key, _party in found]).delete()
            if not keys:
                break
            yield "messages", len(found)


def _lock_conversations(keys: set[Any]) -> None:
    list(locks.lock(Conversation.objects.filter(pk__in=keys).order_by("pk")).values_list("pk", flat=True))


def _spans() -> Iterator[tuple[int, int]]:
    """Yield ranges of primary keys, from the oldest message to the newest."""
    first = Message.objects.order_by("pk").values_list("pk", flat=True).first()
    last = Message.objects.order_by("-pk").values_list("pk", flat=True).first()
    if first is not None and last is not None:
        yield from ((begin - 1, begin - 1 + SPAN) for begin in range(first, last + 1, SPAN))


def _note_forgotten(said: Sequence[tuple[Any, str]], cutoff: datetime) -> None:
    """Have nothing taken up again that Twilio still shows of conversations whose old messages are deleted.

    ``said``: conversation and author of each. The customers' stay counted, because what is unread is a difference.
    """
    rows = Conversation.objects.filter(pk__in={key for key, _party in said})
    for key, count in Counter(key for key, party in said if party == Party.CUSTOMER).items():
        Conversation.objects.filter(pk=key).update(forgotten_inbound=F("forgotten_inbound") + count)
    rows.filter(Q(forgotten_at=None) | Q(forgotten_at__lt=cutoff)).update(forgotten_at=cutoff, updated_at=Now())
    rows.filter(last_at__lt=cutoff).exclude(last_text="").update(last_text="")


def _old_interactions(cutoff: datetime) -> QuerySet[Interaction]:
    mine = {"interaction": OuterRef("pk")}
    settled = Q(status__in=sorted(MESSAGE_FINAL), to_tell="")
    rows = Interaction.objects.filter(created_at__lt=cutoff, finished_at__lt=cutoff, status__in=sorted(FINAL))
    return rows.filter(
        ~Exists(Conversation.objects.filter(next_at__isnull=False, **mine)),
        ~Exists(Message.objects.filter(**mine).exclude(settled)),
        ~Exists(Closing.objects.filter(next_at__isnull=False, **mine)),
        ~Exists(TaskUpdate.objects.filter(next_at__isnull=False, **mine)),
        ~Exists(WebhookEvent.objects.filter(processed_at=None, error="", **mine)),
        ~Exists(Interaction.objects.filter(continues=OuterRef("pk")).exclude(status__in=sorted(FINAL))),
    )


def _prune_interactions(cutoff: datetime) -> Step:
    # Each batch begins where the last one ended: what stays is not looked at again.
    rest = _old_interactions(cutoff).order_by("created_at", "pk")
    while True:
        with locks.bounded_transaction(read_first=True):
            rows = list(locks.lock(rest.values_list("pk", "created_at"), skip_locked=True)[:BATCH])
            keys = [pk for pk, _at in rows]
            events, _by_model = WebhookEvent.objects.filter(interaction__in=keys).delete()
            _unname_in_log(keys)
            Interaction.objects.filter(pk__in=keys).delete()
        if not keys:
            return
        rest = rest.filter(created_at__gte=rows[-1][1])
        yield "webhook events", events
        yield "interactions", len(keys)


def _unname_in_log(keys: list[Any]) -> None:
    """Leave the deleted interactions' ids in the admin's log, and their customers' names not."""
    if apps.is_installed("django.contrib.admin"):
        log = apps.get_model("admin", "LogEntry")._default_manager
        of_interactions = log.filter(content_type=ContentType.objects.get_for_model(Interaction))
        of_interactions.filter(object_id__in=[str(one) for one in keys]).update(object_repr=F("object_id"))


def _old_conversations(cutoff: datetime, *, emptied: bool = True) -> QuerySet[Conversation]:
    """Return conversations that ended, or that Twilio does not show any more. ``emptied``: without any message."""
    is_old = Q(last_at__lt=cutoff) | Q(last_at=None)
    has_ended = Q(interaction=None) | Q(interaction__status__in=sorted(FINAL))
    rows = Conversation.objects.filter(is_old, has_ended, created_at__lt=cutoff, next_at=None)
    messages = Message.objects.filter(conversation=OuterRef("pk"))
    return rows.filter(~Exists(messages if emptied else messages.filter(said_at__gte=cutoff)))


def _prune_conversations(cutoff: datetime) -> Step:
    rest = _old_conversations(cutoff).order_by("pk")
    while True:
        with locks.bounded_transaction(read_first=True):
            keys = list(locks.lock(rest.values_list("pk", flat=True), skip_locked=True)[:BATCH])
            Conversation.objects.filter(pk__in=keys).delete()
        if not keys:
            return
        rest = rest.filter(pk__gt=keys[-1])
        yield "conversations", len(keys)


def _old_events(cutoff: datetime) -> QuerySet[WebhookEvent]:
    return WebhookEvent.objects.filter(received_at__lt=cutoff).exclude(processed_at=None, error="")


def _prune_events(cutoff: datetime) -> Step:
    while True:
        keys = list(_old_events(cutoff).order_by("received_at", "pk").values_list("pk", flat=True)[:BATCH])
        WebhookEvent.objects.filter(pk__in=keys).delete()
        if not keys:
            return
        yield "webhook events", len(keys)


def _old_drafts(older: float | None) -> QuerySet[Draft]:
    return drafts.too_old(None if older is None else _cutoff(older))


def _prune_drafts(older: float | None) -> Step:
    while True:
        keys = list(_old_drafts(older).order_by("updated_at", "pk").values_list("pk", flat=True)[:BATCH])
        Draft.objects.filter(pk__in=keys).delete()
        if not keys:
            return
        yield "drafts", len(keys)


# -- texts -------------------------------------------------------------------------------------------------------------


def _texts(*, texts: bool) -> list[QuerySet[Message]]:
    """Return the messages whose texts are not to be kept: drafts that nobody sent again, and all others if asked to."""
    accounts = [one.pk for one in Account.objects.all() if not keeping.keeps(one)]
    if not accounts:
        return []
    something = ~Q(body="", subject="", content_variables={}) | Q(has_media=True)
    rows = Message.objects.filter(something, account__in=accounts, is_text_kept=True)
    old = timezone.now() - timedelta(days=DRAFT_DAYS)
    found: list[QuerySet[Message]] = [rows.filter(status=MessageStatus.FAILED, created_at__lt=old)]
    return [*found, rows.filter(status__in=[MessageStatus.SENT, MessageStatus.RECEIVED])] if texts else found


def _forget_texts(wanted: QuerySet[Message]) -> Step:
    for after, until in _spans():
        while True:
            with locks.bounded_transaction(read_first=True):
                rows = wanted.filter(pk__gt=after, pk__lte=until).order_by("pk")
                found = list(rows[:BATCH])
                _empty(found)
            if not found:
                break
            yield "texts", len(found)


def _empty(found: list[Message]) -> None:
    keys = [one.pk for one in found]
    conversations = {one.conversation_id for one in found if one.conversation_id}
    # The conversation before its messages, in the order of who records.
    Conversation.objects.filter(pk__in=conversations).update(last_text="", updated_at=Now())
    Message.objects.filter(pk__in=keys).update(**keeping.NO_TEXT)
    named = [one for one in found if one.media]
    for message in named:
        message.media = keeping.without_names(message.media)
    Message.objects.bulk_update(named, ["media"])
    ended = Interaction.objects.filter(message__in=keys, status__in=sorted(FINAL)).exclude(subject="")
    ended.update(subject="")
