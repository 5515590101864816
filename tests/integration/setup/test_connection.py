"""*Test connection*: what Twilio said, in plain words."""

from typing import Any

import pytest

from flex_outbound.models import Account
from flex_outbound.sandbox import defaults
from flex_outbound.setup.connection import try_connection
from tests.integration.setup.conftest import Sandbox


def account(**changes: str) -> Account:
    """Return an account that is not saved."""
    values = {
        "name": "New",
        "account_sid": defaults.ACCOUNT_SID,
        "api_key_sid": defaults.API_KEY_SID,
        "api_key_secret": defaults.API_KEY_SECRET,
    }
    return Account(**(values | changes))


def test_a_new_account_is_told_of_its_workspaces(sandbox: Sandbox) -> None:
    tested = try_connection(account())
    assert tested.problem is None
    assert tested.words == (
        "Connected to Sandbox. Save, then import from Twilio to choose the workspace: Flex Task Assignment."
    )


def test_a_chosen_workspace_is_named(sandbox: Sandbox) -> None:
    words = try_connection(account(workspace_sid=defaults.WORKSPACE_SID)).words
    assert words == "Connected to Sandbox, workspace Flex Task Assignment."


def test_a_key_that_may_not_read_the_account_itself_will_do(sandbox: Sandbox) -> None:
    sandbox.fault("status", method="GET", path=r"/2010-04-01/Accounts/AC\w+.json$", status=401, code=20003)
    tested = try_connection(account(workspace_sid=defaults.WORKSPACE_SID))
    assert tested.words == "Connected to the account, workspace Flex Task Assignment."


@pytest.mark.parametrize(
    ("changes", "what", "todo"),
    [
        ({"api_key_secret": "wrong"}, "does not accept these credentials", "Compare the account SID"),
        ({"api_key_secret": "wröng"}, "cannot be used", "no usable credentials"),
        ({"api_key_sid": "", "api_key_secret": ""}, "cannot be used", "Enter one of them"),
        ({"workspace_sid": defaults.ACCOUNT2_WORKSPACE_SID}, "is not in this account", "Import from Twilio"),
        ({"account_sid": defaults.ACCOUNT2_SID}, f"another account: {defaults.ACCOUNT_SID}", "within the account"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(changes: Any, what: str, todo: str, sandbox: Sandbox) -> None:
    problem = try_connection(account(**changes)).problem
    assert problem is not None
    assert what in problem.summary
    assert todo in problem.remedy


def test_a_key_without_rights_is_told_so(sandbox: Sandbox) -> None:
    sandbox.fault("status", method="GET", path="/v1/Workspaces$", status=403, code=20403, message="Forbidden")
    problem = try_connection(account()).problem
    assert problem is not None
    assert (problem.code, problem.detail) == (20403, "Forbidden")
    assert problem.url.endswith("/20403")
    assert "Give the API key the right" in problem.remedy


def test_a_twilio_that_does_not_answer_is_given_up_in_time(sandbox: Sandbox, settings: Any) -> None:
    settings.FLEX_OUTBOUND |= {"HTTP_TIMEOUT": (0.2, 0.2)}
    sandbox.fault("delay", method="GET", path="/v1/Workspaces$", ms=1500)
    problem = try_connection(account()).problem
    assert problem is not None
    assert problem.summary == "Twilio did not answer in time."


def test_a_twilio_that_is_not_there_is_told_from_one_that_is_slow(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"API_BASE_URL": "http://127.0.0.1:9"}
    problem = try_connection(account()).problem
    assert problem is not None
    assert (problem.summary, problem.detail) == ("Twilio could not be reached.", "")
