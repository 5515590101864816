"""A manager's first minutes in a browser: credentials, their test, the import, who is who."""

import os
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from flex_outbound.models import Account, ImportRun, Resource, Sender, Worker
from flex_outbound.outbox import jobs
from flex_outbound.sandbox import defaults
from flex_outbound.setup import fetching
from tests.integration.setup.conftest import Sandbox, sandbox, sandbox_server

__all__ = ["Sandbox", "sandbox", "sandbox_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

NewPage = Callable[..., Page]
Shoot = Callable[[Page, str], None]
LOOKS = {"wide": (1280, "light"), "dark": (1280, "dark"), "narrow": (390, "light"), "narrow-dark": (390, "dark")}


@pytest.fixture
def agent(db: None) -> User:
    """Whoever signs in here is a manager."""
    return User.objects.create_superuser("mona", "mona@example.com", "mona")


@pytest.fixture(autouse=True)
def no_worker() -> Iterator[None]:
    """Leave the look to the test, so that the page can be seen waiting."""
    before = jobs.connect(lambda job, row_id, delay: None)
    yield
    jobs.connect(before)


def shots(page: Page, shoot: Shoot, name: str) -> None:
    """Keep the page in every look, where somebody wants to see it."""
    if not os.environ.get("FLEX_SHOTS"):
        return
    for look, (width, scheme) in LOOKS.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        shoot(page, f"{name}-{look}")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def test_from_credentials_to_workers(new_page: NewPage, sandbox: Sandbox, shoot: Shoot) -> None:
    User.objects.create_user("ada", "agent@example.com", first_name="Ada", last_name="Agent")
    User.objects.create_user("bea", "bea@example.com")
    page = new_page(viewport={"width": 1280, "height": 900})
    page.goto("/admin/flex_outbound/account/add/")
    page.fill("#id_name", "Our account")
    page.fill("#id_account_sid", defaults.ACCOUNT_SID)
    page.fill("#id_api_key_sid", defaults.API_KEY_SID)
    page.fill("#id_api_key_secret", "wrong")
    page.click("text=Test connection")
    answer = page.locator("[data-flex-test-answer]")
    expect(answer).to_contain_text("does not accept these credentials")
    shots(page, shoot, "test-wrong")
    page.fill("#id_api_key_secret", defaults.API_KEY_SECRET)
    page.click("text=Test connection")
    expect(answer).to_contain_text("Connected to Sandbox.")
    shots(page, shoot, "test-right")
    page.click("input[name=_save]")

    shots(page, shoot, "import-begin")
    page.click('input[value="Fetch from Twilio"]')
    expect(page.locator("h2", has_text="Waiting for a Celery worker")).to_be_visible()
    shots(page, shoot, "import-waiting")
    fetching.fetch(ImportRun.objects.get().pk)
    expect(page.locator("h2", has_text="31 changes")).to_be_visible()
    for group in page.locator("details").all()[:3]:
        group.locator("summary").click()
    shots(page, shoot, "import-choose")
    page.check(f'label:has-text("{defaults.SMS_SENDER}") input')
    page.click('input[value="Import selected"]')
    expect(page.locator(".flex-sender__error")).to_contain_text("Choose the queue")
    shots(page, shoot, "import-error")
    page.locator(".flex-sender", has_text=defaults.SMS_SENDER).locator("select").select_option(label="Outbound")
    page.click('input[value="Import selected"]')
    expect(page.locator("text=Last import:")).to_be_visible()
    shots(page, shoot, "import-done")
    assert Sender.objects.get().queue_sid == defaults.QUEUES["Outbound"]

    page.click("text=say which user is which worker")
    shots(page, shoot, "workers-proposed")
    page.click("text=Accept selected")
    expect(page.locator("text=2 workers matched.")).to_be_visible()
    assert Worker.objects.count() == 2


def test_what_moved_failed_or_is_strange_keeps_to_the_policy(new_page: NewPage, sandbox: Sandbox, shoot: Shoot) -> None:
    account = Account.objects.create(
        name="Our account",
        account_sid=defaults.ACCOUNT_SID,
        api_key_sid=defaults.API_KEY_SID,
        api_key_secret=defaults.API_KEY_SECRET,
    )
    base = f"/admin/flex_outbound/account/{account.pk}"
    page = new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{base}/change/")
    shots(page, shoot, "account")
    fetching.fetch(ImportRun.objects.create(account=account).pk)
    page.goto(f"{base}/import/")
    page.check(f'input[value="{defaults.WORKSPACE_SID}/{defaults.WORKFLOW_SID}"]')
    page.click('input[value="Import selected"]')
    users = {name: User.objects.create_user(name) for name in ("ada", "bea")}
    for (name, user), worker in zip(users.items(), ("agent", "bea"), strict=True):
        Worker.objects.create(
            account=account, user=user, worker_sid=defaults.WORKERS[worker], friendly_name=f"{name} before"
        )
    Resource.objects.filter(sid=defaults.WORKERS["agent"]).update(gone_at=timezone.now())
    queue = defaults.QUEUES["Support"]
    Sender.objects.create(
        account=account, channel="sms", address=defaults.SMS_SENDER, display_name="Desk", queue_sid=queue
    )
    Resource.objects.filter(sid=queue).update(gone_at=timezone.now())
    Resource.objects.filter(sid=defaults.WORKERS["carlos"]).update(name="<script>alert(1)</script>" + "c" * 200)
    for tab in ("moved", "workers", "users", "lacking", "matched"):
        page.goto(f"{base}/workers/?tab={tab}")
        shots(page, shoot, f"workers-{tab}")
    page.goto(f"{base}/workers/?tab=workers")
    page.fill(f'input[name="name-{defaults.WORKERS["dana"]}"]', "ada")
    page.click('input[value="Match"]')
    expect(page.locator(".flex-sender__error")).to_contain_text("“ada before” is already the user “ada”")
    shots(page, shoot, "workers-error")
    fetching.fetch(ImportRun.objects.create(account=account).pk)
    page.goto(f"{base}/import/")
    expect(page.locator("text=was: <script>")).to_be_visible()
    shots(page, shoot, "import-again")
    sandbox.fault("status", method="GET", path="/Workers$", status=403, code=20403, message="Forbidden")
    fetching.fetch(ImportRun.objects.create(account=account).pk)
    page.goto(f"{base}/import/")
    expect(page.locator("[role=alert]")).to_contain_text("may not do this")
    shots(page, shoot, "import-failed")
    page.goto("/admin/flex_outbound/account/")
    shots(page, shoot, "accounts")
    page.goto(f"{base}/change/")
    shots(page, shoot, "account-done")
