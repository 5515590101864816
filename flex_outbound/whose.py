"""Whose an open conversation is, in words."""

from typing import Any, Final

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from flex_outbound.outbox.conversations.holding import Held, Standing, Whose


def words_of(
    found: Held, *, is_seen: bool, other: dict[str, Any] | None, is_this: bool | None, is_late: bool = False
) -> str:
    """Return in a sentence or two whose a conversation is, and with whom. ``is_late``: that is not asked yet."""
    said = said_of(found)
    if is_this is not False:
        return said
    if is_late:
        return " ".join([said, _("It is with another contact, who has the same number.")])
    if not is_seen or other is None:
        return " ".join([said, _("It is with a contact that you may not see, who has the same number.")])
    return " ".join([said, _("It is with %(name)s, who has the same number.") % {"name": other["name"]}])


def said_of(found: Held) -> str:
    """Return whose a conversation is."""
    agent = {"agent": found.name or pgettext("who does something", "somebody else")}
    if found.whose is Whose.UNKNOWN:
        if found.name:
            return _("There is an open conversation with this number; %(agent)s had it last.") % agent
        return _("There is an open conversation with this number. It is not known yet who has it.")
    if found.standing is Standing.WAITING:
        return _("There is an open conversation with this number. It waits in Flex for an agent.")
    if found.whose is Whose.NOBODY and found.standing is Standing.OPENING:
        return _("A conversation with this number is being opened. Flex will choose its agent.")
    if found.whose is Whose.NOBODY:
        if not found.name:
            return _("There is an open conversation with this number, and nobody is in it.")
        return _("There is an open conversation with this number. Nobody is in it; %(agent)s had it last.") % agent
    said = _MINE[found.standing]() if found.whose is Whose.MINE else _THEIRS[found.standing]() % agent
    return said if found.name else capfirst(said)


_MINE: Final = {
    Standing.OPENING: lambda: _("You are opening a conversation with this number."),
    Standing.LIVE: lambda: _("You have an open conversation with this number."),
    Standing.OFFERED: lambda: _("You have an open conversation with this number, which waits in Flex for you."),
    Standing.PAUSED: lambda: _("You have an open conversation with this number, which is paused."),
    Standing.UNANSWERED: lambda: _("You wrote to this number, and wait for an answer."),
}
_THEIRS: Final = {
    Standing.OPENING: lambda: _("%(agent)s is opening a conversation with this number."),
    Standing.LIVE: lambda: _("%(agent)s has an open conversation with this number."),
    Standing.OFFERED: lambda: _("%(agent)s is offered an open conversation with this number."),
    Standing.PAUSED: lambda: _("%(agent)s has paused an open conversation with this number."),
    Standing.UNANSWERED: lambda: _("%(agent)s wrote to this number, and waits for an answer."),
}
