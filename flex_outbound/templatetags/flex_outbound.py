"""The template tags: ``{% flex_assets %}``, ``{% flex_buttons contact %}``, ``{% flex_timeline contact %}``,
``{% flex_unread %}`` and ``{% flex_inbox %}``."""

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

from django import template
from django.conf import settings
from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.template import Context, TemplateSyntaxError

from flex_outbound import answering, contexts, emails, inbox, live, segments, timeline
from flex_outbound.channels import MAX_BODY
from flex_outbound.compact import compact_buttons, kept
from flex_outbound.conf import conf
from flex_outbound.contacts import channels_in_use
from flex_outbound.display import ended, isolated
from flex_outbound.models.disposition import MAX_NOTES
from flex_outbound.outbox import waiting

logger = logging.getLogger(__name__)
register = template.Library()


register.filter("ended", ended)
register.filter("isolated", isolated)
register.filter("segments_in_words", segments.in_words)
register.filter("segments_why", segments.why)
register.filter("email_remarks", emails.remarks_of_first)
register.filter("window_in_words", live.window_in_words)
register.filter("can_wait", waiting.can_wait)


@register.inclusion_tag("flex_outbound/assets.html", takes_context=True)
def flex_assets(context: Context) -> dict[str, Any]:
    """Link stylesheet and module, with the page's CSP nonce where there is one; once per page, best in ``<head>``.

    It also renders the templates that the module fills in: the progress of a compact button, texts.
    """
    return {
        "nonce": _nonce(context),
        "shortcuts": conf.keyboard_shortcuts,
        "token": context.get("csrf_token", ""),
        "header": settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"),
        "templates": kept(
            "flex_outbound/templates.html", {"channels": channels_in_use(), "segment_words": segments.page_words()}
        ),
    }


@register.simple_tag
def timeline_line(new_tab: bool = False) -> str:
    """Render the template of a timeline's line, which the module fills in; pages without a timeline need none."""
    return kept("flex_outbound/timeline_line.html", {"channels": channels_in_use(), "new_tab": new_tab})


@register.simple_tag
def outcome_choices() -> list[str]:
    """Return what an agent may choose as the outcome of a conversation."""
    return list(conf.outcomes)


@register.simple_tag
def outcome_notes_limit() -> str:
    """Return how many characters an agent's notes may have."""
    return str(MAX_NOTES)


@register.filter(name="segments")
def count_segments(text: object) -> segments.Segments:
    """Return how a text travels as SMS; as an empty one where it is too long to be sent."""
    sent = str(text or "").replace("\r\n", "\n")
    return segments.count(sent if len(sent) <= MAX_BODY else "")


@register.simple_tag(takes_context=True)
def flex_buttons(
    context: Context,
    contact: Any,
    compact: bool = False,
    in_form: bool = False,
    among: Iterable[Any] | None = None,
    new_tab: bool = False,
) -> str:
    """Render the SMS, WhatsApp and email buttons of a contact, and those of the other channels that it can have.

    ``compact``: icons alone, for lists; ``in_form``: the same, by the name that it has within a form of the page.
    ``among``: the list that the contact is in, where no variable of the page holds it. ``new_tab``: what leaves the
    page, as every click does without JavaScript, leaves it for a new tab; for pages where people type what is not saved
    yet.
    """
    request = _request(context, "flex_buttons")
    try:
        if compact or in_form:
            return compact_buttons(request, contact, partial(_list_of, context, among), new_tab)
        values = contexts.buttons_context(request, contact)
        values |= {"new_tab": new_tab, "shortcuts": conf.keyboard_shortcuts}
    except LookupError as error:
        values = _unregistered("flex_buttons", error)
    template = context.template.engine.get_template("flex_outbound/buttons.html")  # type: ignore[union-attr]
    inner = context.new(values)
    inner["csrf_token"] = context.get("csrf_token")
    return template.render(inner)


@register.simple_tag
def flex_forms(contacts: Iterable[Any]) -> str:
    """Render nothing: buttons within a form of the page are links and need no form of their own."""
    return ""


@register.inclusion_tag("flex_outbound/timeline.html", takes_context=True)
def flex_timeline(context: Context, contact: Any, new_tab: bool = False) -> dict[str, Any]:
    """Render what was said with a contact and what was opened, as far as the user may see it: the newest page.

    ``new_tab``: as for ``flex_buttons``.
    """
    request = _request(context, "flex_timeline")
    try:
        own = answering.own_of(request, contact)
        found = timeline.timeline_context(request, contact, answering.asked_of(request, contact, own))
        ledger = found.pop("ledger", None)
        found |= answering.answering_context(request, contact, own, ledger)
        return found | {"new_tab": new_tab, "csrf_token": context.get("csrf_token")}
    except LookupError as error:
        return _unregistered("flex_timeline", error)


@register.inclusion_tag("flex_outbound/unread.html", takes_context=True)
def flex_unread(context: Context, inbox_url: str = "") -> dict[str, Any]:
    """Render how many answers the user has not seen, for a navigation bar; the page follows live.

    ``inbox_url``: the page with ``flex_inbox``, as a path or the name of a URL; the count is then a link to it.
    """
    url = resolve_url(inbox_url) if inbox_url else ""
    return inbox.badge_context(_request(context, "flex_unread"), url)


@register.inclusion_tag("flex_outbound/inbox.html", takes_context=True)
def flex_inbox(context: Context) -> dict[str, Any]:
    """Render the user's own open conversations, the newest answer first."""
    values = inbox.inbox_context(_request(context, "flex_inbox"))
    return values | {"csrf_token": context.get("csrf_token")}


def _list_of(context: Context, among: Iterable[Any] | None, contact: Any) -> Iterable[Any]:
    """Return the list of the page that a contact is in: ``among``, else a variable that holds this very object.

    A query set is looked at only if it was read already, so that none is read twice.
    """
    if among is not None:
        return among
    for variables in reversed(context.dicts):
        for value in variables.values():
            found = value.object_list if isinstance(value, Page) else value
            found = found._result_cache if isinstance(found, QuerySet) else found
            if isinstance(found, list | tuple) and any(one is contact for one in found):
                return found
    return ()


def _request(context: Context, tag: str) -> HttpRequest:
    request = getattr(context, "request", None) or context.get("request")
    if request is None:
        raise TemplateSyntaxError(
            f"{{% {tag} %}} needs the request: use render(request, …) or pass `request` in the context."
        )
    return request  # type: ignore[no-any-return]


def _unregistered(tag: str, error: LookupError) -> dict[str, Any]:
    """Raise while DEBUG is on; on the running site log the error and render nothing."""
    if settings.DEBUG:
        raise TemplateSyntaxError(f"{{% {tag} %}}: {error.args[0]}") from error
    logger.error("{%% %s %%}: %s", tag, error.args[0])
    return {"unregistered": True}


def _nonce(context: Context) -> str:
    """Return the page's CSP nonce, of Django 6 (``csp_nonce`` in the context) or django-csp (``request.csp_nonce``).

    Both are lazy and false until they are first read, so they are read and not tested.
    """
    request = getattr(context, "request", None) or context.get("request")
    nonce = context.get("csp_nonce")
    if nonce is None:
        nonce = getattr(request, "csp_nonce", None)
    return "" if nonce is None else str(nonce)
