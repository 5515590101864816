"""A manager sets up a sender and tests it, in a real browser under the demo's strict policy."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Page, expect

from flex_outbound.models import Account, Interaction, Resource, ResourceKind, Sender
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]
QUEUE = "WQ" + "1" * 32


@pytest.fixture
def imported(account: Account, agent: User) -> Account:
    """An account after an import, and the agent as its manager."""
    User.objects.filter(pk=agent.pk).update(is_staff=True, is_superuser=True)
    for kind, sid, name, address in (
        (ResourceKind.TASK_QUEUE, QUEUE, "Front office", None),
        (ResourceKind.WORKFLOW, account.workflow_sid, "Assign to anyone", None),
        (ResourceKind.PHONE_NUMBER, "PN" + "1" * 32, "Berlin", "+4915155550100"),
    ):
        details = {"address": address} if address else {}
        Resource.objects.create(account=account, kind=kind, sid=sid, name=name, details=details, seen_at=timezone.now())
    return account


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_sender_is_set_up_and_tested(
    new_page: Callable[..., Page], imported: Account, shoot: Shoot, width: int, scheme: str
) -> None:
    group = Group.objects.get(name="Flex agents")
    page = new_page(viewport={"width": width, "height": 1300}, color_scheme=scheme)
    shot = lambda name: shoot(page, f"{scheme}-{width}-sender-{name}")  # noqa: E731
    page.goto("/admin/flex_outbound/sender/add/")
    shot("choose")
    page.get_by_role("link", name="SMS", exact=True).click()
    page.get_by_label("Address").select_option("Berlin · +4915155550100")
    page.get_by_label("Display name").fill("Berlin office")
    page.get_by_label("Task queue").select_option("Front office")
    page.get_by_label("Flex agents").check()
    shot("add")
    page.get_by_role("button", name="Save and continue editing").click()
    sender = Sender.objects.get(display_name="Berlin office")
    assert list(sender.groups.all()) == [group]
    shot("saved")

    page.get_by_role("link", name="Send a test…").click()
    page.get_by_label("Phone number").fill("12")
    page.get_by_role("button", name="Open the task and send").click()
    expect(page.get_by_text("wrong length for its country")).to_be_visible()
    shot("test-refused")
    page.get_by_label("Phone number").fill("+14155550123")
    page.get_by_role("button", name="Open the task and send").click()
    expect(page.get_by_text("The test is on its way.")).to_be_visible()
    row = Interaction.objects.get()
    status = page.get_by_test_id("flex-timeline-row")
    expect(status).to_contain_text("Waiting to be sent")
    rows.open_in_flex(row)
    expect(status).to_contain_text("Opened in Flex")
    shot("test-opened")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_gone_is_said_at_the_top(new_page: Callable[..., Page], imported: Account, shoot: Shoot) -> None:
    sender = Sender.objects.filter(channel="sms").get()
    Sender.objects.filter(pk=sender.pk).update(queue_sid=QUEUE)
    Resource.objects.filter(sid=QUEUE).update(gone_at=timezone.now())
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"/admin/flex_outbound/sender/{sender.pk}/change/")
    expect(page.get_by_role("alert")).to_contain_text("Task queue")
    shoot(page, "light-1280-sender-gone")
    page.goto("/admin/flex_outbound/sender/")
    expect(page.locator(".flex-badge--bad")).to_contain_text("Front office: gone from Twilio")
    shoot(page, "light-1280-sender-list")
