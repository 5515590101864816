"""The host's own contacts in the Django admin: buttons and history on the change form, buttons in the list."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from flex_outbound.admin import placing
from flex_outbound.admin.erasing import flex_erase, may_erase
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
    alone. No template is replaced, so those of a theme, of the project, or of another mixin stay as they are.
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

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Return the host's actions and, for who may do that, the one that erases what is kept of a contact here.

        ``action_location``: which page asks, None before Django 6.1, where only lists have actions.
        """
        place = {} if action_location is None else {"action_location": action_location}
        actions: dict[str, Any] = super().get_actions(request, **place)
        is_form = getattr(action_location, "name", "") == "CHANGE_FORM"
        is_list = self.actions is not None and IS_POPUP_VAR not in request.GET and not is_form
        if is_list and may_erase(request):
            actions[flex_erase.__name__] = self.get_action(flex_erase)
        return actions

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list, with stylesheet and script for its buttons."""
        response: Any = super().changelist_view(request, extra_context)
        request._flex_outbound_list = getattr(_context(response).get("cl"), "result_list", ())  # type: ignore[attr-defined]
        shown = self.flex_in_list and IS_POPUP_VAR not in request.GET
        if shown and "cl" in _context(response):
            response.add_post_render_callback(partial(_equip, request))
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the form, with buttons and history if the contact is saved already."""
        response: Any = super().render_change_form(request, context, *args, **kwargs)
        given = _context(response)
        if given.get("original") is not None and not given.get("is_popup"):
            response.add_post_render_callback(partial(_surround, request, f"{self.opts.model_name}_form"))
        return response  # type: ignore[no-any-return]


def _column(request: HttpRequest) -> Callable[[models.Model], SafeString]:
    """Return the column for one request. A ``ModelAdmin`` serves many requests at once, so it cannot store one."""

    @admin.display(description=_("message"))
    def flex_buttons(contact: models.Model) -> SafeString:
        # In a new tab, should the script not be there: the list may be edited, too.
        return compact_buttons(
            request, contact, lambda _contact: getattr(request, "_flex_outbound_list", ()), new_tab=True
        )

    return flex_buttons


def _context(response: Any) -> dict[str, Any]:
    return (response.context_data or {}) if isinstance(response, TemplateResponse) else {}


def _equip(request: HttpRequest, response: Any) -> None:
    """Link stylesheet and script in the head of a rendered page."""
    page = response.content.decode(response.charset)
    response.content = placing.in_head(page, _part("assets", request, response))


def _surround(request: HttpRequest, form_id: str, response: Any) -> None:
    """Put the buttons above the form of a rendered page and the history below it."""
    _equip(request, response)
    buttons, history = (_part(name, request, response) for name in ("buttons", "history"))
    page = response.content.decode(response.charset)
    response.content = placing.around_form(page, form_id, buttons, history)


def _part(name: str, request: HttpRequest, response: Any) -> str:
    return render_to_string(f"admin/flex_outbound/contact/{name}.html", _context(response), request)
