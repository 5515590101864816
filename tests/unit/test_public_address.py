"""An address that Twilio cannot call is refused before it is registered, with the remedy."""

import re
from pathlib import Path

import pytest
from django.test import override_settings
from django.urls import get_script_prefix, set_script_prefix

import flex_outbound.webhooks
from flex_outbound.conf import conf
from flex_outbound.models import Account, Source
from flex_outbound.problems import explain_refusal
from flex_outbound.setup.address import callback_url, problem_of_address


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com",
        "https://crm.example.com:8443/crm",
        "https://93.184.216.34",
        "https://[2606:2800:220:1:248:1893:25c8:1946]",
        "https://abc.ngrok-free.app",
    ],
)
def test_a_public_address_will_do(url: str) -> None:
    assert problem_of_address(url, in_sandbox=False) is None


@pytest.mark.parametrize(
    ("url", "what"),
    [
        (None, "not set"),
        ("", "not set"),
        ("http://crm.example.com", "not secure"),
        ("https://localhost:8000", "not public"),
        ("https://127.0.0.1", "not public"),
        ("https://10.1.2.3", "not public"),
        ("https://192.168.0.1", "not public"),
        ("https://172.20.0.1", "not public"),
        ("https://169.254.1.1", "not public"),
        ("https://100.64.0.1", "not public"),
        ("https://[::1]", "not public"),
        ("https://[fd00::1]", "not public"),
        ("https://0.0.0.0", "not public"),
        ("https://crm", "not public"),
        ("https://crm.local", "not public"),
        ("https://crm.internal.", "not public"),
        ("https://app.localhost", "not public"),
    ],
)
def test_what_twilio_cannot_call_says_what_to_do(url: str | None, what: str) -> None:
    problem = problem_of_address(url, in_sandbox=False)
    assert problem is not None
    assert what in problem.summary
    assert problem.remedy


def test_a_sandbox_calls_this_machine_but_not_nothing() -> None:
    assert problem_of_address("http://127.0.0.1:8000", in_sandbox=True) is None
    assert problem_of_address(None, in_sandbox=True) is not None


def test_the_address_is_that_of_the_account_and_the_service() -> None:
    account = Account(pk=7)
    with override_settings(FLEX_OUTBOUND={"PUBLIC_BASE_URL": "https://crm.example.com/crm/"}):
        assert callback_url(account, Source.TASKROUTER) == "https://crm.example.com/crm/flex/webhooks/7/taskrouter/"
    with override_settings(FLEX_OUTBOUND={}):
        assert callback_url(account, Source.TASKROUTER) == ""
    with override_settings(
        FLEX_OUTBOUND={"PUBLIC_BASE_URL": "https://x.example"}, ROOT_URLCONF="django.contrib.auth.urls"
    ):
        assert callback_url(account, Source.TASKROUTER) == ""


def _codes() -> set[str]:
    sources = Path(flex_outbound.webhooks.__file__).parent.glob("*.py")
    return {code for path in sources for code in re.findall(r'code="(\w+)"', path.read_text())}


def test_every_refusal_has_words_and_a_remedy() -> None:
    assert len(_codes()) > 8
    for code in _codes():
        told = explain_refusal(code)
        assert told.summary != code
        assert told.remedy
    assert explain_refusal("something_new").summary == "something_new"


@pytest.mark.parametrize(
    ("base", "prefix", "url"),
    [
        ("https://crm.example.com", "/", "https://crm.example.com/flex/"),
        ("https://crm.example.com/", "/", "https://crm.example.com/flex/"),
        ("https://example.com/crm", "/", "https://example.com/crm/flex/"),
        ("https://example.com/crm", "/crm/", "https://example.com/crm/flex/"),
        ("https://example.com", "/crm/", "https://example.com/crm/flex/"),
        ("https://example.com/mycrm", "/crm/", "https://example.com/mycrm/crm/flex/"),
        ("https://crm", "/crm/", "https://crm/crm/flex/"),
        ("https://example.com/a", "/crm/", "https://example.com/a/crm/flex/"),
    ],
)
def test_a_prefix_that_proxy_and_project_both_have_counts_once(base: str, prefix: str, url: str) -> None:
    before = get_script_prefix()
    set_script_prefix(prefix)
    try:
        with override_settings(FLEX_OUTBOUND={"PUBLIC_BASE_URL": base}):
            assert conf.public_url(f"{prefix}flex/") == url
    finally:
        set_script_prefix(before)
