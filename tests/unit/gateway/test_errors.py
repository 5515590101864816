"""Every row of the table, and every way a request can end, fed with the real SDK's exceptions."""

from typing import Any

import pytest

from flex_outbound import problems
from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import errors
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.errors import Kind

from .conftest import Reply, Wire, failure, sid

CLASSES = {Kind.REFUSED: Refused, Kind.NOT_ACCEPTED: NotAccepted, Kind.UNKNOWN: OutcomeUnknown}
BINDING = f"A binding for this participant and proxy address already exists in Conversation {sid('CH')}"

# The table of Twilio's codes, written out once more by hand.
EXPECTED: dict[str, tuple[int, ...]] = {
    "not_set_up": (20003,),
    "setup_outdated": (20404,),
    "conflict": (20409, 20162, 50391),
    "busy": (20429, 45010, 45780),
    "outcome_unknown": (20500, 20503, 45001, 45005),
    "invalid_request": (45004, 45008, 45366),
    "channel_failed": (19025, 45352, 45356, 45361, 45370, 45381, 45770),
    "already_open": (45353, 50416, 50425, 80102),
    "closed": (45354, 45376, 50377),
    "already_done": (50353,),
    "invalid_address": (50407, 50408, 50409, 50414, 21211, 21614),
    "sender_misconfigured": (50413, 50415, 21606, 63007),
    "country_disabled": (21408,),
    "opted_out": (21610, 63014),
    "outside_window": (63016,),
    "cannot_receive": (63013, 63015, 63024, 63033),
    "delayed": (63017, 63018),
    "template": (63027, 63028, 50528, 21654),
    "not_delivered": (30003, 30004, 30005, 30006, 30007, 30008),
    "webhook_unreachable": (11200,),
}
ROWS = [(code, reason) for reason, codes in EXPECTED.items() for code in codes]
KINDS = {
    "conflict": Kind.UNKNOWN,
    "outcome_unknown": Kind.UNKNOWN,
    "busy": Kind.NOT_ACCEPTED,
    "delayed": Kind.NOT_ACCEPTED,
}
ADMIN = {"not_set_up", "setup_outdated", "sender_misconfigured", "country_disabled", "webhook_unreachable"}


def error_body(code: int | None, message: str = "no", status: int = 400) -> dict[str, Any]:
    body: dict[str, Any] = {"message": message, "more_info": "https://www.twilio.com/docs", "status": status}
    return body | ({"code": code} if code is not None else {})


@pytest.mark.parametrize(("code", "reason"), ROWS)
def test_every_code_means_its_reason(wire: Wire, gateway: TwilioGateway, code: int, reason: str) -> None:
    wire.replies = [Reply(400, error_body(code))]
    error = failure(gateway)
    assert (error.code, error.reason, error.http_status) == (code, reason, 400)
    assert type(error) is CLASSES[KINDS.get(reason, Kind.REFUSED)]
    assert errors.rule_for(code, 400).admin is (reason in ADMIN)


