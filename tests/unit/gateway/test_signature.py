import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.http import QueryDict
from twilio.request_validator import RequestValidator

from flex_outbound.gateway import signature as signatures
from flex_outbound.gateway.signature import SHA1, SHA256, is_valid, read_settings

# https://www.twilio.com/docs/usage/security#test-the-validity-of-your-webhook-signature
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
SIGNATURE_256 = "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s="
BODY = b'{"EventType": "onInteractionCreated", "name": "Zo\xc3\xab \xff"}'


def signed(url: str, params: Any = None, token: str = "12345") -> str:
    return str(RequestValidator(token).compute_signature(url, params or {}))


def json_url(body: bytes = BODY) -> str:
    return f"https://crm.example.com/hook/?bodySHA256={hashlib.sha256(body).hexdigest()}"


def test_twilios_own_example_is_valid() -> None:
    assert is_valid(["12345"], URL, FORM, SIGNATURE)


@pytest.mark.parametrize("signature", [None, "", "x", SIGNATURE.lower(), SIGNATURE + "=", "é", "\ud800"])
def test_any_other_signature_is_not(signature: str | None) -> None:
    assert not is_valid(["12345"], URL, FORM, signature)


@pytest.mark.parametrize("form", [{}, FORM | {"Digits": "1235"}, FORM | {"More": "1"}, FORM | {"Bad": "\ud800"}])
def test_a_changed_form_is_not_valid(form: Mapping[str, object]) -> None:
    assert not is_valid(["12345"], URL, form, SIGNATURE)


@pytest.mark.parametrize("tokens", [[], [""], ["", "wrong"]])
def test_without_the_right_token_nothing_is_valid(tokens: list[str]) -> None:
    assert not is_valid(tokens, URL, FORM, SIGNATURE)
    assert not is_valid(tokens, URL, FORM, signed(URL, FORM, ""))


@pytest.mark.parametrize("tokens", [["new", "12345"], ["12345", "new"]])
def test_two_tokens_are_valid_at_once_while_they_are_rotated(tokens: list[str]) -> None:
    assert is_valid(tokens, URL, FORM, SIGNATURE)


@pytest.mark.parametrize("url", ["https://crm.example.com/hook/", "https://crm.example.com:443/hook/"])
def test_twilio_may_sign_with_or_without_the_port(url: str) -> None:
    assert is_valid(["12345"], "https://crm.example.com/hook/", FORM, signed(url, FORM))


def test_repeated_fields_are_signed_with_all_their_values() -> None:
    form = QueryDict("Event=b&Event=a&To=%2B1")
    signature = signed(URL, form)
    assert is_valid(["12345"], URL, form, signature)
    assert is_valid(["12345"], URL, {"Event": ["a", "b"], "To": "+1"}, signature)
    assert not is_valid(["12345"], URL, QueryDict("Event=b&To=%2B1"), signature)


def test_json_is_valid_by_its_hash_in_the_url() -> None:
    assert is_valid(["12345"], json_url(), BODY, signed(json_url()))


def test_changed_json_is_not_valid() -> None:
    assert not is_valid(["12345"], json_url(), BODY + b" ", signed(json_url()))


def test_json_without_a_hash_is_refused_even_if_the_url_is_signed() -> None:
    url = "https://crm.example.com/hook/"
    assert not is_valid(["12345"], url, json.dumps({}).encode(), signed(url))
    assert not is_valid(["12345"], url, b"", signed(url))


def test_two_hashes_are_refused() -> None:
    url = f"{json_url()}&bodySHA256={'0' * 64}"
    assert not is_valid(["12345"], url, BODY, signed(url))


def test_an_address_without_sense_is_not_valid() -> None:
    assert not is_valid(["12345"], "https://crm.example.com:port/", FORM, SIGNATURE)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_shared_key_signs_with_sha256(is_known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older versions of the SDK do not know it."""
    monkeypatch.setattr(signatures, "_KNOWS_SHA256", is_known)
    assert is_valid(["12345"], URL, FORM, SIGNATURE_256, SHA256)
    assert not is_valid(["12345"], URL, FORM, SIGNATURE_256, SHA1)
    assert not is_valid(["12345"], URL, FORM, SIGNATURE, SHA256)
    assert not is_valid(["12345"], URL, FORM | {"Digits": "1235"}, SIGNATURE_256, SHA256)
    repeated = QueryDict("Event=b&Event=a&Event=b&To=%2B1")
    signature = RequestValidator("12345").compute_signature(URL, repeated, SHA256)
    assert is_valid(["12345"], URL, {"Event": ["b", "a", "b"], "To": "+1"}, signature, SHA256)


@pytest.mark.parametrize("algorithm", ["HMAC_MD5", "", "none", "HMAC_SHA512"])
def test_another_algorithm_signs_nothing(algorithm: str) -> None:
    assert not is_valid(["12345"], URL, FORM, SIGNATURE_256, algorithm)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (SHA1, "")),
        ("", (SHA1, "")),
        ("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256", (SHA256, "webhooks_sharedkey_1")),
        (" algorithm = hmac_sha256 , key = k ", (SHA256, "k")),
        ("key=k", (SHA1, "k")),
        ("algorithm=HMAC_SHA512,key=k", ("HMAC_SHA512", "k")),
        (",,=,x", (SHA1, "")),
    ],
)
def test_the_settings_of_a_signature_are_read(header: str | None, expected: tuple[str, str]) -> None:
    assert read_settings(header) == expected
