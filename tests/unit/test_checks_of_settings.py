"""A setting that is wrong is named at start, with what to change."""

from typing import Any

import pytest
from django.core.checks import ERROR, run_checks
from django.test import override_settings

from flex_outbound.checks import values

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
    ({"DEFAULT_REGION": ["GB"]}, "E015"),
    ({"API_BASE_URL": "http://["}, "E003"),
    ({"API_BASE_URL": b"http://127.0.0.1"}, "E003"),
    ({"PUBLIC_BASE_URL": "https://crm.example.com/#crm"}, "E003"),
    ({"PUBLIC_BASE_URL": "https://crm.example.com:port"}, "E003"),
    ({"PUBLIC_BASE_URL": "https://me:secret@crm.example.com"}, "E003"),
    ({"HTTP_TIMEOUT": None}, "E004"),
    ({"SETTLE_SECONDS": {}}, "E004"),
    ({"LEASE_SECONDS": float("nan")}, "E005"),
    ({"UNCONFIRMED": ["auto"]}, "E006"),
    ({"FLEX_TASK_URL": None}, "E007"),
    ({"FLEX_TASK_URL": "https://flex.example.com/{task_sid}/{other}"}, "E007"),
    ({"FLEX_TASK_URL": "https://flex.example.com/{task_sid}{"}, "E007"),
    ({"RATE_LIMIT_STORAGE": "http://127.0.0.1"}, "E013"),
    ({"RATE_LIMIT_STORAGE": "async+redis://127.0.0.1"}, "E013"),
    ({"RATE_LIMIT_STORAGE": None}, "E013"),
    ({"SWEEP_SECONDS": float("nan")}, "E014"),
    ({"MAX_ATTEMPTS": float("inf")}, "E014"),
    ({"CALLBACK_MAX_AGE": "a day"}, "E014"),
    ({"CALLBACK_MAX_AGE": 0}, "E014"),
    ({"TEMPLATES_MAX_AGE": 5}, "E014"),
    ({"TEMPLATES_MAX_AGE": "often"}, "E014"),
    ({"CELERY_QUEUE": 7}, "E017"),
    ({"METRICS_TOKEN": b"secret"}, "E017"),
    ({"WORKER_CONTEXT": "mycrm.tenants.context"}, "E019"),
    ({"WORKER_CONTEXT": "nowhere"}, "E019"),
    ({"WORKER_CONTEXT": "flex_outbound.conf.DEFAULTS"}, "E019"),
    ({"WORKER_CONTEXT": 7}, "E019"),
    ({"MESSAGE_TEXT": "keep"}, "E022"),
    ({"MESSAGE_TEXT": None}, "E022"),
    ({"MESSAGE_TEXT": ["store"]}, "E022"),
    ({"RETENTION": 0.5}, "E023"),
    ({"RETENTION": "365"}, "E023"),
    ({"RETENTION": True}, "E023"),
    ({"RETENTION": float("inf")}, "E023"),
    ({"REFUSE_PLACEHOLDERS": "no"}, "E031"),
    ({"REFUSE_PLACEHOLDERS": None}, "E031"),
    ({"STOP_WORDS": "STOPP"}, "E024"),
    ({"STOP_WORDS": None}, "E024"),
    ({"START_WORDS": ["please write again"]}, "E024"),
    ({"START_WORDS": [""]}, "E024"),
    ({"PRESENCE_OF_WRITERS": "no"}, "E029"),
    ({"WHATSAPP_WINDOW": "allow"}, "E024"),
    ({"WHATSAPP_WINDOW": None}, "E024"),
    ({"OUTCOMES": "Solved"}, "E034"),
    ({"OUTCOMES": None}, "E034"),
    ({"OUTCOMES": ["Solved", ""]}, "E034"),
    ({"OUTCOMES": ["Solved", 7]}, "E034"),
    ({"OUTCOMES": ["Solved", "Solved"]}, "E034"),
    ({"OUTCOMES": ["x" * 101]}, "E034"),
    ({"TASK_ATTRIBUTES_ALLOWED": "ticket"}, "E035"),
    ({"TASK_ATTRIBUTES_ALLOWED": None}, "E035"),
    ({"TASK_ATTRIBUTES_ALLOWED": [7]}, "E035"),
    ({"TASK_ATTRIBUTES_ALLOWED": ["ticket..number"]}, "E035"),
    ({"TASK_ATTRIBUTES_ALLOWED": ["flexOutboundKey"]}, "E035"),
    ({"TASK_ATTRIBUTES_ALLOWED": ["conversations"]}, "E035"),
    ({"TASK_ATTRIBUTES_ALLOWED": ["conversations.media"]}, "E035"),
    ({"TASK_ATTRIBUTES_ALLOWED": ["outcome"]}, "E035"),
]
RIGHT: list[dict[str, Any]] = [
    {"PUBLIC_BASE_URL": "https://crm.example.com/crm/", "API_BASE_URL": "http://[::1]:8765"},
    {"HTTP_TIMEOUT": [1, 2], "LEASE_SECONDS": "30", "SETTLE_SECONDS": 30.5},
    {"RATE_LIMITS": {"click": None}, "RATE_LIMIT_STORAGE": "redis://127.0.0.1:6379/1"},
    {"TEMPLATES_MAX_AGE": None},
    {"CALLBACK_MAX_AGE": None, "CELERY_QUEUE": "flex", "METRICS_TOKEN": "secret"},
    {"WORKER_CONTEXT": "contextlib.nullcontext"},
    {"WORKER_CONTEXT": None},
    {"REFUSE_PLACEHOLDERS": False},
    {"MESSAGE_TEXT": "fetch", "RETENTION": 365.5},
    {"MESSAGE_TEXT": "none", "RETENTION": None},
    {"OUTCOMES": ("Solved", "Call back"), "TASK_ATTRIBUTES_ALLOWED": ["ticket", "conversations.outcome", "a.b.c"]},
    {"STOP_WORDS": ["STOPP", "Baja", "opt out"], "START_WORDS": ("ALTA",), "WHATSAPP_WINDOW": "refuse"},
]