def test_no_code_stands_in_the_table_that_is_not_expected_here() -> None:
    assert {code for rule in errors.TABLE for code in rule.codes} == {code for code, _reason in ROWS}
    assert len(errors.REASONS) == len(errors.TABLE), "a reason has one row"


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (302, Kind.UNKNOWN, "outcome_unknown"),
        (400, Kind.REFUSED, "invalid_request"),
        (401, Kind.REFUSED, "not_set_up"),
        (403, Kind.REFUSED, "not_set_up"),
        (404, Kind.REFUSED, "setup_outdated"),
        (405, Kind.REFUSED, "unknown_error"),
        (408, Kind.UNKNOWN, "outcome_unknown"),
        (409, Kind.UNKNOWN, "outcome_unknown"),
        (412, Kind.NOT_ACCEPTED, "changed"),
        (418, Kind.REFUSED, "unknown_error"),
        (429, Kind.NOT_ACCEPTED, "busy"),
        (500, Kind.UNKNOWN, "outcome_unknown"),
        (503, Kind.UNKNOWN, "outcome_unknown"),
        (599, Kind.UNKNOWN, "outcome_unknown"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>gateway</html>", b"[1]", error_body(None), error_body(99999)])
def test_a_status_without_a_known_code(
    wire: Wire, gateway: TwilioGateway, status: int, kind: Kind, reason: str, body: Any
) -> None:
    wire.replies = [Reply(status, body)]
    error = failure(gateway)
    assert type(error) is CLASSES[kind]
    assert (error.reason, error.http_status) == (reason, status)
    assert error.code == (99999 if isinstance(body, dict) and "code" in body else None)


@pytest.mark.parametrize(
    ("code", "status", "kind", "reason"),
    [
        (50416, 409, Kind.REFUSED, "already_open"),
        (20409, 409, Kind.UNKNOWN, "conflict"),
        (20429, 409, Kind.UNKNOWN, "outcome_unknown"),
        (45004, 500, Kind.UNKNOWN, "outcome_unknown"),
        (45004, 408, Kind.UNKNOWN, "outcome_unknown"),
        (20429, 503, Kind.UNKNOWN, "outcome_unknown"),
        (20500, 500, Kind.UNKNOWN, "outcome_unknown"),
        (20500, 429, Kind.NOT_ACCEPTED, "busy"),
        (45010, 429, Kind.NOT_ACCEPTED, "busy"),
        (20003, 401, Kind.REFUSED, "not_set_up"),
        (20003, 403, Kind.REFUSED, "not_set_up"),
        (20404, 404, Kind.REFUSED, "setup_outdated"),
        (20412, 412, Kind.NOT_ACCEPTED, "changed"),
    ],
)
def test_the_status_may_overrule_the_code(
    wire: Wire, gateway: TwilioGateway, code: int, status: int, kind: Kind, reason: str
) -> None:
    wire.replies = [Reply(status, error_body(code))]
    error = failure(gateway)
    assert (type(error), error.reason, error.code) == (CLASSES[kind], reason, code)


def test_an_open_conversation_is_refused_and_named(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(409, error_body(50416, BINDING))]
    error = failure(gateway)
    assert isinstance(error, Refused)
    assert sid("CH") in error.detail


@pytest.mark.parametrize(
    ("status", "code", "message", "reason", "told"),
    [
        (400, 45352, f"Channel setup failed: {BINDING}", "already_open", 50416),
        (409, None, BINDING, "already_open", 50416),
        (400, None, "Error 21610: the recipient has unsubscribed", "opted_out", 21610),
        (400, 45004, f"Worker {sid('WK')} is not available", "worker_unavailable", 45004),
        (400, 45004, "error 45004 about 20500", "invalid_request", 45004),
        (404, 20404, "worker offline", "setup_outdated", 20404),
        (500, None, BINDING, "outcome_unknown", None),
        (429, None, BINDING, "busy", None),
    ],
)
def test_words_are_read_only_where_the_code_says_little(
    wire: Wire, gateway: TwilioGateway, status: int, code: int | None, message: str, reason: str, told: int | None
) -> None:
    wire.replies = [Reply(status, error_body(code, message))]
    error = failure(gateway)
    assert (error.reason, error.code) == (reason, told)


@pytest.mark.parametrize(("status", "kind"), [(400, Kind.REFUSED), (500, Kind.UNKNOWN), (429, Kind.NOT_ACCEPTED)])
def test_a_problem_document_is_read_by_the_status_of_the_wire(
    wire: Wire, gateway: TwilioGateway, status: int, kind: Kind
) -> None:
    problem = {"type": "https://x", "title": "Bad", "status": "999", "code": "21610", "detail": "unsubscribed"}
    wire.replies = [Reply(status, problem, {"Retry-After": "3"})]
    error = failure(gateway)
    assert type(error) is CLASSES[kind]
    assert error.http_status == status
    if isinstance(error, Refused):
        assert (error.code, error.reason, error.detail) == (21610, "opted_out", "Bad: unsubscribed")


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 1e8, 1e11),
    ],
)
def test_too_many_requests_says_when_to_come_again(
    wire: Wire, gateway: TwilioGateway, header: str, low: float, high: float
) -> None:
    wire.replies = [Reply(429, error_body(20429, status=429), {"Retry-After": header})]
    error = failure(gateway)
    assert isinstance(error, NotAccepted)
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


@pytest.mark.parametrize("header", ["", "soon", "-1", "nan", "inf", "Wed, 99 Oct"])
def test_an_unreadable_retry_after_is_none(wire: Wire, gateway: TwilioGateway, header: str) -> None:
    wire.replies = [Reply(429, error_body(20429), {"Retry-After": header})]
    error = failure(gateway)
    assert isinstance(error, NotAccepted)
    assert error.retry_after is None


def test_retry_after_is_never_that_of_an_earlier_answer(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(429, error_body(20429), {"Retry-After": "7"}), Reply(429, error_body(20429))]
    failure(gateway)
    error = failure(gateway)
    assert isinstance(error, NotAccepted)
    assert error.retry_after is None


@pytest.mark.parametrize("reason", sorted(errors.REASONS))
def test_every_reason_has_words_and_a_short_name(reason: str) -> None:
    assert len(reason) <= 40
    assert reason.replace("_", "").isalpha()
    assert problems.agent_message(reason).endswith(".")
    assert "%" not in problems.agent_message(reason)


def test_an_unheard_of_reason_has_words_too() -> None:
    assert problems.agent_message("from_a_newer_version") == problems.agent_message("unknown_error")


def test_a_channels_own_error_code_needs_no_status() -> None:
    assert errors.rule_for(45352, None).reason == "channel_failed"
    assert errors.rule_for(12345, None).reason == "unknown_error"
    assert errors.rule_for(None, None).reason == "unknown_error"


@pytest.mark.parametrize(
    "words",
    ["The 'To' number +14155550123 is not valid", "whatsapp:+14155550123", "(415) 555-0123", "ada@example.com bounced",
     "4155550123", "<ada.l+x@mail.example.co.uk>"],
)  # fmt: skip
def test_twilios_words_are_kept_without_the_customer(wire: Wire, gateway: TwilioGateway, words: str) -> None:
    wire.replies = [Reply(400, error_body(21211, f"{words}; see {sid('WT', '1')}, error 21211"))]
    error = failure(gateway)
    assert sid("WT", "1") in error.detail
    assert "21211" in error.detail
    assert "555" not in error.detail
    assert "@example" not in error.detail
    assert "@mail" not in error.detail
