"""A conversation that is open already, in two agents' browsers: each of the four choices, and nothing typed is lost."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for
from flex_outbound.models import Account, Conversation, Interaction, Message, Template
from flex_outbound.outbox import contact_index
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.sandbox import defaults
from tests.browser.conftest import NewPage
from tests.integration.pipeline.conftest import Sandbox, run_due, sandbox, sandbox_server  # noqa: F401
from tests.integration.pipeline.elsewhere import Twilio

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]
Shoot = Callable[[Page, str], None]
NUMBER = "+14155550123"


@pytest.fixture
def contact(contact: Contact) -> Contact:
    """Reachable at one number, which is in the index."""
    contact.phone = ""
    contact.save()
    contact_index.build(adapter_for(Contact))
    return contact


@pytest.fixture
def twilio(sandbox: Sandbox) -> Iterator[Twilio]:  # noqa: F811
    """Twilio as others use it."""
    others = Twilio(sandbox.url)
    yield others
    others.http.close()


@pytest.fixture
def page_of(browser: Browser, live_server: LiveServer) -> Iterator[Callable[[User], Page]]:
    """Open a page that another user is signed in to."""
    contexts = []

    def open_page(user: User) -> Page:
        client = Client()
        client.force_login(user)
        context = browser.new_context(base_url=live_server.url, locale="en-US")
        contexts.append(context)
        value = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(8000)
        return page

    yield open_page
    for context in contexts:
        context.close()


def talk(user: User, contact: Contact, sandbox: Sandbox) -> Interaction:  # noqa: F811
    """Let a user have an open conversation by SMS."""
    row = enqueue(Click(user, "crm_demo.contact", str(contact.pk), "sms"))
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    looked()
    row.refresh_from_db()
    return row


def looked(times: int = 3) -> None:
    """Let the workers look at Twilio."""
    for _poll in range(times):
        run_due(400)


def panel(page: Page) -> Any:
    return page.get_by_test_id("flex-open-conversation")


def test_mine_takes_what_was_typed_once(
    new_page: NewPage,
    agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Shoot,
) -> None:
    talk(agent, contact, sandbox)
    page = new_page()
    page.goto(contact.get_absolute_url())
    expect(panel(page)).to_contain_text("In conversation with you since")
    expect(panel(page).get_by_role("link", name="Open it")).to_have_attribute("target", "flex-outbound-flex")
    panel(page).get_by_role("link", name="Answer here").click()
    expect(page.get_by_test_id("flex-answer-body")).to_be_visible()
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    body = page.get_by_test_id("flex-body").first
    body.fill("One more thing")
    shoot(page, "open-mine-composer")
    page.get_by_test_id("flex-open-add").first.dblclick()
    expect(page.get_by_text("Your message is being sent into the open conversation.")).to_be_visible()
    expect(body).to_have_value("")
    assert [one.body for one in Message.objects.all()] == ["One more thing"]
    assert Interaction.objects.count() == 1
    run_due()
    [conversation] = sandbox.state()["conversations"]
    assert [one["body"] for one in conversation["messages"]] == ["One more thing"]


def test_a_button_that_is_pressed_is_not_replaced(
    new_page: NewPage,
    agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    talk(agent, contact, sandbox)
    page = new_page()
    with page.expect_response("**/flex/open/**"):
        page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    page.get_by_test_id("flex-body").first.fill("Pressed for long")
    button = page.get_by_test_id("flex-open-add").first
    button.hover()
    page.mouse.down()
    # Only now: the first answer may have replaced the one that was there before it was pressed.
    handle = button.element_handle()
    # Browsers that do not focus a button when it is pressed would replace it now.
    page.get_by_test_id("flex-body").first.focus()
    with page.expect_response("**/flex/open/**"):
        page.locator("flex-open").evaluate("element => { element.etag = null; element.look(); }")
    page.wait_for_timeout(200)
    assert handle.evaluate("element => element.isConnected")
    page.mouse.up()
    expect(page.get_by_text("Your message is being sent into the open conversation.")).to_be_visible()
    assert [one.body for one in Message.objects.all()] == ["Pressed for long"]


def test_a_template_is_added_with_its_variables(
    new_page: NewPage,
    agent: User,
    contact: Contact,
    account: Account,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    given = {"types": {"twilio/text": {"body": "Hello {{1}}, order {{2}}"}}, "variables": {"1": "Ann", "2": "4711"}}
    one = Template.objects.create(account=account, content_sid=f"HX{'1' * 32}", name="order", language="en", **given)
    talk(agent, contact, sandbox)
    page = new_page()
    page.goto(contact.get_absolute_url())
    sheet = page.get_by_test_id("flex-composer").first
    sheet.locator("summary").first.click()
    sheet.get_by_test_id("flex-template-open").click()
    sheet.get_by_test_id("flex-template-choice").click()
    sheet.get_by_label("Variable 2").fill("77")
    sheet.get_by_test_id("flex-open-add").click()
    expect(page.get_by_text("Your message is being sent into the open conversation.")).to_be_visible()
    message = Message.objects.get()
    assert message.content_sid == one.content_sid
    assert message.content_variables == {"1": "Grace", "2": "77"}


def test_what_was_typed_stays_where_it_could_not_be_added(
    new_page: NewPage,
    agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    talk(agent, contact, sandbox)
    page = new_page()
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    page.get_by_test_id("flex-body").first.fill("Too late")
    page.wait_for_timeout(1500)  # it has looked, and looks again in half a minute
    Conversation.objects.update(state="closed")
    page.get_by_test_id("flex-open-add").first.click()
    expect(page.locator("[data-open-said]")).to_contain_text("Your text was not sent. This conversation has ended")
    expect(page.get_by_test_id("flex-body").first).to_have_value("Too late")
    assert not Message.objects.exists()


def test_a_colleagues_is_asked_for_and_handed_over(
    new_page: NewPage,
    page_of: Callable[[User], Page],
    agent: User,
    other_agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Shoot,
) -> None:
    talk(other_agent, contact, sandbox)
    page = new_page()
    page.goto(contact.get_absolute_url())
    expect(panel(page)).to_contain_text("In conversation with Bea since")
    page.get_by_test_id("flex-open-ask").dblclick()
    expect(panel(page)).to_contain_text("You have asked for it.")
    assert Conversation.objects.get().asked_by == agent
    hers = page_of(other_agent)
    hers.goto("/inbox/")
    expect(hers.get_by_test_id("flex-inbox-row")).to_contain_text("Agent asks you to hand this conversation over.")
    hers.goto(contact.get_absolute_url())
    expect(hers.get_by_test_id("flex-open-asked")).to_contain_text("Agent asks you to hand this conversation over.")
    shoot(hers, "open-asked")
    hers.get_by_test_id("flex-open-hand-over").dblclick()
    said = hers.locator("[data-open-said]")
    expect(said).to_contain_text("You leave the conversation once they accept it.", timeout=20_000)
    run_due()
    expect(panel(page)).to_contain_text("Flex invites you to the conversation.", timeout=40_000)
    [invited] = Interaction.objects.filter(agent=agent)
    sandbox.act(invited.task_sid or "", "accept")
    looked(5)
    page.reload()
    expect(panel(page)).to_contain_text("In conversation with you since")
    assert len(sandbox.state()["conversations"]) == 1


def test_a_colleague_may_keep_it(
    page_of: Callable[[User], Page],
    agent: User,
    other_agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    talk(other_agent, contact, sandbox)
    Conversation.objects.update(asked_by=agent, asked_at="2026-01-01T00:00Z")
    hers = page_of(other_agent)
    hers.goto(contact.get_absolute_url())
    hers.get_by_test_id("flex-open-keep").click()
    expect(hers.get_by_test_id("flex-open-asked")).to_have_count(0)
    assert Conversation.objects.get().asked_by is None


def test_nobodys_is_taken_up(
    new_page: NewPage,
    agent: User,
    other_agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Shoot,
) -> None:
    row = talk(other_agent, contact, sandbox)
    sandbox.act(row.task_sid or "", "leave")
    looked(6)
    page = new_page()
    page.goto(contact.get_absolute_url())
    expect(panel(page)).to_contain_text("Nobody is in it; Bea had it last.")
    shoot(page, "open-nobody")
    page.get_by_test_id("flex-open-join").dblclick()
    expect(panel(page)).to_contain_text("Flex invites you to the conversation.")
    assert Interaction.objects.filter(continues=row, agent=agent).count() == 1
    run_due()
    sandbox.act(Interaction.objects.get(continues=row).task_sid or "", "accept")
    looked()
    page.reload()
    expect(panel(page)).to_contain_text("In conversation with you since")
    assert len(sandbox.state()["conversations"]) == 1


def test_one_that_was_never_heard_of_is_found_closed_and_a_new_one_goes(
    new_page: NewPage,
    agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    twilio: Twilio,
    shoot: Shoot,
) -> None:
    sid = twilio.begin()
    page = new_page()
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    page.get_by_test_id("flex-body").first.fill("Hello")
    page.keyboard.press("Escape")
    page.wait_for_timeout(600)
    run_due()
    expect(panel(page)).to_contain_text("nobody is in it")
    shoot(page, "open-unheard")
    page.get_by_test_id("flex-open-close").first.click()
    expect(panel(page)).to_contain_text("It is being closed.")
    run_due()
    expect(panel(page)).to_have_count(0, timeout=20_000)
    assert [one["state"] for one in sandbox.state()["conversations"] if one["sid"] == sid] == ["closed"]
    # Nobody presses anything more.
    expect(page.get_by_test_id("flex-status").first).to_have_text("SMS: Waiting to be sent")
    run_due()
    expect(page.get_by_test_id("flex-task-sid")).to_contain_text("WT")
    assert [one.body for one in Message.objects.filter(party="agent")] == ["Hello"]


def test_a_refused_click_leads_to_the_choices(
    new_page: NewPage,
    agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    twilio: Twilio,
) -> None:
    page = new_page()
    page.goto(contact.get_absolute_url())
    page.wait_for_timeout(600)
    run_due()
    twilio.begin()
    page.get_by_test_id("flex-sms").first.click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("Waiting to be sent")
    run_due()
    run_due()
    expect(page.get_by_test_id("flex-status")).to_contain_text("already in an open conversation")
    run_due()
    expect(panel(page)).to_contain_text("nobody is in it")


def test_another_contact_with_the_number_is_named(
    new_page: NewPage,
    other_agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    talk(other_agent, contact, sandbox)
    twin = Contact.objects.create(full_name="Gene Twin", mobile=NUMBER, country="US")
    page = new_page()
    page.goto(twin.get_absolute_url())
    expect(panel(page)).to_contain_text("It is with Grace Hopper, who has the same number.")
    panel(page).get_by_role("link", name="Grace Hopper").click()
    expect(page.get_by_role("heading", name="Grace Hopper")).to_be_visible()


def test_without_javascript_each_choice_is_a_form(
    new_page: NewPage,
    page_of: Callable[[User], Page],
    agent: User,
    other_agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    row = talk(other_agent, contact, sandbox)
    page = new_page(java_script_enabled=False)
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-open-ask").click()
    expect(page.get_by_text("Your colleague has been asked to hand over the conversation.")).to_be_visible()
    expect(panel(page)).to_contain_text("You have asked for it.")
    sandbox.act(row.task_sid or "", "leave")
    looked(6)
    page.reload()
    page.get_by_test_id("flex-open-join").click()
    expect(page.get_by_text("Flex invites you to the conversation. Accept it there.").first).to_be_visible()
    run_due()
    sandbox.act(Interaction.objects.get(continues=row).task_sid or "", "accept")
    looked()
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    page.get_by_test_id("flex-body").first.fill("By hand")
    page.get_by_test_id("flex-open-add").first.click()
    expect(page.get_by_text("Your message is being sent into the open conversation.")).to_be_visible()
    assert [one.body for one in Message.objects.all()] == ["By hand"]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_nothing_is_wider_than_the_page(
    new_page: NewPage,
    agent: User,
    other_agent: User,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    twilio: Twilio,
    shoot: Shoot,
    width: int,
    scheme: str,
) -> None:
    talk(other_agent, contact, sandbox)
    twilio.begin(address=f"whatsapp:{NUMBER}", proxy=defaults.WHATSAPP_SENDER)
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    page.wait_for_timeout(600)
    run_due()
    expect(panel(page)).to_have_count(2)
    shoot(page, f"open-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    shoot(page, f"open-composer-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
