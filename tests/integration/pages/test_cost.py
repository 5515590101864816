"""How many queries a contact's page costs: where somebody has unsubscribed, was left, or shares a number."""

import re
from typing import Any

import pytest
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Conversation, Interaction
from flex_outbound.models.setup import forget_setup
from flex_outbound.outbox import closings, consent
from flex_outbound.outbox.consent import Entry
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import talk
from tests.integration.pages.conftest import Render

PAGE = "{% flex_assets %}{% flex_buttons contact %}{% flex_timeline contact %}"
REFUSED = "This customer has unsubscribed from messages."
THEIRS = "+14155550123"
OTHER = "+33639980099"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cost(render: Render, agent: Any, contact: Any, django_user_model: Any, django_assert_num_queries: Any) -> Any:
    """Render the page of the contact with the senders known, and return it: ``cost(queries)``."""

    def cost(queries: int) -> str:
        forget_setup()
        render(PAGE, agent, contact=contact)
        fresh = django_user_model.objects.get(pk=agent.pk)
        with django_assert_num_queries(queries):
            return render(PAGE, fresh, contact=contact)

    return cost


@pytest.fixture
def open_row(agent: Any, worker: Any, senders: Any, contact: Any) -> Interaction:
    """An open conversation with the contact on WhatsApp, as its interaction."""
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "whatsapp"))
    names = {"interaction": "KD", "channel": "UO", "task": "WT", "conversation": "CH"}
    sids = {f"{name}_sid": talk.sid(kind) for name, kind in names.items()}
    then = talk.BEGAN
    Interaction.objects.filter(pk=row.pk).update(status="active", attempt=1, sent_at=then, opened_at=then, **sids)
    return row


@pytest.mark.parametrize("address", [None, OTHER, "their own"])
def test_who_has_unsubscribed_costs_no_query_of_its_own(
    cost: Any, contact: Any, open_row: Interaction, address: str | None
) -> None:
    if address is not None:
        consent.append([Entry("sms", THEIRS if address == "their own" else address, "opted_out", "keyword")])
    # Permissions, what is under way with the ledger, the open conversations, the timeline's one (nothing was said), and
    # the user's own.
    html = cost(6)
    assert (REFUSED in html) == (address == "their own")


def test_without_anything_under_way_the_ledger_is_one_query(cost: Any, worker: Any, senders: Any, contact: Any) -> None:
    consent.append([Entry("sms", THEIRS, "opted_out", "keyword")])
    assert REFUSED in cost(6)


