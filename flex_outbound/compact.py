"""The compact buttons of a list page: one template, rendered once per set of usable channels and then filled in.

Django's template engine needs longer for three buttons than the rest of a list needs for the whole line. So the markup
of ``compact.html`` is kept for the whole process, with markers in it where the values of a contact belong.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import chain
from typing import Any, Final
from urllib.parse import quote
from weakref import WeakKeyDictionary

from django.db import models
from django.http import HttpRequest
from django.template import Context, Engine, Template
from django.urls import reverse
from django.utils.html import strip_spaces_between_tags
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from flex_outbound import contexts, inbox
from flex_outbound.channels import ALWAYS_SHOWN, Channel
from flex_outbound.conf import conf
from flex_outbound.contacts import ContactAdapter, adapter_for, content_type_of, id_of, label_of
from flex_outbound.current import current_context, isolated
from flex_outbound.field_values import value_of
from flex_outbound.models import Interaction
from flex_outbound.models.conversation import sid_of
from flex_outbound.outbox.addressing import channels_of, further_channels
from flex_outbound.outbox.barriers import asks_host
from flex_outbound.outbox.consent import NOTHING, Ledger
from flex_outbound.outbox.preflight import ChannelOption, Setup, ledger_for, option_for, refusal_of
from flex_outbound.outbox.standing import Standing, standings
from flex_outbound.phones import text_of
from flex_outbound.statements import Mine, Waiting

Siblings = Callable[[Any], Iterable[Any]]
"""Returns the list that a contact is in."""

_kept: WeakKeyDictionary[Template, dict[Hashable, str]] = WeakKeyDictionary()
"""Markup by template. A template that is loaded anew, as after an edit during development, is another key."""

_TEXTS = tuple(f"text_{channel.value}" for channel in Channel)

Shown = tuple[tuple[Channel, bool], ...]
"""The channels of a contact, and whether each can be used."""

Told = tuple[Shown, dict[str, str]]
"""What is shown of a contact, and what its markup is filled in with: each channel's address, or why it has none."""

_told: dict[Hashable, Told] = {}
"""By everything that decides it: a list shows the same contacts again and again."""

_MOST_TOLD: Final = 8192
_SOME: list[Any] = [None]
"""Senders of which a list only asks whether there are any."""


@dataclass(slots=True)
class _Kind:
    """What is the same for all contacts of one model."""

    adapter: ContactAdapter
    label: str
    urls: dict[str, str]
    """By name of the value: where the compose page of each channel is."""
    forms: dict[Hashable, str] = field(default_factory=dict)
    """Markup with everything filled in that is not the contact's."""
    decided_by: tuple[str, ...] = ()
    """The fields that alone decide what is shown of a contact; none where code of the project does."""
    may_refuse: bool = False
    standings: Mapping[str, Standing] | None = None
    ledger: Ledger = NOTHING

    @classmethod
    def of(cls, model: type[models.Model]) -> "_Kind":
        adapter = adapter_for(model)
        label = label_of(adapter.model)
        urls = {f"url_{one.value}": reverse("flex_outbound:compose", args=[label, one.value]) for one in Channel}
        may_refuse = type(adapter).can_message is not ContactAdapter.can_message
        return cls(adapter, label, urls, decided_by=_deciding(adapter), may_refuse=may_refuse)


