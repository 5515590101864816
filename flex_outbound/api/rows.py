"""Rows for the endpoints: found as far as the user may see them, and answered with."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from flex_outbound.api import outputs
from flex_outbound.api.etags import etag_of
from flex_outbound.api.links import Links
from flex_outbound.contacts import ContactAdapter, adapter_by_label, content_type_of
from flex_outbound.contexts import may_decide, with_duplicates
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Interaction
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox.visible import visible_to


def loaded(rows: InteractionQuerySet) -> InteractionQuerySet:
    """Return rows with what an answer needs of their relations, in one query."""
    return with_duplicates(rows.select_related("agent", "message", "contact_type"))


def find(user: Any, pk: UUID) -> Interaction:
    """Return a row that the user may see, with what an answer needs. Raises Http404."""
    # A user's own row is the common case, and asking for it alone spares the queries for permissions.
    own = loaded(Interaction.objects.filter(pk=pk, agent_id=user.pk))
    found = own.first() or loaded(visible_to(user).filter(pk=pk)).first()
    if found is None:
        raise Http404
    return found


def find_to_decide(user: Any, pk: UUID) -> Interaction:
    """Return a row that the user may send again or call off. Raises Http404, PermissionDenied."""
    row = find(user, pk)
    if not may_decide(user, row):
        raise PermissionDenied(
            _("This is another agent's. Only its agent may do this."),
            code="no_permission",
        )
    return row


def answer(request: Request, row: Interaction, status: int = 200) -> Response:
    """Answer with a row and its ETag; a 202 says where to poll."""
    links = Links.of(request)
    response = Response(
        outputs.row(row, request.user, links),
        status=status,
        headers={"ETag": etag_of(row)},
    )
    if status == 202:
        response["Location"] = links.status(row.pk)
    return response


def filters(query: dict[str, Any]) -> dict[str, Any]:
    """Return a timeline's query as conditions on rows. Raises InvalidClick for a type that is not registered."""
    conditions: dict[str, Any] = {name: query[name] for name in ("contact_id", "status", "channel") if name in query}
    if "contact_type" in query:
        conditions["contact_type"] = content_type_of(contact_adapter(query["contact_type"]))
    return conditions


def contact_adapter(label: str) -> ContactAdapter:
    """Return the adapter of a contact type. Raises InvalidClick."""
    try:
        return adapter_by_label(label)
    except LookupError as error:
        words = _("This is not a contact type that can be messaged.")
        raise InvalidClick(words, code="unknown_contact_type", field="contact_type") from error
