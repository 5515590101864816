"""Twilio's words are made fit for any database, and reading them takes no time."""

import json
import time
from typing import Any

import pytest

from flex_outbound.gateway import errors, results
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.directory import TwilioDirectory
from flex_outbound.gateway.words import clean, clean_json

from .conftest import Reply, Wire, connection_to, failure, sid

HALF = "\ud83d"
UNFIT = f"half {HALF} of an emoji, NUL \x00 and a bell \x07"


def is_fit(value: object) -> bool:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text.encode()
    return "\\u0000" not in text and "\x00" not in text


def test_text_is_cleaned_and_cut() -> None:
    assert clean(UNFIT) == "half � of an emoji, NUL � and a bell �"
    assert clean("Zoë 😀 שלום\n👩‍👧") == "Zoë 😀 שלום\n👩‍👧"
    assert len(clean("x" * 10_000)) == 500


def test_json_is_cleaned_whatever_is_in_it() -> None:
    nested: Any = UNFIT
    for _ in range(500):
        nested = [nested]
    value = {UNFIT: [UNFIT, float("nan"), float("-inf"), {"deep": nested}], "n": 1, "t": True, "none": None}
    assert is_fit(clean_json(value))
    assert clean_json(value)["n"] == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
def test_an_error_has_words_that_can_be_stored(wire: Wire, gateway: TwilioGateway, status: int) -> None:
    wire.replies = [Reply(status, {"code": 20001, "message": UNFIT * 100, "status": status})]
    detail = failure(gateway).detail
    assert is_fit(detail)
    assert len(detail) <= 500


@pytest.mark.parametrize("text", ["a" * 1_000_000, "worker " * 200_000, "1 " * 500_000, "a@" * 500_000, "(" * 10**6])
def test_long_words_are_read_in_no_time(text: str) -> None:
    began = time.process_time()
    errors.redact(text)
    errors.read_words(text, None, 400)
    assert time.process_time() - began < 0.5


def test_a_cut_shows_no_part_of_an_address() -> None:
    text = "word " * 399 + "ada@example.com" + " more" * 100
    assert "ada" not in errors.redact(text)


def test_what_an_import_reads_can_be_stored(wire: Wire) -> None:
    directory = TwilioDirectory(connection_to(wire.url))
    record = {
        "sid": sid("HX"),
        "friendly_name": UNFIT,
        "language": UNFIT,
        "variables": {UNFIT: UNFIT, "1": float("nan")},
        "types": {UNFIT: {}},
        "approval_requests": {"status": [UNFIT]},
    }
    wire.replies = [Reply(200, {"contents": [record], "meta": {"key": "contents"}})]
    [found] = directory.content_templates()
    assert is_fit([found.name, found.details])
    directory.close()


def test_a_channel_s_words_can_be_stored() -> None:
    state = results.parse_channel({"status": "failed", "error_code": 45352, "error_message": UNFIT})
    assert is_fit(state.error_message)
