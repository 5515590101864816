"""Answers that came too late, or that name SIDs which belong to another interaction."""

from collections.abc import Mapping

from flex_outbound.conf import conf
from flex_outbound.models import Interaction
from flex_outbound.outbox import closings, lifecycle, owners, retry
from flex_outbound.outbox.changes import SIDS, Change, conversation_step
from flex_outbound.statuses import UNSETTLED, Event, Status


def lost_race(interaction: Interaction, sids: Mapping[str, str | None]) -> None:
    """Settle an answer that came after a callback or a lookup had written the interaction.

    The same interaction is as it should be; another one is a duplicate. ``sids``: as the answer names them.
    """
    attempt = interaction.attempt
    interaction.refresh_from_db()
    if dispute(interaction, attempt, sids):
        return
    if interaction.attempt == attempt and interaction.interaction_sid is None and interaction.status in UNSETTLED:
        # Accepted without a task's SID, and read after the lease: it is this interaction's all the same.
        lifecycle.apply([(interaction, Change(None, facts={name: sids[name] for name in SIDS if sids.get(name)}))])
    elif interaction.interaction_sid != sids.get("interaction_sid"):
        names = (sids.get(name) for name in ("interaction_sid", "channel_sid", "task_sid"))
        closings.close_duplicate(interaction, *names)
    else:
        lifecycle.apply(
            [(interaction, Change(None, facts=conversation_step(interaction, sids.get("conversation_sid"))))]
        )


def dispute(interaction: Interaction, attempt: int, sids: Mapping[str, str | None]) -> bool:
    """Leave to a person what was accepted under SIDs that another interaction has; returns whether that is so.

    ``interaction``: as read again after its move was not made. ``attempt``: the one that the SIDs are about.
    """
    if interaction.attempt != attempt or interaction.status not in UNSETTLED:
        return False
    if not owners.is_anothers(interaction, sids):
        return False
    # A search shows the task under its own SIDs, as a rule, and soon; what it shows once more is left to the person.
    is_known = interaction.status == Status.REVIEW
    delay = retry.REVIEW_SECONDS if is_known else retry.first_lookup(conf.settle_seconds)
    lifecycle.apply([(interaction, disputed("named_anothers", delay))])
    return True


def disputed(case: str, delay: float) -> Change:
    """Return the change for an attempt that was accepted, with SIDs that cannot be written; nothing is sent again.

    ``case``: why, as in ``problems.CASES``. ``delay``: seconds until it is looked up.
    """
    return Change(Event.DISPUTED, delay, reason="needs_review", case=case)
