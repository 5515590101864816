"""The host's own contacts in the Django admin: buttons and history on the change form, buttons in the list."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.loader import select_template
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from flex_outbound.compact import compact_buttons

if TYPE_CHECKING:
    Base = admin.ModelAdmin
else:
    # A plain mixin at run time, to be combined with any admin class of the host.
    Base = object

COLUMN = "flex_buttons"


class FlexContactAdminMixin(Base):
    """Put it before ``ModelAdmin`` in the admin of a model that is registered with ``flex_outbound.contacts``.

    The change form gets the buttons above its fields and the history below them. The list gets a column of small
    buttons: the last one, or where ``list_display`` has ``"flex_buttons"``. ``flex_in_list = False`` leaves the list
    alone. Templates that the project or another mixin chose are kept and extended.
    """

    flex_in_list = True

    @admin.display(description=_("message"))
    def flex_buttons(self, contact: Any) -> str:
        """Give the column its header. Its cells need the request: ``get_list_display`` replaces this method."""
        return ""

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the host's columns and ours; a pop-up, in which a contact is picked, has none."""
        columns = list(super().get_list_display(request))
        if not self.flex_in_list or IS_POPUP_VAR in request.GET:
            return [column for column in columns if column != COLUMN]
        if COLUMN not in columns:
            columns.append(COLUMN)
        return [_column(request) if column == COLUMN else column for column in columns]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list and, below it, the forms that its buttons belong to: HTML allows no form within a form."""
        response = super().changelist_view(request, extra_context)
        shown = self.flex_in_list and IS_POPUP_VAR not in request.GET
        return _extended(response, "change_list.html") if shown and "cl" in _context(response) else response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the form, with buttons and history if the contact is saved already."""
        response = super().render_change_form(request, context, *args, **kwargs)
        given = _context(response)
        shown = given.get("original") is not None and not given.get("is_popup")
        return _extended(response, "change_form.html") if shown else response


def _column(request: HttpRequest) -> Callable[[models.Model], SafeString]:
    """Return the column for one request. A ``ModelAdmin`` serves many requests at once, so it cannot store one."""

    @admin.display(description=_("message"))
    def flex_buttons(contact: models.Model) -> SafeString:
        return compact_buttons(request, contact)

    return flex_buttons


def _context(response: Any) -> dict[str, Any]:
    return (response.context_data or {}) if isinstance(response, TemplateResponse) else {}


def _extended(response: Any, name: str) -> Any:
    """Return a page whose template extends, with ours, the one that was chosen for it."""
    chosen: Any = response.template_name
    if hasattr(chosen, "render"):
        base = chosen
    else:
        base = select_template([chosen] if isinstance(chosen, str) else list(chosen))
    response.context_data = {**_context(response), "flex_base": base}
    response.template_name = f"admin/flex_outbound/contact/{name}"
    return response
