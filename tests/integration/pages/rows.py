"""What a worker makes of a row, written straight into the table: the pages only see what is there."""

from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from flex_outbound.models import Closing, Interaction
from flex_outbound.problems import params_of

CONVERSATION = "CH" + "d" * 32


def change(row: Interaction, status: str, **values: Any) -> None:
    """Bring a row into a state; the version moves, so that polls see it."""
    is_final = status in {"closed", "failed", "canceled"}
    times = {"next_at": None, "finished_at": Now()} if is_final else {"next_at": Now()}
    Interaction.objects.filter(pk=row.pk).update(status=status, version=F("version") + 1, **times, **values)


def open_in_flex(row: Interaction) -> str:
    """Answer as Twilio does, without a conversation yet; returns the task's SID."""
    tail = row.pk.hex
    change(row, "created", interaction_sid="KD" + tail, channel_sid="UO" + tail, task_sid="WT" + tail, opened_at=Now())
    return "WT" + tail


def add_conversation(row: Interaction) -> str:
    """Tell the conversation's SID, as Twilio does a moment later."""
    change(row, "created", conversation_sid=CONVERSATION)
    return CONVERSATION


def fail(row: Interaction, words: str, reason: str = "channel_failed") -> None:
    """Refuse."""
    change(row, "failed", error_reason=reason, error_params=params_of(said=words), error_code=45600)


def ask_for_decision(row: Interaction, words: str) -> None:
    """Leave it to the agent."""
    change(row, "review", error_reason="needs_review", error_params=params_of(said=words))


def open_twice(row: Interaction, closed: bool = True) -> Closing:
    """Have Twilio open it a second time, which was closed or is not yet."""
    return Closing.objects.create(
        interaction=row,
        kind=Closing.Kind.DUPLICATE,
        interaction_sid="KD" + "e" * 32,
        channel_sid="UO" + "e" * 32,
        task_sid="WT" + "e" * 32,
        closed_at=Now() if closed else None,
        next_at=None if closed else Now(),
    )
