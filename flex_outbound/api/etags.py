"""What an answer to a poll is compared by, without building the answer."""

from uuid import UUID

from django.utils.http import parse_etags
from django.utils.translation import get_language
from rest_framework.request import Request

from flex_outbound.models import Interaction


def etag(pk: UUID, version: int, message_status: str | None) -> str:
    """Return the ETag of a row in the active language.

    Weak: the labels are translated and a proxy may compress, so equal tags mean equal content, not equal bytes.
    """
    return f'W/"{pk.hex}.{version}.{message_status or "none"}.{get_language() or "none"}"'


def etag_of(row: Interaction) -> str:
    """Return the ETag of a row whose message is loaded."""
    message = row.first_message
    return etag(row.pk, row.version, message.status if message else None)


def asks_if_changed(request: Request) -> bool:
    """Tell whether the caller already has an answer."""
    return "If-None-Match" in request.headers


def is_known(request: Request, tag: str) -> bool:
    """Tell whether the caller's ``If-None-Match`` holds ``tag`` (weak comparison, RFC 9110, section 8.8.3.2)."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or tag.removeprefix("W/") in {other.removeprefix("W/") for other in known}
