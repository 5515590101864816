"""The messages of a contact, over the API."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from flex_outbound import timeline
from flex_outbound.api.messages_shapes import MessagesQuery
from flex_outbound.api.views import ApiView
from flex_outbound.bubbles import Reader, describe_message
from flex_outbound.contacts import adapter_by_label, find_contact
from flex_outbound.statements import load_permissions
from flex_outbound.timeline import BadCursor, Place


class ContactMessagesView(ApiView):
    """What was said with a contact, both ways."""

    def get(self, request: Request, contact_type: str, contact_id: str) -> Response:
        """Messages of your own conversations; with the permission view_interaction, also of those of others.

        The newest come first. A first message that Twilio has not named a conversation for is only in its interaction.
        """
        query = MessagesQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        contact, name = _contact(request.user, contact_type, contact_id)
        load_permissions(request.user)
        before = _place(query.validated_data.get("cursor", ""))
        size = query.validated_data.get("page_size", timeline.PAGE_SIZE)
        page, older = timeline.messages(request.user, contact, before, size)
        reader = Reader(request.user, name)
        return Response({"next": _next(request, older), "results": [describe_message(one, reader) for one in page]})


def _contact(user: Any, contact_type: str, contact_id: str) -> tuple[Any, str]:
    """Return the contact and its name. Raises Http404 where there is none that this user may see."""
    try:
        adapter = adapter_by_label(contact_type)
    except LookupError:
        raise Http404 from None
    contact = find_contact(adapter, user, contact_id)
    if contact is None:
        raise Http404
    return contact, adapter.get_name(contact)


def _place(cursor: str) -> Place | None:
    try:
        return timeline.read_cursor(cursor) if cursor else None
    except BadCursor:
        words = _("This cursor is invalid. Start from the first page.")
        raise serializers.ValidationError({"cursor": [words]}) from None


def _next(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return f"{request.path}?{query.urlencode()}"