@dataclass(slots=True)
class _Page:
    """What is the same for all contacts of one page."""

    user: Any
    setup: Setup
    waiting: Mapping[tuple[int, str], list[Waiting]]
    forms: dict[Hashable, str]
    template: Template
    language: str | None
    among: Siblings
    usable: tuple[Channel, ...]
    region: str
    has_icons: bool = False
    kinds: dict[type[models.Model], _Kind] = field(default_factory=dict)

    @classmethod
    def of(cls, request: HttpRequest, among: Siblings) -> "_Page | None":
        """Return the page of a request; None where nobody is signed in."""
        page: _Page | None = getattr(request, "_flex_outbound_page", None)
        if page is not None and page.user is getattr(request, "user", None):
            return page
        user = contexts.user_of(request)
        if not user.is_authenticated:
            return None
        template = Engine.get_default().get_template("flex_outbound/compact.html")
        mine = inbox.mine(request)
        forms = _kept.setdefault(template, {})
        setup = _setup_of(user, mine)
        usable = tuple(one for one in Channel if not setup.reason and setup.senders_for(one))
        page = cls(user, setup, _by_contact(mine), forms, template, get_language(), among, usable, conf.default_region)
        request._flex_outbound_page = page  # type: ignore[attr-defined]
        return page

    def standing(self, kind: _Kind, contact: Any) -> Standing:
        """Return what is known of a contact; it is asked for together with all others of the list."""
        if self.setup.reason:
            return Standing()
        if kind.standings is None:
            together = [one for one in self.among(contact) if isinstance(one, kind.adapter.model)]
            contact_type = content_type_of(kind.adapter)
            ids = [id_of(kind.adapter, one) for one in together]
            kind.standings = standings(contact_type.pk, ids) if ids else {}
            kind.ledger = ledger_for(self.setup, [(kind.adapter, one) for one in together])
        return kind.standings.get(id_of(kind.adapter, contact)) or Standing()

    def unread(self, kind: _Kind, contact_id: str) -> str:
        """Return that a contact has written, and how; nothing where the user has seen it all."""
        found = self.waiting.get((content_type_of(kind.adapter).pk, contact_id)) if self.waiting else None
        return _line(found) if found else ""

    def kind(self, model: type[models.Model]) -> _Kind:
        """Return what is the same for this model. Raises LookupError where it is not registered."""
        if model not in self.kinds:
            self.kinds[model] = _Kind.of(model)
        return self.kinds[model]

    def told(self, kind: _Kind, contact: Any) -> Told:
        """Return what is shown of a contact."""
        if self.setup.reason or kind.ledger or not kind.decided_by:
            return _tell(self._options(kind, contact))
        values = [value_of(contact, name) for name in kind.decided_by]
        texts = [text_of(value) if value else "" for value in values]
        key = (type(kind.adapter), kind.label, self.language, self.region, self.usable, *texts)
        kept = _told.get(key)
        if kept is not None and not self._is_refused(kind, contact, kept[0]):
            return kept
        options = self._options(kind, contact)
        told = _tell(options)
        # What the project's policy says today is not what it says tomorrow.
        if not any(one.reason == "not_allowed" for one in options):
            if len(_told) >= _MOST_TOLD:
                _told.clear()
            _told[key] = told
        return told

    def _options(self, kind: _Kind, contact: Any) -> list[ChannelOption]:
        shown = channels_of(self.setup, kind.adapter, contact)
        return [option_for(self.setup, kind.adapter, contact, one, kind.ledger) for one in shown]

    def _is_refused(self, kind: _Kind, contact: Any, shown: Shown) -> bool:
        if not kind.may_refuse:
            return False
        return any(refusal_of(kind.adapter, self.user, contact, one) for one, enabled in shown if enabled)

    def form(self, kind: _Kind, shown: Shown, new_tab: bool) -> str:
        """Return the markup of these channels, enabled or not, to be filled in with the contact's values by ``%``."""
        key = (self.language, new_tab, shown)
        if key not in kind.forms:
            kind.forms[key] = self._filled(kind, key, _marked(shown) | {"new_tab": new_tab})
        return kind.forms[key]

    def _filled(self, kind: _Kind, key: Hashable, marked: dict[str, Any]) -> str:
        if key not in self.forms:
            self.forms[key] = _tight(self.template.render(Context(marked))).replace("%", "%%")
        markup = self.forms[key]
        for name, url in kind.urls.items():
            markup = markup.replace(_marker(name), f"{escape(url).replace('%', '%%')}?id=%(quoted)s")
        markup = markup.replace(_marker("type"), kind.label)
        for name in ("id", "name", "current", *_TEXTS):
            markup = markup.replace(_marker(name), f"%({name})s")
        return markup

    def icons(self) -> str:
        """Return the shapes of the icons for the first contact of the page, nothing for the others."""
        if self.has_icons:
            return ""
        self.has_icons = True
        return kept("flex_outbound/icons.html", {"channels": [*ALWAYS_SHOWN, *further_channels(self.setup)]})


def _by_contact(mine: Mine) -> Mapping[tuple[int, str], list[Waiting]]:
    found: dict[tuple[int, str], list[Waiting]] = {}
    for one in mine.waiting:
        if one.contact is not None:
            found.setdefault(one.contact, []).append(one)
    return found


def _line(waiting: Sequence[Waiting]) -> str:
    newest = max(waiting, key=lambda one: one.at)
    context = {"text": newest.text, "sid": sid_of(newest.conversation)}
    return _tight(Engine.get_default().get_template("flex_outbound/_unread.html").render(Context(context)))


