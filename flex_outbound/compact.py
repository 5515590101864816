"""The compact buttons of a list page: one template, rendered once per set of usable channels and then filled in.

Django's template engine needs longer for three buttons than the rest of a list needs for the whole line. So the markup
of ``compact.html`` is kept for the whole process, with markers in it where the values of a contact belong.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from django.http import HttpRequest
from django.template import Context, Engine, Template
from django.urls import reverse
from django.utils.html import strip_spaces_between_tags
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from flex_outbound import contexts
from flex_outbound.channels import Channel
from flex_outbound.contacts import adapter_for, label_of
from flex_outbound.outbox.preflight import ChannelOption, channel_options

_kept: WeakKeyDictionary[Template, dict[Hashable, str]] = WeakKeyDictionary()
"""Markup by template. A template that is loaded anew, as after an edit during development, is another key."""


@dataclass(slots=True)
class _Page:
    """What is the same for all contacts of one page."""

    template: Template
    has_icons: bool = False
    urls: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, request: HttpRequest) -> "_Page":
        page: _Page | None = getattr(request, "_flex_outbound_page", None)
        if page is None:
            page = cls(Engine.get_default().get_template("flex_outbound/compact.html"))
            request._flex_outbound_page = page  # type: ignore[attr-defined]
        return page

    def urls_of(self, contact_type: str) -> list[str]:
        """Return, for each channel, where the compose pages of this type of contact are."""
        if contact_type not in self.urls:
            self.urls[contact_type] = [
                f"{reverse('flex_outbound:compose', args=[contact_type, channel.value])}?contact_id="
                for channel in Channel
            ]
        return self.urls[contact_type]

    def icons(self) -> str:
        """Return the shapes of the icons for the first contact of the page, nothing for the others."""
        if self.has_icons:
            return ""
        self.has_icons = True
        return kept("flex_outbound/icons.html", {"channels": list(Channel)})


def compact_buttons(request: HttpRequest, contact: Any) -> SafeString:
    """Return the buttons of one contact of a list. Raises LookupError for a contact of an unregistered model.

    The first call of a request brings the icons, which all others refer to.
    """
    adapter = adapter_for(type(contact))
    user = contexts.user_of(request)
    if not user.is_authenticated:
        return kept("flex_outbound/buttons.html", {"signed_out": True})
    page = _Page.of(request)
    options = channel_options(user, contact, contexts.setup_of(request))
    contact_type, contact_id = label_of(adapter.model), str(contact.pk)
    values = {"type": contact_type, "id": escape(contact_id), "name": escape(adapter.get_name(contact))}
    quoted = quote(contact_id, safe="")
    for option, url in zip(options, page.urls_of(contact_type), strict=True):
        channel = option.channel.value
        values[f"url_{channel}"] = url + quoted
        values[f"text_{channel}"] = escape(option.addresses[0].value if option.enabled else option.reason_text)
    return SafeString(page.icons() + _form_of(page.template, options) % values)


def _form_of(template: Template, options: list[ChannelOption]) -> str:
    """Return the markup of these channels, enabled or not, to be filled in by ``%``."""
    forms = _kept.setdefault(template, {})
    key = (get_language(), *(option.enabled for option in options))
    if key not in forms:
        markup = _tight(template.render(Context(_marked(options)))).replace("%", "%%")
        for name in ("type", "id", "name", *(f"{kind}_{one.value}" for one in Channel for kind in ("url", "text"))):
            markup = markup.replace(_marker(name), f"%({name})s")
        forms[key] = markup
    return forms[key]


def _marked(options: list[ChannelOption]) -> dict[str, Any]:
    """Return the context of ``compact.html`` with a marker for each value that differs between contacts."""
    return {
        "contact_type": _marker("type"),
        "contact_id": _marker("id"),
        "contact_name": _marker("name"),
        "options": [
            {
                "channel": option.channel.value,
                "label": option.label,
                "enabled": option.enabled,
                "url": _marker(f"url_{option.channel.value}"),
                # One of the two is printed: the address where the channel can be used, else why not.
                "address": _marker(f"text_{option.channel.value}"),
                "reason_text": _marker(f"text_{option.channel.value}"),
            }
            for option in options
        ],
    }


def _marker(name: str) -> str:
    # Letters only, so that no escaping changes it, and fenced on both sides, so that none is the start of another.
    return f"FlexOutboundMarker{name.title().replace('_', '')}End"


def kept(name: str, context: dict[str, Any]) -> SafeString:
    """Return the markup of a template that says the same to everybody, rendered once per process and language."""
    template = Engine.get_default().get_template(name)
    forms = _kept.setdefault(template, {})
    language = get_language()
    if language not in forms:
        forms[language] = _tight(template.render(Context(context)))
    return SafeString(forms[language])


def _tight(markup: str) -> str:
    return strip_spaces_between_tags(" ".join(markup.split()))
