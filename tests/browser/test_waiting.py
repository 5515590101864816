"""Send, open when they answer: pressed in a browser, answered by the customer, opened without an answer, ended."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm_demo.models import Contact
from flex_outbound.models import Account, Conversation, Interaction, Template, Worker
from flex_outbound.outbox.conversations import hearing
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status
from tests.browser.conftest import NewPage
from tests.browser.test_accessible import trouble
from tests.browser.test_open_conversations import contact as contact
from tests.browser.test_open_conversations import panel
from tests.browser.test_readiness import be, look_again
from tests.integration.pipeline.conftest import Sandbox, run_due, sandbox, sandbox_server  # noqa: F401

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]
Shoot = Callable[[Page, str], None]
NUMBER = "+14155550123"


def composer(page: Page) -> Any:
    return page.locator("form[data-open][data-channel=sms]")


def write(page: Page, contact: Contact, text: str = "Is noon all right?") -> None:
    """Open the composer of SMS and type."""
    page.goto(contact.get_absolute_url())
    composer(page).locator("summary").first.click()
    composer(page).get_by_test_id("flex-body").fill(text)


def begun(page: Page, contact: Contact) -> Interaction:
    """Press the second button, and let the message be sent."""
    write(page, contact)
    composer(page).get_by_test_id("flex-send-waiting").dblclick()
    status = page.get_by_test_id("flex-status")
    expect(status).to_have_text("SMS: Waiting to be sent")
    for _time in range(3):
        run_due(2.5)
    expect(status).to_have_text("SMS: Waiting for an answer", timeout=20_000)
    expect(page.locator("[data-facts]")).to_contain_text("First message: Sent", timeout=20_000)
    row = Interaction.objects.get()
    assert row.status == Status.WAITING
    return row


def answer(account: Account, sandbox: Sandbox, text: str = "Yes, noon.") -> None:  # noqa: F811
    """Let the customer answer; Twilio's webhook tells of it, and the workers do what is due."""
    said = {"from": NUMBER, "to": defaults.SMS_SENDER, "body": text}
    sandbox.http.post("messages", json=said).raise_for_status()
    [conversation] = sandbox.state()["conversations"]
    message = conversation["messages"][-1]
    told = {
        "ConversationSid": conversation["sid"],
        "MessageSid": message["sid"],
        "Index": str(message["index"]),
        "Author": NUMBER,
        "Body": text,
        "ParticipantSid": message["participant_sid"],
        "DateCreated": message["created"],
    }
    hearing.hear(account, "onMessageAdded", told, lambda: None)
    for _time in range(4):
        run_due(2.5)
        Conversation.objects.filter(wants_agent_at__isnull=False).update(wants_agent_at="2020-01-01T00:00:00Z")


def test_what_the_customer_answers_is_offered_to_the_same_agent(
    new_page: NewPage,
    agent: Any,
    account: Account,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Shoot,
) -> None:
    page = new_page()
    row = begun(page, contact)
    assert sandbox.interactions == []
    shoot(page, "waiting-panel")

    answer(account, sandbox)
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Continued in Flex", timeout=40_000)
    made = Interaction.objects.exclude(pk=row.pk).get()
    assert (made.initiated_by, made.conversation_sid) == ("customer", row.conversation_sid)
    assert [one["initiated_by"] for one in sandbox.interactions] == ["customer"]
    # By itself, on the page that is open.
    expect(page.get_by_test_id("flex-message").last).to_contain_text("Yes, noon.", timeout=40_000)
    expect(panel(page).get_by_text("Waiting for you to accept")).to_be_visible(timeout=40_000)
    shoot(page, "waiting-answered")
    made.refresh_from_db()
    sandbox.act(made.task_sid or "", "accept")
    for _poll in range(3):
        run_due(400)
    made.refresh_from_db()
    assert made.agent == agent
    expect(panel(page).get_by_text("In conversation with you since")).to_be_visible(timeout=40_000)
    line = page.get_by_test_id("flex-timeline-row").filter(has_text="Began with the customer's message")
    expect(line).to_be_visible(timeout=40_000)


def test_it_is_opened_without_an_answer(
    new_page: NewPage,
    agent: Any,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Shoot,
) -> None:
    page = new_page()
    row = begun(page, contact)
    page.reload()
    expect(panel(page)).to_contain_text("You wrote to this number, and wait for an answer.")
    shoot(page, "waiting-reloaded")
    panel(page).get_by_test_id("flex-open-open-now").dblclick()
    expect(page.get_by_text("The conversation is being opened in Flex.")).to_be_visible()
    made = Interaction.objects.exclude(pk=row.pk).get()
    for _poll in range(3):
        run_due(2.5)
    made.refresh_from_db()
    assert (made.agent, made.conversation_sid) == (agent, row.conversation_sid)
    line = page.locator(f"#flex-{row.pk}")
    expect(line).to_contain_text("Continued in Flex", timeout=40_000)
    expect(line.get_by_test_id("flex-timeline-open-now")).to_be_hidden()
    expect(page.locator(f"#flex-{made.pk}")).to_be_visible()


def until_up() -> None:
    """Let the worker work until the newest interaction is up: the sandbox takes its moment, the longer under load."""
    for _poll in range(40):
        run_due(2.5)
        if Interaction.objects.latest("created_at").status == Status.ACTIVE:
            return
        time.sleep(0.2)


