"""The worker's part in the tests of the pages: the pipeline's own moves, without a broker and without Twilio."""

from django.db.models import F

from flex_outbound.models import Interaction
from flex_outbound.outbox import transitions

CONVERSATION = "CH" + "d" * 32


def sids(letter: str = "c") -> dict[str, str | None]:
    return {"interaction_sid": "KD" + letter * 32, "channel_sid": "UO" + letter * 32, "task_sid": "WT" + letter * 32}


def take(row: Interaction) -> int:
    claimed = transitions.claim(row.pk)
    assert claimed is not None
    return claimed.attempt


def open_in_flex(row: Interaction, letter: str = "c") -> str:
    """Answer as Twilio does, without a conversation yet; returns the task's SID."""
    found = sids(letter)
    assert transitions.created(row.pk, take(row), found)
    return str(found["task_sid"])


def add_conversation(row: Interaction) -> str:
    Interaction.objects.filter(pk=row.pk).update(conversation_sid=CONVERSATION, version=F("version") + 1)
    return CONVERSATION


def fail(row: Interaction, words: str) -> None:
    assert transitions.failed(row.pk, take(row), reason="opted_out", message=words, code=21610)


def ask_for_decision(row: Interaction, words: str) -> None:
    attempt = take(row)
    assert transitions.unconfirmed(row.pk, attempt)
    assert transitions.needs_review(row.pk, attempt, words)
