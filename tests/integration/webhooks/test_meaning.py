"""What single events change, and what they must not."""

from typing import Any

import pytest

from flex_outbound.models import Closing, Interaction, Message
from flex_outbound.phases import Phase
from flex_outbound.sids import SidKind
from flex_outbound.statuses import MessageStatus, Status

from .conftest import MakeRow, Tell
from .events import (
    TASK,
    channel,
    conversation_closed,
    conversations,
    customer_added,
    customer_wrote,
    interactions,
    other,
    taskrouter,
)


def state(row: Interaction) -> tuple[str, str]:
    """Return status and reason as they are now."""
    row.refresh_from_db()
    return row.status, row.error_reason


def is_due(row: Interaction) -> bool:
    """Tell whether Twilio is to be asked about a row at once."""
    return Interaction.objects.due().filter(pk=row.pk).exists()


@pytest.mark.parametrize("event", ["reservation.rejected", "reservation.timeout"])
def test_another_agent_s_reservation_ends_nothing(event: str, opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, event, "pending", WorkerSid=other(SidKind.WORKER)))
    assert state(row) == (Status.CREATED, "")


def test_declining_a_transfer_back_ends_nothing(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, "reservation.accepted", "assigned"))
    tell(taskrouter(row, "reservation.rejected", "assigned"))
    assert state(row) == (Status.CREATED, "")


def test_a_declined_task_tells_the_agent_and_has_the_conversation_closed(opened: MakeRow, tell: Tell) -> None:
    row = opened(body="Hello")
    tell(taskrouter(row, "reservation.rejected", "pending"))
    assert state(row) == (Status.FAILED, "agent_rejected")
    assert "declined" in row.error_message
    assert Closing.objects.get().kind == Closing.Kind.ORPHAN
    assert Message.objects.get().status == MessageStatus.FAILED


def test_a_transfer_s_task_is_no_duplicate_and_another_interaction_s_is(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, "task.canceled", "canceled", TaskSid=other(SidKind.TASK)))
    assert state(row) == (Status.CREATED, "")
    assert not Closing.objects.exists()
    source, params = taskrouter(row, "task.created", "pending", TaskSid=other(SidKind.TASK))
    for name, kind in (("a", SidKind.INTERACTION), ("b", SidKind.CHANNEL)):
        params["TaskAttributes"] = params["TaskAttributes"].replace(kind.value + name * 32, other(kind))
    tell((source, params))
    assert Closing.objects.get().kind == Closing.Kind.DUPLICATE
    row.refresh_from_db()
    assert row.task_sid == TASK


def test_a_channel_that_is_up_without_its_customer_has_to_be_looked_at(opened: MakeRow, tell: Tell) -> None:
    """Twilio may silently leave the customer out; the agent must not be told that they are in conversation."""
    row = opened(body="Hello")
    assert not is_due(row)
    tell(channel(row, "active"))
    assert state(row) == (Status.CREATED, "")
    assert is_due(row)


@pytest.mark.parametrize("backwards", [False, True])
def test_channel_and_customer_together_make_it_active(backwards: bool, opened: MakeRow, tell: Tell) -> None:
    row = opened(body="Hello")
    told = [customer_added(row), channel(row, "active")]
    for event in told[::-1] if backwards else told:
        tell(event)
    assert state(row) == (Status.ACTIVE, "")
    assert Message.objects.get().next_at is not None


