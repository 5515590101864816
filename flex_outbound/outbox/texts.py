"""What an agent may write: subject, copies, first message, template. Each refusal names its field."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from flex_outbound import channels
from flex_outbound.channels import AddressError, Channel
from flex_outbound.exceptions import InvalidClick
from flex_outbound.sids import SidKind, is_sid

MAX_CC = 10
MAX_KEY = 64
_KEY = re.compile(r"[!-~]+\Z")


def _clean(text: str, field: str, longest: int) -> str:
    if "\x00" in text:
        raise InvalidClick(_("This text contains a null character. Remove it."), code="null_character", field=field)
    if len(text) > longest:
        raise InvalidClick(
            _("This is %(length)d characters long; at most %(longest)d are allowed.")
            % {"length": len(text), "longest": longest},
            code="too_long",
            field=field,
        )
    return text


def idempotency_key(key: str) -> str:
    """Check an idempotency key: up to 64 printable ASCII characters without spaces."""
    if key and not _KEY.match(key):
        raise InvalidClick(
            _("A key is made of printable ASCII characters without spaces."),
            code="invalid_key",
            field="idempotency_key",
        )
    return _clean(key, "idempotency_key", MAX_KEY)


def subject(text: str, channel: Channel) -> str:
    """Check an email's subject: one line, up to 256 characters; refused for the other channels."""
    text = text.strip()
    if text and channel is not Channel.EMAIL:
        raise InvalidClick(_("Only an email has a subject."), code="not_email", field="subject")
    if "\n" in text or "\r" in text:
        raise InvalidClick(_("A subject is one line."), code="line_break", field="subject")
    return _clean(text, "subject", channels.MAX_SUBJECT)


def cc(addresses: Sequence[str], channel: Channel) -> list[str]:
    """Check the copies of an email and normalise them; refused for the other channels."""
    if addresses and channel is not Channel.EMAIL:
        raise InvalidClick(_("Only an email can be copied to others."), code="not_email", field="cc")
    if len(addresses) > MAX_CC:
        raise InvalidClick(_("At most %(most)d people can be copied.") % {"most": MAX_CC}, code="too_many", field="cc")
    normalized: dict[str, None] = {}
    for address in addresses:
        try:
            normalized[channels.normalize(Channel.EMAIL, address)] = None
        except AddressError as error:
            raise InvalidClick(f"{address[:80]}: {error}", code=error.code, field="cc") from error
    return list(normalized)


def body(text: str) -> str:
    """Check a first message: up to 1,600 characters; white space alone is no message."""
    return _clean(plain(text), "body", channels.MAX_BODY)


def plain(text: str) -> str:
    """Return a text with one kind of line end; white space alone is no text."""
    return text.replace("\r\n", "\n") if text.strip() else ""


def template(content_sid: str, variables: Mapping[str, str], channel: Channel) -> str:
    """Check a content template and its variables; returns its SID or ""."""
    if content_sid and not is_sid(content_sid, SidKind.CONTENT):
        raise InvalidClick(_("A template's SID starts with HX."), code="invalid_sid", field="content_sid")
    if content_sid and channel is Channel.EMAIL:
        raise InvalidClick(_("Templates are for SMS and WhatsApp."), code="not_phone", field="content_sid")
    if variables and not content_sid:
        raise InvalidClick(
            _("Variables need a template."), code="variables_without_template", field="content_variables"
        )
    for name, value in variables.items():
        _clean(name, "content_variables", 64)
        _clean(value, "content_variables", channels.MAX_BODY)
    return content_sid


def name_of(user: Any) -> str:
    """Return an agent's name for other agents, whatever the project's user model has; empty where the user is gone."""
    if user is None:
        return ""
    full_name = getattr(user, "get_full_name", str)()
    return str(full_name or user.get_username())
