"""What is set wrongly is said at start, with what to change."""

from typing import Any

import pytest
from django.test import override_settings

from flex_outbound import checks

CASES: list[tuple[Any, str]] = [
    ("nonsense", "E001"),
    ({"API_BASEURL": "x"}, "E002"),
    ({"API_BASE_URL": "127.0.0.1:8765"}, "E003"),
    ({"PUBLIC_BASE_URL": "ftp://crm.example.com"}, "E003"),
    ({"LEASE_SECONDS": "long"}, "E004"),
    ({"HTTP_TIMEOUT": 10}, "E004"),
    ({"LEASE_SECONDS": 5}, "E005"),
    ({"SETTLE_SECONDS": 10}, "E005"),
    ({"UNCONFIRMED": "maybe"}, "E006"),
    ({"FLEX_TASK_URL": "https://flex.example.com"}, "E007"),
    ({"RATE_LIMITS": {"clicks": "60/minute"}}, "E012"),
    ({"RATE_LIMITS": {"click": "often"}}, "E012"),
    ({"RATE_LIMITS": "60/minute"}, "E012"),
    ({"RATE_LIMIT_STORAGE": "localhost"}, "E013"),
    ({"MAX_ATTEMPTS": 0}, "E014"),
    ({"MAX_ATTEMPTS": "8"}, "E014"),
    ({"SWEEP_SECONDS": 0}, "E014"),
    ({"DEFAULT_REGION": "Britain"}, "E015"),
]


@pytest.mark.parametrize(("value", "identity"), CASES)
def test_each_wrong_setting_is_named_with_a_hint(value: Any, identity: str) -> None:
    with override_settings(FLEX_OUTBOUND=value):
        found = checks.check_settings(None)
    assert [message.id for message in found] == [f"flex_outbound.{identity}"]
    assert found[0].hint


@override_settings(FLEX_OUTBOUND={})
def test_the_defaults_are_right() -> None:
    assert checks.check_settings(None) == []


@override_settings(SALT_KEY="", FLEX_OUTBOUND={})
def test_secrets_that_cannot_be_encrypted_are_an_error() -> None:
    assert [message.id for message in checks.check_encryption(None)] == ["flex_outbound.E009"]


@override_settings(FLEX_OUTBOUND={"ENCRYPTION_KEYS": ["short"]})
def test_a_malformed_key_is_an_error() -> None:
    assert [message.id for message in checks.check_encryption(None)] == ["flex_outbound.E008"]
