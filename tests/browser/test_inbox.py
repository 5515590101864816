"""The inbox in a browser: a customer's answer shows everywhere, reading it clears it, and nobody is asked too often."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from crm_demo.models import Contact
from flex_outbound.models import Conversation
from flex_outbound.outbox.conversations.marks import mark_read, unread_counts
from tests.browser.conftest import NewPage
from tests.integration.inbox.conftest import MakeConversation, make, write  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

Shoot = Callable[[Page, str], None]
SIZES = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
SOON = 15_000
UNREAD = "**/flex/api/inbox/unread/"


@pytest.fixture
def conversation(make: MakeConversation, worker: Any, senders: Any) -> Conversation:  # noqa: F811
    """The agent's open conversation with Grace Hopper."""
    return make()


def line(page: Page) -> Any:
    return page.get_by_test_id("flex-unread-line")


def row(page: Page) -> Any:
    return page.get_by_test_id("flex-inbox-row")


def count_polls(page: Page) -> list[Request]:
    polls: list[Request] = []
    page.on("request", lambda one: polls.append(one) if one.url.endswith("/inbox/unread/") else None)
    return polls


def hide(page: Page, hidden: bool = True) -> None:
    """Have a page believe that nobody sees it, which a headless browser never does by itself."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
            document.hasFocus = () => !hidden;
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_an_answer_shows_in_badge_title_list_and_inbox(
    new_page: NewPage, conversation: Conversation, agent: Any
) -> None:
    listed = new_page()
    listed.goto("/")
    inbox = listed.context.new_page()
    inbox.goto("/inbox/")
    expect(listed).to_have_title("Contacts · Fernhill CRM")
    expect(row(inbox)).to_contain_text("Nothing was written yet")
    expect(listed.locator("[data-unread-count]")).to_be_hidden()

    write(conversation, "<b>My card</b> is lost")
    expect(listed).to_have_title("(1) Contacts · Fernhill CRM", timeout=SOON)
    expect(listed.locator("[data-unread-count]")).to_have_text("1")
    expect(listed.locator("[data-unread-words]")).to_have_text("1 unread message")
    expect(line(listed)).to_contain_text("<b>My card</b> is lost")
    expect(inbox).to_have_title("(1) Inbox · Fernhill CRM", timeout=SOON)
    expect(row(inbox)).to_contain_text("<b>My card</b> is lost")
    expect(row(inbox).locator("[data-number]")).to_have_text("1")

    row(inbox).get_by_role("button", name="Mark as read").click()
    expect(row(inbox).locator("[data-count]")).to_be_hidden()
    expect(inbox).to_have_title("Inbox · Fernhill CRM")
    expect(inbox.locator("[data-who]").first).to_be_focused()
    expect(listed).to_have_title("Contacts · Fernhill CRM", timeout=SOON)
    expect(line(listed)).to_have_count(0)
    assert unread_counts(agent).messages == 0


def test_what_another_script_reads_is_cleared_at_once(
    new_page: NewPage, conversation: Conversation, agent: Any
) -> None:
    write(conversation, "Hello?")
    page = new_page()
    page.goto("/")
    expect(page).to_have_title(re.compile(r"^\(1\)"))
    expect(line(page)).to_have_count(1)
    page.wait_for_timeout(1500)
    mark_read(agent, conversation)
    page.evaluate("document.dispatchEvent(new CustomEvent('flex-outbound:read'))")
    expect(line(page)).to_have_count(0, timeout=2000)
    expect(page).to_have_title("Contacts · Fernhill CRM")


def test_the_newest_answer_moves_up_and_a_row_leads_to_its_contact(
    new_page: NewPage,
    conversation: Conversation,
    make: MakeConversation,  # noqa: F811
    contact: Contact,
) -> None:
    other = make(of=(Contact.objects.create(full_name="Bob Example", mobile="+14155550188", country="US"),))
    write(other, "I was first", minute=5)
    page = new_page()
    page.goto("/inbox/")
    expect(row(page).first).to_contain_text("I was first")
    write(conversation, "Now me", minute=9)
    expect(row(page).first).to_contain_text("Now me", timeout=SOON)
    third = make(of=(), customer_name="Somebody", channel="email")
    write(third, "A new conversation", minute=12)
    expect(row(page)).to_have_count(3, timeout=SOON)
    expect(row(page).first).to_contain_text("Somebody")
    expect(row(page).first.locator("svg")).to_have_attribute("data-icon", "email")
    row(page).nth(1).click()
    page.wait_for_url(re.compile(contact.get_absolute_url()))


def test_a_row_that_moves_up_keeps_the_focus(
    new_page: NewPage,
    conversation: Conversation,
    make: MakeConversation,  # noqa: F811
) -> None:
    other = make(of=(Contact.objects.create(full_name="Bob Example", mobile="+14155550188", country="US"),))
    write(other, "I was first", minute=5)
    page = new_page()
    page.goto("/inbox/")
    name = row(page).filter(has_text="Grace Hopper").locator("[data-who]")
    name.focus()
    write(conversation, "Now me", minute=9)
    expect(row(page).first).to_contain_text("Now me", timeout=SOON)
    expect(name).to_be_focused()


def test_in_the_unread_filter_what_is_read_disappears(new_page: NewPage, conversation: Conversation) -> None:
    write(conversation, "Hello?")
    page = new_page()
    page.goto("/inbox/")
    page.get_by_role("link", name="Unread", exact=True).click()
    expect(row(page)).to_have_count(1)
    row(page).get_by_role("button", name="Mark as read").press("Enter")
    expect(row(page)).to_have_count(0)
    expect(page.get_by_text("You have read everything.")).to_be_visible()


def test_without_javascript_the_inbox_works(new_page: NewPage, conversation: Conversation, agent: Any) -> None:
    write(conversation, "Hello?")
    page = new_page(java_script_enabled=False)
    page.goto("/inbox/?flex_inbox=unread")
    expect(row(page)).to_contain_text("Hello?")
    row(page).get_by_role("button", name="Mark as read").click()
    expect(page.get_by_text("You have read everything.")).to_be_visible()
    assert page.url.endswith("/inbox/?flex_inbox=unread")
    assert unread_counts(agent).messages == 0


def test_one_poll_serves_a_whole_page_and_mostly_says_nothing_new(
    new_page: NewPage, conversation: Conversation
) -> None:
    page = new_page()
    polls = count_polls(page)
    statuses: list[int] = []
    page.on("response", lambda one: statuses.append(one.status) if one.url.endswith("/inbox/unread/") else None)
    page.clock.install()
    page.goto("/inbox/")
    page.clock.run_for(1_100)
    for _round in range(4):
        with page.expect_response(UNREAD):
            page.clock.run_for(5_100)
        page.wait_for_timeout(150)
    assert 4 <= len(polls) <= 6
    assert statuses[0] == 200
    assert set(statuses[1:]) == {304}


def test_a_hidden_page_asks_ever_more_rarely_and_at_once_when_it_is_shown(
    new_page: NewPage, conversation: Conversation
) -> None:
    page = new_page()
    polls = count_polls(page)
    page.clock.install()
    page.goto("/")
    with page.expect_response(UNREAD):
        page.clock.run_for(1_100)
    page.wait_for_timeout(200)
    hide(page)
    polls.clear()
    for _second in range(240):
        page.clock.run_for(1_000)
        page.wait_for_timeout(15)
    hidden = len(polls)
    # Four minutes at five seconds would be 48.
    assert 3 <= hidden <= 16
    polls.clear()
    write(conversation, "Hello?")
    with page.expect_response(UNREAD):
        hide(page, False)
    expect(page).to_have_title(re.compile(r"^\(1\)"))


def test_a_page_that_nobody_touches_asks_more_rarely(new_page: NewPage, conversation: Conversation) -> None:
    page = new_page()
    polls = count_polls(page)
    page.clock.install()
    page.goto("/")
    for _second in range(180):
        page.clock.run_for(1_000)
        page.wait_for_timeout(15)
    polls.clear()
    for _second in range(120):
        page.clock.run_for(1_000)
        page.wait_for_timeout(15)
    assert 2 <= len(polls) <= 6
    polls.clear()
    page.keyboard.press("Shift")
    for _second in range(20):
        page.clock.run_for(1_000)
        page.wait_for_timeout(30)
    assert len(polls) >= 3


def test_tabs_of_one_browser_poll_together(new_page: NewPage, conversation: Conversation) -> None:
    first = new_page()
    second, third = first.context.new_page(), first.context.new_page()
    pages = [first, second, third]
    polls = [count_polls(one) for one in pages]
    for one in pages:
        one.goto("/inbox/")
    first.wait_for_timeout(3_000)
    for one in polls:
        one.clear()
    first.wait_for_timeout(16_000)
    # Alone, each would have asked three times.
    assert 2 <= sum(len(one) for one in polls) <= 6
    write(conversation, "Hello?")
    for one in pages:
        expect(one).to_have_title(re.compile(r"^\(1\)"), timeout=SOON)


def test_signed_out_a_page_stops_asking(new_page: NewPage, conversation: Conversation) -> None:
    page = new_page()
    page.goto("/inbox/")
    page.context.clear_cookies()
    polls = count_polls(page)
    page.clock.install()
    for _second in range(60):
        page.clock.run_for(1_000)
        page.wait_for_timeout(15)
    assert len(polls) <= 2


def test_a_broken_connection_is_waited_for(new_page: NewPage, conversation: Conversation) -> None:
    page = new_page()
    page.goto("/inbox/")
    page.context.set_offline(True)
    page.wait_for_timeout(7_000)
    write(conversation, "Hello?")
    page.context.set_offline(False)
    expect(page).to_have_title(re.compile(r"^\(1\)"), timeout=25_000)


NOTIFICATIONS = """
    window.shown = [];
    window.asked = 0;
    window.Notification = class extends EventTarget {
        static permission = "PERMISSION";
        static async requestPermission() { window.asked += 1; return (Notification.permission = "granted"); }
        constructor(title, options) { super(); window.shown.push({ title, ...options }); window.last = this; }
        close() {}
    };
