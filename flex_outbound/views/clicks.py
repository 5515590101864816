"""The pages without JavaScript: the compose page and the agent's decisions, a thin layer over the pipeline.

Each answers a POST with a redirect back to where the agent came from, or with a page that shows the error.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from math import ceil
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import get_script_prefix
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe

from flex_outbound import channels, consenting, contexts, inbox, opened, picking
from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter, adapter_by_label, adapter_by_type, find_contact
from flex_outbound.exceptions import ClickConflict, ClickError, ClickNotAllowed, InvalidClick
from flex_outbound.models import Interaction
from flex_outbound.outbox import decisions, drafts, opening_now, texts
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.outbox.preflight import require_permission
from flex_outbound.outbox.visible import shown_to, visible_to
from flex_outbound.rates import take_click, take_poll
from flex_outbound.sensitive import sensitive_view
from flex_outbound.statements import load_permissions
from flex_outbound.views.bounds import View as View
from flex_outbound.views.bounds import bounded, came_from
from flex_outbound.views.unsent import ColleagueWrites, ask_about_colleagues, keeping_text
from flex_outbound.writing import writing_context

MOST_SHOWN: Final = 10_000
"""How much of a text that was posted is shown again, in characters: enough to shorten what was pasted."""


def signed_in(view: View) -> View:
    """Let signed-in users in, and no forged requests, also where the project's middleware does neither.

    A project that is nothing but an API may have no users on its requests and no protection against forged ones. What
    was posted is hidden on error pages: it may be somebody's text. What is too large is not read.
    """
    protected = csrf_protect(login_required(sensitive_view(view)))

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.user = contexts.user_of(request)
        return protected(request, *args, **kwargs)

    return bounded(wrapper)


def counted(view: View) -> View:
    """Limit how often one user may read, together with the API's reads. Of signed-in users only."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        wait = take_poll(request.user)
        if not wait:
            return view(request, *args, **kwargs)
        error = TooOften(ceil(wait))
        response = HttpResponse(str(error), content_type="text/plain; charset=utf-8", status=429)
        response["Retry-After"] = str(error.seconds)
        response["Cache-Control"] = "private, no-store"
        return response

    return wrapper


def _for_agents(view: View) -> View:
    return signed_in(require_POST(view))


@signed_in
@require_safe
def compose(request: HttpRequest, contact_type: str, channel: str) -> HttpResponse:
    """Show the form for one channel of the contact ``?id=…``: where a link in a list leads."""
    if channel not in Channel.values:
        raise Http404("There is no such channel.")
    adapter, contact = named_contact(request, contact_type, request.GET.get("id", ""))
    option = contexts.channel_option(request, contact, channel)
    context = compose_context(request, adapter, contact, channel)
    context |= opened.panel_context(request, adapter, contact, [option], user=request.user)
    link = consenting.link_for(request.user, adapter, contact, [option])
    shown = {"option": option, "error_text": option.reason_text, "consent_url": link}
    return render(request, "flex_outbound/compose.html", context | shown)


@bounded  # before the text is kept
@keeping_text
@_for_agents
def send(request: HttpRequest) -> HttpResponse:
    """Open an interaction from a plain form. After an error the form is shown again, with everything that was typed."""
    adapter, contact = named_contact(request, request.POST.get("contact_type", ""), request.POST.get("contact_id", ""))
    try:
        count(request)
        load_permissions(request.user)
        require_permission(request.user)
        ask_about_colleagues(request, drafts.keys_of(adapter, contact))
        interaction = enqueue(read_click(request))
    except ClickError as error:
        return show_again(request, adapter, contact, error)
    draft = request.POST.get("draft", "")
    drafts.forget_sent(request.user, interaction.channel, draft, drafts.contact_of(interaction))
    words = _("%(channel)s to %(name)s: %(status)s.") % {
        "channel": interaction.get_channel_display(),
        "name": interaction.contact_name or interaction.address,
        "status": interaction.get_status_display(),
    }
    messages.success(request, words, fail_silently=True)
    return HttpResponseRedirect(next_page(request, adapter.get_url(contact)))


@_for_agents
def retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send a failed, canceled or undecided interaction again."""

    def again(interaction: Interaction) -> str:
        count(request)
        decisions.retry(interaction, request.user, request.POST.get("idempotency_key", ""))
        return _("Sent again.")

    return _decide(request, pk, again)


@_for_agents
def confirm(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Link an undecided interaction to the existing task that the agent names."""

    def link(interaction: Interaction) -> str:
        count(request)
        decisions.confirm(interaction, request.user, contexts.task_sid_in(request.POST.get("task_sid", "")))
        return _("Twilio is asked about this task.")

    return _decide(request, pk, link)


