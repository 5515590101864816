"""What a page and the API show of templates: which may be chosen at a place, and one with its variables filled in.

It stands beside ``contexts``. Previews come from ``contents``; ``outbox.templates`` says what goes where.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import get_language_info, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from flex_outbound import contents, contexts, field_values
from flex_outbound.channels import MAX_BODY, Channel
from flex_outbound.contacts import ContactAdapter, adapter_by_type, find_contact
from flex_outbound.contents import MARK, Content
from flex_outbound.exceptions import ClickError
from flex_outbound.models import Conversation, ConversationContact, Template
from flex_outbound.outbox import templates
from flex_outbound.outbox.enqueue import foreign_sender
from flex_outbound.outbox.preflight import Setup
from flex_outbound.outbox.templates import Place
from flex_outbound.sids import SidKind, is_sid

logger = logging.getLogger(__name__)

PREFIX: Final = "content_variables."
"""What the name of a variable's field in a form begins with."""

FIELDS: Final = ("content_sid", "content_variables")
MOST_READ: Final = 2000
MOST_SHOWN: Final = 50
MOST_VARIABLES: Final = 100
EXCERPT: Final = 140

CATEGORIES: Final[Mapping[str, Any]] = {
    "UTILITY": pgettext_lazy("template", "Utility"),
    "MARKETING": pgettext_lazy("template", "Marketing"),
    "AUTHENTICATION": pgettext_lazy("template", "Authentication"),
}

_BUTTONS: Final[Mapping[str, Any]] = {
    "reply": gettext_lazy("Reply"),
    "url": gettext_lazy("Link"),
    "phone": gettext_lazy("Call"),
    "call": gettext_lazy("Call on WhatsApp"),
    "copy": gettext_lazy("Copy"),
    "list": gettext_lazy("List"),
    "flow": gettext_lazy("Form"),
}


@dataclass(frozen=True, slots=True)
class Picker:
    """Who chooses a template, for where and whom. ``contact``: None where the place belongs to none that they see."""

    place: Place
    user: Any
    adapter: ContactAdapter | None = None
    contact: Any = None
    url: str = ""
    query: str = ""
    base: str = ""


def for_contact(
    setup: Setup, adapter: ContactAdapter, contact: Any, channel: Channel, sender: str = ""
) -> Picker | None:
    """Return what chooses for a new conversation; None where the user has no sender for the channel.

    ``sender``: its primary key as text, "" for the default. Raises InvalidClick for one that is not the user's.
    """
    senders = setup.senders_for(channel)
    chosen = next((one for one in senders if not sender or str(one.pk) == sender), None)
    if chosen is None and sender and senders:
        raise foreign_sender()
    if chosen is None:
        return None
    names = contexts.identify(adapter, contact)
    url = reverse("flex_outbound:templates", args=[names["contact_type"], channel.value])
    query = urlencode({"id": names["contact_id"], **({"sender": sender} if sender else {})})
    place = Place(chosen.account_id, channel)
    return Picker(place, setup.user, adapter, contact, url, query, f"flex-template-{channel.value}")


def for_conversation(user: Any, conversation: Conversation) -> Picker | None:
    """Return what chooses for an answer; None where the channel takes no templates."""
    if conversation.channel not in Channel.values:
        return None
    sid = conversation.conversation_sid
    url = reverse("flex_outbound:conversation-templates", args=[sid])
    adapter, contact = _contact_of(user, conversation)
    return Picker(templates.place_of(conversation), user, adapter, contact, url, "", f"flex-template-{sid[-12:]}")


def _contact_of(user: Any, conversation: Conversation) -> tuple[ContactAdapter | None, Any]:
    links = ConversationContact.objects.filter(conversation=conversation).order_by("pk")
    for kind, pk in links.values_list("contact_type", "contact_id"):
        adapter = adapter_by_type(kind)
        contact: Any = find_contact(adapter, user, pk) if adapter is not None else None
        if contact is not None:
            return adapter, contact
    return None, None


# -- a list to choose from ---------------------------------------------------------------------------------------------


