"""More agents on one conversation, and what is written into its task: with real processes, to Flex and back."""

import uuid
from collections.abc import Iterator

import pytest

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import Crm, Row
from tests.acceptance.flex import Flex, Record, calling_back
from tests.processes import Person, Stack, wait_for

SAID = "Wants the blue one, not the red one 77215"
SCOPE = """
import django
django.setup()
from flex_outbound.models import Account
from flex_outbound.setup import callbacks
from flex_outbound.setup.interaction_webhooks import Scope
account = Account.objects.get(account_sid="%s")
callbacks.choose(account, Scope("%s"))
"""
HEARD = "SELECT interaction_id FROM flex_outbound_webhookevent WHERE source = 'interactions'"


@pytest.fixture
def only_own(stack: Stack) -> Iterator[None]:
    """Twilio tells only of interactions that are opened here, each of which names the webhook."""
    stack.run("-c", SCOPE % (defaults.ACCOUNT_SID, "own"))
    yield
    stack.run("-c", SCOPE % (defaults.ACCOUNT_SID, "all"))


@pytest.fixture
def bea(stack: Stack) -> Iterator[Crm]:
    """A colleague of the agent, signed in."""
    with Crm(stack.crm_url, "bea") as crm:
        yield crm


def talking(agent: Crm, flex: Flex, contact: Person) -> Row:
    """Open a conversation by SMS, accept its task, and return its interaction."""
    row = agent.opened(agent.clicked(contact, "sms"))
    flex.post(f"tasks/{row['task_sid']}/accept", {})
    return agent.follow(row, lambda now: now["status"] == "active")


def tasks_in(flex: Flex, row: Row) -> list[Record]:
    """Return the tasks of a conversation."""
    return [one for one in flex.account()["tasks"] if one["data"].get("conversationSid") == row["conversation_sid"]]


def test_a_colleague_takes_over_and_who_began_it_leaves(
    stack: Stack, agent: Crm, bea: Crm, flex: Flex, contact: Person
) -> None:
    with calling_back(stack, flex):
        row = talking(agent, flex, contact)
        path = f"/flex/api/conversations/{row['conversation_sid']}/invite/"
        [colleague] = [one for one in agent.get(path).json()["colleagues"] if "Bea" in one["name"]]
        key = uuid.uuid4().hex
        wanted = {"agent": colleague["id"], "hand_over": True, "idempotency_key": key}
        answers = [agent.post(path, wanted) for _time in range(2)]
        assert [one.status_code for one in answers] == [202, 202], answers[0].text

        [task] = wait_for(lambda: [one for one in tasks_in(flex, row) if one["sid"] != row["task_sid"]], "the invite")
        flex.post(f"tasks/{task['sid']}/accept", {})
        ended = agent.follow(row, lambda now: now["status"] == "closed", 20.0)
        assert ended["conversation_sid"] == row["conversation_sid"]
        page = f"/contacts/{contact.id}/"
        wait_for(lambda: "Bea" in agent.page(page), "the colleague's name")
    assert len(tasks_in(flex, row)) == 2
    conversation = flex.conversation(row["conversation_sid"])
    assert conversation["state"] == "active"
    assert flex.posts_for(contact) == 1


def test_what_is_written_into_the_task_is_there_once(stack: Stack, agent: Crm, flex: Flex, contact: Person) -> None:
    given = {"outcome": "Solved", "notes": SAID}
    with calling_back(stack, flex):
        row = talking(agent, flex, contact)
        flex.post(f"tasks/{row['task_sid']}/wrapup", {})
        agent.follow(row, lambda now: now["task_status"] == "wrapping")
    answers = [agent.post(f"/flex/api/interactions/{row['id']}/outcome/", given) for _time in range(2)]
    assert [one.status_code for one in answers] == [202, 202], answers[0].text
    wait_for(lambda: flex.task(row["task_sid"])["data"].get("conversations", {}).get("outcome"), "the outcome")

    data = flex.task(row["task_sid"])["data"]
    assert (data["conversations"]["outcome"], data["conversations"]["content"]) == ("Solved", SAID)
    assert data["flexOutboundKey"] == row["id"].replace("-", "")
    assert flex.task(row["task_sid"])["status"] == "wrapping"
    assert agent.follow(row, lambda now: now["outcome_state"] == "written")["outcome"] == "Solved"


@pytest.mark.usefixtures("only_own")
def test_an_interaction_is_told_of_by_its_own_webhook(stack: Stack, agent: Crm, flex: Flex, contact: Person) -> None:
    row = talking(agent, flex, contact)
    asked = [
        dict(one["form"]) for one in flex.get("requests?last=500")["requests"] if one["path"] == "/v1/Interactions"
    ]
    [form] = [one for one in asked if contact.phone in one.get("Channel", "")]
    assert form["WebhookTtid"].startswith("flex_interactionwebhook_")

    def heard() -> bool:
        # SQLite keeps a UUID without its hyphens.
        return row["id"].replace("-", "") in {str(one).replace("-", "") for (one,) in stack.query(HEARD)}

    wait_for(heard, "an event of the interaction")
    assert agent.row(row)["status"] == "active"
