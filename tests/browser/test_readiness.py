"""Ready or not in a real browser: the page says by itself when the agent goes and comes, and the window closes."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models import F
from django.utils import timezone
from playwright.sync_api import Locator, Page, Route, expect

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.contacts import adapter_for, content_type_of
from flex_outbound.models import Conversation, ConversationContact, Interaction, Presence, Sender, Worker
from flex_outbound.outbox import sweep
from flex_outbound.sandbox import defaults
from tests.browser.conftest import NewPage
from tests.integration.pipeline.conftest import Sandbox, sandbox, sandbox_server  # noqa: F401
from tests.processes import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]
Shoot = Callable[[Page, str], None]
NUMBER = "+14155550123"
MEANWHILE = "Or send a message that opens when the customer answers."
WIDTHS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
LISTEN = """
window.fired = [];
for (const name of ["flex:window-closed", "flex:window-open"]) {
  document.addEventListener(name, (event) => window.fired.push(`${name} ${event.target.dataset.channel}`));
}
"""


@pytest.fixture(autouse=True)
def _nobody_looked(senders: Any, worker: Worker) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def page(new_page: NewPage, contact: Contact) -> Page:
    """The contact's page, with an ear for the window's events."""
    page = new_page()
    page.add_init_script(LISTEN)
    page.goto(contact.get_absolute_url())
    return page


def ready(page: Page) -> Locator:
    """Return the line about the agent."""
    return page.get_by_test_id("flex-ready")


def be(worker: Worker, *, available: bool, name: str = "", **more: Any) -> None:
    """Let it be known of the agent, as of this moment."""
    now = timezone.now()
    values = {"is_available": available, "activity_name": name, "activity_at": now - timedelta(hours=1), **more}
    known = {"asked_at": now, "seen_at": now, "told_at": now, **values}
    Presence.objects.update_or_create(worker=worker, defaults=known)


def turned(route: Route) -> None:
    """Answer with the channels in the opposite order."""
    answer = route.fetch()
    told = answer.json()
    route.fulfill(response=answer, json=told | {"channels": told["channels"][::-1]})


def look_again(page: Page) -> None:
    """Let the page ask at once, as when its tab is shown again."""
    page.wait_for_timeout(4100)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def work_until(check: Callable[[], None], rounds: int = 20) -> None:
    """Do what is due as a worker does, until the page shows what is expected."""
    for number in range(rounds):
        sweep.sweep(sweep.run)
        try:
            check()
        except AssertionError:
            if number == rounds - 1:
                raise
        else:
            return


def test_the_page_follows_the_agent_in_flex(page: Page, sandbox: Sandbox, contact: Contact) -> None:  # noqa: F811
    sms = page.get_by_test_id("flex-sms")
    expect(ready(page)).to_contain_text("Asking Flex")
    work_until(lambda: expect(ready(page)).to_have_text("You are available in Flex.", timeout=1500))

    sandbox.http.post(f"workers/{defaults.WORKERS['agent']}", json={"activity": "Offline"}).raise_for_status()
    sms.focus()
    Presence.objects.update(asked_at=F("asked_at") - timedelta(minutes=1))
    look_again(page)
    work_until(lambda: expect(ready(page)).to_contain_text("Offline in Flex since", timeout=2500))
    expect(sms).to_be_focused()
    expect(sms).to_have_attribute("aria-disabled", "true")
    assert "Set your status in Flex to available." in (sms.get_attribute("title") or "")
    page.keyboard.press("Enter")
    expect(page.locator("flex-outbound [role=status]").first).to_contain_text("Offline in Flex")
    assert Interaction.objects.count() == 0

    sandbox.http.post(f"workers/{defaults.WORKERS['agent']}", json={"activity": "Available"}).raise_for_status()
    Presence.objects.update(asked_at=F("asked_at") - timedelta(minutes=1))
    look_again(page)
    work_until(lambda: expect(ready(page)).to_have_text("You are available in Flex.", timeout=2500))
    expect(sms).not_to_have_attribute("aria-disabled", "true")
    assert (sms.get_attribute("title") or "").startswith("SMS to")
    sms.click()
    expect(page.locator("flex-outbound").first).not_to_have_attribute("data-state", "idle")
    # The page shows the click before it is answered.
    wait_for(Interaction.objects.exists, "the interaction")
    assert Interaction.objects.count() == 1


def test_nothing_jumps_when_the_answer_comes(page: Page, worker: Worker) -> None:
    before = page.get_by_test_id("flex-timeline").bounding_box()
    be(worker, available=False, name="Lunch")
    look_again(page)
    expect(ready(page)).to_contain_text("Lunch in Flex since")
    assert page.get_by_test_id("flex-timeline").bounding_box() == before


def test_a_full_channel_leaves_the_others_usable(page: Page, worker: Worker) -> None:
    chat = {"chat": {"sid": "", "assigned": 3, "capacity": 3, "available": True}}
    be(worker, available=True, name="Available", channels=chat)
    look_again(page)
    expect(ready(page)).to_contain_text("SMS, WhatsApp: You have no room in Flex: chat 3 of 3.")
    expect(page.get_by_test_id("flex-email")).not_to_have_attribute("aria-disabled", "true")


def test_what_was_typed_stays_while_the_agent_goes_and_comes(page: Page, worker: Worker) -> None:
    page.get_by_title("SMS options…").click()
    body = page.get_by_test_id("flex-body").first
    body.fill("A long text")
    be(worker, available=False, name="Offline")
    look_again(page)
    expect(ready(page)).to_contain_text("Offline")
    expect(page.get_by_test_id("flex-ready-hint").first).to_contain_text("Set your status in Flex")
    page.get_by_test_id("flex-send").first.click(force=True)
    expect(body).to_have_value("A long text")
    expect(body).to_be_visible()
    assert Interaction.objects.count() == 0
    be(worker, available=True, name="Available")
    look_again(page)
    expect(ready(page)).to_have_text("You are available in Flex.")
    expect(page.get_by_test_id("flex-ready-hint").first).to_be_hidden()
    page.get_by_test_id("flex-send").first.click()
    expect(page.locator("flex-outbound [role=status]").first).to_contain_text("Waiting")


def test_without_a_script_the_page_says_what_is_known(new_page: NewPage, contact: Contact, worker: Worker) -> None:
    be(worker, available=False, name="Offline")
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    expect(ready(page)).to_contain_text("Offline in Flex since")


def test_a_line_says_what_helps_all_of_its_channels(page: Page, worker: Worker) -> None:
    be(worker, available=False, name="Lunch")
    # In whatever order the channels are told.
    page.route("**/channels/?live=presence", turned)
    look_again(page)
    expect(ready(page)).to_contain_text("Set your status in Flex to available.")
    assert MEANWHILE not in ready(page).inner_text()
    hints = [page.locator(f"form[data-channel={one}] [data-ready-hint]").text_content() for one in ("sms", "email")]
    assert [MEANWHILE in (one or "") for one in hints] == [True, False]


# -- the window --------------------------------------------------------------------------------------------------------


def wrote(sender: Sender, left: timedelta, agent: Any = None, contact: Contact | None = None) -> Conversation:
    """Let the customer have written so that the window is open for so long."""
    room = Conversation.objects.create(
        pk=uuid.uuid4(),
        account=sender.account,
        sender=sender,
        sender_address=sender.address,
        channel="whatsapp",
        address=NUMBER,
        state="active" if agent else "closed",
        agent=agent,
        last_inbound_at=timezone.now() - timedelta(hours=24) + left,
    )
    if contact is not None:
        kind = content_type_of(adapter_for(Contact))
        ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
    return room


def compose(page: Page) -> Locator:
    """Open the composer of WhatsApp and return its form."""
    page.get_by_title("WhatsApp options…").click()
    return page.locator("form[data-open][data-channel=whatsapp]")


def test_a_window_that_closes_while_the_composer_is_open_tells_the_picker(
    new_page: NewPage, contact: Contact, senders: Any
) -> None:
    Contact.objects.update(phone="")
    wrote(senders[Channel.WHATSAPP], timedelta(seconds=9))
    page = new_page()
    page.add_init_script(LISTEN)
    page.goto(contact.get_absolute_url())
    form = compose(page)
    expect(form.get_by_test_id("flex-window")).to_contain_text("less than an hour")
    expect(form).to_have_attribute("data-window", "closing")
    assert page.evaluate("fired") == []
    expect(form).to_have_attribute("data-window", "closed", timeout=12_000)
    expect(form.get_by_test_id("flex-window")).to_contain_text("only approved templates")
    assert page.evaluate("fired") == ["flex:window-closed whatsapp"]
    # The customer writes.
    Conversation.objects.update(last_inbound_at=timezone.now())
    look_again(page)
    expect(form).to_have_attribute("data-window", "open")
    expect(form.get_by_test_id("flex-window")).to_contain_text("Free text until")
    assert page.evaluate("fired")[1:] == ["flex:window-open whatsapp"]


def test_another_sender_has_another_window(new_page: NewPage, contact: Contact, senders: Any) -> None:
    first = senders[Channel.WHATSAPP]
    second = Sender.objects.create(
        account=first.account, channel="whatsapp", address="+15005550099", display_name="Two", queue_sid=first.queue_sid
    )
    wrote(second, timedelta(hours=5))
    wrote(first, timedelta(hours=-5))
    page = new_page()
    page.goto(contact.get_absolute_url())
    form = compose(page)
    expect(form).to_have_attribute("data-window", "closed")
    form.get_by_label("From").select_option(label="Two (+15005550099)")
    expect(form).to_have_attribute("data-window", "open")
    form.get_by_label("To").select_option(index=1)
    expect(form).to_have_attribute("data-window", "unknown")
    expect(form.get_by_test_id("flex-window")).to_contain_text("we know of none")


def test_the_form_to_answer_follows_its_window_too(
    new_page: NewPage, contact: Contact, senders: Any, agent: Any
) -> None:
    wrote(senders[Channel.WHATSAPP], timedelta(seconds=9), agent, contact)
    page = new_page()
    page.add_init_script(LISTEN)
    page.goto(contact.get_absolute_url())
    form = page.get_by_test_id("flex-answer-form")
    expect(form).to_have_attribute("data-window", "closing")
    expect(form).to_have_attribute("data-window", "closed", timeout=12_000)
    assert "flex:window-closed whatsapp" in page.evaluate("fired")


def test_free_text_outside_the_window_comes_back_with_words(new_page: NewPage, contact: Contact, senders: Any) -> None:
    wrote(senders[Channel.WHATSAPP], timedelta(hours=-1))
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    form = compose(page)
    form.get_by_test_id("flex-body").fill("Hello again")
    form.get_by_test_id("flex-send").click()
    expect(page.get_by_role("alert")).to_contain_text("takes only an approved template")
    expect(page.get_by_test_id("flex-body")).to_have_value("Hello again")
    expect(page.get_by_test_id("flex-window")).to_contain_text("only approved templates")


@pytest.mark.parametrize(("width", "scheme"), WIDTHS)
def test_it_fits_and_can_be_read(
    new_page: NewPage, contact: Contact, senders: Any, worker: Worker, shoot: Shoot, width: int, scheme: str
) -> None:
    wrote(senders[Channel.WHATSAPP], timedelta(minutes=40))
    be(worker, available=False, name="Offline")
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    expect(page.get_by_test_id("flex-sms")).to_have_attribute("aria-disabled", "true")
    form = compose(page)
    expect(form).to_have_attribute("data-window", "closing")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(page, f"ready-{width}-{scheme}")
