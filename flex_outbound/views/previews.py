"""An email as it will go, before it is sent: checked as a click is, and committed nowhere."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from flex_outbound import addresses
from flex_outbound.exceptions import ClickError
from flex_outbound.models import Conversation, Interaction, Message
from flex_outbound.outbox import answers, enqueue
from flex_outbound.outbox.preflight import require_permission
from flex_outbound.statements import load_permissions
from flex_outbound.views import answers as answer_views
from flex_outbound.views import clicks, writing
from flex_outbound.views.clicks import counted, signed_in


@signed_in
@require_POST
@counted
def preview(request: HttpRequest) -> HttpResponse:
    """Show the posted email exactly as it goes, or the form again with what is in the way of it."""
    response = _preview(request)
    patch_cache_control(response, private=True, no_store=True)
    return response


@signed_in
@require_POST
def back(request: HttpRequest) -> HttpResponse:
    """Show the form again, as it was posted."""
    return writing.form_again(request)


def _preview(request: HttpRequest) -> HttpResponse:
    conversation = writing.conversation_of(request)
    load_permissions(request.user)
    try:
        require_permission(request.user)
        shown = _of_answer(request, conversation) if conversation is not None else _of_click(request)
    except ClickError as error:
        return _form_with(request, conversation, error)
    context = {
        "title": _("Preview"),
        "email": shown,
        "carried": writing.carried(request),
        "answer_url": conversation is not None and conversation.conversation_sid,
    }
    return render(request, "flex_outbound/preview.html", context)


def _form_with(request: HttpRequest, conversation: Conversation | None, error: ClickError) -> HttpResponse:
    if conversation is not None:
        return answer_views.show_again(request, conversation, error)
    form = request.POST
    adapter, contact = clicks.named_contact(request, form.get("contact_type", ""), form.get("contact_id", ""))
    return clicks.show_again(request, adapter, contact, error)


def _of_click(request: HttpRequest) -> dict[str, Any]:
    click = clicks.read_click(request)
    interaction, message = enqueue.checked(click)
    sender = interaction.sender
    assert sender is not None
    levels = [
        (_("To"), [_named(interaction.contact_name, interaction.address), *interaction.to]),
        (_("Cc"), interaction.cc),
        (_("Bcc"), interaction.bcc),
    ]
    return {
        "sender": _named(sender.display_name, sender.address),
        "levels": [(label, found) for label, found in levels if found],
        "twice": _twice(interaction, [*click.to, *click.cc, *click.bcc]),
        "subject": interaction.subject,
        **_text_of(message),
    }


def _of_answer(request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
    message, _file = answers.checked(answer_views.read_reply(request, conversation))
    return {
        "sender": conversation.sender_address,
        "levels": _levels_of(conversation),
        "is_answer": True,
        "twice": [],
        "subject": message.subject,
        **_text_of(message),
    }


def _levels_of(conversation: Conversation) -> list[tuple[str, list[str]]]:
    """Return who is known to be in a conversation: Twilio sends an answer to all of its participants."""
    opened: Interaction | None = conversation.interaction
    levels = [(_("To"), [conversation.address, *(opened.to if opened else [])]), (_("Cc"), opened.cc if opened else [])]
    return [(label, found) for label, found in levels if found]


def _text_of(message: Message | None) -> dict[str, str]:
    if message is None:
        return {"typed": "", "signature": ""}
    return {"typed": message.typed, "signature": message.signature.strip()}


def _twice(interaction: Interaction, given: list[str]) -> list[str]:
    """Return the addresses that were given more than once; each gets one email."""
    keys = [addresses.key(one) for one in (interaction.address, *given)]
    return sorted({one for one in given if keys.count(addresses.key(one)) > 1})


def _named(name: str, address: str) -> str:
    return f"{name} <{address}>" if name and name != address else address
