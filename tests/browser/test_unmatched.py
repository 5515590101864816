"""A customer whom the CRM does not know writes: found, linked, or created, and then on the contact's page."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.models import Account, Conversation, Sender
from flex_outbound.sandbox import defaults
from tests import processes
from tests.acceptance.flex import Flex, callback_url
from tests.browser.test_end_to_end import sign_in
from tests.processes import Person, Stack

pytestmark = pytest.mark.services

TEXT = "Hello, I have a question about my order."
LINKS = """
SELECT link.contact_id FROM flex_outbound_conversationcontact link
JOIN flex_outbound_conversation conversation ON conversation.id = link.conversation_id WHERE conversation.address = %s
"""
_numbers = itertools.count()


@pytest.fixture
def stack() -> Iterator[Stack]:
    """The running demo."""
    with processes.shown(processes.running("sqlite")) as stack:
        yield stack


@pytest.fixture
def flex(stack: Stack) -> Iterator[Flex]:
    """What Flex really did. Conversations calls back, as wherever a manager has set it up."""
    with Flex(stack.sandbox_url) as flex:
        events = ["onMessageAdded", "onParticipantAdded"]
        flex.register_conversations_callback(callback_url(stack, "conversations"), events)
        yield flex
        flex.register_conversations_callback("")


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A page of the signed-in agent."""
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        sign_in(page, stack)
        yield page


def unknown() -> str:
    """Return a number that no contact has, and no other test."""
    return f"+1907555{9000 + next(_numbers)}"


def write(flex: Flex, address: str) -> None:
    """Let a customer write to the business."""
    proxy = defaults.WHATSAPP_SENDER if address.startswith("whatsapp:") else defaults.SMS_SENDER
    flex.post("messages", {"from": address, "to": proxy, "body": TEXT})


def whose(stack: Stack, address: str) -> set[str]:
    """Return the ids of the contacts of an address's conversations."""
    return {str(found) for (found,) in stack.query(LINKS, address)}


def wait_for_it(page: Page, stack: Stack, address: str) -> None:
    """Open the conversation's page from the list, once it stands there."""

    def is_there() -> bool:
        page.goto(f"{stack.crm_url}/flex/unmatched/")
        return page.get_by_test_id("flex-unmatched-row").filter(has_text=address).count() == 1

    processes.wait_for(is_there, "the conversation")
    line = page.get_by_test_id("flex-unmatched-row").filter(has_text=address)
    expect(line).to_contain_text(TEXT)
    line.get_by_role("link").click()


def link(page: Page, query: str, person: Person) -> None:
    """Search for a contact and link it."""
    page.get_by_role("searchbox").fill(query)
    page.get_by_role("button", name="Search").click()
    page.get_by_test_id("flex-found").get_by_role("button", name=person.name).first.click()
    expect(page.get_by_test_id("flex-linked")).to_contain_text(person.name)


def test_an_unknown_customer_is_linked_with_a_contact(page: Page, stack: Stack, flex: Flex) -> None:
    person, address = stack.next_contact(), unknown()
    write(flex, address)
    page.get_by_role("link", name="Unmatched").click()
    wait_for_it(page, stack, address)
    link(page, person.name, person)
    assert whose(stack, address) == {str(person.id)}
    page.goto(f"{stack.crm_url}/flex/unmatched/")
    expect(page.get_by_test_id("flex-unmatched-row").filter(has_text=address)).to_have_count(0)
    page.go_back()
    page.get_by_role("button", name="Remove").click()
    page.goto(f"{stack.crm_url}/flex/unmatched/")
    expect(page.get_by_test_id("flex-unmatched-row").filter(has_text=address)).to_have_count(1)


def test_an_unknown_customers_contact_is_created(page: Page, stack: Stack, flex: Flex) -> None:
    address = unknown()
    write(flex, address)
    wait_for_it(page, stack, address)
    page.get_by_test_id("flex-create").click()
    expect(page.get_by_label("Mobile")).to_have_value(address)
    page.get_by_label("Name", exact=True).fill("Zoe Zimmer")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_test_id("flex-linked")).to_contain_text("Zoe Zimmer")
    page.get_by_role("link", name="Zoe Zimmer").click()
    expect(page.get_by_role("heading", name="Zoe Zimmer")).to_be_visible()
    [(key,)] = stack.query("SELECT id FROM crm_demo_contact WHERE full_name = 'Zoe Zimmer'")
    assert whose(stack, address) == {str(key)}


def test_a_known_customer_is_never_among_them(stack: Stack, flex: Flex) -> None:
    person = stack.next_contact()
    write(flex, person.phone)
    processes.wait_for(lambda: whose(stack, person.phone), "the conversation")
    assert whose(stack, person.phone) == {str(person.id)}


def test_a_customer_who_hides_the_number_is_known_the_next_time(browser: Browser, stack: Stack, flex: Flex) -> None:
    """Without JavaScript."""
    person, address = stack.next_contact(), f"whatsapp:US.{uuid.uuid4().hex}"
    shown = address.removeprefix("whatsapp:")
    write(flex, address)
    with browser.new_context(java_script_enabled=False, locale="en-US") as context:
        page = context.new_page()
        sign_in(page, stack)
        wait_for_it(page, stack, shown)
        link(page, person.phone, person)
    learned = "SELECT contact_id FROM flex_outbound_contactaddress WHERE is_learned AND address_key = %s"
    assert stack.query(learned, shown.casefold()) == [(str(person.id),)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_page(
    new_page: Callable[..., Page],
    contact: Contact,
    account: Account,
    agent: Any,
    senders: dict[Channel, Sender],
    shoot: Callable[[Page, str], None],
    width: int,
    scheme: str,
) -> None:
    agent.user_permissions.add(Permission.objects.get(codename="link_conversation"))
    for number, (channel, name, text) in enumerate(
        [("sms", "", TEXT), ("whatsapp", "Wolfeschlegelsteinhausenbergerdorff" * 4, "x" * 119), ("email", "Zoë", "")]
    ):
        Conversation.objects.create(
            id=uuid.uuid4(),
            account=account,
            channel=channel,
            address="zoe@example.com" if channel == "email" else f"+1415555017{number}",
            customer_name=name,
            sender=senders[Channel(channel)],
            sender_address=senders[Channel(channel)].address,
            last_text=text,
            last_at=timezone.now(),
            is_unmatched=True,
        )
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto("/flex/unmatched/")
    shoot(page, f"unmatched-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Find the contact").nth(1).click()
    page.get_by_role("searchbox").fill("grace")
    with page.expect_navigation():
        page.get_by_role("button", name="Search").click()
    shoot(page, f"whose-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    with page.expect_navigation():
        page.get_by_role("button", name="Link").first.click()
    shoot(page, f"linked-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
