"""Saved replies without JavaScript: choosing one for a message, and the pages on which agents keep their own.

The list that the script opens is made here as well, so that its words are translated and nothing is built from data.
"""

from functools import wraps
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from flex_outbound import replies
from flex_outbound.channels import MAX_BODY, Channel
from flex_outbound.models import SavedReply
from flex_outbound.outbox.preflight import may_send
from flex_outbound.views import writing
from flex_outbound.views.clicks import View, counted, signed_in

MOST_ASKED = 300
"""Characters of what is typed for a placeholder."""


def _for_agents(view: View) -> View:
    @signed_in
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_send(request.user):
            raise PermissionDenied(_("You may not open conversations."))
        response = view(request, *args, **kwargs)
        patch_cache_control(response, private=True, no_store=True)
        return response

    return wrapper


# -- for a message -----------------------------------------------------------------------------------------------------


@require_safe
@_for_agents
@counted
def panel(request: HttpRequest) -> HttpResponse:
    """Return the list of what can be inserted as markup: the script asks for it when it is needed first."""
    query = request.GET
    channel = query.get("channel", "")
    names = ("contact_type", "contact_id", "conversation")
    found = _described(request, channel, *(query.get(name, "") for name in names))
    context = {"replies": found, "most": MOST_ASKED, "most_listed": replies.MOST_LISTED}
    return render(request, "flex_outbound/_replies_panel.html", context)


@require_POST
@_for_agents
@counted
def choose(request: HttpRequest) -> HttpResponse:
    """Show what can be inserted into the message that was posted; its form is carried along."""
    conversation = writing.conversation_of(request)
    channel = writing.channel_of(request, conversation)
    found = _described(request, channel, *_names_of(request))
    context = {
        "title": _("Insert a saved reply"),
        "groups": [(name, list(group)) for name, group in groupby(found, lambda one: one["category"])],
        "carried": writing.carried(request),
        "typed": request.POST.get("body", "").strip(),
    }
    return render(request, "flex_outbound/choose_reply.html", context)


@require_POST
@_for_agents
def use(request: HttpRequest) -> HttpResponse:
    """Show the posted form again, with the chosen reply below what was typed; without one, just as it was."""
    number = request.POST.get("reply", "")
    if not number:
        return writing.form_again(request)
    channel = writing.channel_of(request, writing.conversation_of(request))
    chosen = [one for one in _described(request, channel, *_names_of(request)) if str(one["id"]) == number]
    if not chosen:
        raise Http404("There is no such saved reply for this user.")
    typed, subject = request.POST.get("body", "").rstrip(), request.POST.get("subject", "")
    changes = {"body": "\n".join(filter(None, [typed, chosen[0]["filled_body"]]))}
    if channel == Channel.EMAIL and not subject.strip():
        changes["subject"] = chosen[0]["filled_subject"]
    return writing.form_again(request, **changes)


def _names_of(request: HttpRequest) -> tuple[str, str, str]:
    form = request.POST
    return form.get("contact_type", ""), form.get("contact_id", ""), form.get(writing.CONVERSATION, "")


def _described(
    request: HttpRequest, channel: str, contact_type: str, contact_id: str, conversation: str
) -> list[dict[str, Any]]:
    if channel not in Channel.values:
        raise Http404("There is no such channel.")
    try:
        of = replies.whom(request.user, contact_type, contact_id, conversation)
    except LookupError as error:
        raise Http404(str(error)) from error
    return replies.describe_all(replies.usable(request.user, channel), request.user, of)


# -- one's own ---------------------------------------------------------------------------------------------------------


@require_safe
@_for_agents
def own(request: HttpRequest) -> HttpResponse:
    """List the user's own saved replies, and those that are shared with the user."""
    found = replies.usable(request.user)
    mine = list(SavedReply.objects.own(request.user)[: replies.MOST_OWN])
    context = {
        "title": _("My saved replies"),
        "own": mine,
        "shared": [one for one in found if one.owner_id is None],
        "is_full": len(mine) >= replies.MOST_OWN,
        "most": replies.MOST_OWN,
    }
    return render(request, "flex_outbound/replies.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@_for_agents
def new(request: HttpRequest) -> HttpResponse:
    """Make a saved reply of the user's own."""
    return _edit(request, SavedReply(owner_id=request.user.pk), _("New saved reply"))


@require_http_methods(["GET", "HEAD", "POST"])
@_for_agents
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change one of the user's own."""
    return _edit(request, _own(request, pk), _("Change a saved reply"))


@require_POST
@_for_agents
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one of the user's own."""
    reply = _own(request, pk)
    reply.delete()
    messages.success(request, _("“%(title)s” was deleted.") % {"title": reply.title}, fail_silently=True)
    return HttpResponseRedirect(reverse("flex_outbound:replies"))


def _own(request: HttpRequest, pk: int) -> SavedReply:
    reply = SavedReply.objects.own(request.user).filter(pk=pk).first()
    if reply is None:
        raise Http404("There is no such saved reply of this user.")
    return reply


def _edit(request: HttpRequest, reply: SavedReply, title: str) -> HttpResponse:
    form = replies.ReplyForm(request.POST if request.method == "POST" else None, instance=reply)
    if form.is_bound and form.is_valid():
        try:
            replies.save_own(reply)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("“%(title)s” was saved.") % {"title": reply.title}, fail_silently=True)
            return HttpResponseRedirect(reverse("flex_outbound:replies"))
    context = {"title": title, "form": form, "reply": reply, "limit": MAX_BODY}
    status = 400 if form.is_bound else 200
    return render(request, "flex_outbound/reply_form.html", context, status=status)
