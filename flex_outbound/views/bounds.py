"""How large a form may be, told before any of it is read."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import get_script_prefix
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from flex_outbound.outbox import files

View = Callable[..., HttpResponseBase]


def bounded(view: View) -> View:
    """Refuse what is larger than any form with a file before it is read: Django would keep a file of any size on disk.

    ``view`` is one for signed-in users, which looks for forged requests by itself: Django's middleware would read the
    whole form for that.
    """

    @csrf_exempt  # the view below checks it
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        size = request.META.get("CONTENT_LENGTH") or "0"
        if size.isdecimal() and int(size) <= files.LARGEST_FORM:
            return view(request, *args, **kwargs)
        words = str(files.too_large(int(size) if size.isdecimal() else 0))
        context = {"title": _("Not sent"), "error_text": words, "next": came_from(request) or get_script_prefix()}
        return render(request, "flex_outbound/compose.html", context, status=413)

    return cast("View", wrapper)


def came_from(request: HttpRequest) -> str:
    """Return path and query of the page that the browser was on, if it is of this site, else ""."""
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return ""
    parts = urlsplit(page)
    # A path that begins with two slashes would be another site.
    return urlunsplit(("", "", f"/{parts.path.lstrip('/')}", parts.query, ""))
