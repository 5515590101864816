"""The timeline of one interaction: click, attempts, answers, callbacks, closings and decisions, by time."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from flex_outbound.admin import badges
from flex_outbound.admin.sites import link_on
from flex_outbound.contexts import message_label, name_of
from flex_outbound.models import Closing, DispatchAttempt, Interaction, Message, WebhookEvent
from flex_outbound.outbox import taking
from flex_outbound.problems import event_label
from flex_outbound.statuses import Status

MOST_EVENTS = 200
RETRY = "retry-"
"""The start of the idempotency key of an interaction that repeats another one; the other's key follows."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. ``facts``: short texts; ``raw``: JSON, folded at first; ``url``: a page with more, "" for none."""

    at: datetime
    tone: str
    title: str
    facts: tuple[str, ...] = ()
    raw: str = ""
    url: str = ""


def timeline_of(interaction: Interaction, site: AdminSite, user: Any) -> list[Entry]:
    """Return all that is known of an interaction, the oldest first, without addresses and texts.

    Links lead to pages of the admin site that the user may see.
    """
    entries = [
        *_of_interaction(interaction),
        *_of_message(interaction),
        *_of_decisions(interaction),
        *_of_repeats(interaction, site),
    ]
    may_follow = user.has_perm("flex_outbound.view_webhookevent")
    for attempt in interaction.attempts.all():
        entries.append(_of_attempt(attempt))
    for closing in interaction.closings.all():
        entries.extend(_of_closing(closing))
    for event in interaction.events.order_by("received_at", "pk")[:MOST_EVENTS]:
        entries.append(_of_event(event, link_on(site, "webhookevent_change", event.pk) if may_follow else ""))
    return sorted(entries, key=lambda entry: entry.at)


def _facts(*facts: object) -> tuple[str, ...]:
    return tuple(str(fact) for fact in facts if fact)


def _code(code: int | None) -> str:
    return _("Twilio's error %(code)s") % {"code": code} if code else ""


def _of_interaction(interaction: Interaction) -> Iterator[Entry]:
    facts = _facts(interaction.get_channel_display(), taking.who_words(interaction))
    yield Entry(interaction.created_at, badges.OVER, taking.begun_words(interaction) or _("Clicked"), facts)
    if interaction.opened_at:
        yield Entry(interaction.opened_at, badges.GOOD, _("Confirmed open in Flex"), _facts(interaction.task_sid))
    if interaction.has_waited and interaction.sent_at:
        yield Entry(interaction.sent_at, badges.WAIT, str(Status.WAITING.label), _facts(interaction.conversation_sid))
    if interaction.finished_at:
        told = _facts(interaction.error_message, _code(interaction.error_code))
        after = interaction.phase_after_wait
        tone = badges.tone_of(after or interaction.status)
        title = str(after.label) if after is not None else interaction.get_status_display()
        yield Entry(interaction.finished_at, tone, title, told)


def _of_message(interaction: Interaction) -> Iterator[Entry]:
    message: Message | None = interaction.first_message
    if message is None:
        return
    title = _("First message: %(status)s") % {"status": message_label(interaction)}
    facts = _facts(message.message_sid, message.error_message, _code(message.error_code))
    yield Entry(
        message.sent_at or message.created_at,
        badges.BAD if interaction.is_undelivered else badges.tone_of_message(message.status),
        title,
        facts,
    )


def _of_attempt(attempt: DispatchAttempt) -> Entry:
    title = _("Attempt %(number)d: %(outcome)s") % {"number": attempt.number, "outcome": attempt.get_outcome_display()}
    took = ""
    if attempt.finished_at:
        took = _("%(seconds).1f s") % {"seconds": (attempt.finished_at - attempt.started_at).total_seconds()}
    http = f"HTTP {attempt.http_status}" if attempt.http_status else ""
    facts = _facts(took, http, _code(attempt.error_code), attempt.error_detail)
    return Entry(attempt.started_at, badges.tone_of_attempt(attempt.outcome), title, facts, _pretty(attempt.request))


def _of_closing(closing: Closing) -> Iterator[Entry]:
    sids = _facts(closing.channel_sid, closing.task_sid)
    yield Entry(closing.found_at, badges.BAD, closing.get_kind_display(), sids)
    if closing.closed_at:
        yield Entry(closing.closed_at, badges.OVER, pgettext("closing", "Closed"), (closing.channel_sid,))
    elif closing.error:
        tried = _("Twilio refuses to close it; close it in Flex")
        yield Entry(closing.found_at, badges.BAD, tried, _facts(closing.channel_sid, closing.error))


def _of_decisions(interaction: Interaction) -> Iterator[Entry]:
    """Yield what people decided about the interaction in the admin, from the admin's log."""
    content_type = ContentType.objects.get_for_model(Interaction)
    log = LogEntry.objects.filter(content_type=content_type, object_id=str(interaction.pk)).select_related("user")
    for entry in log.order_by("action_time")[:MOST_EVENTS]:
        title = _("Decided: %(what)s") % {"what": entry.get_change_message()}
        yield Entry(entry.action_time, badges.OVER, title, _facts(name_of(entry.user)))


def _of_repeats(interaction: Interaction, site: AdminSite) -> Iterator[Entry]:
    """Yield the interactions that repeat this one, and the one that this one repeats."""
    rows = Interaction.objects.select_related("agent").order_by()
    same_contact = rows.filter(contact_type=interaction.contact_type_id, contact_id=interaction.contact_id)
    if taking.is_open_to_all(interaction):
        for other in rows.filter(retries=interaction.pk):
            yield _of_other(other, _("Sent again, as another interaction"), site)
        for other in rows.filter(retried_as=interaction.pk):
            yield _of_other(other, _("First asked for"), site)
        return
    for other in same_contact.filter(idempotency_key=RETRY + interaction.key):
        yield _of_other(other, _("Sent again, as another interaction"), site)
    first = interaction.idempotency_key.removeprefix(RETRY)
    if first != interaction.idempotency_key and len(first) == len(interaction.key):
        for other in same_contact.filter(pk=uuid.UUID(first)):
            yield _of_other(other, _("First clicked"), site)


def _of_other(other: Interaction, title: str, site: AdminSite) -> Entry:
    facts = _facts(taking.who_words(other), other.get_status_display())
    return Entry(other.created_at, badges.OVER, title, facts, url=link_on(site, "interaction_change", other.pk))


def _of_event(event: WebhookEvent, url: str) -> Entry:
    done = "" if event.processed_at else _("not applied yet")
    facts = _facts(event.get_source_display(), done, event.error)
    tone = badges.BAD if event.error else badges.OVER
    return Entry(event.received_at, tone, event_label(event.event_type), facts, _pretty(event.payload), url)


def _pretty(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True) if data else ""
