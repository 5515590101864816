"""Consent to text messages, told in bulk. https://www.twilio.com/docs/messaging/features/consent-api

What is told here counts at once: after an opt-out an SMS to the contact is refused, until an opt-in.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flex_outbound.sandbox.errors import TwilioError, bad_request, missing
from flex_outbound.sandbox.flex.checks import E164
from flex_outbound.sandbox.wire import JSON, Call, Reply, json_object, parse_date

MOST = 25
REFUSED = 30646
STATUSES = ("opt-in", "opt-out")
SOURCES = ("website", "offline", "opt-in-message", "opt-out-message", "others")
CORRELATION = re.compile(r"[0-9a-fA-F]{32}\Z")
SERVICE = re.compile(r"MG[0-9a-fA-F]{32}\Z")


def create_consents(call: Call) -> Reply:
    """POST Consents/Bulk: ``Items`` (JSON, repeated, at most 25). Each is taken or refused by itself (30646)."""
    items = [json_object(text, "Items", 20001) for text in call.form.all("Items") if text]
    if not items:
        raise missing("Items")
    if len(items) > MOST:
        raise bad_request(20001, f"Invalid Items: there must be at most {MOST}")
    return Reply({"items": [_take(call, item) for item in items]}, 201)


def _take(call: Call, item: JSON) -> JSON:
    wrong = [f"INVALID_{name.upper()}" for name, fits in _checks(call).items() if not fits(item.get(name))]
    if not wrong:
        change = call.world.opted_out.add if item["status"] == "opt-out" else call.world.opted_out.discard
        change(item["contact_id"])
    return {
        "correlation_id": item.get("correlation_id"),
        "error_code": REFUSED if wrong else 0,
        "error_messages": wrong,
    }


def _checks(call: Call) -> dict[str, Callable[[object], bool]]:
    return {
        "contact_id": lambda value: isinstance(value, str) and E164.match(value) is not None,
        "correlation_id": lambda value: isinstance(value, str) and CORRELATION.match(value) is not None,
        "sender_id": lambda value: (
            isinstance(value, str) and (SERVICE.match(value) is not None or call.world.owns("sms", value))
        ),
        "status": lambda value: value in STATUSES,
        "source": lambda value: value in SOURCES,
        "date_of_consent": _is_date,
    }


def _is_date(value: object) -> bool:
    if value in (None, ""):
        return True
    try:
        return isinstance(value, str) and parse_date(value) is not None
    except TwilioError:
        return False
