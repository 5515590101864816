"""What is typed into the search of the interactions: a SID, an id, a number in any format, an email address, a name.

Each is looked up where it stands, through an index; only a name is searched for in the table.
"""

import re
import uuid
from collections.abc import Callable, Iterable

from django.db.models import Q, QuerySet

from flex_outbound.channels import AddressError, Channel, normalize
from flex_outbound.conf import conf
from flex_outbound.models import Closing, Interaction, Message
from flex_outbound.sids import LENGTH, SidKind

_SID = re.compile(rf"([A-Za-z]{{2}})([0-9A-Fa-f]{{{LENGTH - 2}}})")
_NUMBER = re.compile(r"(whatsapp:)?[+\d\s().\-/]{5,40}")


def find(rows: QuerySet[Interaction], text: str) -> QuerySet[Interaction]:
    """Return the rows among ``rows`` that ``text`` means. Nothing typed is all of them."""
    text = text.strip().replace("\0", "")
    if not text:
        return rows
    return rows.filter(_sid(text) or _id(text) or _address(text) or _name(text))


def _sid(text: str) -> Q | None:
    found = _SID.fullmatch(text)
    ask = _BY_KIND.get(found[1].upper()) if found else None
    return ask(found[1].upper() + found[2].lower()) if ask and found else None


def _of(*columns: str) -> Callable[[str], Q]:
    """Return what looks a SID up in columns of the row."""
    return lambda sid: Q.create([(column, sid) for column in columns], connector=Q.OR)


def _also_closed(column: str, *more: str) -> Callable[[str], Q]:
    """Return what looks a SID up on the row and on what had to be closed of it: duplicates."""

    def ask(sid: str) -> Q:
        # The few keys first: a subquery beside an index on the row would have the whole table read.
        closed = Closing.objects.filter(**{column: sid}).values_list("interaction", flat=True)
        return _of(column, *more)(sid) | Q(pk__in=list(closed.order_by()[:50]))

    return ask


def _message(sid: str) -> Q:
    return Q(pk__in=list(Message.objects.filter(message_sid=sid).values_list("interaction", flat=True)[:50]))


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
    """Our own id, with hyphens or as the key that stands on the task in Flex."""
    try:
        return Q(pk=uuid.UUID(text)) if len(text) in (32, 36) else None
    except ValueError:
        return None


def _address(text: str) -> Q | None:
    if "@" in text:
        found = _normalized(Channel.EMAIL, [text])
        return Q(address__in=[*found, *(address.lower() for address in found)]) if found else None
    if not _NUMBER.fullmatch(text):
        return None
    digits = re.sub(r"\D", "", text)
    # As it is written where this project is; with its country code, but without plus; with 00 for the plus.
    found = _normalized(Channel.WHATSAPP, [text, f"+{digits}", f"+{digits.removeprefix('00')}"])
    return Q(address__in=found) if found else None


def _normalized(channel: Channel, written: Iterable[str]) -> list[str]:
    found = []
    for one in written:
        try:
            found.append(normalize(channel, one, conf.default_region))
        except AddressError:
            continue
    return sorted(set(found))


def _name(text: str) -> Q:
    words = Q()
    for word in text.split()[:10]:
        words &= Q(contact_name__icontains=word)
    return words
