"""What no agent began, as pages show it: how it began, what was asked, and who has it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import F

from crm_demo.models import Contact
from flex_outbound import interactions, opened
from flex_outbound.channels import Channel
from flex_outbound.contexts import describe
from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Account, Conversation, Interaction, Sender, Worker
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox.conversations import holding
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows
from tests.integration.pages.conftest import Render
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

TIMELINE, BUTTONS = "{% flex_timeline contact %}", "{% flex_buttons contact %}"
HOSTILE = "<script>alert(1)</script>"
LIST = "/flex/api/interactions/"


@pytest.fixture
def request_row(account: Account, senders: dict[Channel, Sender], contact: Contact, worker: Worker) -> Interaction:
    """What a form asked for, with a contact that is known."""
    asked = {"topic": "return", "text": HOSTILE + "x" * 3000, "items": [1, {"a": "b"}]}
    return interactions.start(channel="sms", contact=contact, attributes=asked, key="form-1")


@pytest.fixture
def watcher(agent: User) -> User:
    """Sees what others do."""
    agent.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    return User.objects.get(pk=agent.pk)


def accept(row: Interaction, user: User | None) -> None:
    """Write down who has accepted the task; None for a worker who is nobody's here."""
    rows.open_in_flex(row)
    rows.change(row, "active", worker_sid="WK" + "1" * 32, agent=user, task_status="assigned")


def test_it_says_how_it_began_and_that_nobody_has_it(
    render: Render, watcher: User, contact: Contact, request_row: Interaction
) -> None:
    html = render(TIMELINE, watcher, contact=contact)

    assert "Asked for by a form" in html
    assert "Waiting for an agent" in html
    assert read(html).faults == []


def test_the_agents_name_takes_its_place(
    render: Render, watcher: User, contact: Contact, request_row: Interaction, other_agent: User
) -> None:
    accept(request_row, other_agent)
    html = render(TIMELINE, watcher, contact=contact)

    assert "Asked for by a form" in html
    assert '<bdi class="flex-timeline__meta" data-text="agent_label">Bea</bdi>' in html
    assert "Waiting for an agent" not in html


def test_who_accepts_it_sees_it_as_theirs(
    render: Render, agent: User, contact: Contact, request_row: Interaction
) -> None:
    assert "Asked for by a form" not in render(TIMELINE, agent, contact=contact)
    accept(request_row, agent)

    assert "Asked for by a form" in render(TIMELINE, agent, contact=contact)


def test_what_was_asked_is_shown_as_text(
    render: Render, watcher: User, contact: Contact, request_row: Interaction
) -> None:
    html = render(TIMELINE, watcher, contact=contact)

    assert HOSTILE not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" + "x" * 3000 in html
    assert '<dt dir="auto">topic</dt>' in html
    assert "[1, {&quot;a&quot;: &quot;b&quot;}]" in html
    assert read(html).faults == []


def test_above_the_buttons_everybody_reads_that_the_customer_waits(
    render: Render, agent: User, contact: Contact, request_row: Interaction
) -> None:
    html = render(BUTTONS, agent, contact=contact)

    assert "Asked for by a form, waiting for an agent since" in html
    assert "by you" not in html
    assert "somebody else" not in html


def test_the_conversation_is_said_to_wait(agent: User, account: Account, request_row: Interaction) -> None:
    described = opened.of_interaction(request_row, agent, LIST)
    assert described is not None
    assert (described["whose"], described["standing"], described["choices"]) == ("nobody", "opening", [])
    assert described["words"] == "A conversation with this number is being opened. Flex will choose its agent."
    rows.open_in_flex(request_row)
    sid = rows.add_conversation(request_row)
    rows.change(request_row, "active", task_status="pending")
    values = {"address": request_row.address, "channel": "sms", "interaction": request_row, "state": "active"}
    Conversation.objects.create(pk=key_of(sid), account=account, **values)
    conversation = Conversation.objects.select_related(*holding.RELATED).get()
    described = opened.describe(conversation, agent, LIST)
    assert (described["whose"], described["standing"]) == ("nobody", "waiting")
    assert described["words"].endswith("It waits in Flex for an agent.")
    assert "close" not in described["choices"]


def test_a_click_beside_it_is_told_what_to_do(agent: User, contact: Contact, request_row: Interaction) -> None:
    with pytest.raises(ClickConflict) as refused:
        enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    assert refused.value.message == "This customer is waiting for an agent already. Take the task in Flex."


@pytest.mark.parametrize(
    ("values", "label", "who"),
    [
        ({"status": "queued"}, "Waiting to be sent", "Waiting for an agent"),
        ({"status": "active"}, "Offered in Flex", "Waiting for an agent"),
        ({"status": "active", "task_status": "reserved"}, "Offered in Flex", "Waiting for an agent"),
        ({"status": "active", "worker_sid": "WK" + "1" * 32}, "In conversation", "An agent in Flex"),
        ({"status": "failed", "error_reason": "workflow_timeout"}, "Failed", ""),
    ],
)
def test_each_state_has_its_words(
    agent: User, request_row: Interaction, values: dict[str, Any], label: str, who: str
) -> None:
    if values["status"] == "active":
        rows.open_in_flex(request_row)
    rows.change(request_row, **values)
    described = describe(Interaction.objects.get(), agent, LIST)

    assert (described["status_label"], described["agent_label"]) == (label, who)


@pytest.mark.parametrize("reason", ["workflow_timeout", "task_canceled", "agent_rejected", "agent_timeout"])
def test_a_failure_does_not_speak_to_an_agent_who_clicked(request_row: Interaction, reason: str) -> None:
    rows.change(request_row, "failed", error_reason=reason)
    words = Interaction.objects.get().error_message

    assert "You " not in words
    assert "request" in words


def test_a_case_of_a_failure_says_more(request_row: Interaction) -> None:
    rows.change(request_row, "failed", error_reason="needs_review", error_params={"case": "task_not_found"})

    assert Interaction.objects.get().error_message.startswith("Flex accepted the conversation")


def test_the_words_of_a_click_stay(agent: User, worker: Worker, senders: Any, contact: Contact) -> None:
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    rows.change(row, "failed", error_reason="agent_rejected")
    assert Interaction.objects.get().error_message.startswith("You declined")
    Interaction.objects.update(agent=None, version=F("version") + 1)
    described = describe(Interaction.objects.get(), agent, LIST)
    assert (described["initiated_by_label"], described["agent_label"]) == ("", "")
