"""What can go wrong at Twilio: one closed table, from an error to its reason and kind.

It knows codes, statuses and Twilio's words only. ``classify`` reads them from exceptions; ``problems`` has the texts.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from flex_outbound.gateway.words import clean, readable


class Kind(StrEnum):
    """What an error says about the work that was asked for."""

    REFUSED = "refused"
    NOT_ACCEPTED = "not_accepted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: which Twilio ``codes`` and HTTP ``statuses`` (where no code is known) mean this ``reason``.

    ``admin``: whether only an administrator can fix it.
    """

    reason: str
    kind: Kind
    codes: tuple[int, ...] = ()
    statuses: tuple[int, ...] = ()
    admin: bool = False


_NO, _LATER, _WHO_KNOWS = Kind.REFUSED, Kind.NOT_ACCEPTED, Kind.UNKNOWN

UNKNOWN_ERROR = Rule("unknown_error", _NO)
OUTCOME_UNKNOWN = Rule("outcome_unknown", _WHO_KNOWS, codes=(20500, 20503, 45001, 45005), statuses=(408, 409))
NOT_SET_UP = Rule("not_set_up", _NO, codes=(20003,), statuses=(401, 403), admin=True)
NEVER_SENT = Rule("never_sent", _LATER)

# https://www.twilio.com/docs/api/errors
TABLE: tuple[Rule, ...] = (
    OUTCOME_UNKNOWN,
    NOT_SET_UP,
    NEVER_SENT,
    UNKNOWN_ERROR,
    Rule("setup_outdated", _NO, codes=(20404,), statuses=(404,), admin=True),
    # A failed precondition is by definition not carried out (RFC 9110, section 15.5.13), so it may be sent again.
    Rule("changed", _LATER, statuses=(412,)),
    Rule("conflict", _WHO_KNOWS, codes=(20409, 20162, 50391)),
    # "Never processed": https://www.twilio.com/docs/api/errors/20429
    Rule("busy", _LATER, codes=(20429, 45010, 45780), statuses=(429,)),
    Rule("delayed", _LATER, codes=(63017, 63018)),
    Rule("invalid_request", _NO, codes=(45004, 45008, 45366), statuses=(400,)),
    Rule("channel_failed", _NO, codes=(19025, 45352, 45356, 45361, 45370, 45381, 45770)),
    Rule("already_open", _NO, codes=(50416, 50425, 80102, 45353)),
    Rule("closed", _NO, codes=(45354, 45376, 50377)),
    Rule("already_done", _NO, codes=(50353,)),
    Rule("invalid_address", _NO, codes=(50407, 50408, 50409, 50414, 21211, 21614)),
    Rule("sender_misconfigured", _NO, codes=(50413, 50415, 21606, 63007), admin=True),
    Rule("country_disabled", _NO, codes=(21408,), admin=True),
    Rule("opted_out", _NO, codes=(21610, 63014)),
    Rule("outside_window", _NO, codes=(63016,)),
    Rule("cannot_receive", _NO, codes=(63013, 63015, 63024, 63033)),
    Rule("template", _NO, codes=(63027, 63028, 50528, 21654)),
    Rule("not_delivered", _NO, codes=(30003, 30004, 30005, 30006, 30007, 30008)),
    Rule("webhook_unreachable", _NO, codes=(11200,), admin=True),
    Rule("worker_unavailable", _NO),
)

# The last resort, read only where the code says little. What Twilio answers for an agent who is not available is not
# documented; and a channel that could not be set up may wrap the words of the 50416 that stopped it.
_BINDING = re.compile(r"binding for this participant\b.*\balready exists", re.I | re.S)
_WORKER = re.compile(r"\bworker\b.*\b(not available|unavailable|offline)\b", re.I | re.S)
_VAGUE = frozenset({"invalid_request", "unknown_error", "channel_failed"})

_BY_CODE = {code: rule for rule in TABLE for code in rule.codes}
_BY_STATUS = {status: rule for rule in TABLE for status in rule.statuses}

REASONS = frozenset(rule.reason for rule in TABLE)
"""Every reason that Twilio's errors have."""


def rule_for(code: int | None, http_status: int | None) -> Rule:
    """Return the row for Twilio's ``code`` and the HTTP status, either of which may be None.

    The code says what happened, but the status may overrule it on whether it happened: 429 was never processed, and
    after 408 or 5xx nobody knows. 409 stays unknown too, except with a code that the table knows as a refusal (50416
    comes that way): there the conflict *is* the reason why nothing was done.
    """
    by_code, by_status = _BY_CODE.get(code or 0), _status_rule(http_status)
    if by_code is None:
        return by_status
    if http_status is None or by_code.kind is by_status.kind:
        return by_code
    if http_status == 409:
        return by_code if by_code.kind is Kind.REFUSED else by_status
    overruled = http_status in (408, 429) or not 400 <= http_status < 500
    return by_status if overruled else by_code


def read_words(text: str, code: int | None, http_status: int | None) -> tuple[Rule, str, int | None]:
    """Return the row, the reason and the code of an error, reading Twilio's own words where its code says little."""
    text = readable(text)
    rule = rule_for(code, http_status)
    if code in _BY_CODE and rule.reason not in _VAGUE:
        return rule, rule.reason, code
    told = next((one for one in _codes_in(text) if _tells(one)), None)
    if told is not None and rule_for(told, http_status) is _BY_CODE[told]:
        return _BY_CODE[told], _BY_CODE[told].reason, told
    vague = rule.reason in _VAGUE and _WORKER.search(text)
    return rule, "worker_unavailable" if vague else rule.reason, code


def redact(text: str) -> str:
    """Mask the phone numbers and email addresses in Twilio's words, which go into rows and logs. SIDs stay.

    What is returned can be stored: see ``words.clean``.
    """
    text = readable(text)
    text = re.sub(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+", "…@…", text)
    return clean(re.sub(r"(?<![0-9A-Za-z])\+?\d[\d\s().-]{5,}\d(?![0-9A-Za-z])", "+…", text))


def _codes_in(text: str) -> list[int]:
    return [50416] if _BINDING.search(text) else [int(digits) for digits in re.findall(r"\b\d{5}\b", text)]


def _tells(code: int) -> bool:
    rule = _BY_CODE.get(code)
    return rule is not None and rule.kind is Kind.REFUSED and rule.reason not in _VAGUE


def _status_rule(status: int | None) -> Rule:
    if status is None:
        return UNKNOWN_ERROR
    if status >= 500 or status < 400:
        # A redirect of a POST was answered by who knows what; the work may lie behind it.
        return OUTCOME_UNKNOWN
    return _BY_STATUS.get(status, UNKNOWN_ERROR)
