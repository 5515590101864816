"""Twilio's string identifiers: their prefixes and their shape (vocabulary; no ORM, no SDK).

Source: https://www.twilio.com/docs/glossary/what-is-a-sid
"""

import re
from enum import StrEnum

from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _


class SidKind(StrEnum):
    """The kinds of SID that this app uses. The value is the two-letter prefix."""

    ACCOUNT = "AC"
    API_KEY = "SK"
    INTERACTION = "KD"
    INTERACTION_CONTEXT = "HQ"
    CHANNEL = "UO"
    INVITE = "KG"
    CHANNEL_PARTICIPANT = "UT"
    TASK = "WT"
    CONVERSATION = "CH"
    WORKSPACE = "WS"
    WORKFLOW = "WW"
    TASK_QUEUE = "WQ"
    WORKER = "WK"
    TASK_CHANNEL = "TC"
    ACTIVITY = "WA"
    RESERVATION = "WR"
    MESSAGE = "IM"
    PARTICIPANT = "MB"
    MEDIA = "ME"
    RECEIPT = "DY"
    CONTENT = "HX"
    FLEX_INSTANCE = "GO"
    EVENT = "EV"
    CHAT_SERVICE = "IS"
    ADDRESS_CONFIGURATION = "IG"
    STUDIO_FLOW = "FW"


LENGTH = 34
"""Characters of every SID: two of prefix, 32 of lower-case hexadecimal."""


def pattern(kind: SidKind) -> str:
    """Return the anchored regular expression of one kind of SID."""
    return rf"^{kind.value}[0-9a-fA-F]{{32}}\Z"


def is_sid(value: object, kind: SidKind) -> bool:
    """Return whether ``value``, of any type, is a well-formed SID of ``kind``."""
    return isinstance(value, str) and re.match(pattern(kind), value) is not None


_ANY = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}\Z")


def has_shape(value: object) -> bool:
    """Return whether ``value``, of any type, has the shape of a SID of whatever kind."""
    return isinstance(value, str) and _ANY.match(value) is not None


def sid_or_none(value: object, kind: SidKind) -> str | None:
    """Return ``value``, of any type, if it is a well-formed SID of ``kind``, else None."""
    return value if isinstance(value, str) and is_sid(value, kind) else None


def validator(kind: SidKind) -> RegexValidator:
    """Return a Django validator. Its message names the expected prefix."""
    return RegexValidator(
        pattern(kind),
        _("Enter a SID that starts with %(prefix)s, followed by 32 hexadecimal characters.") % {"prefix": kind.value},
        code="invalid_sid",
    )
