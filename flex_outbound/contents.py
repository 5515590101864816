"""What a content template says, whatever its type: one form for previews, variables and checks (vocabulary).

Types and their fields: https://www.twilio.com/docs/content/content-types-overview
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flex_outbound.channels import MAX_BODY, Channel

TEXT: Final = "twilio/text"
MEDIA: Final = "twilio/media"
QUICK_REPLY: Final = "twilio/quick-reply"
AUTHENTICATION: Final = "whatsapp/authentication"

MARK: Final = re.compile(r"\{\{([^{}\s]{1,64})\}\}")
"""Where a variable stands: ``{{1}}`` or ``{{Name}}``."""

MAX_SPACES: Final = 4
MAX_REPLIES_UNAPPROVED: Final = 3

_WORDS: Final = 3
"""Words before and after a variable by which an agent tells what it stands for."""

_PROBLEMS: Final = (
    ("line_break", re.compile(r"[\n\r\v\f\x85\u2028\u2029]")),
    ("tab", re.compile(r"\t")),
    ("spaces", re.compile(f" {{{MAX_SPACES + 1},}}")),
    ("null_character", re.compile(r"\x00")),
)


@dataclass(frozen=True, slots=True)
class Button:
    """What a customer can press. ``kind``: reply, url, phone, copy, call, list, flow; ``detail``: where it leads."""

    kind: str
    title: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a list, or a product of a catalog."""

    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a customer sees, with the marks of variables in it. Every part may be empty."""

    header: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    footer: str = field(default="", repr=False)
    media: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    items: tuple[Item, ...] = ()
    cards: tuple["Content", ...] = ()


def read(kind: str, given: Any) -> Content:
    """Return what one of a template's types shows; of a type that is not known, its body.

    ``kind``: the type's name; ``given``: what the Content API has under it. What is of another shape is left out.
    """
    parts = given if isinstance(given, Mapping) else {}
    return _READ.get(kind, _plain)(parts)


def kind_for(types: Mapping[str, Any], channel: Channel, approved: str = "") -> str:
    """Return which of a template's types goes out on a channel, "" where none does.

    ``approved``: the type that WhatsApp approved. SMS has no buttons, so only a plain text goes.
    """
    if channel is Channel.SMS:
        return TEXT if TEXT in types else ""
    if channel is not Channel.WHATSAPP:
        return ""
    if approved in types:
        return approved
    return min(types, key=lambda kind: (kind not in _READ, kind == TEXT, kind), default="")


def needs_no_approval(kind: str, given: Any) -> bool:
    """Tell whether WhatsApp takes this type without an approval within 24 hours of the customer's last message.

    https://www.twilio.com/docs/content/content-types-overview
    """
    if kind == QUICK_REPLY:
        return len(read(kind, given).buttons) <= MAX_REPLIES_UNAPPROVED
    return kind in (TEXT, MEDIA)


def variables_in(kind: str, given: Any) -> dict[str, str]:
    """Return the names of the variables of a type in the order in which they are seen, with the words around each."""
    found: dict[str, str] = {}
    for text in (*_texts(read(kind, given)), *_strings(given)):
        for match in MARK.finditer(text):
            found.setdefault(match.group(1), _around(text, match))
    return found


def problem_of(value: str) -> str:
    """Return what WhatsApp would refuse in a variable's value, "" for nothing.

    One of line_break, tab, spaces (more than four in a row), null_character, too_long (more than 1,600 characters).
    """
    if len(value) > MAX_BODY:
        return "too_long"
    return next((code for code, pattern in _PROBLEMS if pattern.search(value)), "")


def one_line(value: object) -> str:
    """Return what a contact's field says as a value that goes: on one line and not too long."""
    return " ".join(str("" if value is None else value).replace("\x00", "").split())[:MAX_BODY]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its variables' values in it; one without a value stays as its mark."""
    return MARK.sub(lambda match: values.get(match.group(1)) or match.group(), text)


# -- reading -----------------------------------------------------------------------------------------------------------

_Given = Mapping[str, Any]
_KINDS: Final = {
    "URL": "url",
    "PHONE_NUMBER": "phone",
    "COPY_CODE": "copy",
    "VOICE_CALL": "call",
    "VOICE_CALL_REQUEST": "call",
}


def _text(given: _Given, *names: str) -> str:
    found = (given.get(name) for name in names)
    return next((one for one in found if isinstance(one, str) and one), "")


def _number(given: _Given, name: str) -> str:
    value = given.get(name)
    is_plain = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if is_plain else _text(given, name)


def _list(given: _Given, name: str) -> list[Any]:
    value = given.get(name)
    return value if isinstance(value, list) else []


def _maps(given: _Given, name: str) -> Iterator[_Given]:
    return (one for one in _list(given, name) if isinstance(one, Mapping))


def _media(given: _Given, name: str = "media") -> tuple[str, ...]:
    value = given.get(name)
    several = value if isinstance(value, list) else [value]
    return tuple(one for one in several if isinstance(one, str) and one)


