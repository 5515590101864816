"""The templates that may be sent to a contact, or into one's own conversation, over the API."""

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from flex_outbound import picking
from flex_outbound.api.templates_shapes import ContactTemplatesQuery, TemplatesQuery
from flex_outbound.api.views import ApiView
from flex_outbound.channels import Channel
from flex_outbound.contacts import adapter_by_label, find_contact
from flex_outbound.exceptions import ClickNotAllowed
from flex_outbound.outbox import answers
from flex_outbound.outbox.preflight import Setup, require_permission
from flex_outbound.picking import Picker
from flex_outbound.statements import load_permissions


class ContactTemplatesView(ApiView):
    """The templates for a new conversation with a contact."""

    def get(self, request: Request, contact_type: str, contact_id: str) -> Response:
        """Those that this sender may send on this channel, what you used last first."""
        query = ContactTemplatesQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        values = query.validated_data
        try:
            adapter = adapter_by_label(contact_type)
        except LookupError:
            raise Http404 from None
        contact = find_contact(adapter, request.user, contact_id)
        channel = Channel(values["channel"])
        if contact is None or not channel.is_phone:
            raise Http404
        load_permissions(request.user)
        setup = Setup.load(request.user)
        if setup.reason:
            raise ClickNotAllowed(setup.reason_text, code=setup.reason)
        sender = str(values.get("sender", ""))
        return _found(picking.for_contact(setup, adapter, contact, channel, sender), values)


class ConversationTemplatesView(ApiView):
    """The templates for an answer into one of the user's own conversations."""

    def get(self, request: Request, conversation_sid: str) -> Response:
        """Within 24 hours of the customer's last message, a few that WhatsApp has not approved are among them."""
        query = TemplatesQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        conversation = answers.own_conversation(request.user, conversation_sid)
        if conversation is None:
            raise Http404
        load_permissions(request.user)
        require_permission(request.user)
        picker = picking.for_conversation(request.user, conversation)
        if picker is None or not picker.place.channel.is_phone:
            raise Http404
        return _found(picker, query.validated_data)


def _found(picker: Picker | None, query: dict[str, str]) -> Response:
    if picker is None:
        raise Http404
    return Response(picking.describe_found(picker, picking.find(picker, query)))