"""


def with_notifications(new_page: NewPage, permission: str) -> Page:
    page = new_page()
    page.add_init_script(NOTIFICATIONS.replace("PERMISSION", permission))
    return page


def test_a_notification_comes_only_to_who_allowed_it_and_looks_elsewhere(
    new_page: NewPage, conversation: Conversation, contact: Contact
) -> None:
    page = with_notifications(new_page, "default")
    page.goto("/inbox/")
    page.wait_for_timeout(2_000)
    assert page.evaluate("window.asked") == 0
    button = page.get_by_role("button", name="Notify me of answers")
    button.click()
    expect(button).to_be_hidden()
    expect(page.get_by_text("You will be notified of answers")).to_be_visible()
    assert page.evaluate("window.asked") == 1

    write(conversation, "Seen at once")
    expect(page).to_have_title(re.compile(r"^\(1\)"), timeout=SOON)
    assert page.evaluate("window.shown") == []

    hide(page)
    write(conversation, "Are you there?", minute=8)
    expect(page).to_have_title(re.compile(r"^\(2\)"), timeout=SOON)
    [shown] = page.evaluate("window.shown")
    assert (shown["title"], shown["body"]) == ("Message from Grace Hopper", "Are you there?")
    page.evaluate("window.last.dispatchEvent(new Event('click'))")
    page.wait_for_url(re.compile(contact.get_absolute_url()))


def test_a_notification_has_no_text_where_none_is_kept(new_page: NewPage, conversation: Conversation) -> None:
    page = with_notifications(new_page, "granted")
    page.goto("/inbox/")
    page.wait_for_timeout(2_000)
    expect(page.get_by_role("button", name="Notify me of answers")).to_be_hidden()
    hide(page)
    write(conversation, "")
    expect(page).to_have_title(re.compile(r"^\(1\)"), timeout=SOON)
    [shown] = page.evaluate("window.shown")
    assert (shown["title"], shown["body"]) == ("Message from Grace Hopper", "")


def test_who_forbade_notifications_gets_none_and_is_not_asked(new_page: NewPage, conversation: Conversation) -> None:
    page = with_notifications(new_page, "denied")
    page.goto("/inbox/")
    page.wait_for_timeout(1_500)
    expect(page.get_by_role("button", name="Notify me of answers")).to_be_hidden()
    hide(page)
    write(conversation, "Hello?")
    expect(page).to_have_title(re.compile(r"^\(1\)"), timeout=SOON)
    assert page.evaluate("window.shown") == []
    assert page.evaluate("window.asked") == 0


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_nothing_is_wider_than_the_page(
    width: int,
    scheme: str,
    new_page: NewPage,
    conversation: Conversation,
    make: MakeConversation,  # noqa: F811
    shoot: Shoot,
) -> None:
    write(conversation, "My card is lost, and I would like to know whether you can send another one " * 3)
    write(make(of=(), customer_name="x" * 255, channel="email"), "y" * 300)
    write(make(state="inactive"), "How can I help?", party="agent")
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for path in ("/", "/inbox/"):
        page.goto(path)
        expect(page).to_have_title(re.compile(r"^\(2\)"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shoot(page, f"inbox{path.replace('/', '-')}{width}-{scheme}")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_name_is_not_cut_off_for_its_date(width: int, new_page: NewPage, conversation: Conversation) -> None:
    write(conversation, "My card is lost")
    page = new_page(viewport={"width": width, "height": 900})
    page.goto("/inbox/")
    expect(page.locator("[data-when]")).to_contain_text("2026")
    name = row(page).locator("[data-who]")
    assert name.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
