"""What pages say of an interaction, by what Twilio says of its task, channel, conversation and message."""

import pytest

from flex_outbound.phases import Phase, is_left_open, phase_of
from flex_outbound.statuses import Status

ACTIVE, CLOSED = Status.ACTIVE, Status.CLOSED


@pytest.mark.parametrize(
    ("status", "task", "channel", "conversation", "delivery", "phase"),
    [
        (ACTIVE, "pending", "active", "", "", Phase.OFFERED),
        (ACTIVE, "reserved", "active", "", "delivered", Phase.OFFERED),
        (ACTIVE, "assigned", "active", "", "", Phase.ACTIVE),
        (ACTIVE, "wrapping", "active", "", "", Phase.WRAPPING),
        (ACTIVE, "wrapping", "inactive", "", "", Phase.LEFT),
        (ACTIVE, "assigned", "pause", "", "", Phase.PAUSED),
        (ACTIVE, "assigned", "transfer", "", "", Phase.TRANSFERRED),
        (ACTIVE, "assigned", "active", "", "undelivered", Phase.UNDELIVERED),
        (CLOSED, "completed", "active", "", "failed", Phase.UNDELIVERED),
        (CLOSED, "completed", "inactive", "", "", Phase.LEFT),
        (CLOSED, "completed", "pause", "inactive", "", Phase.PAUSED),
        (CLOSED, "completed", "active", "active", "", Phase.PARKED),
        (CLOSED, "completed", "", "inactive", "", Phase.PARKED),
        (CLOSED, "completed", "active", "", "", Phase.CLOSED),
        (CLOSED, "completed", "closed", "active", "", Phase.CLOSED),
        (CLOSED, "completed", "inactive", "closed", "", Phase.CLOSED),
        (CLOSED, "wrapping", "closed", "", "", Phase.CLOSED),
        (Status.CREATED, "reserved", "setup", "", "", Phase.CREATED),
        (Status.FAILED, "reserved", "active", "", "failed", Phase.FAILED),
    ],
)
def test_a_phase_tells_apart_what_a_status_does_not(
    status: Status, task: str, channel: str, conversation: str, delivery: str, phase: Phase
) -> None:
    assert phase_of(status, task, channel, conversation, delivery) is phase


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_a_phase(status: Status) -> None:
    assert phase_of(status, "", "", "", "").value == status.value


@pytest.mark.parametrize("status", [one for one in Status if one is not CLOSED])
def test_only_what_has_ended_was_left_open(status: Status) -> None:
    assert not is_left_open(status, "inactive", "active")
