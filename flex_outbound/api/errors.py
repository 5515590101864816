"""Errors in one shape, whatever EXCEPTION_HANDLER the host project has.

400 names the fields at fault, each with a list of sentences; everything else is ``detail`` (a sentence) and ``code``
(for programs).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import status
from rest_framework.exceptions import (
    APIException,
    ParseError,
    PermissionDenied,
    ValidationError,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from flex_outbound.api.links import Links
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed, InvalidClick
from flex_outbound.models import Interaction
from flex_outbound.outbox.visible import visible_to

WHOLE_REQUEST = "non_field_errors"
"""Where an error stands that is no single field's."""


class TooLarge(APIException):
    """A body over Django's DATA_UPLOAD_MAX_MEMORY_SIZE."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = gettext_lazy("This request is too large.")
    default_code = "too_large"


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an error that a view raised; None leaves it to Django (HTTP 500)."""
    if isinstance(exc, ClickConflict):
        return _conflict(exc, context["request"])
    response = exception_handler(_translate(exc), context)
    if response is not None:
        response.data = _shape(response.data)
    return response


def _translate(exc: Exception) -> Exception:
    if isinstance(exc, InvalidClick):
        return ValidationError({exc.field or WHOLE_REQUEST: [exc.message]}, code=exc.code)
    if isinstance(exc, ClickNotAllowed):
        return PermissionDenied(exc.message, code=exc.code)
    if isinstance(exc, RequestDataTooBig):
        return TooLarge()
    if isinstance(exc, SuspiciousOperation):
        return ParseError(_("This request is malformed."))
    return exc


def _shape(data: Any) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        return {WHOLE_REQUEST: list(_sentences(data))}
    detail = data.get("detail")
    if isinstance(detail, str):
        return {**data, "code": getattr(detail, "code", "error")}
    return {field: list(_sentences(words)) for field, words in data.items()}


def _sentences(words: Any) -> Iterable[str]:
    """Flatten what DRF nests for the items of a list or a dict."""
    if isinstance(words, Mapping):
        words = words.values()
    elif isinstance(words, str):
        words = [words]
        yield from words
        return
    for inner in words:
        yield from _sentences(inner)


def _conflict(exc: ClickConflict, request: Request) -> Response:
    set_rollback()
    data: dict[str, Any] = {"detail": exc.message, "code": exc.code}
    row: Interaction | None = exc.interaction
    # Another agent's conversation is told in words; its id is only for those who may open it.
    if row is not None and _may_see(request.user, row):
        data["interaction"] = {
            "id": str(row.pk),
            "status": str(row.status),
            "status_url": Links.of(request).status(row.pk),
        }
    return Response(data, status=status.HTTP_409_CONFLICT)


def _may_see(user: Any, row: Interaction) -> bool:
    return row.agent_id == user.pk or visible_to(user).filter(pk=row.pk).exists()
