"""The search of the interactions: by a SID, an id, a number in any format, an email address or a name.

Each of them uses an index. That of names depends on the database: see ``_name`` and migration 0002.
"""

import re
import uuid
from collections.abc import Callable, Iterable
from typing import Final

from django.db import connections
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from flex_outbound import addresses
from flex_outbound.channels import AddressError, Channel, normalize
from flex_outbound.conf import conf
from flex_outbound.models import Closing, Interaction, Message
from flex_outbound.sids import LENGTH, SidKind

_SID = re.compile(rf"([A-Za-z]{{2}})([0-9A-Fa-f]{{{LENGTH - 2}}})")
_NUMBER = re.compile(r"(whatsapp:)?[+\d\s().\-/]{5,40}")


NEWEST: Final = 1_000
"""Without trigrams, the words of a name are searched for anywhere in it among so many of the newest interactions."""

FEW: Final = 500
"""Matches that are read by their keys."""

_TRIGRAM = re.compile(r"\w{3}")
_TRIGRAM_INDEX = "flex_name_trigrams"


def find(interactions: QuerySet[Interaction], text: str) -> QuerySet[Interaction]:
    """Return those of ``interactions`` that ``text`` means; all of them if it is empty."""
    text = text.strip().replace("\0", "")
    if not text:
        return interactions
    return interactions.filter(_sid(text) or _id(text) or _address(text) or _name(text, interactions.db))


def _sid(text: str) -> Q | None:
    sid = sid_in(text)
    ask = _BY_KIND.get(sid[:2])
    return ask(sid) if ask else None


def sid_in(text: str) -> str:
    """Return the SID that a text is, as Twilio writes it; "" where it is none."""
    found = _SID.fullmatch(text.strip())
    return found[1].upper() + found[2].lower() if found else ""


def _of(*columns: str) -> Callable[[str], Q]:
    """Return the condition on columns of the interaction, for a SID."""
    return lambda sid: Q.create([(column, sid) for column in columns], connector=Q.OR)


def _also_closed(column: str, *more: str) -> Callable[[str], Q]:
    """Return the condition on the interaction or on what had to be closed of it, such as a duplicate."""

    def ask(sid: str) -> Q:
        # The few keys first: with a subquery in the OR, the database would read the whole table.
        closed = Closing.objects.filter(**{column: sid}).values_list("interaction", flat=True)
        return _of(column, *more)(sid) | Q(pk__in=list(closed.order_by()[:50]))

    return ask


def _message(sid: str) -> Q:
    # An answer belongs to the newest interaction of its conversation.
    whose = Coalesce("interaction", "conversation__interaction")
    return Q(pk__in=list(Message.objects.filter(message_sid=sid).values_list(whose, flat=True)[:50]))


_BY_KIND: dict[str, Callable[[str], Q]] = {
    SidKind.INTERACTION: _also_closed("interaction_sid"),
    SidKind.CHANNEL: _also_closed("channel_sid"),
    SidKind.TASK: _also_closed("task_sid", "named_task_sid"),
    SidKind.CONVERSATION: _of("conversation_sid"),
    SidKind.INVITE: _of("invite_sid"),
    SidKind.WORKER: _of("worker_sid"),
    SidKind.MESSAGE: _message,
}


def _id(text: str) -> Q | None:
    """Return the condition on our own id, with hyphens or as ``flexOutboundKey`` shows it on the task in Flex."""
    try:
        return Q(pk=uuid.UUID(text)) if len(text) in (32, 36) else None
    except ValueError:
        return None


def _address(text: str) -> Q | None:
    found = addresses_in(text)
    return _in_any_form(found) if found else None


def addresses_in(text: str) -> list[str]:
    """Return the addresses that a text may mean, [] where it is none."""
    if "@" in text:
        return _normalized(Channel.EMAIL, [text])
    if not _NUMBER.fullmatch(text):
        return []
    digits = re.sub(r"\D", "", text)
    # As it is written where this project is; with its country code, but without plus; with 00 for the plus.
    return _normalized(Channel.WHATSAPP, [text, f"+{digits}", f"+{digits.removeprefix('00')}"])


def _in_any_form(found: Iterable[str]) -> Q:
    return Q(address__in=[form for address in found for form in addresses.spellings(address)])


def _normalized(channel: Channel, written: Iterable[str]) -> list[str]:
    found = []
    for one in written:
        try:
            found.append(normalize(channel, one, conf.default_region))
        except AddressError:
            continue
    return sorted(set(found))


def _name(text: str, alias: str) -> Q:
    """Return the condition on the contact's name: by the keys of what matches, unless it is many.

    The list asks twice, for the number and for a page; so what the index finds is read once. And SQLite, with the order
    of the list beside the condition, would read the whole table by time. Where there are many, it need not read far.
    """
    condition = _name_condition(text.split()[:10], alias)
    found = list(Interaction.objects.using(alias).filter(condition).order_by().values_list("pk", flat=True)[: FEW + 1])
    return Q(pk__in=found) if len(found) <= FEW else condition


def _name_condition(words: list[str], alias: str) -> Q:
    """Return the condition in a form that an index of this database answers.

    With an index of trigrams: every word is in the name. Without: the name begins with the words, or the interaction is
    one of the newest and every word is in its name.
    """
    if _has_trigrams(alias):
        # Fewer than three letters in a row have no trigram, except at the beginning of a word.
        return _all(_within if any(map(_TRIGRAM.search, words)) else _beginning_of_word, words)
    within = _all(_within, words)
    newest = Interaction.objects.using(alias).order_by("-created_at", "-id").values_list("created_at", flat=True)
    edge = list(newest[NEWEST : NEWEST + 1])
    if not edge:
        return within
    return Q(contact_name__istartswith=" ".join(words)) | Q(within, created_at__gt=edge[0])


def _all(condition: Callable[[str], Q], words: Iterable[str]) -> Q:
    return Q(*map(condition, words))


def _within(word: str) -> Q:
    return Q(contact_name__icontains=word)


def _beginning_of_word(word: str) -> Q:
    return Q(contact_name__istartswith=word) | Q(contact_name__icontains=f" {word}")


def _has_trigrams(alias: str) -> bool:
    """Tell whether migration 0002, or an administrator later, could create the index of trigrams."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [_TRIGRAM_INDEX])
        return cursor.fetchone()[0] is not None
