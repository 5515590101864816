"""What Twilio refuses is said in the agent's words, and what only a manager can mend on the manager's page."""

from collections.abc import Iterator

import pytest

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import Crm, forms_of
from tests.acceptance.flex import Flex
from tests.processes import Person, Stack

WRONG = "0123456789abcdeffedcba9876543210"
SECRETS = (WRONG, defaults.API_KEY_SECRET, defaults.AUTH_TOKEN)


def account_page(stack: Stack) -> str:
    """Return the address of the account's page in the admin."""
    [(pk,)] = stack.query("SELECT id FROM flex_outbound_account WHERE account_sid = %s", defaults.ACCOUNT_SID)
    return f"/admin/flex_outbound/account/{pk}/change/"


def save_account(admin: Crm, path: str, **changes: str) -> None:
    """Change fields of the account as a manager does, on its page."""
    [form] = [form for form in forms_of(admin.page(path)) if "account_sid" in form.fields]
    answer = admin.submit(path, form.fields | changes)
    assert answer.url == f"{admin.url}/admin/flex_outbound/account/", answer.text


@pytest.fixture
def wrong_secret(stack: Stack, admin: Crm) -> Iterator[str]:
    """Save a wrong secret; returns the address of the account's page."""
    path = account_page(stack)
    save_account(admin, path, api_key_secret=WRONG)
    yield path
    save_account(admin, path, api_key_secret=defaults.API_KEY_SECRET)


def test_wrong_credentials_are_the_managers_trouble(
    wrong_secret: str, stack: Stack, agent: Crm, admin: Crm, flex: Flex, contact: Person
) -> None:
    row = agent.follow_to(agent.clicked(contact, "sms", body="Not to be lost"), "failed")

    assert (row["error_reason"], row["error_code"]) == ("not_set_up", 20003)
    assert "not set up" in row["error_message"]
    assert row["message"]["status"] == "failed"
    assert flex.tasks_of(contact) == []
    assert row["error_message"] in agent.page(f"/contacts/{contact.id}/")
    page = admin.page(wrong_secret)
    assert "20003" in page
    seen = page + agent.page(f"/contacts/{contact.id}/") + agent.get(row["status_url"]).text + stack.logs()
    assert [secret for secret in SECRETS if secret in seen] == []

    # Mended by the manager, retried by the agent; the trouble goes away by itself.
    save_account(admin, wrong_secret, api_key_secret=defaults.API_KEY_SECRET)
    again = agent.post(row["retry_url"], {})
    assert again.status_code == 202
    agent.opened(again.json())
    assert "20003" not in admin.page(wrong_secret)


def test_saving_the_account_without_its_secrets_keeps_them(
    stack: Stack, admin: Crm, agent: Crm, contact: Person
) -> None:
    save_account(admin, account_page(stack))

    agent.opened(agent.clicked(contact, "sms"))


def test_an_agent_who_is_offline_in_flex_is_told(agent: Crm, flex: Flex, contact: Person) -> None:
    worker = f"workers/{defaults.WORKERS['agent']}"
    flex.post(worker, {"activity": "Offline"})
    try:
        row = agent.follow_to(agent.clicked(contact, "sms"), "failed")
    finally:
        flex.post(worker, {"activity": "Available"})

    assert (row["error_reason"], row["can_retry"]) == ("worker_unavailable", True)
    assert "not available in Flex" in row["error_message"]
    assert (flex.posts_for(contact), flex.tasks_of(contact)) == (1, [])
    # Back at the desk, the agent sends it again from the same row.
    again = agent.opened(agent.post(row["retry_url"], {}).json())
    assert [task["sid"] for task in flex.tasks_of(contact)] == [again["task_sid"]]


def test_a_customer_who_unsubscribed_is_left_alone(agent: Crm, flex: Flex, contact: Person) -> None:
    flex.misbehave(contact, "opted_out")

    row = agent.follow_to(agent.clicked(contact, "sms"), "failed")

    assert row["error_reason"] == "opted_out"
    assert (flex.posts_for(contact), flex.tasks_of(contact)) == (1, [])


def test_a_channel_that_breaks_after_all_is_shown(agent: Crm, flex: Flex, contact: Person) -> None:
    flex.misbehave(contact, "channel_failed", code=45370)

    row = agent.follow_to(agent.clicked(contact, "sms", body="Hello"), "failed", seconds=15.0)

    assert (row["error_reason"], row["error_code"]) == ("channel_failed", 45370)
    assert row["message"]["status"] == "failed"
    assert row["task_sid"] == flex.tasks_of(contact)[0]["sid"]
