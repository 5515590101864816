"""What the body of a callback says, read strictly: a form or JSON, of bounded size."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import RawPostDataException, UnreadablePostError

from flex_outbound.exceptions import WebhookError

MAX_BODY: Final = 256 * 1024
"""Bytes. Twilio's largest event carries the attributes of a task and of a worker, 4,096 characters each."""

MAX_FIELDS: Final = 200
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

_DECISIVE: Final = ("AccountSid", "WorkspaceSid", "EventType")
"""What a callback is and whose: one value of two would be checked, and the other perhaps be meant."""


@dataclass(frozen=True, slots=True)
class Callback:
    """``params``: what is said, as texts. ``raw``: the bytes of a JSON body, None for a form.

    ``repeated``: all values of the parameters that a form has more than once; the last one is in ``params``.
    """

    params: dict[str, str] = field(repr=False)
    raw: bytes | None = field(repr=False)
    repeated: dict[str, list[str]] = field(default_factory=dict, repr=False)

    @property
    def signed(self) -> Mapping[str, object] | bytes:
        """What the signature is computed over, beside the address."""
        return {**self.params, **self.repeated} if self.raw is None else self.raw

    @property
    def signed_text(self) -> str:
        """What is signed of a form, as Twilio writes it: sorted, and of equal values of a parameter one."""
        values = {name: self.repeated.get(name, [value]) for name, value in self.params.items()}
        return "".join(name + value for name in sorted(values) for value in sorted(set(values[name])))


def read(request: HttpRequest) -> Callback:
    """Read a callback.

    Raises WebhookError: ``too_large``, ``unreadable``, ``content_type``, ``malformed`` or ``duplicate``.
    """
    body = _body(request)
    if request.content_type == FORM:
        return _form(body)
    if request.content_type == JSON:
        return Callback(_json(body), body)
    raise WebhookError("A callback is a form, or JSON", code="content_type")


def _body(request: HttpRequest) -> bytes:
    stated = request.META.get("CONTENT_LENGTH") or "0"
    if stated.isascii() and stated.isdigit() and int(stated[:12]) > MAX_BODY:
        raise WebhookError("The body is too large", code="too_large")
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise WebhookError("The body is too large", code="too_large") from error
    except (UnreadablePostError, RawPostDataException) as error:
        raise WebhookError("The body could not be read", code="unreadable") from error
    if len(body) > MAX_BODY:
        raise WebhookError("The body is too large", code="too_large")
    return body


def _form(body: bytes) -> Callback:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise WebhookError("The form cannot be read", code="malformed") from error
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    if any(len(set(values.get(name, []))) > 1 for name in _DECISIVE):
        raise WebhookError("A parameter comes twice", code="duplicate")
    # All values are signed, so Twilio sent them.
    repeated = {name: several for name, several in values.items() if len(several) > 1}
    return Callback({name: several[-1] for name, several in values.items()}, None, repeated)


def _json(body: bytes) -> dict[str, str]:
    try:
        found = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise WebhookError("The JSON cannot be read", code="malformed") from error
    if not isinstance(found, dict):
        raise WebhookError("The JSON is no object", code="malformed")
    return {name: _text(value) for name, value in found.items() if value is not None}


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that comes twice in JSON: one of two values would be checked, and the other perhaps be used."""
    listed = list(pairs)
    found = dict(listed)
    if len(found) != len(listed):
        raise WebhookError("A parameter comes twice", code="duplicate")
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