def test_it_is_opened_from_the_panel(
    new_page: NewPage,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    page = new_page()
    row = begun(page, contact)
    page.get_by_test_id("flex-open-now").dblclick()
    status = page.get_by_test_id("flex-status")
    expect(status).to_have_text("SMS: Waiting to be sent")
    until_up()
    expect(status).to_contain_text("SMS: Waiting for you to accept", timeout=40_000)
    assert Interaction.objects.count() == 2
    expect(page.locator(f"#flex-{row.pk}")).to_contain_text("Continued in Flex")


def test_the_wait_is_ended(
    new_page: NewPage,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Shoot,
) -> None:
    page = new_page()
    begun(page, contact)
    page.get_by_test_id("flex-cancel").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Ended without an answer")
    run_due()
    assert [one["state"] for one in sandbox.state()["conversations"]] == ["closed"]
    shoot(page, "waiting-ended")


def test_a_second_click_offers_both(
    new_page: NewPage,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Shoot,
) -> None:
    page = new_page()
    begun(page, contact)
    write(page, contact, "Or at one?")
    field = composer(page).locator("[data-open-sid]")
    expect(field).to_contain_text("You wrote to this number, and wait for an answer.")
    shoot(page, "waiting-composer")
    composer(page).get_by_test_id("flex-send").click()
    expect(page.get_by_test_id("flex-status")).to_contain_text("Open it now, or end the wait.")
    expect(page.get_by_test_id("flex-open-now")).to_be_visible()
    shoot(page, "waiting-refused")
    page.get_by_test_id("flex-cancel").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Ended without an answer")
    composer(page).locator("summary").first.click()
    expect(composer(page).get_by_test_id("flex-body")).to_have_value("Or at one?")


def test_a_double_click_meets_nothing_below(new_page: NewPage, contact: Contact) -> None:
    """At this width the next channel is below the composer."""
    page = new_page(viewport={"width": 390, "height": 900})
    write(page, contact)
    button = composer(page).get_by_test_id("flex-send-waiting")
    below = page.get_by_test_id("flex-email")
    below.evaluate(
        """(one, place) => Object.assign(one.style, {
      position: "fixed", top: `${place.y}px`, left: `${place.x}px`, width: `${place.width}px`,
    })""",
        button.bounding_box(),
    )
    button.dblclick()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert [one.channel for one in Interaction.objects.all()] == ["sms"]


def test_it_needs_a_text(new_page: NewPage, contact: Contact) -> None:
    page = new_page()
    write(page, contact, "")
    expect(composer(page).get_by_test_id("flex-send")).to_be_visible()
    expect(composer(page).get_by_test_id("flex-send-waiting")).to_be_hidden()
    composer(page).get_by_test_id("flex-body").fill("Hello")
    expect(composer(page).get_by_test_id("flex-send-waiting")).to_be_visible()


def test_without_javascript_it_is_the_same(
    new_page: NewPage,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Shoot,
) -> None:
    page = new_page(java_script_enabled=False)
    write(page, contact)
    composer(page).get_by_test_id("flex-send-waiting").click()
    expect(page.get_by_text("Waiting to be sent").first).to_be_visible()
    for _time in range(3):
        run_due(2.5)
    page.reload()
    expect(panel(page)).to_contain_text("You wrote to this number, and wait for an answer.")
    shoot(page, "waiting-plain")
    panel(page).get_by_test_id("flex-open-end").click()
    expect(page.get_by_text("The wait has ended. The conversation is being closed.")).to_be_visible()
    assert Interaction.objects.get().status == Status.CANCELED


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_fits_and_shuts_nobody_out(
    new_page: NewPage,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Shoot,
    width: int,
    scheme: Any,
) -> None:
    page = new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    write(page, contact)
    shoot(page, f"wait-{width}-{scheme}-composer")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    row = begun(page, contact)
    shoot(page, f"wait-{width}-{scheme}-panel")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto("/")
    shoot(page, f"wait-{width}-{scheme}-list")
    page.goto(contact.get_absolute_url())
    expect(page.locator(f"#flex-{row.pk}")).to_contain_text("Waiting for an answer")
    shoot(page, f"wait-{width}-{scheme}-reloaded")
    found = trouble(page, "reloaded")
    write(page, contact, "Or at one?")
    found += trouble(page, "composer")
    assert not found, "\n".join(found)


def test_who_is_offline_sends_all_the_same(new_page: NewPage, contact: Contact, worker: Worker, shoot: Shoot) -> None:
    page = new_page()
    write(page, contact)
    be(worker, available=False, name="Offline")
    look_again(page)
    hint = composer(page).get_by_test_id("flex-ready-hint")
    expect(hint).to_contain_text("Or send a message that opens when the customer answers.")
    shoot(page, "waiting-offline")
    composer(page).get_by_test_id("flex-send").click(force=True)
    assert not Interaction.objects.exists()
    composer(page).get_by_test_id("flex-send-waiting").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    assert Interaction.objects.get().opens_on_answer


def test_a_chosen_template_waits(new_page: NewPage, account: Account, contact: Contact, shoot: Shoot) -> None:
    types = {"twilio/text": {"body": "Hello {{1}}"}}
    sid = "HX" + "1" * 32
    Template.objects.create(
        account=account, content_sid=sid, name="hello", language="en", types=types, variables={"1": "Ann"}
    )
    page = new_page()
    write(page, contact, "")
    composer(page).get_by_test_id("flex-template-open").click()
    composer(page).get_by_test_id("flex-template-choice").click()
    composer(page).get_by_label("Variable 1").fill("Grace")
    shoot(page, "waiting-template")
    composer(page).get_by_test_id("flex-send-waiting").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    row = Interaction.objects.get()
    assert (row.opens_on_answer, row.message.content_sid) == (True, sid)
