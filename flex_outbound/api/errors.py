"""Errors in one shape, whatever EXCEPTION_HANDLER the host project has, and the parser that raises some of them.

400 names each bad field with a list of sentences. Everything else is ``detail`` (a sentence) and ``code`` (for
programs).
"""

import io
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import IO, Any, Final

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, PermissionDenied, ValidationError
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from flex_outbound import opened
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed, InvalidClick
from flex_outbound.models import Interaction
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox.visible import shown_to, visible_to

WHOLE_REQUEST = "non_field_errors"
"""The name for errors that belong to no single field."""

MOST_FIELDS: Final = 20
MOST_SENTENCES: Final = 5
LONGEST_SENTENCE: Final = 300
LONGEST_NAME: Final = 100
"""How much of a bad request an answer speaks of: fields, sentences for each, characters of a sentence and of a name."""


class TooLarge(APIException):
    """A body over Django's DATA_UPLOAD_MAX_MEMORY_SIZE."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = gettext_lazy("This request is too large.")
    default_code = "too_large"


def _read(stream: IO[Any]) -> io.BytesIO:
    """Return the body, unless it is too large. A chunked body does not say its length before it is read."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    content = stream.read() if most is None else stream.read(most + 1)
    if most is not None and len(content) > most:
        raise TooLarge
    return io.BytesIO(content)


class Utf8JSONParser(JSONParser):
    """DRF's parser for JSON as RFC 8259 has it, of a bounded size.

    Other charsets and deep nesting would be server errors in DRF's own.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the content of the body. Raises ParseError, TooLarge."""
        try:
            return super().parse(_read(stream), media_type, {**(parser_context or {}), "encoding": "utf-8"})
        except RecursionError as error:
            raise ParseError(_("This JSON is nested too deeply.")) from error


class BoundedFormParser(FormParser):
    """DRF's parser for forms, of a bounded size; Django itself bounds the number of fields."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the content of the body. Raises TooLarge, SuspiciousOperation."""
        return super().parse(_read(stream), media_type, parser_context)


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
        return {WHOLE_REQUEST: _few(data)}
    detail = data.get("detail")
    if isinstance(detail, str):
        return {**data, "detail": detail[:LONGEST_SENTENCE], "code": getattr(detail, "code", "error")}
    return {str(field)[:LONGEST_NAME]: _few(words) for field, words in islice(data.items(), MOST_FIELDS)}


def _few(words: Any) -> list[str]:
    return [sentence[:LONGEST_SENTENCE] for sentence in islice(_sentences(words), MOST_SENTENCES)]


def _sentences(words: Any) -> Iterable[str]:
    """Flatten what DRF nests for the items of a list or a dict."""
    if isinstance(words, str):
        yield words
        return
    for inner in words.values() if isinstance(words, Mapping) else words:
        yield from _sentences(inner)


def _conflict(exc: ClickConflict, request: Request) -> Response:
    # With ATOMIC_REQUESTS nothing can be read any more once the transaction is to be rolled back.
    data = _described(exc, request)
    # Where a conversation is in the way, all that was written is that Twilio is to be asked once more: that is kept.
    if exc.conversation is None:
        set_rollback()
    return Response(data, status=status.HTTP_409_CONFLICT)


def _described(exc: ClickConflict, request: Request) -> dict[str, Any]:
    data: dict[str, Any] = {"detail": exc.message, "code": exc.code}
    if exc.fields:
        data["differs_in"] = exc.fields
    other: Interaction | None = exc.interaction
    # The sentence may name another agent's conversation; its id is only for those who may open it.
    if exc.conversation is not None:
        data["open_conversation"] = opened.describe(exc.conversation, request.user, collection_of(request))
    elif other is not None and exc.code == "already_open":
        data["open_conversation"] = opened.of_interaction(other, request.user, collection_of(request))
    if other is not None and _may_see(request.user, other):
        url = f"{collection_of(request)}{other.pk}/"
        data["interaction"] = {"id": str(other.pk), "status": str(other.status), "status_url": url}
    return data


def _may_see(user: Any, interaction: Interaction) -> bool:
    return is_own(interaction.agent_id, user) or bool(shown_to(user, visible_to(user).filter(pk=interaction.pk)))


def collection_of(request: Request) -> str:
    """Return the URL of the list of interactions, in the namespace that this request came through.

    Every URL in an answer is below it and path-absolute, so that it holds behind any proxy or prefix.
    """
    match = request.resolver_match
    return reverse(f"{match.namespace if match else 'flex_outbound'}:interaction-list")
