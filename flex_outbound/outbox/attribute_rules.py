"""Which changes of a task's attributes are possible: JSON that fits, and nothing that Flex or this app has set."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _

from flex_outbound.exceptions import InvalidClick
from flex_outbound.gateway import attributes
from flex_outbound.gateway.payloads import MAX_ATTRIBUTES

FIELD: Final = "attributes"
MAX_DEPTH: Final = 6
MAX_KEY: Final = 100
MAX_KEYS: Final = 200

_SID_PREFIXES: Final = ("flexOutbound", "flexInteraction", "flexChannel")
_OF_TWILIO: Final = frozenset(
    {
        *("conversationSid", "channelType", "direction", "initiatedBy", "taskCreateSource", "customerAddress"),
        # Top-level ones, which only external warm transfers have: a disposition is ``conversations.outcome``.
        *("outcome", "followed_by"),
    }
)
_IN_CONVERSATIONS: Final = frozenset(
    {"conversation_id", "initiated_by", "communication_channel", "media", "external_contact"}
)
"""What Flex writes into ``conversations``: https://www.twilio.com/docs/flex/developer/insights/enhance-integration"""

_UNFIT: Final = re.compile("[\x00\ud800-\udfff]")
"""What no database keeps, or no request can carry."""


def check(changes: object) -> dict[str, Any]:
    """Return changes of a task's attributes. Raises InvalidClick, whose ``item`` is the key that is wrong."""
    if not isinstance(changes, dict):
        raise _invalid(_("Give the attributes as an object of names and values."), "not_an_object")
    _check_mapping(changes, "", 1)
    for key, value in changes.items():
        _check_reserved(key, value)
    check_size(changes)
    return changes


def check_new(given: object) -> None:
    """Raise InvalidClick for what a new task cannot be told. What is too long is shortened elsewhere.

    Flex writes ``conversations`` when it creates the task; changes of it can follow.
    """
    if not isinstance(given, dict):
        raise _invalid(_("Give the attributes as an object of names and values."), "not_an_object")
    _check_mapping(given, "", 1)
    for key, value in given.items():
        _check_reserved(key, value)
        if key == "conversations":
            raise _reserved(key)


def fits(changes: Mapping[str, Any]) -> bool:
    """Tell whether changes alone are short enough for a task."""
    return attributes.length(changes) <= MAX_ATTRIBUTES


def check_size(changes: Mapping[str, Any]) -> None:
    """Raise InvalidClick where changes alone are too long for a task."""
    if not fits(changes):
        words = _("These attributes are too long: a task takes %(most)s characters.") % {"most": MAX_ATTRIBUTES}
        raise _invalid(words, "too_long")


def is_reserved(path: str) -> bool:
    """Tell whether a key, with dots, is one that Flex or this app sets."""
    key, _dot, rest = path.partition(".")
    try:
        _check_reserved(key, {rest.partition(".")[0]: ""} if rest else "")
    except InvalidClick:
        return True
    return False


def refused_key(changes: Mapping[str, Any], allowed: Iterable[str]) -> str | None:
    """Return the first key that is not allowed, with dots; None where all are.

    ``allowed``: keys with everything in them, as ``ticket``, or what is in another, as
    ``conversations.conversation_attribute_1``.
    """
    paths = {tuple(one.split(".")) for one in allowed}
    return next(iter(_refused(changes, paths, ())), None)


def _refused(changes: Mapping[str, Any], allowed: set[tuple[str, ...]], above: tuple[str, ...]) -> Iterable[str]:
    for key, value in changes.items():
        path = (*above, key)
        if path in allowed:
            continue
        leads_on = any(one[: len(path)] == path for one in allowed)
        if leads_on and isinstance(value, Mapping) and value:
            yield from _refused(value, allowed, path)
        else:
            yield ".".join(path)


def _check_reserved(key: str, value: Any) -> None:
    if key in ("outcome", "followed_by"):
        words = _("“%(name)s” at the top is for transfers alone. A disposition goes to conversations.outcome.")
        raise _invalid(words % {"name": key}, "reserved", key)
    if key.startswith(_SID_PREFIXES) or key in _OF_TWILIO:
        raise _reserved(key)
    if key == "conversations":
        # Flex and Insights find the conversation by what is in there already.
        if not isinstance(value, dict):
            raise _reserved(key)
        for inner in value:
            if inner in _IN_CONVERSATIONS:
                raise _reserved(f"{key}.{inner}")


def _check_mapping(value: Mapping[Any, Any], name: str, depth: int) -> None:
    if len(value) > MAX_KEYS or depth > MAX_DEPTH:
        words = _("“%(name)s” has too many values, or is nested too deeply.")
        raise _invalid(words % {"name": name or "attributes"}, "too_deep", name)
    for key, inner in value.items():
        if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY or _UNFIT.search(key):
            raise _invalid(_("Each name must be a text of 1 to %(most)s characters.") % {"most": MAX_KEY}, "bad_name")
        _check_value(inner, f"{name}.{key}" if name else key, depth)


def _check_value(value: Any, name: str, depth: int) -> None:
    if isinstance(value, dict):
        _check_mapping(value, name, depth + 1)
    elif isinstance(value, list):
        if len(value) > MAX_KEYS or depth >= MAX_DEPTH:
            words = _("“%(name)s” has too many values, or is nested too deeply.")
            raise _invalid(words % {"name": name}, "too_deep", name)
        for inner in value:
            _check_value(inner, name, depth + 1)
    elif not _is_plain(value):
        raise _invalid(_("“%(name)s” has a value that cannot be written.") % {"name": name}, "bad_value", name)


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_ATTRIBUTES and not _UNFIT.search(value)
    if isinstance(value, int):  # True and False as well
        return abs(value) < 2**53  # beyond, JavaScript would change it
    return value is None or (isinstance(value, float) and math.isfinite(value))


def _reserved(name: str) -> InvalidClick:
    words = _("“%(name)s” is set by Flex or by this app, and cannot be changed.") % {"name": name}
    return _invalid(words, "reserved", name)


def _invalid(words: str, code: str, item: str = "") -> InvalidClick:
    return InvalidClick(words, code=code, field=FIELD, item=item)
