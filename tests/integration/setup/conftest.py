"""An account of which only the credentials are known, and a sandbox that has all the rest."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from flex_outbound.models import Account, ImportRun
from flex_outbound.sandbox import defaults
from flex_outbound.setup import fetching, runs
from tests.integration.pipeline.conftest import Sandbox, sandbox, sandbox_server

__all__ = ["Sandbox", "sandbox", "sandbox_server"]


@pytest.fixture
def bare(db: None) -> Account:
    """What a manager enters first."""
    return Account.objects.create(
        name="Sandbox",
        account_sid=defaults.ACCOUNT_SID,
        api_key_sid=defaults.API_KEY_SID,
        api_key_secret=defaults.API_KEY_SECRET,
    )


@pytest.fixture
def look(bare: Account, sandbox: Sandbox) -> Callable[[], ImportRun]:
    """Look at the account, here and now."""

    def now() -> ImportRun:
        run = runs.begin(bare)
        fetching.fetch(run.pk)
        return ImportRun.objects.get(pk=run.pk)

    return now


@pytest.fixture
def users(db: None) -> dict[str, Any]:
    """Colleagues who are known in different ways."""
    return {
        "agent": User.objects.create_user("ada", "AGENT@example.com"),
        "bea": User.objects.create_user("bea", "bea.b@elsewhere.example"),
        "carlos": User.objects.create_user("cc", first_name="Carlos", last_name="Cruz"),
        "nobody": User.objects.create_user("nora", "nora@example.com"),
    }
