"""The outcome of a conversation without JavaScript: a plain form on the contact's page, shown again after an error."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from flex_outbound import contexts
from flex_outbound.contacts import adapter_by_type, find_contact
from flex_outbound.exceptions import ClickConflict, ClickError, ClickNotAllowed
from flex_outbound.models import Interaction
from flex_outbound.outbox import outcomes
from flex_outbound.outbox.visible import shown_to, visible_to
from flex_outbound.statements import load_permissions
from flex_outbound.views.clicks import MOST_SHOWN, TooOften, count, next_page, signed_in


@signed_in
@require_POST
def outcome(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Keep what the agent says of a conversation, and go back to where they came from."""
    interaction = _find(request.user, pk)
    try:
        count(request)
        outcomes.give(interaction, request.user, request.POST.get("outcome", ""), request.POST.get("notes", ""))
    except ClickNotAllowed as error:
        raise PermissionDenied(str(error)) from error
    except ClickError as error:
        return _show_again(request, interaction, error)
    messages.success(request, _("The outcome was saved."), fail_silently=True)
    return HttpResponseRedirect(next_page(request, _page_of(request.user, interaction)))


def _find(user: Any, pk: UUID) -> Interaction:
    load_permissions(user)
    rows = contexts.loaded(visible_to(user).filter(pk=pk))
    found = next(iter(shown_to(user, rows)), None)
    if found is None:
        raise Http404
    return found


def _show_again(request: HttpRequest, interaction: Interaction, error: ClickError) -> HttpResponse:
    status = 409 if isinstance(error, ClickConflict) else 429 if isinstance(error, TooOften) else 400
    context = {
        "title": _("Outcome and notes"),
        "interaction": contexts.interaction_context(interaction, request.user),
        "chosen": request.POST.get("outcome", "")[:MOST_SHOWN],
        "written": request.POST.get("notes", "")[:MOST_SHOWN],
        "error_text": str(error),
        "error_field": error.field,
        "next": next_page(request, _page_of(request.user, interaction)),
    }
    response = render(request, "flex_outbound/outcome.html", context, status=status)
    if isinstance(error, TooOften):
        response["Retry-After"] = str(error.seconds)
    return response


def _page_of(user: Any, interaction: Interaction) -> str | None:
    """Return the address of the contact's page, None where there is none that this user may see."""
    adapter = adapter_by_type(interaction.contact_type_id)
    contact = find_contact(adapter, user, interaction.contact_id) if adapter is not None else None
    return adapter.get_url(contact) if adapter is not None and contact is not None else None