@_for_agents
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Cancel, discard, or end a wait. It is not counted, so that an agent who clicked too often can still do it."""

    def cancel_it(interaction: Interaction) -> str:
        has_waited = decisions.cancel(interaction, request.user).has_waited
        return _("The wait has ended. The conversation is being closed.") if has_waited else _("Canceled.")

    return _decide(request, pk, cancel_it)


@_for_agents
def open_now(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Open what waits for the customer's answer."""

    def open_it(interaction: Interaction) -> str:
        count(request)
        opening_now.open_now(interaction, request.user, request.POST.get("idempotency_key", ""))
        return _("The conversation is being opened in Flex.")

    return _decide(request, pk, open_it)


@_for_agents
def close(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have the conversation closed that an interaction left open."""

    def close_it(interaction: Interaction) -> str:
        decisions.close(interaction, request.user)
        return _("The conversation is being closed.")

    return _decide(request, pk, close_it)


@_for_agents
def read(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Mark one's own conversation as read, up to the customer's message number ``inbound``."""
    inbound = request.POST.get("inbound", "")
    # The form says how much it showed; what says nothing marks nothing.
    seen = int(inbound) if re.fullmatch(r"[0-9]{1,9}", inbound) else 0
    if inbox.read(request.user, conversation_sid, seen) is None:
        raise Http404
    return HttpResponseRedirect(next_page(request, None))


class TooOften(ClickError):
    """More clicks than the rate limit allows; ``seconds`` until the next."""

    def __init__(self, seconds: int) -> None:
        words = ngettext(
            "Too many at once. Wait %(seconds)d second, then press the button again.",
            "Too many at once. Wait %(seconds)d seconds, then press the button again.",
            seconds,
        )
        super().__init__(words % {"seconds": seconds}, code="throttled")
        self.seconds = seconds


def count(request: HttpRequest) -> None:
    """Count a click, together with those over the API. Raises TooOften."""
    wait = take_click(request.user)
    if wait:
        raise TooOften(ceil(wait))


def _decide(request: HttpRequest, pk: UUID, act: Callable[[Interaction], str]) -> HttpResponse:
    interaction = _decidable(request, pk)
    try:
        said = act(interaction)
    except ClickError as error:
        return _refused(request, error, interaction)
    messages.success(request, said, fail_silently=True)
    return HttpResponseRedirect(next_page(request, _page_of(request, interaction)))


def named_contact(request: HttpRequest, contact_type: str, contact_id: str) -> tuple[ContactAdapter, Any]:
    """Return the contact that a request names. Raises Http404 where there is none that this user may see."""
    try:
        adapter = adapter_by_label(contact_type)
    except LookupError as error:
        raise Http404(str(error)) from error
    contact = find_contact(adapter, request.user, contact_id)
    if contact is None:
        raise Http404("There is no such contact, or this user may not see it.")
    return adapter, contact


def read_click(request: HttpRequest) -> Click:
    """Read the form. Raises InvalidClick for a sender that is not a number, and for an address that is too long."""
    form = request.POST
    sender = form.get("sender", "")
    if sender and not re.fullmatch(r"[0-9]{1,18}", sender):
        raise InvalidClick(_("Choose a sender from the list."), code="unknown_sender", field="sender")
    address = form.get("address", "")
    if len(address) > channels.MAX_EMAIL:
        raise InvalidClick(_("This address is too long."), code="too_long", field="address")
    key = form.get("idempotency_key", "")
    channel = form.get("channel", "")
    return Click(
        user=request.user,
        contact_type=form.get("contact_type", ""),
        contact_id=form.get("contact_id", ""),
        channel=channel,
        address=address,
        sender=int(sender) if sender else None,
        # Browsers send line breaks as CRLF in a form, scripts as LF: one click, one fingerprint.
        body=form.get("body", "").replace("\r\n", "\n"),
        subject=form.get("subject", ""),
        to=texts.several(form.get("to", "")),
        cc=texts.several(form.get("cc", "")),
        bcc=texts.several(form.get("bcc", "")),
        opens_on_answer=bool(form.get("opens_on_answer")),
        # The three buttons of a page share a key, so the channel is appended; the script does the same.
        **picking.posted(form),
        idempotency_key=f"{key}-{channel}" if key else "",
    )


def show_again(request: HttpRequest, adapter: ContactAdapter, contact: Any, error: ClickError) -> HttpResponse:
    """Show the compose page once more, with everything that was typed, and why nothing was sent."""
    channel = request.POST.get("channel", "")
    picker = _picker(request, adapter, contact, channel)
    context = compose_context(request, adapter, contact, channel) | picking.again(request, picker, error)
    context["anyway"] = isinstance(error, ColleagueWrites)
    context["unsent"] = bool(context["values"]["body"].strip())
    if error.code == "idempotency_key_reused":
        context["key"] = contexts.new_key()
    is_shown_again = _is_fixable(error) or (isinstance(error, ClickConflict) and context["unsent"])
    if channel in Channel.values:
        asked = contexts.channel_option(request, contact, channel)
        context |= opened.panel_context(request, adapter, contact, [asked], user=request.user)
        if is_shown_again:
            context["option"] = asked
    return _say(request, context, error)


def _picker(request: HttpRequest, adapter: ContactAdapter, contact: Any, channel: str) -> picking.Picker | None:
    """Return what chooses templates for the form that was posted, None where nothing was chosen or nothing can be."""
    if channel not in Channel.values or not request.POST.get("content_sid"):
        return None
    with suppress(InvalidClick):
        setup = contexts.setup_of(request)
        return picking.for_contact(setup, adapter, contact, Channel(channel), request.POST.get("sender", ""))
    return None


def compose_context(request: HttpRequest, adapter: ContactAdapter, contact: Any, channel: str) -> dict[str, Any]:
    """Return what ``compose.html`` shows of a contact, filled in with what was posted."""
    label = Channel(channel).label if channel in Channel.values else _("Message")
    names = contexts.identify(adapter, contact)
    return names | {
        **writing_context(request.user, names),
        "title": _("%(channel)s to %(name)s") % {"channel": label, "name": names["contact_name"]},
        "uid": "flex",
        "values": {name: request.POST.get(name, "")[:MOST_SHOWN] for name in contexts.TYPED},
        "limits": contexts.LIMITS,
        "key": posted_key(request) or contexts.new_key(),
        "next": next_page(request, adapter.get_url(contact)),
    }


def posted_key(request: HttpRequest) -> str:
    """Return the form's idempotency key, "" for one that would only be refused again."""
    key = request.POST.get("idempotency_key", "")
    return key if len(key) <= texts.MAX_KEY and key.isprintable() else ""


def _is_fixable(error: ClickError) -> bool:
    fields = (*contexts.TYPED, *picking.FIELDS, "opens_on_answer")
    return isinstance(error, TooOften) or (isinstance(error, InvalidClick) and error.field in fields)


def _refused(request: HttpRequest, error: ClickError, interaction: Interaction) -> HttpResponse:
    context = {
        "title": str(interaction),
        "next": next_page(request, _page_of(request, interaction)),
        "values": {"task_sid": request.POST.get("task_sid", "")[:MOST_SHOWN]},
        "error_field": error.field if interaction.may_confirm else "",
    }
    if isinstance(error, InvalidClick | TooOften):
        # The agent can still decide: show the same choices again, with what was typed.
        shown = contexts.interaction_context(interaction, request.user)
        context["interaction"] = shown | {"key": posted_key(request) or shown["key"]}
    return _say(request, context, error)


def _say(request: HttpRequest, context: dict[str, Any], error: ClickError) -> HttpResponse:
    context["error_text"] = str(error)
    status = 400
    if isinstance(error, ClickNotAllowed):
        status = 403
    elif isinstance(error, TooOften):
        status = 429
    elif isinstance(error, ClickConflict):
        status = 409
        # The sentence is for every agent; the link only for those who may see that conversation.
        other = _find(request, error.interaction.pk) if error.interaction else None
        # What is said of its conversation already is not said twice.
        told = {one["interaction_id"] for one in context.get("opened", ()) if "end" in one["choices"]}
        is_shown = other is not None and str(other.pk) not in told
        context["interaction"] = contexts.interaction_context(other, request.user) if other and is_shown else None
    response = render(request, "flex_outbound/compose.html", context, status=status)
    if isinstance(error, TooOften):
        response["Retry-After"] = str(error.seconds)
    return response


def _decidable(request: HttpRequest, pk: UUID) -> Interaction:
    """Return an interaction. Raises Http404 if the user may not see it, PermissionDenied if they may only view it."""
    interaction = _find(request, pk)
    if interaction is None:
        raise Http404
    if not contexts.may_decide(request.user, interaction):
        raise PermissionDenied
    return interaction


def _find(request: HttpRequest, pk: UUID) -> Interaction | None:
    """Return an interaction, None where there is none that this user may see."""
    load_permissions(request.user)
    found = contexts.loaded(visible_to(request.user)).filter(pk=pk)
    return next(iter(shown_to(request.user, found)), None)


def _page_of(request: HttpRequest, interaction: Interaction) -> str | None:
    adapter = adapter_by_type(interaction.contact_type_id)
    if adapter is None:
        return None
    contact = find_contact(adapter, request.user, interaction.contact_id)
    return adapter.get_url(contact) if contact is not None else None


def next_page(request: HttpRequest, fallback: str | None) -> str:
    """Return where the agent came from, if it is this site; else the contact's page, else the project's root."""
    if request.method != "POST":
        # A link has no such field, but the browser sends the page that it was on.
        return came_from(request) or fallback or get_script_prefix()
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return fallback or get_script_prefix()