def _buttons(given: _Given) -> tuple[Button, ...]:
    return tuple(
        Button(
            _KINDS.get(_text(one, "type").upper(), "reply"),
            _text(one, "title", "copy_code_text"),
            _text(one, "url", "phone", "code"),
        )
        for one in _maps(given, "actions")
    )


def _plain(given: _Given) -> Content:
    return Content(body=_text(given, "body"), media=_media(given), buttons=_buttons(given))


def _list_picker(given: _Given) -> Content:
    items = tuple(Item(_text(one, "item"), _text(one, "description")) for one in _maps(given, "items"))
    return Content(body=_text(given, "body"), buttons=(Button("list", _text(given, "button")),), items=items)


def _card(given: _Given) -> Content:
    return Content(
        header=_text(given, "header_text", "title"),
        body=_text(given, "body"),
        footer=_text(given, "footer", "subtitle"),
        media=_media(given),
        buttons=_buttons(given),
    )


def _authentication(given: _Given) -> Content:
    """Return Meta's fixed words, which the Content API does not always show.

    https://developers.facebook.com/docs/whatsapp/business-management-api/authentication-templates
    """
    body = _text(given, "body") or "{{1}} is your verification code."
    if given.get("add_security_recommendation") is True and not _text(given, "body"):
        body += " For your security, do not share this code."
    minutes = _number(given, "code_expiration_minutes")
    footer = f"This code expires in {minutes} minutes." if minutes else ""
    buttons = tuple(Button("copy", _text(one, "copy_code_text", "title")) for one in _maps(given, "actions"))
    return Content(body=body, footer=footer, buttons=buttons)


def _carousel(given: _Given) -> Content:
    cards = tuple(_card(one) for one in _maps(given, "cards"))
    return Content(body=_text(given, "body"), cards=cards)


def _flows(given: _Given) -> Content:
    return Content(
        body=_text(given, "body"),
        footer=_text(given, "subtitle"),
        media=_media(given, "media_url"),
        buttons=(Button("flow", _text(given, "button_text")),),
    )


def _location(given: _Given) -> Content:
    place = ", ".join(filter(None, (_number(given, "latitude"), _number(given, "longitude"))))
    return Content(header=_text(given, "label"), body=_text(given, "address"), footer=place)


def _catalog(given: _Given) -> Content:
    items = tuple(
        Item(_text(one, "name", "id"), " · ".join(filter(None, (_number(one, "price"), _text(one, "description")))))
        for one in _maps(given, "items")
    )
    title, body, subtitle = (_text(given, name) for name in ("title", "body", "subtitle"))
    return Content(header=title, body=body, footer=subtitle, items=items)


def _schedule(given: _Given) -> Content:
    slots = given.get("timeSlots")
    several = slots if isinstance(slots, list) else re.split(r"[,\n]", slots) if isinstance(slots, str) else []
    items = tuple(Item(text) for one in several if (text := _slot(one)))
    return Content(header=_text(given, "title"), items=items)


def _slot(given: Any) -> str:
    return _text(given, "title", "startTime", "start_time", "id") if isinstance(given, Mapping) else str(given).strip()


_READ: Final[dict[str, Callable[[_Given], Content]]] = {
    TEXT: _plain,
    MEDIA: _plain,
    QUICK_REPLY: _plain,
    "twilio/call-to-action": _plain,
    "twilio/list-picker": _list_picker,
    "twilio/card": _card,
    "whatsapp/card": _card,
    AUTHENTICATION: _authentication,
    "twilio/carousel": _carousel,
    "whatsapp/flows": _flows,
    "twilio/flows": _flows,
    "twilio/location": _location,
    "twilio/catalog": _catalog,
    "twilio/schedule": _schedule,
}

KINDS: Final = tuple(_READ)
"""The types that are known."""


def _texts(content: Content) -> Iterator[str]:
    """Yield every text of a content from top to bottom."""
    yield from (*content.media, content.header, content.body)
    for item in content.items:
        yield from (item.title, item.description)
    yield content.footer
    for button in content.buttons:
        yield from (button.title, button.detail)
    for card in content.cards:
        yield from _texts(card)


def _strings(given: Any, depth: int = 10) -> Iterator[str]:
    """Yield every text in JSON, wherever it is: a variable may stand in a part that no preview shows."""
    if isinstance(given, str):
        yield given
    elif depth and isinstance(given, Mapping | list):
        for one in given.values() if isinstance(given, Mapping) else given:
            yield from _strings(one, depth - 1)


_FOUR_DOTS: Final = re.compile(r"…\.$")


def _around(text: str, match: re.Match[str]) -> str:
    """Return the words around a mark, which is shown as dots; "" where there are none."""
    before, after = (MARK.sub("…", part) for part in (text[: match.start()], text[match.end() :]))
    left, right = re.findall(r"\s*\S+", before)[-_WORDS:], re.findall(r"\s*\S+", after)[:_WORDS]
    tail = " " if before[-1:].isspace() else ""
    words = _FOUR_DOTS.sub("…", f"{''.join(left)}{tail}…{''.join(right)}".strip())
    return " ".join(words.split()) if words != "…" else ""