def test_who_answers_reads_the_ledger_no_second_time(
    cost: Any, account: Any, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    conversation = talk.converse(account, contact, agent, address=THEIRS, sender=senders["sms"])
    talk.say(conversation)
    assert REFUSED not in cost(5)
    consent.append([Entry("sms", THEIRS, "opted_out", "keyword")])
    # One more than before: nothing is under way that the ledger could be read with.
    assert REFUSED in cost(6)


@pytest.mark.parametrize("address", [None, OTHER, "their own"])
def test_everything_at_once_costs_six(
    cost: Any, account: Any, agent: Any, contact: Any, senders: Any, open_row: Interaction, address: str | None
) -> None:
    conversation = talk.converse(account, contact, agent, address=THEIRS, sender=senders["whatsapp"])
    talk.say(conversation)
    Conversation.objects.filter(pk=conversation.pk).update(interaction=open_row)
    if address is not None:
        consent.append([Entry("sms", THEIRS if address == "their own" else address, "opted_out", "keyword")])
    # Permissions, what is under way with the ledger, the open conversations, the timeline's interactions and messages,
    # and the user's own conversations.
    html = cost(6)
    assert (REFUSED in html) == (address == "their own")


@pytest.mark.parametrize("channel", ["sms", "email"])
@pytest.mark.parametrize("refused", ["somebody else's", "theirs"])
@pytest.mark.parametrize("is_under_way", [True, False])
def test_a_customer_by_a_former_address_costs_no_query_of_its_own(
    request: Any,
    cost: Any,
    account: Any,
    agent: Any,
    worker: Any,
    contact: Any,
    senders: Any,
    channel: str,
    refused: str,
    is_under_way: bool,
) -> None:
    former = "former@example.com" if channel == "email" else "+14155550777"
    conversation = talk.converse(
        account, contact, agent, channel=channel, address=former, sender=senders[channel], sender_address=""
    )
    talk.say(conversation)
    if is_under_way:
        row = request.getfixturevalue("open_row")
        whatsapp = talk.converse(account, contact, agent, address=THEIRS, sender=senders["whatsapp"], interaction=row)
        talk.say(whatsapp)
    elsewhere = "else@example.com" if channel == "email" else OTHER
    consent.append([Entry(channel, former if refused == "theirs" else elsewhere, "opted_out", "keyword")])
    html = cost(6)
    assert (REFUSED in html) == (refused == "theirs")


def test_a_copy_of_an_email_who_has_unsubscribed_costs_no_query_of_its_own(
    cost: Any, account: Any, agent: Any, contact: Any, senders: Any, worker: Any
) -> None:
    click = Click(agent, "crm_demo.contact", str(contact.pk), "email", cc=("copy@example.com",), body="Hello")
    row = enqueue(click)
    conversation = talk.converse(
        account, contact, agent, channel="email", address=row.address, sender=senders["email"], interaction=row
    )
    talk.say(conversation)
    consent.append([Entry("email", "copy@example.com", "opted_out", "keyword")])
    assert "unsubscribed" in cost(5)


def left_open(row: Interaction) -> None:
    """Let the agent leave the conversation of an interaction, which stays open."""
    left = {"status": "closed", "channel_status": "inactive", "finished_at": talk.BEGAN, "next_at": None}
    Interaction.objects.filter(pk=row.pk).update(**left)


@pytest.fixture
def conversation(account: Any, contact: Any, agent: Any, senders: Any, open_row: Interaction) -> Conversation:
    """What was said in the open conversation of ``open_row``."""
    sender = senders["whatsapp"]
    by = {"sender": sender, "sender_address": sender.address, "address": THEIRS, "address_key": THEIRS}
    row = talk.converse(account, contact, agent, channel="whatsapp", interaction=open_row, **by)
    Interaction.objects.filter(pk=open_row.pk).update(conversation_sid=row.conversation_sid)
    talk.say(row)
    return row


@pytest.mark.parametrize("is_being_closed", [False, True])
def test_a_conversation_that_was_left_open_costs_no_query_of_its_own(
    cost: Any, open_row: Interaction, conversation: Conversation, is_being_closed: bool
) -> None:
    left_open(open_row)
    if is_being_closed:
        closings.close_left(Interaction.objects.get(pk=open_row.pk))
    html = cost(6)
    assert "Nobody is in it" in html
    assert ("It is being closed." in html) == is_being_closed


@pytest.mark.parametrize("is_left", [False, True])
def test_a_conversation_that_is_another_contacts_as_well_costs_no_query_of_its_own(
    cost: Any, open_row: Interaction, conversation: Conversation, is_left: bool
) -> None:
    talk.link(conversation, Contact.objects.create(full_name="Bob Shared", mobile=THEIRS))
    if is_left:
        left_open(open_row)
    assert "Other contacts of this conversation" in cost(6)


@pytest.mark.parametrize("whose", ["mine", "nobody's", "a hidden contact's"])
def test_another_contacts_open_conversation_costs_no_query_of_its_own(
    cost: Any,
    client: Client,
    account: Any,
    agent: Any,
    contact: Any,
    senders: Any,
    open_row: Interaction,
    conversation: Conversation,
    whose: str,
) -> None:
    twin = Contact.objects.create(full_name="Bob Shared", mobile=THEIRS, restricted=whose == "a hidden contact's")
    sender = senders["sms"]
    by = {"sender": sender, "sender_address": sender.address, "address": THEIRS, "address_key": THEIRS}
    talk.converse(account, twin, agent if whose == "mine" else None, **by)
    page = cost(6)
    assert "It is with another contact, who has the same number." in page
    assert "Bob Shared" not in page
    client.force_login(agent)
    late = client.get(re.search(r'<flex-open[^>]* data-url="([^"]+)"', page)[1]).content.decode()  # type: ignore[index]
    named = "It is with Bob Shared, who has the same number."
    unnamed = "It is with a contact that you may not see, who has the same number."
    assert (unnamed if twin.restricted else named) in late
