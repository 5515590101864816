import pytest
from django.utils import timezone

from flex_outbound.channels import Channel
from flex_outbound.exceptions import NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.base import Delivery, Gateway, MessageRequest, Receipt
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
    conversation = gateway.add_conversation(Channel.SMS, "+14155550123", "+18005550100")
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


def test_a_conversation_goes_both_ways() -> None:
    gateway = MemoryGateway()
    conversation = str(gateway.create_interaction(a_request(Channel.WHATSAPP)).conversation_sid)
    ours = gateway.create_message(MessageRequest(KEY, conversation, "ada", body="Hi"))
    picture = gateway.add_file("image/png", "cat.png", b"PNG")
    theirs = gateway.add_message(conversation, "Hello", media=[picture])
    (customer,) = gateway.list_participants(conversation) or []
    assert (customer.address, customer.proxy_address) == ("whatsapp:+14155550123", "whatsapp:+18005550100")
    assert (customer.kind, customer.level) == ("whatsapp", "")
    page = gateway.list_messages(conversation)
    assert page is not None
    assert page.is_whole
    first, second = page.messages
    assert (first.message_sid, first.index, first.author, first.key) == (ours, 0, "ada", KEY)
    assert first.participant_sid is None
    assert (second.message_sid, second.index, second.author, second.body) == (theirs, 1, customer.address, "Hello")
    assert (second.participant_sid, second.media) == (customer.participant_sid, (picture,))
    newer = gateway.list_messages(conversation, after=0)
    assert newer is not None
    assert newer.messages == (second,)
    assert gateway.fetch_message(conversation, theirs) == second
    assert gateway.fetch_message(conversation, sid("IM")) is None
    details = gateway.fetch_conversation(conversation)
    assert details is not None
    assert (details.state, details.chat_service_sid[:2]) == ("active", "IS")


def test_what_is_unknown_is_not_shown() -> None:
    gateway = MemoryGateway()
    assert gateway.list_messages(sid("CH")) is None
    assert gateway.list_participants(sid("CH")) is None
    assert gateway.fetch_conversation(sid("CH")) is None
    with pytest.raises(Refused) as caught, gateway.fetch_media(sid("IS"), sid("ME")):
        pass
    assert caught.value.http_status == 404


def test_files_go_up_and_down() -> None:
    gateway = MemoryGateway()
    conversation = gateway.add_conversation(Channel.SMS, "+14155550123", "+18005550100")
    uploaded = gateway.upload_media(sid("IS"), "image/png", "cat.png", b"x" * 100_000)
    sent = gateway.create_message(MessageRequest(KEY, conversation, "ada", media_sid=uploaded))
    message = gateway.fetch_message(conversation, sent)
    assert message is not None
    (item,) = message.media
    assert (item.media_sid, item.filename, item.size) == (uploaded, "cat.png", 100_000)
    with gateway.fetch_media(sid("IS"), uploaded) as media:
        assert (media.content_type, media.size) == ("image/png", 100_000)
        assert b"".join(media.chunks) == b"x" * 100_000
    gateway.fail_next(LOST, "upload_media", carried_out=True)
    with pytest.raises(OutcomeUnknown):
        gateway.upload_media(sid("IS"), "image/png", "cat.png", b"x")
    assert len(gateway.files) == 2


def test_a_message_of_a_known_time_is_found() -> None:
    gateway = MemoryGateway()
    conversation = gateway.add_conversation(Channel.SMS, "+14155550123", "+18005550100")
    before = timezone.now()
    sent = gateway.create_message(MessageRequest(KEY, conversation, "ada", body="Hi"))
    assert gateway.find_message(conversation, KEY, before) == sent
    assert gateway.find_message(conversation, KEY, timezone.now()) is None


def test_receipts_are_added_up_as_twilio_does() -> None:
    gateway = MemoryGateway()
    conversation = gateway.add_conversation(Channel.EMAIL, "ada@example.com", "support@acme.example")
    sent = gateway.create_message(MessageRequest(KEY, conversation, "ada", body="Hi"))
    gateway.receipts[sent] = [Receipt("read", None), Receipt("failed", 30003), Receipt("delivered", None)]
    message = gateway.fetch_message(conversation, sent)
    assert message is not None
    assert message.delivery == Delivery(3, "some", "some", "some", "some", "none")
    gateway.receipts[sent] = [Receipt("delivered", None)]
    again = gateway.fetch_message(conversation, sent)
    assert again is not None
    assert again.delivery == Delivery(1, "all", "all", "none", "none", "none")


def test_a_message_wakes_an_inactive_conversation_and_no_closed_one() -> None:
    gateway = MemoryGateway()
    conversation = gateway.add_conversation(Channel.SMS, "+14155550123", "+18005550100")
    gateway.move_conversation(conversation, "inactive")
    gateway.add_message(conversation, "Hello?")
    assert gateway.conversations[conversation].state == "active"
    gateway.move_conversation(conversation, "closed")
    with pytest.raises(Refused) as caught:
        gateway.create_message(MessageRequest(KEY, conversation, "ada", body="Hi"))
    assert caught.value.reason == "closed"
