"""*Close it and start anew*: one click, unless the agent has changed their mind meanwhile."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from crm_demo.models import Contact
from flex_outbound.models import Interaction
from tests.browser.conftest import NewPage
from tests.browser.test_open_conversations import contact as contact
from tests.browser.test_open_conversations import panel, twilio  # noqa: F401
from tests.integration.pipeline.conftest import Sandbox, run_due, sandbox, sandbox_server  # noqa: F401
from tests.integration.pipeline.elsewhere import Twilio

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]


def test_what_was_changed_while_the_old_one_closed_is_not_sent_by_itself(
    new_page: NewPage,
    agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    twilio: Twilio,  # noqa: F811
) -> None:
    twilio.begin()
    page = new_page()
    page.goto(contact.get_absolute_url())
    composer = page.get_by_test_id("flex-composer").first
    composer.locator("summary").click()
    body = page.get_by_test_id("flex-body").first
    body.fill("Hello")
    page.wait_for_timeout(600)
    run_due()
    composer.get_by_role("button", name="Close it and start anew").click(timeout=20_000)
    expect(panel(page)).to_contain_text("It is being closed.")
    body.fill("Hello, and")
    run_due()
    expect(page.get_by_text("Press the button to begin anew.")).to_be_visible(timeout=20_000)
    expect(body).to_have_value("Hello, and")
    assert not Interaction.objects.exists()
    composer.get_by_test_id("flex-send").click()
    expect(page.get_by_test_id("flex-status").first).to_have_text("SMS: Waiting to be sent")
