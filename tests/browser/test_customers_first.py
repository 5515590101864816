"""The table of customers who write first on the page of callbacks: without JavaScript, and for everybody."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flex_outbound.channels import Channel
from flex_outbound.models import Sender
from flex_outbound.sandbox import defaults
from tests.browser.conftest import NewPage
from tests.browser.test_accessible import trouble
from tests.integration.setup.conftest import Sandbox, sandbox, sandbox_server
from tests.integration.setup.test_inbound import PUBLIC, STUDIO, Others

__all__ = ["Sandbox", "sandbox", "sandbox_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


@pytest.fixture
def others(sandbox: Sandbox, settings: Any) -> Iterator[Others]:
    """Somebody else's Studio flow answers customers at our number."""
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"PUBLIC_BASE_URL": PUBLIC}
    made = Others(sandbox.url)
    made.configure(**STUDIO)
    yield made
    made.http.close()


@pytest.fixture
def sender(senders: dict[Channel, Sender], agent: Any) -> Sender:
    type(agent).objects.filter(pk=agent.pk).update(is_staff=True, is_superuser=True)
    return senders[Channel.SMS]


def opened(page: Page, sender: Sender) -> Page:
    page.goto(f"/admin/flex_outbound/account/{sender.account_id}/callbacks/")
    return page


def test_a_number_is_switched_on_taken_over_and_given_back(new_page: NewPage, sender: Sender, others: Others) -> None:
    page = opened(new_page(java_script_enabled=False), sender)
    row = page.get_by_role("row").filter(has_text=sender.display_name)
    expect(row).to_contain_text(f"Studio flow {STUDIO['StudioFlowSid']}")

    row.get_by_role("button", name="Replace…").click()
    expect(page.get_by_role("alert")).to_contain_text(STUDIO["StudioFlowSid"])
    page.get_by_role("link", name="Leave it").click()
    expect(row).to_contain_text("Somebody else answers")
    row.get_by_role("button", name="Replace…").click()
    page.get_by_role("button", name="Replace").click()
    expect(row).to_contain_text("This site.")
    assert others.shown(defaults.SMS_SENDER)["auto_creation"]["type"] == "webhook"

    row.get_by_role("button", name="Give back").click()
    expect(row).to_contain_text("Somebody else answers")
    assert others.shown(defaults.SMS_SENDER)["auto_creation"]["studio_flow_sid"] == STUDIO["StudioFlowSid"]


def test_nobody_is_shut_out(new_page: NewPage, sender: Sender, others: Others) -> None:
    page = opened(new_page(reduced_motion="reduce", bypass_csp=True), sender)
    found = trouble(page, "table")
    page.get_by_role("button", name="Replace…").click()
    found += trouble(page, "taking over")
    page.get_by_role("button", name="Replace").click()
    expect(page.get_by_text("answered by this site now")).to_be_visible()
    found += trouble(page, "switched on")
    assert not found, "\n".join(found)
