"""From an empty database to the first conversation, in a browser: a manager sets up, an agent clicks.

Nothing but users and the CRM's own contact is there beforehand; no SID is typed but the account's own.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from crm_demo.models import Contact
from flex_outbound.models import Account, ImportRun, Interaction, Sender, Worker
from flex_outbound.outbox import jobs
from flex_outbound.reports import rollup
from flex_outbound.sandbox import defaults
from flex_outbound.setup import fetching
from flex_outbound.statuses import Status
from tests.integration.pipeline.conftest import run_due
from tests.integration.setup.conftest import Sandbox, sandbox, sandbox_server

__all__ = ["Sandbox", "sandbox", "sandbox_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

NewPage = Callable[..., Page]
Shoot = Callable[[Page, str], None]
SEEN_BY_NOBODY = "http://127.0.0.1:9"
"""Where callbacks go: what Flex does is asked for here, so that the test says when."""
NEXT_LOOK_MS = 15_000
"""Once Flex has the conversation, the page asks every few seconds only."""


@pytest.fixture
def agent(db: None) -> User:
    """Whoever signs in first is a manager with all rights."""
    return User.objects.create_superuser("mona", "mona@example.com", "mona")


@pytest.fixture
def ada(db: None) -> User:
    """A colleague who is nothing in Flex yet, as far as this site knows."""
    return User.objects.create_user("ada", "agent@example.com", first_name="Ada", last_name="Agent")


@pytest.fixture(autouse=True)
def no_worker(sandbox: Sandbox, settings: Any) -> Iterator[None]:
    """Leave every job to the test."""
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"PUBLIC_BASE_URL": SEEN_BY_NOBODY}
    before = jobs.connect(lambda job, row_id, delay: None)
    yield
    jobs.connect(before)


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """The manager's."""
    return new_page(viewport={"width": 1280, "height": 1100})


def enter_the_account(page: Page) -> None:
    page.goto("/admin/flex_outbound/account/add/")
    page.fill("#id_name", "Our account")
    page.fill("#id_account_sid", defaults.ACCOUNT_SID)
    page.fill("#id_api_key_sid", defaults.API_KEY_SID)
    page.fill("#id_api_key_secret", defaults.API_KEY_SECRET)
    page.fill("#id_auth_token", defaults.AUTH_TOKEN)
    page.click("text=Test connection")
    expect(page.locator("[data-flex-test-answer]")).to_contain_text("Connected to Sandbox.")
    page.click("input[name=_save]")


def take_over_what_twilio_has(page: Page, shoot: Shoot) -> None:
    page.click('input[value="Fetch from Twilio"]')
    expect(page.locator("h2", has_text="Waiting for a Celery worker")).to_be_visible()
    fetching.fetch(ImportRun.objects.get().pk)
    expect(page.locator("h2", has_text="31 changes")).to_be_visible()
    row = page.locator(".flex-sender", has_text=defaults.SMS_SENDER)
    row.locator("input[type=checkbox]").check()
    row.locator("select").select_option(label="Outbound")
    shoot(page, "first-import")
    page.click('input[value="Import selected"]')
    expect(page.locator("text=Last import:")).to_be_visible()


def make_ada_an_agent(page: Page, ada: User) -> None:
    page.get_by_role("link", name="say which user is which worker").click()
    page.click("text=Accept selected")
    expect(page.locator("text=1 worker matched.")).to_be_visible()
    page.goto(f"/admin/auth/user/{ada.pk}/change/")
    # What the button between the two lists is called differs between versions of Django; this does not.
    page.locator("#id_groups_from option", has_text="Flex agents").dblclick()
    page.click("input[name=_save]")
    page.wait_for_url("**/auth/user/")


def register_callbacks(page: Page) -> None:
    page.goto(f"/admin/flex_outbound/account/{Account.objects.get().pk}/callbacks/")
    for left in (2, 1, 0):
        page.get_by_role("button", name="Register").first.click()
        expect(page.get_by_role("button", name="Register")).to_have_count(left)
    expect(page.locator(".flex-badge--good")).to_have_count(3)


def send_a_test(page: Page, sandbox: Sandbox) -> None:
    page.goto(f"/admin/flex_outbound/sender/{Sender.objects.get().pk}/change/")
    page.click("text=Send a test")
    page.get_by_label("Phone number").fill("+14155550199")
    page.get_by_role("button", name="Open the task and send").click()
    expect(page.get_by_text("The test is on its way.")).to_be_visible()
    run_due()
    expect(page.get_by_test_id("flex-timeline-row")).to_contain_text("Opened in Flex")
    assert len(sandbox.interactions) == 1


def sign_in(page: Page, user: User, live_server: LiveServer) -> None:
    # A browser of its own: in the manager's it would sign the manager out.
    client = Client()
    client.force_login(user)
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])


def test_from_an_empty_database_to_the_first_interaction(
    page: Page, new_page: NewPage, sandbox: Sandbox, ada: User, live_server: LiveServer, shoot: Shoot
) -> None:
    enter_the_account(page)
    take_over_what_twilio_has(page, shoot)
    make_ada_an_agent(page, ada)
    register_callbacks(page)
    send_a_test(page, sandbox)

    contact = Contact.objects.create(full_name="Grace Hopper", mobile="+14155550123", country="US")
    at_work = new_page()
    sign_in(at_work, ada, live_server)
    at_work.goto(contact.get_absolute_url())
    at_work.get_by_test_id("flex-sms").click()
    expect(at_work.get_by_test_id("flex-status")).to_contain_text("Waiting to be sent")
    row = Interaction.objects.get(agent=ada, address="+14155550123")
    run_due()
    expect(at_work.get_by_test_id("flex-status")).to_contain_text("Opened in Flex")
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    run_due(60)
    expect(at_work.get_by_test_id("flex-status")).to_contain_text("Waiting for you to accept", timeout=NEXT_LOOK_MS)
    run_due(60)
    expect(at_work.get_by_test_id("flex-status")).to_contain_text("In conversation", timeout=NEXT_LOOK_MS)
    row.refresh_from_db()
    assert (row.status, row.worker_sid) == (Status.ACTIVE, Worker.objects.get().worker_sid)

    while rollup.roll_up():
        pass
    page.goto("/admin/flex_outbound/interaction/")
    page.locator("#result_list tr", has_text="Grace Hopper").get_by_role("link").first.click()
    expect(page.locator(".flex-entries")).to_contain_text("Ada")
    page.goto("/admin/flex_outbound/interaction/dashboard/")
    expect(page.locator(".flex-tile").first).to_contain_text("2")
    shoot(page, "first-dashboard")
