"""Whose an open conversation is for a user, as our rows say: their own, a colleague's, or nobody's.

Our newest interaction in it says so while it is open; else what Twilio showed of its task lately; else how our
interaction ended. Where none of these tells, nobody knows yet.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.utils import timezone

from flex_outbound.models import Conversation, ConversationHolder, Interaction
from flex_outbound.outbox.texts import name_of
from flex_outbound.phases import STAYS_OPEN, Phase
from flex_outbound.statuses import OPEN, WITH_CONVERSATION, Status
from flex_outbound.twilio_statuses import TaskStatus

RELATED: Final = ("account", "sender", "agent", "asked_by", "interaction__agent", "holder__user")
"""What is read with a conversation to tell whose it is."""

FRESH_FOR: Final = timedelta(minutes=15)
"""How long what Twilio showed of a task is believed."""


class Whose(StrEnum):
    """Whose a conversation is, for one user."""

    MINE = "mine"
    COLLEAGUE = "colleague"
    NOBODY = "nobody"
    UNKNOWN = "unknown"


class Standing(StrEnum):
    """How a conversation stands in Flex.

    ``opening``: it is still being opened. ``offered``: its agent has not accepted it. ``waiting``: it has a task that
    nobody has. ``left``: it has no task. ``unanswered``: it has none yet, and gets one when the customer answers.
    """

    OPENING = "opening"
    LIVE = "live"
    OFFERED = "offered"
    WAITING = "waiting"
    PAUSED = "paused"
    LEFT = "left"
    UNANSWERED = "unanswered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Held:
    """Who has a conversation. ``user``: who has it or had it last, None for somebody whom we do not know.

    ``name``: theirs, "" where nobody is known. ``since``: since when; of one that was left, when. ``task_sid``: its
    task in Flex, "" where it has none.
    """

    whose: Whose
    standing: Standing
    user: Any = None
    name: str = field(default="", repr=False)
    since: datetime | None = None
    task_sid: str = ""

    @property
    def is_in_the_way(self) -> bool:
        """True where nobody has it and nobody is about to get it."""
        return self.whose is Whose.NOBODY and self.standing is Standing.LEFT


def holder_of(conversation: Conversation) -> ConversationHolder | None:
    """Return what Twilio showed of who has a conversation, None where it was never asked."""
    found = getattr(conversation, "holder", None)
    return found if found is not None and found.seen_at is not None else None


def held(conversation: Conversation, user: Any) -> Held:
    """Return who has a conversation. Load it with ``RELATED``."""
    interaction, holder = conversation.interaction, holder_of(conversation)
    is_fresh = holder is not None and holder.seen_at is not None and holder.seen_at > timezone.now() - FRESH_FOR
    is_going_on = interaction is not None and interaction.status in WITH_CONVERSATION
    if interaction is not None and is_going_on and not _is_elsewhere(interaction, holder, is_fresh):
        return by_interaction(interaction, user, conversation)
    if holder is not None and is_fresh:
        return _by_holder(conversation, holder, user)
    if interaction is not None and interaction.is_left_open:
        return by_interaction(interaction, user)
    last = conversation.agent
    return Held(Whose.UNKNOWN, Standing.UNKNOWN, last, name_of(last))


def _is_elsewhere(interaction: Interaction, holder: ConversationHolder | None, is_fresh: bool) -> bool:
    """Tell whether Twilio showed another task than our interaction's, which was accepted: it went on in Flex."""
    if holder is None or not is_fresh or not holder.task_sid or holder.task_sid == interaction.task_sid:
        return False
    seen_at, updated_at = holder.seen_at, interaction.updated_at
    is_newer = seen_at is not None and updated_at is not None and seen_at > updated_at
    return is_newer and bool(holder.worker_sid)


def by_interaction(interaction: Interaction, user: Any, conversation: Conversation | None = None) -> Held:
    """Return who has the conversation that one of our interactions has opened, or is about to open.

    ``conversation``: it, where it is known: a task that is only offered to a worker is so to the conversation's agent.
    """
    agent, phase = interaction.agent, interaction.phase
    is_only_offered = agent is None and interaction.worker_id is not None and conversation is not None
    if is_only_offered and conversation is not None:
        agent = conversation.agent
    since = interaction.opened_at or interaction.created_at
    whose = Whose.MINE if agent is not None and agent.pk == user.pk else Whose.COLLEAGUE
    task_sid = interaction.task_sid or ""
    if phase is Phase.PAUSED and agent is not None:
        return Held(whose, Standing.PAUSED, agent, name_of(agent), interaction.finished_at or since)
    if phase in STAYS_OPEN or (agent is None and interaction.is_final):
        return Held(Whose.NOBODY, Standing.LEFT, agent, name_of(agent), interaction.finished_at or since)
    if interaction.is_untaken:
        is_waiting = interaction.status in OPEN
        return Held(Whose.NOBODY, Standing.WAITING if is_waiting else Standing.OPENING, since=since, task_sid=task_sid)
    if interaction.status not in OPEN:
        is_unanswered = interaction.status == Status.WAITING
        standing = Standing.UNANSWERED if is_unanswered else Standing.OPENING
        return Held(whose, standing, agent, name_of(agent), since)
    standing = Standing.OFFERED if phase is Phase.OFFERED or is_only_offered else Standing.LIVE
    return Held(whose, standing, agent, name_of(agent), since, task_sid)


def _by_holder(conversation: Conversation, holder: ConversationHolder, user: Any) -> Held:
    who = holder.user
    name = name_of(who) or holder.worker_name
    if not holder.task_sid:
        last = who or conversation.agent
        interaction = conversation.interaction
        left_at = interaction.finished_at if interaction is not None else None
        return Held(Whose.NOBODY, Standing.LEFT, last, name or name_of(last), left_at)
    if not holder.worker_sid:
        return Held(Whose.NOBODY, Standing.WAITING, since=holder.since, task_sid=holder.task_sid)
    standing = Standing.LIVE if holder.task_status in (TaskStatus.ASSIGNED, TaskStatus.WRAPPING) else Standing.OFFERED
    whose = Whose.MINE if who is not None and who.pk == user.pk else Whose.COLLEAGUE
    return Held(whose, standing, who, name, holder.since, holder.task_sid)
