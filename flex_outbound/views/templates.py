"""Choosing a template: pages that work without JavaScript, whose parts the script loads into the composer."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from flex_outbound import answering, contexts, picking
from flex_outbound.channels import Channel
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Conversation
from flex_outbound.outbox import answers
from flex_outbound.outbox.preflight import Setup
from flex_outbound.picking import Picker
from flex_outbound.statements import load_permissions
from flex_outbound.views.clicks import compose_context, counted, named_contact, next_page, signed_in


@signed_in
@require_safe
@counted
def choose(request: HttpRequest, contact_type: str, channel: str) -> HttpResponse:
    """Show the templates for one channel of the contact ``?id=…``; ``?part=1``: the list alone."""
    adapter, contact, picker = _for_contact(request, contact_type, channel)
    names = contexts.identify(adapter, contact)
    title = _("Templates for %(name)s") % {"name": names["contact_name"]}
    back = next_page(request, adapter.get_url(contact))
    return _list(request, picker, {"title": title, "contact_id": names["contact_id"], "back": back})


@signed_in
@require_safe
@counted
def use(request: HttpRequest, contact_type: str, channel: str, content_sid: str) -> HttpResponse:
    """Show the form for one channel of a contact with a template in it; ``?part=1``: its fields alone."""
    adapter, contact, picker = _for_contact(request, contact_type, channel)
    chosen = _chosen(picker, content_sid)
    if "part" in request.GET:
        return _part(request, "_template_fields.html", {"chosen_template": chosen})
    option = contexts.channel_option(request, contact, channel)
    context = compose_context(request, adapter, contact, channel)
    context["values"]["sender"] = request.GET.get("sender", "")
    context |= {"option": option, "error_text": option.reason_text, "chosen_template": chosen}
    return render(request, "flex_outbound/compose.html", context)


@signed_in
@require_safe
@counted
def choose_answer(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Show the templates for an answer into one's own conversation; ``?part=1``: the list alone."""
    _conversation, picker = _for_conversation(request, conversation_sid)
    return _list(request, picker, {"title": _("Templates for your answer"), "back": next_page(request, None)})


@signed_in
@require_safe
@counted
def use_answer(request: HttpRequest, conversation_sid: str, content_sid: str) -> HttpResponse:
    """Show the form of an answer with a template in it; ``?part=1``: its fields alone."""
    conversation, picker = _for_conversation(request, conversation_sid)
    chosen = _chosen(picker, content_sid)
    if "part" in request.GET:
        return _part(request, "_template_fields.html", {"chosen_template": chosen})
    shown = answering.describe_conversation(conversation, Setup.load(request.user), picker.adapter, picker.contact)
    back = picker.adapter.get_url(picker.contact) if picker.adapter is not None else None
    context = {
        "title": _("Answer by %(channel)s") % {"channel": shown["label"]},
        "one": shown,
        "is_fixable": True,
        "chosen_template": chosen,
        "answer_next": back or next_page(request, None),
    }
    return render(request, "flex_outbound/answer.html", context)


def _for_contact(request: HttpRequest, contact_type: str, channel: str) -> tuple[Any, Any, Picker]:
    """Return adapter, contact and what chooses for it. Raises Http404."""
    adapter, contact = named_contact(request, contact_type, request.GET.get("id", ""))
    if channel not in Channel.values or not Channel(channel).is_phone:
        raise Http404("This channel takes no templates.")
    load_permissions(request.user)
    try:
        setup = contexts.setup_of(request)
        picker = picking.for_contact(setup, adapter, contact, Channel(channel), request.GET.get("sender", ""))
    except InvalidClick as error:
        raise Http404(str(error)) from error
    if picker is None:
        raise Http404("This user has no sender for this channel.")
    return adapter, contact, picker


def _for_conversation(request: HttpRequest, conversation_sid: str) -> tuple[Conversation, Picker]:
    load_permissions(request.user)
    may_send = request.user.has_perm("flex_outbound.add_interaction")
    conversation = answers.own_conversation(request.user, conversation_sid) if may_send else None
    picker = picking.for_conversation(request.user, conversation) if conversation is not None else None
    if conversation is None or picker is None or not picker.place.channel.is_phone:
        raise Http404("There is no such conversation of this user, or its channel takes no templates.")
    return conversation, picker


def _chosen(picker: Picker, content_sid: str) -> Mapping[str, Any]:
    chosen = picking.fields_context(picker, content_sid)
    if chosen is None:
        raise Http404("This template may not be sent here.")
    return chosen


def _list(request: HttpRequest, picker: Picker, context: dict[str, Any]) -> HttpResponse:
    found = picking.list_context(picker, request.GET.dict())
    values = found | context | {"sender": request.GET.get("sender", ""), "is_part": "part" in request.GET}
    return _part(request, "_template_list.html" if values["is_part"] else "choose_template.html", values)


def _part(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, f"flex_outbound/{template}", context)
    patch_cache_control(response, private=True, no_store=True)
    return response
