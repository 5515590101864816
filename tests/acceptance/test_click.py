"""From the click to the stored SIDs, compared with what Flex really made."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from flex_outbound.sandbox import defaults
from tests.acceptance.crm import Crm, Row, forms_of
from tests.acceptance.flex import Flex
from tests.processes import Person, Stack, wait_for

SENDERS = {
    "sms": defaults.SMS_SENDER,
    "whatsapp": defaults.WHATSAPP_SENDER.removeprefix("whatsapp:"),
    "email": defaults.EMAIL_SENDER,
}


def last_sids(stack: Stack, contact: Person) -> tuple[str | None, ...]:
    """Return what the contact itself carries."""
    columns = "last_interaction_sid, last_task_sid, last_conversation_sid"
    [sids] = stack.query(f"SELECT {columns} FROM crm_demo_contact WHERE id = %s", contact.id)
    return tuple(sids)


def address_of(contact: Person, channel: str) -> str:
    """Return where a contact is reached on a channel."""
    return contact.email if channel == "email" else contact.phone


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_a_click_opens_an_interaction_and_its_sids_come_back(
    channel: str, stack: Stack, agent: Crm, flex: Flex, contact: Person
) -> None:
    clicked = agent.clicked(contact, channel)
    assert clicked["status"] == "queued"
    assert clicked["task_sid"] is clicked["conversation_sid"] is None
    row = agent.opened(clicked)

    [task] = flex.tasks_of(contact)
    assert row["task_sid"] == task["sid"]
    assert row["interaction_sid"] == task["interaction_sid"]
    assert row["channel_sid"] == task["channel_sid"]
    assert row["conversation_sid"] == task["data"]["conversationSid"]
    assert row["invite_sid"] == task["data"]["flexChannelInviteSid"]
    assert row["flex_url"] == f"{stack.sandbox_url}/#{task['sid']}"
    assert last_sids(stack, contact) == (row["interaction_sid"], row["task_sid"], row["conversation_sid"])
    assert flex.posts_for(contact) == 1


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_the_task_is_the_agents_own_and_says_whose_it_is(channel: str, agent: Crm, flex: Flex, contact: Person) -> None:
    row = agent.opened(agent.clicked(contact, channel))

    task = flex.task(row["task_sid"])
    assert task["worker_sid"] == defaults.WORKERS["agent"]
    assert (task["queue_sid"], task["workflow_sid"]) == (defaults.QUEUES["Outbound"], defaults.WORKFLOW_SID)
    prefix = "whatsapp:" if channel == "whatsapp" else ""
    expected = {
        "flexOutboundKey": row["id"].replace("-", ""),
        "flexOutboundAttempt": 1,
        "customerName": contact.name,
        "customerAddress": prefix + address_of(contact, channel),
        "channelType": channel,
        "direction": "outbound",
        "initiatedBy": "agent",
    }
    assert {name: task["data"].get(name) for name in expected} == expected


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_the_customer_is_in_the_conversation(channel: str, agent: Crm, flex: Flex, contact: Person) -> None:
    row = agent.opened(agent.clicked(contact, channel))

    participants = flex.conversation(row["conversation_sid"])["participants"]
    [customer] = [one for one in participants if one["address"]]
    prefix = "whatsapp:" if channel == "whatsapp" else ""
    assert customer["address"] == prefix + address_of(contact, channel)
    if channel == "email":
        assert (customer["level"], customer["name"]) == ("to", contact.name)
    else:
        assert customer["proxy"] == prefix + SENDERS[channel]
    assert row["sender_address"] == SENDERS[channel]


def test_the_row_follows_the_conversation_until_it_is_active(agent: Crm, contact: Person) -> None:
    row = agent.follow_to(agent.clicked(contact, "sms"), "active")

    assert row["channel_status"] == "active"
    assert agent.get(row["status_url"]).headers["ETag"]


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_a_first_message_arrives_as_the_agents(channel: str, agent: Crm, flex: Flex, contact: Person) -> None:
    text = "Grüße – your order 4711 is ready 👋\nSecond line"
    fields = {"subject": "Your order"} if channel == "email" else {}
    row = agent.clicked(contact, channel, body=text, **fields)

    row = agent.follow(row, lambda now: now["message"]["status"] in ("sent", "failed"))
    [message] = flex.conversation(row["conversation_sid"])["messages"]
    assert row["message"]["message_sid"] == message["sid"]
    body, _blank, signature = message["body"].partition("\n\n")
    assert (message["author"], body) == ("agent", text)
    # The demo's sender of emails signs with the agent's name.
    assert ("Ada Agent" in signature) == (channel == "email")
    assert message["subject"] == fields.get("subject")


def test_a_chat_opens_for_an_identity_and_the_customer_answers(stack: Stack, agent: Crm, flex: Flex) -> None:
    [pk, name, identity] = stack.query(
        "SELECT id, full_name, chat_identity FROM crm_demo_contact WHERE chat_identity <> '' ORDER BY id"
    )[0]
    contact = Person(pk, name, "", "")
    row = agent.clicked(contact, "chat", body="Hello from the shop")
    row = agent.follow(row, lambda now: now["message"]["status"] in ("sent", "failed"))

    task = flex.task(row["task_sid"])
    assert (row["interaction_sid"], row["conversation_sid"]) == (
        task["interaction_sid"],
        task["data"]["conversationSid"],
    )
    assert (task["data"]["channelType"], task["data"]["customerAddress"]) == ("chat", identity)
    assert last_sids(stack, contact) == (row["interaction_sid"], row["task_sid"], row["conversation_sid"])
    [customer] = [one for one in flex.conversation(row["conversation_sid"])["participants"] if one["is_visitor"]]
    assert (customer["identity"], customer["address"], customer["proxy"]) == (identity, None, None)

    told = flex.post("messages", {"conversation_sid": row["conversation_sid"], "body": "Hello to the shop"})["sid"]

    def look() -> list[tuple[str, str]]:
        # Somebody looks at the page, so that Twilio is asked.
        agent.get(f"/flex/timeline/crm_demo.contact/?id={pk}")
        return stack.query("SELECT party, author FROM flex_outbound_message WHERE message_sid = %s", told)

    assert wait_for(look, "the answer", 90) == [("customer", identity)]


def test_the_form_without_javascript_does_the_same(stack: Stack, agent: Crm, flex: Flex, contact: Person) -> None:
    path = f"/contacts/{contact.id}/"
    forms = {form.attributes.get("data-channel"): form for form in forms_of(agent.page(path))}
    form = forms["sms"]

    answer = agent.submit(form.action, form.fields | {"body": "Hello from a form"})

    assert (answer.status_code, answer.url) == (200, f"{stack.crm_url}{path}")
    task = wait_for(lambda: flex.tasks_of(contact), "the task")[0]
    wait_for(lambda: task["sid"] in agent.page(path), "the task's SID on the page")
    assert task["data"]["conversationSid"] in agent.page(path)
    messages = wait_for(lambda: flex.conversation(task["data"]["conversationSid"])["messages"], "the first message")
    assert [one["body"] for one in messages] == ["Hello from a form"]
    # The page that is sent twice, by a second click or by "reload", is still one click.
    assert agent.submit(form.action, form.fields | {"body": "Hello from a form"}).status_code == 200
    assert flex.posts_for(contact) == 1


def test_a_double_click_is_one_interaction(agent: Crm, flex: Flex, contact: Person) -> None:
    with ThreadPoolExecutor(8) as pool:
        key = f"double-{contact.phone[1:]}"
        waiting = [pool.submit(agent.click, contact, "sms", idempotency_key=key) for _ in range(8)]
        answers = [one.result() for one in waiting]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    agent.opened(answers[0].json())
    assert (flex.posts_for(contact), len(flex.tasks_of(contact))) == (1, 1)


def test_the_same_click_in_two_tabs_is_one_interaction(agent: Crm, flex: Flex, contact: Person) -> None:
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(agent.click, contact, "sms") for _ in range(8)]
        answers = [one.result() for one in waiting]

    rows: set[str] = {answer.json()["id"] for answer in answers}
    assert [answer.status_code for answer in answers] == [202] * 8
    assert len(rows) == 1
    agent.opened(answers[0].json())
    assert (flex.posts_for(contact), len(flex.tasks_of(contact))) == (1, 1)


def test_two_agents_at_the_same_moment_open_one_interaction(
    stack: Stack, agent: Crm, flex: Flex, contact: Person
) -> None:
    with Crm(stack.crm_url, "bea") as bea, ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(one.click, contact, "sms") for one in [agent, bea] * 4]
        answers = [one.result() for one in waiting]

    taken = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    refused = [answer.json()["code"] for answer in answers if answer.status_code == 409]
    assert len(set(taken)) == 1
    assert refused == ["already_open"] * 4
    wait_for(lambda: flex.tasks_of(contact), "the task")
    assert (flex.posts_for(contact), len(flex.tasks_of(contact))) == (1, 1)


@pytest.mark.parametrize("shape", ["no_conversation_sid", "echo"])
def test_what_the_answer_leaves_out_is_found(shape: str, stack: Stack, agent: Crm, flex: Flex, contact: Person) -> None:
    flex.post("options", {"reply_shape": shape})
    try:
        row = agent.clicked(contact, "sms")
        wait_for(lambda: flex.posts_for(contact), "the request")
        row = agent.opened(row, 15.0)
    finally:
        flex.post("options", {"reply_shape": "full"})

    [task] = flex.tasks_of(contact)
    assert (row["task_sid"], row["conversation_sid"]) == (task["sid"], task["data"]["conversationSid"])
    assert last_sids(stack, contact) == (row["interaction_sid"], row["task_sid"], row["conversation_sid"])
    assert flex.posts_for(contact) == 1


def test_another_agent_is_told_who_is_in_the_conversation(
    stack: Stack, agent: Crm, flex: Flex, contact: Person
) -> None:
    row: Row = agent.opened(agent.clicked(contact, "whatsapp"))

    with Crm(stack.crm_url, "bea") as bea:
        answer = bea.click(contact, "whatsapp")
        assert bea.get(row["status_url"]).status_code == 404

    assert (answer.status_code, answer.json()["code"]) == (409, "already_open")
    assert "Ada Agent" in answer.json()["detail"]
    assert flex.posts_for(contact) == 1
