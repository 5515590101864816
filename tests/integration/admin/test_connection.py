"""Test connection in the admin: with what was typed, and with what is stored."""

from typing import Any

import pytest
from django.test import Client

from flex_outbound.models import Account
from flex_outbound.sandbox import defaults
from tests.integration.admin.setting_up import ACCOUNTS, CREDENTIALS, looked, page, text, worker_at_hand
from tests.integration.pages.strict import read
from tests.integration.setup.conftest import Sandbox, bare, sandbox, sandbox_server, users

__all__ = ["Sandbox", "bare", "looked", "sandbox", "sandbox_server", "users", "worker_at_hand"]

pytestmark = pytest.mark.django_db


# --- Test connection ---------------------------------------------------------------------------------------


def test_the_connection_of_a_form_that_is_not_saved_is_tried(admin_client: Client, sandbox: Sandbox) -> None:
    answer = admin_client.post(f"{ACCOUNTS}add/test/", CREDENTIALS, headers={"accept": "application/json"})
    assert answer.json()["ok"] is True
    html = text(admin_client.post(f"{ACCOUNTS}add/test/", CREDENTIALS))
    assert "Connected to Sandbox" in html
    assert "enter them once more" in html
    assert defaults.API_KEY_SECRET not in html
    assert read(html).faults == []
    assert not Account.objects.exists()


def test_a_stored_secret_is_used_where_none_was_typed(admin_client: Client, bare: Account, sandbox: Sandbox) -> None:
    form = CREDENTIALS | {"api_key_secret": ""}
    answer = admin_client.post(page(bare, "test"), form, headers={"accept": "application/json"})
    assert answer.json()["ok"] is True
    wrong = admin_client.post(
        page(bare, "test"), form | {"api_key_secret": "wrong"}, headers={"accept": "application/json"}
    ).json()
    assert (wrong["ok"], wrong["code"]) == (False, 20003)
    assert "does not accept" in text(admin_client.post(page(bare, "test"), form | {"api_key_secret": "wrong"}))
    bare.refresh_from_db()
    assert bare.api_key_secret == defaults.API_KEY_SECRET


def test_an_incomplete_form_asks_nobody(admin_client: Client, sandbox_server: Any, sandbox: Sandbox) -> None:
    form = CREDENTIALS | {"account_sid": "AC1"}
    said = admin_client.post(f"{ACCOUNTS}add/test/", form, headers={"accept": "application/json"}).json()
    assert "not complete" in said["summary"]
    assert not sandbox_server.state.requests


def test_no_transaction_is_open_while_twilio_is_asked(
    admin_client: Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.handlers.base import BaseHandler
    from django.db import connections
    from django.urls import resolve

    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    for url in (f"{ACCOUNTS}add/test/", f"{ACCOUNTS}1/test/", f"{ACCOUNTS}1/import/"):
        view = resolve(url).func
        assert "default" in getattr(view, "_non_atomic_requests", set()), url
        assert BaseHandler().make_view_atomic(view) is view