@pytest.mark.parametrize(("value", "identity"), CASES)
def test_each_wrong_setting_is_named_with_a_hint(value: Any, identity: str) -> None:
    with override_settings(FLEX_OUTBOUND=value):
        found = values.check_settings(None)
    assert [message.id for message in found] == [f"flex_outbound.{identity}"]
    assert found[0].hint


@pytest.mark.parametrize("value", RIGHT)
def test_what_is_right_is_left_alone(value: dict[str, Any]) -> None:
    with override_settings(FLEX_OUTBOUND=value):
        assert values.check_settings(None) == []


@pytest.mark.parametrize("value", [None, "nonsense", 7, [], *(value for value, _id in CASES)])
def test_no_check_trips_over_what_another_one_names(value: Any) -> None:
    with override_settings(FLEX_OUTBOUND=value, DEBUG=False):
        found = run_checks(tags=["flex_outbound"], include_deployment_checks=True)
    assert [message for message in found if message.level >= ERROR]
    assert all(message.hint for message in found)


def test_a_secret_in_an_address_is_not_repeated() -> None:
    with override_settings(FLEX_OUTBOUND={"RATE_LIMIT_STORAGE": "redsi://:secret@127.0.0.1"}):
        assert "secret" not in str(values.check_settings(None))


def test_a_storage_whose_package_is_missing_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "find_spec", lambda name: None)
    for scheme, package in (("redis", "redis"), ("valkey", "valkey"), ("memcached", "pymemcache")):
        with override_settings(FLEX_OUTBOUND={"RATE_LIMIT_STORAGE": f"{scheme}://127.0.0.1"}):
            (message,) = values.check_settings(None)
        assert message.id == "flex_outbound.E013"
        assert message.hint is not None
        assert f"pip install {package}" in message.hint


@override_settings(FLEX_OUTBOUND={})
def test_the_defaults_are_right() -> None:
    assert values.check_settings(None) == []


@override_settings(FLEX_OUTBOUND={"ENCRYPTION_KEYS": ["short"]})
def test_a_malformed_key_is_an_error() -> None:
    assert [message.id for message in values.check_encryption(None)] == ["flex_outbound.E008"]
