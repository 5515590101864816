"""What leads from a form of a message to another page and back, with everything that was typed: no script is needed."""

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from flex_outbound import contexts
from flex_outbound.channels import Channel
from flex_outbound.models import Conversation
from flex_outbound.outbox import answers, files
from flex_outbound.views import answers as answer_views
from flex_outbound.views import clicks

CONVERSATION: Final = "conversation"
"""The field that says into which conversation of the user's own a text goes; without it a channel is opened."""

_NOT_TYPED: Final = frozenset({"csrfmiddlewaretoken", "reply"})


def conversation_of(request: HttpRequest) -> Conversation | None:
    """Return the conversation that a posted form answers in, None for one that opens a channel. Raises Http404."""
    sid = request.POST.get(CONVERSATION, "")
    if not sid:
        return None
    conversation = answers.own_conversation(request.user, sid)
    if conversation is None:
        raise Http404("There is no such conversation of this user.")
    return conversation


def channel_of(request: HttpRequest, conversation: Conversation | None) -> str:
    """Return the channel of a posted form. Raises Http404 for one that does not exist."""
    channel = conversation.channel if conversation is not None else request.POST.get("channel", "")
    if channel not in Channel.values:
        raise Http404("There is no such channel.")
    return channel


def carried(request: HttpRequest) -> list[tuple[str, str]]:
    """Return names and values of everything that was posted, for hidden fields. A file is only mentioned."""
    posted = [(name, value) for name, values in request.POST.lists() for value in values if name not in _NOT_TYPED]
    found = [(name, str(value)[: clicks.MOST_SHOWN]) for name, value in posted]
    return [*found, ("had_file", "1")] if files.FIELD in request.FILES else found


def form_again(request: HttpRequest, **changes: str) -> HttpResponse:
    """Show the posted form again. ``changes``: ``body`` and ``subject`` in the place of what was posted."""
    conversation = conversation_of(request)
    if conversation is not None:
        context = answer_views.form_context(request, conversation)
        context["one"] |= changes
        return render(request, "flex_outbound/answer.html", context)
    return render(request, "flex_outbound/compose.html", _compose_context(request, changes))


def _compose_context(request: HttpRequest, changes: dict[str, str]) -> dict[str, Any]:
    channel = channel_of(request, None)
    form = request.POST
    adapter, contact = clicks.named_contact(request, form.get("contact_type", ""), form.get("contact_id", ""))
    context = clicks.compose_context(request, adapter, contact, channel)
    context["values"] |= changes
    option = contexts.channel_option(request, contact, channel)
    return context | {"option": option, "error_text": option.reason_text}
