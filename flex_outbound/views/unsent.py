"""A text that was posted and cannot be taken as it came: it comes back with the page, and is stored nowhere.

Nobody is signed in any more, the form's token is of an earlier session, somebody else has signed in, or a colleague is
writing to the same customer.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from flex_outbound import contexts, writing
from flex_outbound.conf import conf
from flex_outbound.exceptions import ClickConflict
from flex_outbound.outbox import drafts, files
from flex_outbound.outbox.drafts import Keys
from flex_outbound.sensitive import sensitive_view

View = Callable[..., HttpResponseBase]

HIDDEN: Final = (
    "contact_type",
    "contact_id",
    "channel",
    "idempotency_key",
    "next",
    "address",
    "sender",
    "opens_on_answer",
    "draft",
    "writer",
)
SHOWN: Final = ("subject", "to", "cc", "bcc")
MOST: Final = 10_000
"""How much of a text is shown again, in characters."""


class ColleagueWrites(ClickConflict):
    """A colleague is writing to this customer, or has just written. The form may be sent all the same."""

    def __init__(self, words: str) -> None:
        told = _("Send your message anyway, or wait and look at the conversation first.")
        super().__init__(f"{words} {told}", code="colleague_writes", interaction=None)


def ask_about_colleagues(request: HttpRequest, contact: Keys | None) -> None:
    """Raise ColleagueWrites where a form would send a second message and its user was not asked about it yet."""
    form = request.POST
    if contact is None or not conf.presence_of_writers or form.get("anyway") or not form.get("body", "").strip():
        return
    found = writing.describe_writers(drafts.writers(request.user, contact))
    words = found["written"] or found["writing"]
    if words:
        raise ColleagueWrites(words)


def keeping_text(view: View) -> View:
    """Give a text back where ``view``, which is one for signed-in users, would lose it.

    That needs a form of this very site: another one could put a text before an agent who only has to press Send.
    Everything else is refused as always, by ``view`` itself.
    """

    @csrf_exempt  # the view below checks it; Django's middleware would drop the text
    @sensitive_view
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = contexts.user_of(request)
        if request.method != "POST" or not _is_from_here(request):
            return view(request, *args, **kwargs)
        writer = request.POST.get("writer", "")
        is_other = bool(writer) and user.is_authenticated and writer != writing.key_of(user)
        if is_other:
            return _page(request, _("Somebody else has signed in meanwhile. Nothing was sent."))
        has_text = bool(request.POST.get("body", "").strip())
        if has_text and not user.is_authenticated:
            return _page(request, _("You are signed out."), is_out=True)
        if has_text and writer and _csrf_problem(request):
            return _page(request, _("This page was open for too long."), is_kept=True)
        return view(request, *args, **kwargs)

    return cast("View", wrapper)


def _is_from_here(request: HttpRequest) -> bool:
    """Tell whether the browser says that the form is of this site; no other site can make it say so."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("Origin", ""))
    return (origin.scheme, origin.netloc) == (request.scheme, request.get_host())


class _Check(CsrfViewMiddleware):
    """Django's own check, asked for its opinion."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return HttpResponse(reason, status=403)


def _csrf_problem(request: HttpRequest) -> bool:
    check = _Check(lambda _request: HttpResponse())
    check.process_request(request)
    return check.process_view(request, lambda _request: HttpResponse(), (), {}) is not None


def _page(request: HttpRequest, words: str, *, is_out: bool = False, is_kept: bool = False) -> HttpResponse:
    form = request.POST
    context: dict[str, Any] = {"title": _("Not sent"), "error_text": words, "is_out": is_out}
    if is_out or is_kept:
        context |= {
            "body": form.get("body", "")[:MOST],
            "fields": [(name, form[name][:MOST]) for name in SHOWN if form.get(name)],
            "hidden": [(name, form[name][:MOST]) for name in HIDDEN if form.get(name)],
            "action": request.get_full_path(),
            "had_file": files.FIELD in request.FILES,
            "sign_in_url": resolve_url(settings.LOGIN_URL) if is_out else "",
        }
    response = render(request, "flex_outbound/unsent.html", context, status=403)
    patch_cache_control(response, private=True, no_store=True)
    return response