def test_somebody_else_who_joins_is_not_the_customer(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(conversations(row, "onParticipantAdded", **{"MessagingBinding.Address": "+14155550999"}))
    tell(conversations(row, "onParticipantAdded", Identity="agent"))
    tell(channel(row, "active"))
    assert state(row) == (Status.CREATED, "")


def test_late_news_of_the_set_up_hides_nothing(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    for status in ("active", "setup", "nonsense"):
        tell(channel(row, status))
    row.refresh_from_db()
    assert row.channel_status == "active"


@pytest.mark.parametrize("end", [conversation_closed, lambda row: channel(row, "closed")])
def test_an_end_before_anybody_took_part_is_looked_into(end: Any, opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(end(row))
    assert state(row) == (Status.CREATED, "")
    assert is_due(row)


@pytest.mark.parametrize("end", [conversation_closed, lambda row: channel(row, "closed")])
def test_an_end_after_it_was_accepted_is_the_end(end: Any, opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, "reservation.accepted", "assigned"))
    tell(end(row))
    assert state(row) == (Status.CLOSED, "")


@pytest.mark.parametrize("is_accepted", [False, True])
@pytest.mark.parametrize(
    ("code", "reason"), [("19025", "channel_failed"), ("45356", "channel_failed"), ("50416", "already_open")]
)
def test_a_channel_that_is_closed_with_an_error_has_failed(
    code: str, reason: str, is_accepted: bool, opened: MakeRow, tell: Tell
) -> None:
    row = opened()
    if is_accepted:
        tell(taskrouter(row, "reservation.accepted", "assigned"))
    source, params = channel(row, "closed")
    tell((source, {**params, "ErrorCode": code, "ErrorMessage": "Channel validation error"}))
    assert state(row) == (Status.FAILED, reason)
    row.refresh_from_db()
    assert (row.error_code, row.channel_status) == (int(code), "closed")
    assert row.error_message


def test_a_channel_s_error_that_nobody_knows_is_the_channel_s(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(interactions(row, "onChannelCreateFailed", ErrorCode="45999"))
    assert state(row) == (Status.FAILED, "channel_failed")


def test_an_inactive_conversation_goes_on(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(conversations(row, "onConversationStateUpdated", StateFrom="active", StateTo="inactive"))
    assert state(row) == (Status.CREATED, "")


@pytest.mark.parametrize(
    ("event", "parameter", "status"),
    [
        ("reservation.created", "pending", "reserved"),
        ("reservation.accepted", "reserved", "assigned"),
        ("reservation.accepted", "assigned", "assigned"),
        ("reservation.wrapup", "assigned", "wrapping"),
        ("task.wrapup", "", "wrapping"),
        ("task.updated", "assigned", "assigned"),
    ],
)
def test_an_event_tells_the_state_of_the_task(
    event: str, parameter: str, status: str, opened: MakeRow, tell: Tell
) -> None:
    row = opened()
    tell(taskrouter(row, event, parameter))
    row.refresh_from_db()
    assert row.task_status == status


def test_the_page_says_waiting_until_the_agent_accepts(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    found = []
    for told in (
        customer_added(row),
        channel(row, "active"),
        taskrouter(row, "reservation.created"),
        taskrouter(row, "reservation.accepted", "assigned"),
        taskrouter(row, "task.wrapup", "wrapping"),
    ):
        tell(told)
        row.refresh_from_db()
        found.append(row.phase)
    assert found == [Phase.CREATED, Phase.OFFERED, Phase.OFFERED, Phase.ACTIVE, Phase.WRAPPING]


@pytest.mark.parametrize(("status", "phase"), [("inactive", Phase.LEFT), ("pause", Phase.PAUSED)])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_completed_task_need_not_close_the_conversation(
    backwards: bool, status: str, phase: Phase, opened: MakeRow, tell: Tell
) -> None:
    row = opened()
    tell(taskrouter(row, "reservation.accepted", "assigned"))
    told = [channel(row, status), taskrouter(row, "task.completed", "completed")]
    for one in reversed(told) if backwards else told:
        tell(one)
    row.refresh_from_db()
    assert (row.status, row.phase, row.is_left_open) == (Status.CLOSED, phase, True)
    tell(conversation_closed(row))
    row.refresh_from_db()
    assert (row.phase, row.is_left_open) == (Phase.CLOSED, False)


def test_a_reply_after_the_end_shows_that_the_conversation_goes_on(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, "task.completed", "completed"))
    row.refresh_from_db()
    assert row.phase == Phase.CLOSED
    tell(customer_wrote(row))
    row.refresh_from_db()
    assert (row.phase, row.conversation_state) == (Phase.PARKED, "active")
    tell(conversation_closed(row))
    tell(customer_wrote(row))
    row.refresh_from_db()
    assert row.phase == Phase.CLOSED


def test_an_accepted_request_learns_its_task_from_an_event(sending: MakeRow, tell: Tell) -> None:
    row = sending()
    Interaction.objects.update(status=Status.UNCONFIRMED, interaction_sid="KD" + "a" * 32, lease_until=None)
    tell(interactions(row, "onInteractionCreated"))
    assert state(row)[0] == Status.UNCONFIRMED
    tell(interactions(row, "onParticipantJoined", ParticipantType="agent", TaskSid=TASK))
    assert state(row)[0] == Status.CREATED
    assert row.task_sid == TASK