def list_context(picker: Picker, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the templates that may be chosen, what this user used last first.

    ``query``: ``q`` (words of name and text), ``language``, ``category``; unknown ones find nothing.
    """
    found = find(picker, query)
    return {
        "results": [describe_choice(row, picker) for row in found.rows],
        "is_more": found.is_more,
        "are_any": found.are_any,
        "languages": found.languages,
        "categories": found.categories,
        "query": found.wanted,
        "channel": picker.place.channel.value,
        "channel_label": str(picker.place.channel.label),
        "base": picker.base,
    }


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, at most ``MOST_SHOWN``; ``languages``, ``categories``: of all that may be sent here."""

    rows: list[Template]
    is_more: bool
    are_any: bool
    languages: list[dict[str, str]]
    categories: list[dict[str, str]]
    wanted: dict[str, str]


def find(picker: Picker, query: Mapping[str, str]) -> Found:
    """Search the templates that may be sent at a place. ``query``: as of ``list_context``, and ``content_sid``."""
    offered = templates.offered(picker.place, picker.user)
    rows = [row for row in offered[:MOST_READ] if not templates.refusal_of(row, picker.place)]
    wanted = {name: query.get(name, "").strip()[:100] for name in ("q", "language", "category", "content_sid")}
    found = list(islice(_matching(rows, wanted, picker.place), MOST_SHOWN + 1))
    return Found(
        rows=found[:MOST_SHOWN],
        is_more=len(found) > MOST_SHOWN,
        are_any=bool(rows),
        languages=_options({row.language for row in rows}, language_label),
        categories=_options({row.category for row in rows}, category_label),
        wanted=wanted,
    )


def _matching(rows: Iterable[Template], wanted: Mapping[str, str], place: Place) -> Iterable[Template]:
    words = wanted["q"].casefold().split()
    for row in rows:
        if any(wanted[name] not in ("", getattr(row, name)) for name in ("language", "category", "content_sid")):
            continue
        said = _searched(row, place) if words else ""
        if all(word in said for word in words):
            yield row


def _searched(row: Template, place: Place) -> str:
    content = _content(row, place)
    texts = (row.name, row.name.replace("_", " "), content.header, content.body, content.footer)
    return " ".join(texts).casefold()


def _options(values: set[str], label: Any) -> list[dict[str, str]]:
    options = [{"value": value, "label": label(value)} for value in values if value]
    return sorted(options, key=lambda one: one["label"].casefold())


def describe_choice(row: Template, picker: Picker) -> dict[str, Any]:
    """Return one line of the list."""
    content = _content(row, picker.place)
    text = content.body or content.header
    query = f"?{picker.query}" if picker.query else ""
    return {
        **_named(row),
        "excerpt": Truncator(contents.fill(text, row.variables)).chars(EXCERPT),
        "was_used": getattr(row, "used_at", None) is not None,
        "url": f"{picker.url}{row.content_sid}/{query}",
    }


def _named(row: Template) -> dict[str, Any]:
    return {
        "content_sid": row.content_sid,
        "name": str(row),
        "language": row.language,
        "language_label": language_label(row.language),
        "category": row.category,
        "category_label": category_label(row.category),
        "is_approved": row.is_approved,
    }


def language_label(code: str) -> str:
    """Return what a language is called in the reader's; a code that is not known as it is."""
    try:
        return str(get_language_info(code.replace("_", "-").lower())["name_translated"]) if code else ""
    except KeyError:
        return code


def category_label(category: str) -> str:
    """Return what a category is called; one that is not known, such as an old one, as it is."""
    return str(CATEGORIES.get(category.upper(), category))


# -- one, with its variables -------------------------------------------------------------------------------------------


def fields_context(picker: Picker, content_sid: str, typed: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    """Return a template with a field for each variable, None where it may not be sent at the place.

    ``typed``: values that were posted, in the place of those that the contact fills.
    """
    offered = templates.offered(picker.place, picker.user)
    row = offered.filter(content_sid=content_sid).first() if is_sid(content_sid, SidKind.CONTENT) else None
    if row is None or templates.refusal_of(row, picker.place):
        return None
    names = templates.required_of(row, picker.place)
    values = dict(typed) if typed is not None else prefilled(picker, row, names)
    fields = [_field(row, name, around, values.get(name, "")) for name, around in names.items()]
    return {
        **_named(row),
        "content_type": templates.kind_of(row, picker.place),
        "fields": fields,
        "preview": _preview(_content(row, picker.place), {one["name"]: one for one in fields}),
        "list_url": f"{picker.url}?{picker.query}" if picker.query else picker.url,
        "base": picker.base,
        "most": MAX_BODY,
    }


def describe_found(picker: Picker, found: Found) -> dict[str, Any]:
    """Return a search for the API. The contact fills in the variables only of a template that was asked for by SID."""
    is_one = bool(found.wanted["content_sid"])
    return {
        "results": [describe(picker, row, is_filled=is_one) for row in found.rows],
        "is_more": found.is_more,
        "languages": found.languages,
        "categories": found.categories,
    }


def describe(picker: Picker, row: Template, *, is_filled: bool) -> dict[str, Any]:
    """Return a template for the API: what it shows, with the marks of variables in it, and the variables."""
    names = templates.required_of(row, picker.place)
    values = prefilled(picker, row, names) if is_filled else {}
    variables = [
        {"name": name, "around": around, "sample": row.variables.get(name, ""), "value": values.get(name, "")}
        for name, around in names.items()
    ]
    kind = templates.kind_of(row, picker.place)
    return {
        **_named(row),
        "content_type": kind,
        "used_at": getattr(row, "used_at", None),
        "content": as_json(_content(row, picker.place)),
        "variables": variables,
    }


def as_json(content: Content) -> dict[str, Any]:
    """Return a content as JSON."""
    return {
        **{name: getattr(content, name) for name in ("header", "body", "footer")},
        "media": list(content.media),
        "buttons": [{"kind": one.kind, "title": one.title, "detail": one.detail} for one in content.buttons],
        "items": [{"title": one.title, "description": one.description} for one in content.items],
        "cards": [as_json(card) for card in content.cards],
    }


def prefilled(picker: Picker, row: Template, names: Iterable[str]) -> dict[str, str]:
    """Return what the contact fills: by the adapter's hook, then by the fields that a manager chose."""
    adapter, contact = picker.adapter, picker.contact
    if adapter is None or contact is None:
        return {}
    try:
        given: Mapping[str, Any] = adapter.get_template_variables(contact, row)
    except Exception as error:
        # Its words may quote the contact.
        logger.error("%s.get_template_variables raised %s", type(adapter).__name__, type(error).__name__)
        given = {}
    found: dict[str, str] = {}
    for name in names:
        value = given[name] if name in given else _from_field(contact, row.sources.get(name, ""))
        if text := contents.one_line(value):
            found[name] = text
    return found


def _from_field(contact: Any, field: str) -> Any:
    try:
        return field_values.value_of(contact, field) if field else None
    except Exception as error:
        logger.error("The field %s of a contact raised %s", field, type(error).__name__)
        return None


def previews(row: Template) -> list[tuple[str, dict[str, Any]]]:
    """Return each type of a template and its preview, with the samples in it."""
    fields = {name: {"sample": str(sample)} for name, sample in row.variables.items()}
    return [(kind, _preview(contents.read(kind, given), fields)) for kind, given in row.types.items()]


def _content(row: Template, place: Place) -> Content:
    kind = templates.kind_of(row, place)
    return contents.read(kind, row.types.get(kind))


def _field(row: Template, name: str, around: str, value: str) -> dict[str, Any]:
    return {
        "name": name,
        "field": f"{PREFIX}{name}",
        "label": _("Variable %(name)s") % {"name": name} if name.isdecimal() else name.replace("_", " "),
        "around": around,
        "sample": str(row.variables.get(name, "")),
        "value": value[: 10 * MAX_BODY],
    }


def _preview(content: Content, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``_template_preview.html`` shows: texts in parts, so that the script fills in values as text."""
    buttons = [
        {
            "kind": one.kind,
            "what": str(_BUTTONS[one.kind]),
            "title": _parts(one.title, fields),
            "detail": _parts(one.detail, fields),
        }
        for one in content.buttons
    ]
    return {
        **{name: _parts(getattr(content, name), fields) for name in ("header", "body", "footer")},
        "media": [_media(url, fields) for url in content.media],
        "buttons": buttons,
        "items": [(_parts(one.title, fields), _parts(one.description, fields)) for one in content.items],
        "cards": [_preview(card, fields) for card in content.cards],
    }


def _media(url: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file's name and address. It is at somebody else's server, so the page never loads it by itself."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return {"name": "", "url": "", "parts": _parts(url, fields)}
    is_link = parts.scheme in ("http", "https") and bool(parts.netloc) and not MARK.search(url)
    name = unquote(parts.path.rpartition("/")[2]) or parts.netloc
    return {"name": name if is_link else "", "url": url if is_link else "", "parts": _parts(url, fields)}


def _parts(text: str, fields: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a text in parts: plain ones, and variables with their names, values and samples."""
    parts: list[dict[str, str]] = []
    end = 0
    for match in MARK.finditer(text):
        if match.start() > end:
            parts.append({"text": text[end : match.start()]})
        name, end = match.group(1), match.end()
        known = fields.get(name, {})
        parts.append({"name": name, "value": known.get("value", ""), "sample": known.get("sample") or match.group()})
    return [*parts, {"text": text[end:]}] if end < len(text) else parts


# -- what was posted ---------------------------------------------------------------------------------------------------


def posted(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template of a form: ``content_sid`` and ``content_variables``; empty ones where there is none."""
    sid = str(form.get("content_sid", ""))
    names = (name for name in form if name.startswith(PREFIX)) if sid else ()
    values = {name.removeprefix(PREFIX): str(form.get(name, "")) for name in islice(names, MOST_VARIABLES + 1)}
    return {"content_sid": sid, "content_variables": values}


def again(request: HttpRequest, picker: Picker | None, error: ClickError) -> dict[str, Any]:
    """Return the context that shows a posted template once more, and beside which of its fields what went wrong."""
    given = posted(request.POST)
    if picker is None or not given["content_sid"]:
        return {"error_field": error.field}
    chosen = fields_context(picker, given["content_sid"], given["content_variables"])
    shown = {one["name"] for one in chosen["fields"]} if chosen is not None else set()
    is_shown = error.field == "content_variables" and error.item in shown
    return {"chosen_template": chosen, "error_field": f"{PREFIX}{error.item}" if is_shown else error.field}
