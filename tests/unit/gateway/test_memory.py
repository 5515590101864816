import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.base import Gateway, MessageRequest
from flex_outbound.gateway.memory import MemoryGateway

from .conftest import KEY, a_request, connection_to, sid

LOST = OutcomeUnknown("lost", reason="outcome_unknown")
BUSY = NotAccepted("busy", reason="busy", http_status=429, retry_after=1.0)


def test_it_keeps_the_protocol_and_stands_in_for_connect() -> None:
    gateway: Gateway = MemoryGateway().connect(connection_to(None))
    result = gateway.create_interaction(a_request(Channel.WHATSAPP))
    assert result.task_sid
    assert result.interaction_sid
    assert result.channel_sid
    assert result.conversation_sid
    (task,) = gateway.find_tasks([KEY, "other"])[KEY]
    assert gateway.fetch_task(result.task_sid) == task
    assert task.attributes["flexOutboundKey"] == KEY
    channel = gateway.fetch_channel(result.interaction_sid, result.channel_sid)
    assert channel
    assert channel.status == "active"
    message = gateway.create_message(MessageRequest(KEY, result.conversation_sid, "ada", body="Hi"))
    assert gateway.find_message(result.conversation_sid, KEY) == message
    assert gateway.find_message(result.conversation_sid, "other") is None
    assert gateway.fetch_workspace()


def test_scripted_failures_come_in_turn_and_do_nothing() -> None:
    gateway = MemoryGateway()
    gateway.fail_next(BUSY)
    gateway.fail_next(LOST)
    for error in (NotAccepted, OutcomeUnknown):
        with pytest.raises(error):
            gateway.create_interaction(a_request())
    assert gateway.interactions == []
    gateway.create_interaction(a_request())
    assert len(gateway.interactions) == 1


def test_a_lost_answer_leaves_the_work_done() -> None:
    gateway = MemoryGateway()
    gateway.fail_next(LOST, carried_out=True)
    with pytest.raises(OutcomeUnknown):
        gateway.create_interaction(a_request())
    (task,) = gateway.find_tasks([KEY])[KEY]
    assert task.conversation_sid
    gateway.fail_next(LOST, "create_message", carried_out=True)
    with pytest.raises(OutcomeUnknown):
        gateway.create_message(MessageRequest(KEY, task.conversation_sid, "ada", body="Hi"))
    assert [message.body for message in gateway.messages] == ["Hi"]


def test_lookups_can_fail_and_searches_can_lag() -> None:
    gateway = MemoryGateway()
    gateway.create_interaction(a_request())
    gateway.hidden.add(KEY)
    assert gateway.find_tasks([KEY]) == {}
    gateway.hidden.clear()
    gateway.fail_next(BUSY, "find_tasks")
    with pytest.raises(NotAccepted):
        gateway.find_tasks([KEY])
    assert KEY in gateway.find_tasks([KEY])


def test_tasks_and_channels_can_be_moved_and_forgotten() -> None:
    gateway = MemoryGateway()
    result = gateway.create_interaction(a_request())
    assert result.task_sid
    assert result.channel_sid
    gateway.move_task(result.task_sid, "completed")
    moved = gateway.fetch_task(result.task_sid)
    assert moved
    assert moved.status == "completed"
    gateway.forget_task(result.task_sid)
    assert gateway.fetch_task(result.task_sid) is None
    gateway.move_channel(result.channel_sid, "failed", 45352)
    channel = gateway.fetch_channel("", result.channel_sid)
    assert channel
    assert (channel.status, channel.error_code) == ("failed", 45352)


def test_a_message_into_nowhere_is_refused() -> None:
    with pytest.raises(Refused):
        MemoryGateway().create_message(MessageRequest(KEY, sid("CH"), "ada", body="Hi"))


def test_a_task_that_was_forgotten_is_in_the_past() -> None:
    gateway = MemoryGateway()
    result = gateway.create_interaction(a_request())
    gateway.forget_task(str(result.task_sid))
    assert gateway.find_tasks([KEY]) == {}
    (task,) = gateway.find_past_tasks([KEY], 60)[KEY]
    assert (task.task_sid, task.status) == (result.task_sid, "")
    gateway.hidden.add(KEY)
    assert gateway.find_past_tasks([KEY], 60) == {}


@pytest.mark.parametrize("channel", list(Channel))
def test_a_customer_has_a_conversation_and_is_in_it(channel: Channel) -> None:
    gateway = MemoryGateway()
    request = a_request(channel)
    conversation = str(gateway.create_interaction(request).conversation_sid)
    (found,) = gateway.find_conversations(channel, request.address, request.sender_address)
    assert (found.conversation_sid, found.state) == (conversation, "active")
    assert found.created_at
    assert gateway.find_conversations(channel, "+14155550199", request.sender_address) == []
    assert gateway.has_customer(conversation, channel, request.address) is True
    assert gateway.has_customer(conversation, channel, "+14155550199") is False
    assert gateway.has_customer(sid("CH"), channel, request.address) is None
    gateway.remove_customer(conversation)
    assert gateway.has_customer(conversation, channel, request.address) is False
    assert gateway.find_conversations(channel, request.address, request.sender_address) == []


def test_a_conversation_may_stand_in_the_way() -> None:
    gateway = MemoryGateway()
    conversation = gateway.begin_conversation(Channel.SMS, "+14155550123", "+18005550100")
    gateway.move_conversation(conversation, "inactive")
    (found,) = gateway.find_conversations(Channel.SMS, "+14155550123", "+18005550100")
    assert (found.conversation_sid, found.state, found.sender_address) == (conversation, "inactive", "+18005550100")
    assert gateway.find_conversations(Channel.SMS, "+14155550123", "+18005550199") == []
    assert gateway.find_conversations(Channel.WHATSAPP, "+14155550123", "+18005550100") == []


@pytest.mark.parametrize(("status", "end"), [("reserved", "canceled"), ("assigned", "completed"), (None, None)])
def test_a_closed_channel_closes_its_task_and_conversation(status: str | None, end: str | None) -> None:
    gateway = MemoryGateway()
    result = gateway.create_interaction(a_request())
    channel, task = str(result.channel_sid), str(result.task_sid)
    if status:
        gateway.move_task(task, status)
    else:
        gateway.forget_task(task)
    gateway.fail_next(LOST, "close_channel", carried_out=True)
    with pytest.raises(OutcomeUnknown):
        gateway.close_channel(str(result.interaction_sid), channel)
    gateway.close_channel(str(result.interaction_sid), channel)
    gateway.close_channel(sid("KD"), sid("UO"))
    assert gateway.channels[channel].status == "closed"
    assert gateway.conversations[str(result.conversation_sid)].state == "closed"
    assert [one.status for one in gateway.tasks.values()] == ([end] if end else [])
