"""``flex_sync``: the same from the command line."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from flex_outbound.models import Account, Resource, Worker
from flex_outbound.sandbox import defaults
from tests.integration.setup.conftest import Sandbox

pytestmark = pytest.mark.django_db


def sync(*args: str) -> str:
    """Return what the command said."""
    out = io.StringIO()
    call_command("flex_sync", *args, stdout=out, stderr=out)
    return out.getvalue()


def test_without_apply_it_only_shows(bare: Account, sandbox: Sandbox) -> None:
    said = sync()
    assert f"+ task queue: Outbound {defaults.QUEUES['Outbound']}" in said
    assert "31 to change, 0 unchanged" in said
    assert "Nothing was changed" in said
    assert not Resource.objects.exists()


def test_apply_takes_over_and_match_maps(bare: Account, sandbox: Sandbox, users: dict[str, Any]) -> None:
    said = sync("--apply", "--match", "--account", "Sandbox")
    assert "Applied: 31" in said
    assert "Matched: 3; without a user: 2 workers." in said
    assert Worker.objects.count() == 3
    assert Account.objects.get().workspace_sid == defaults.WORKSPACE_SID
    assert "0 to change, 31 unchanged" in sync("--dry-run")


def test_twilio_that_refuses_is_an_error_and_changes_nothing(bare: Account, sandbox: Sandbox) -> None:
    sandbox.fault("status", method="GET", path="/v1/Workspaces$", status=401, code=20003)
    with pytest.raises(CommandError, match=r"does not accept these credentials.*Nothing was changed"):
        sync("--apply")
    assert not Resource.objects.exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--account", "Nobody"], "There is no account 'Nobody'"),
        ([], "Choose an account"),
        (["--match"], "--match changes something"),
    ],
)
def test_it_asks_for_what_it_needs(args: list[str], words: str, bare: Account) -> None:
    Account.objects.create(name="Other", account_sid=defaults.ACCOUNT2_SID, auth_token="x")
    with pytest.raises(CommandError, match=words):
        sync(*args)


def test_without_an_account_it_says_so(db: None) -> None:
    with pytest.raises(CommandError, match="no Twilio account yet"):
        sync()
