"""Pages of a model admin beside Django's own, each a class-based view.

A subclass sets ``route``, ``name``, ``template`` and ``title`` and answers ``get`` and ``post``. This module finds the
object, checks the permission, answers 404 and builds the context.
"""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import classonlymethod
from django.views import View

from flex_outbound.admin.base import FlexModelAdmin


class Page(View):
    """A page of a model admin. A new instance answers each request.

    ``route``: the address below the model's own; a page about one object takes ``object_id`` from it.
    ``name``: the URL's name is ``<app>_<model>_<name>``, as Django's own pages have ``change`` and ``changelist``.
    ``permission``: ``view``, ``change``, ``add`` or one of the admin's own; its ``has_…_permission`` is asked for it.
    ``calls_twilio``: no transaction is open while the page answers, not even with ATOMIC_REQUESTS.
    """

    route: ClassVar[str]
    name: ClassVar[str]
    template: ClassVar[str] = ""
    title: Any = ""
    css: ClassVar[tuple[str, ...]] = ()
    permission: ClassVar[str] = "view"
    calls_twilio: ClassVar[bool] = False

    model_admin: Any = None  # set by as_url
    object: Any = None

    @classonlymethod
    def as_url(cls, model_admin: FlexModelAdmin) -> URLPattern:
        """Return the page's address within the admin that has it."""
        view = cls.as_view(model_admin=model_admin)
        if cls.calls_twilio:
            view = transaction.non_atomic_requests(view)
        opts = model_admin.opts
        return path(
            cls.route, model_admin.admin_site.admin_view(view), name=f"{opts.app_label}_{opts.model_name}_{cls.name}"
        )

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer the request. Raises PermissionDenied (403) and Http404."""
        object_id = self.kwargs.get("object_id")
        if object_id is not None:
            self.object = self.model_admin.get_object(request, unquote(object_id))
        # First the permission: a user who may not see the page does not learn which objects exist.
        if not self.may(self.permission):
            raise PermissionDenied
        if object_id is not None and self.object is None:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def may(self, permission: str) -> bool:
        """Tell whether the user has a permission (``view``, ``change``, …) for the page's object, if it has one."""
        if permission == "add":
            return bool(self.model_admin.has_add_permission(self.request))
        return bool(getattr(self.model_admin, f"has_{permission}_permission")(self.request, self.object))

    def url_to(self, page: str) -> str:
        """Return the address of another page about the same object; of a page about none where this one has none."""
        return str(self.model_admin.url_to(page, *([self.object.pk] if self.object else [])))

    def context(self, **more: Any) -> dict[str, Any]:
        """Return the context of the page's template; the object is in it under its model's name."""
        admin = self.model_admin
        known = {"media": admin.media + Media(css={"all": self.css}), "here": self.request.path}
        if self.object is not None:
            known |= {admin.opts.model_name: self.object, "subtitle": str(self.object), "back": self.url_to("change")}
        context: dict[str, Any] = admin.page_context(self.request, self.title, **known)
        return context | more

    def render(self, *, template: str = "", status: int = 200, **more: Any) -> TemplateResponse:
        """Return the page with ``more`` in its context. ``template``: another one than the page's own."""
        folder = f"admin/{self.model_admin.opts.app_label}/{self.model_admin.opts.model_name}"
        return TemplateResponse(
            self.request, f"{folder}/{template or self.template}", self.context(**more), status=status
        )

    def redirect(self, url: str = "") -> HttpResponseRedirect:
        """Return a redirect, to the page itself where no address is given."""
        return HttpResponseRedirect(url or self.request.path)

    def say(self, level: int, words: object) -> None:
        """Show a message on the next page. ``level``: of ``django.contrib.messages``."""
        self.model_admin.message_user(self.request, str(words), level)

    def succeed(self, words: object) -> None:
        """Show a message of success on the next page."""
        self.say(messages.SUCCESS, words)
