"""Requests of forms and programs: ask for an agent, whom Flex chooses."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from flex_outbound import roles
from flex_outbound.api.requests_shapes import RequestSerializer
from flex_outbound.api.views import ApiView, ClickThrottle, answer
from flex_outbound.contacts import adapter_by_label, find_contact
from flex_outbound.exceptions import ClickNotAllowed, InvalidClick
from flex_outbound.models import Account, Interaction, Sender
from flex_outbound.outbox import starting
from flex_outbound.outbox.visible import shown_to
from flex_outbound.statements import load_permissions


class RequestListView(ApiView):
    """All requests: ask for an agent. What was asked for is read as an interaction."""

    throttle_classes = [ClickThrottle]

    def post(self, request: Request) -> Response:
        """Answers at once; poll status_url until is_final. Flex chooses the agent; nothing is sent to the customer."""
        load_permissions(request.user)
        if not request.user.has_perm(roles.START_PERMISSION):
            words = _("You may not ask for an agent. Ask your administrator for access.")
            raise ClickNotAllowed(words, code="no_permission")
        form = RequestSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        interaction = _start(request.user, dict(form.validated_data))
        # It never has a first message; asking for one would be a query.
        Interaction.message.related.set_cached_value(interaction, None)
        shown = next(iter(shown_to(request.user, [interaction])), interaction)
        return answer(request, shown, 202)


def _start(user: Any, values: dict[str, Any]) -> Interaction:
    """Ask for an agent with what the request says. Raises InvalidClick, whose fields are those of the request."""
    wanted = starting.Start(
        values["channel"],
        values.get("address", ""),
        _contact(user, values.get("contact_type", ""), values.get("contact_id", "")),
        values.get("name", ""),
        values.get("attributes", {}),
        values.get("idempotency_key", ""),
        # ``starting`` looks for it among those that can be used.
        Sender(pk=values["sender"]) if values.get("sender") else None,
        _account(values.get("account", "")),
        values.get("conversation_sid", ""),
        scope=f"user {user.pk}",
        user=user,
    )
    try:
        return starting.start(wanted)
    except InvalidClick as error:
        if error.field != "contact":
            raise
        raise InvalidClick(error.message, code=error.code, field="contact_id") from error


def _contact(user: Any, label: str, contact_id: str) -> Any | None:
    """Return the contact that is named, if the user may see it; None where none is named."""
    if not label:
        return None
    try:
        adapter = adapter_by_label(label)
    except LookupError as error:
        words = _("This is not a contact type that can be messaged.")
        raise InvalidClick(words, code="unknown_contact_type", field="contact_type") from error
    contact = find_contact(adapter, user, contact_id)
    if contact is None:
        words = _("There is no such contact, or you may not see it.")
        raise InvalidClick(words, code="unknown_contact", field="contact_id")
    return contact


def _account(sid: str) -> Account | None:
    if not sid:
        return None
    found = Account.objects.filter(account_sid=sid).first()
    if found is None:
        raise InvalidClick(_("There is no such Twilio account here."), code="unknown_account", field="account")
    return found