def _setup_of(user: Any, mine: Mine) -> Setup:
    """Return what a user can send with, as far as a list needs it: whether each channel has a sender, not which."""
    usable = mine.channels
    if mine.refusing and user.has_perm("flex_outbound.add_interaction"):
        # Which senders a customer has unsubscribed from is asked for each.
        return Setup.load(user)
    if not usable or not user.has_perm("flex_outbound.add_interaction"):
        # The reason is another query or two, for those few who cannot send at all.
        return Setup.load(user)
    return _Channels(user, usable=usable)


@dataclass(slots=True)
class _Channels(Setup):
    """The channels that a user has a sender for."""

    usable: Collection[str] = ()

    def senders_for(self, channel: Channel) -> list[Any]:
        """Return a list that is empty where the channel has no sender."""
        return _SOME if channel in self.usable else []

    @property
    def refusing(self) -> frozenset[str]:
        """None: otherwise all of a user's senders are read."""
        return frozenset()


def nobody(contact: Any) -> Iterable[Any]:
    """Return no siblings: nothing is known about the list that a contact is in."""
    return ()


def compact_buttons(request: HttpRequest, contact: Any, among: Siblings = nobody, new_tab: bool = False) -> SafeString:
    """Return the buttons of one contact of a list. Raises LookupError for a contact of an unregistered model.

    The first call of a request brings the icons, which all others refer to. ``among`` returns, for the first contact,
    all of its list: who is in conversation with them is asked for in one query. ``new_tab``: where the links lead.
    """
    page = _Page.of(request, among)
    if page is None:
        adapter_for(type(contact))
        return kept("flex_outbound/buttons.html", {"signed_out": True})
    kind = page.kind(type(contact))
    contact_id = id_of(kind.adapter, contact)
    values = {
        "id": escape(contact_id),
        "quoted": quote(contact_id, safe=""),
        "name": escape(kind.adapter.get_name(contact)),
    }
    found = page.standing(kind, contact)
    values["current"] = "".join(_current(one, page.user) for one in found.current) + page.unread(kind, contact_id)
    shown, texts = page.told(kind, contact)
    return SafeString(page.icons() + page.form(kind, shown, new_tab) % (values | texts))


def _deciding(adapter: ContactAdapter) -> tuple[str, ...]:
    """Return the fields that ContactAdapter's own methods read of a contact; none where the project has others."""
    own, default = type(adapter), ContactAdapter
    if (own.get_addresses, own.get_default_region) != (default.get_addresses, default.get_default_region):
        return ()
    if asks_host(adapter):
        return ()
    named = [adapter.region_field, adapter.phone_field, *(getattr(adapter, f"{one}_field", None) for one in Channel)]
    return tuple(dict.fromkeys(chain.from_iterable([one] if isinstance(one, str) else one or () for one in named)))


def _tell(options: Sequence[ChannelOption]) -> Told:
    texts = {
        f"text_{one.channel.value}": escape(isolated(one.addresses[0].value) if one.enabled else one.reason_text)
        for one in options
    }
    return tuple((one.channel, one.enabled) for one in options), texts


def _current(interaction: Interaction, user: Any) -> str:
    template = Engine.get_default().get_template("flex_outbound/_current.html")
    return _tight(template.render(Context({"one": current_context(interaction, user)})))


def _marked(shown: Shown) -> dict[str, Any]:
    """Return the context of ``compact.html`` with a marker for each value that differs between contacts."""
    return {
        "contact_type": _marker("type"),
        "contact_id": _marker("id"),
        "contact_name": _marker("name"),
        "current": _marker("current"),
        "options": [
            {
                "channel": channel.value,
                "label": str(channel.label),
                "enabled": enabled,
                "url": _marker(f"url_{channel.value}"),
                # One of the two is printed: the address where the channel can be used, else why not.
                "address": _marker(f"text_{channel.value}"),
                "reason_text": _marker(f"text_{channel.value}"),
            }
            for channel, enabled in shown
        ],
    }


def _marker(name: str) -> str:
    # Letters only, so that no escaping changes it, and fenced on both sides, so that none is the start of another.
    return f"FlexOutboundMarker{name.title().replace('_', '')}End"


def kept(name: str, context: dict[str, Any]) -> SafeString:
    """Return the markup of a template that says the same to everybody, rendered once per process and language.

    ``context``: of its values, only ``channels`` and ``new_tab`` may differ from one call to the next.
    """
    template = Engine.get_default().get_template(name)
    forms = _kept.setdefault(template, {})
    key = (get_language(), bool(context.get("new_tab")), *context.get("channels", ()))
    if key not in forms:
        forms[key] = _tight(template.render(Context(context)))
    return SafeString(forms[key])


def _tight(markup: str) -> str:
    return strip_spaces_between_tags(" ".join(markup.split()))
