"""An action that erases contacts: it shows what there is, asks, erases, and tells what Twilio still holds."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from flex_outbound import contexts
from flex_outbound.contacts import adapter_for, content_type_of, id_of
from flex_outbound.models import Interaction
from flex_outbound.outbox.visible import shown_to
from flex_outbound.privacy import people
from flex_outbound.privacy.erasing import StillOpen, erase, preview
from flex_outbound.privacy.people import Person
from flex_outbound.privacy.remains import remains_of

PERMISSION: Final = "flex_outbound.erase_contact"

MOST: Final = 20
"""Contacts that one request erases."""

MOST_REMAINS: Final = 500
"""Lines about Twilio that a page shows of one contact; ``flex_erase`` prints all."""


def may_erase(request: HttpRequest) -> bool:
    """Tell whether the user may erase contacts."""
    return bool(contexts.user_of(request).has_perm(PERMISSION))


@admin.action(description=gettext_lazy("Erase the contacts of these"), permissions=["erase"])
def erase_contacts_of(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Interaction]
) -> TemplateResponse | None:
    """Erase the contacts of chosen interactions, as far as the user may see them.

    What is nobody's is passed over: it is erased with the contact whose address it was asked from.
    """
    chosen = queryset.order_by().values_list("contact_type", "contact_id").distinct()[: MOST + 1]
    seen = shown_to(request.user, Interaction.objects.filter(pk__in=queryset.values("pk")).order_by()[: MOST * 50])
    shown = {(one.contact_type_id, one.contact_id) for one in seen}
    theirs = [(kind, key) for kind, key in chosen if kind is not None and (kind, key) in shown]
    found = [people.person_of(ContentType.objects.get_for_id(kind), key) for kind, key in theirs]
    return _answer(model_admin, request, found, "erase_contacts_of", queryset)


@admin.action(description=gettext_lazy("Erase what Flex messages keep of these"))
def flex_erase(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
    """Erase chosen contacts of the project's own admin."""
    adapter = adapter_for(queryset.model)
    content_type = content_type_of(adapter)
    found = [people.person_of(content_type, id_of(adapter, one)) for one in queryset[: MOST + 1]]
    return _answer(model_admin, request, found, "flex_erase", queryset)


def _answer(
    model_admin: Any, request: HttpRequest, found: Sequence[Person], action: str, queryset: QuerySet[Any]
) -> TemplateResponse | None:
    if not found or len(found) > MOST:
        words = _("Choose between 1 and %(most)d contacts.") % {"most": MOST}
        model_admin.message_user(request, words, messages.ERROR)
        return None
    shared = request.POST.get("shared") == "yes"
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Erase contacts"),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "action": action,
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
        "keys": [str(key) for key in queryset.values_list("pk", flat=True)[: MOST * 50]],
    }
    if request.POST.get("confirmed") != "yes":
        context["people"] = [_preview(one) for one in found]
        context["is_any"] = any(one["counts"] is not None for one in context["people"])
    else:
        context["done"] = [_erase(request, one, shared=shared) for one in found]
        erased = sum(one["counts"] is not None for one in context["done"])
        said = ngettext("%(count)d contact was erased.", "%(count)d contacts were erased.", erased)
        if erased:
            model_admin.message_user(request, said % {"count": erased}, messages.SUCCESS)
    return TemplateResponse(request, "admin/flex_outbound/erase.html", context)


def _preview(person: Person) -> dict[str, Any]:
    try:
        return {"person": person, "counts": preview(person, shared=True)}
    except StillOpen as error:
        return {"person": person, "counts": None, "open": _open(error)}


def _erase(request: HttpRequest, person: Person, *, shared: bool) -> dict[str, Any]:
    try:
        done = erase(person, shared=shared)
    except StillOpen as error:
        return {"person": person, "counts": None, "open": _open(error)}
    except OperationalError:
        words = _("Somebody else is changing something of this contact. Try again: what is erased stays erased.")
        return {"person": person, "counts": None, "open": [words]}
    _log(request, person)
    remains = list(islice(remains_of(person, done.held), MOST_REMAINS))
    return {"person": person, "counts": done, "remains": remains}


def _open(error: StillOpen) -> list[str]:
    return [str(one) for one in (*error.interactions, *error.messages)]


def _log(request: HttpRequest, person: Person) -> None:
    """Note who erased whom, by the contact's id and without a name."""
    LogEntry.objects.create(
        user_id=contexts.user_of(request).pk,
        content_type_id=person.contact_type_id,
        object_id=person.contact_id,
        object_repr=person.label[:200],
        action_flag=CHANGE,
        change_message=_("Erased what is kept of this contact."),
    )
