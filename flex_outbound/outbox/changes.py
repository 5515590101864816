"""What came of a request, a lookup, a poll or a callback, as a value: decided once, without the database.

``decide`` functions in ``dispatch``, ``lookups``, ``polling``, ``messages`` and ``callbacks`` return changes;
``lifecycle.apply`` writes them. The state machine that they move in is ``statuses.TRANSITIONS``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flex_outbound.exceptions import GatewayError
from flex_outbound.gateway import errors
from flex_outbound.models import Interaction
from flex_outbound.problems import params_of
from flex_outbound.statuses import Event
from flex_outbound.twilio_statuses import TASK_ORDER, ChannelStatus

SIDS: Final = ("interaction_sid", "channel_sid", "task_sid", "conversation_sid", "invite_sid")


@dataclass(frozen=True, slots=True)
class Change:
    """One event, and what it says.

    ``event``: None where only ``facts`` are written. ``delay``: seconds until the interaction is due again; a final
    state is never due. ``sids``: by column name, None for what is not known. ``reason``, ``code``: why it
    failed or waits, ours and Twilio's; ``case``, ``said``: as ``problems.params_of`` takes them. ``error``: what the
    attempt keeps. ``made_by``: the number of the attempt that made the task, where it was found. ``facts``: further
    columns; they are written even where somebody else made the move first. ``tell``: send ``interaction_updated`` for
    facts alone.
    """

    event: Event | None
    delay: float = 0.0
    sids: Mapping[str, str | None] = field(default_factory=dict)
    task_status: str = ""
    reason: str = ""
    case: str = ""
    said: str = field(default="", repr=False)
    code: int | None = None
    error: GatewayError | None = None
    made_by: int | None = None
    message_sid: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    tell: bool = False

    @property
    def params(self) -> dict[str, str]:
        """What the words for the reason need, as it is stored in ``error_params``."""
        return params_of(self.case, self.said)

    @property
    def why(self) -> dict[str, Any]:
        """Why it failed, by column."""
        return {"error_code": self.code, "error_reason": self.reason, "error_params": self.params}

    def with_facts(self, **facts: Any) -> "Change":
        """Return the same change with further columns."""
        return replace(self, facts={**self.facts, **facts})


NO_ERROR: Final[dict[str, Any]] = {"error_code": None, "error_reason": "", "error_params": {}}
"""The columns of what did not fail."""

NOTHING: Final = Change(None)


def task_step(interaction: Interaction, status: str) -> dict[str, str]:
    """Return TaskRouter's status as a fact if it is a step forward; old news is {}."""
    if TASK_ORDER.get(status, -1) <= TASK_ORDER.get(interaction.task_status, -1):
        return {}
    return {"task_status": status}


def channel_step(interaction: Interaction, status: str) -> dict[str, str]:
    """Return the channel's status as a fact if it is news; ``closed`` and ``failed`` are final."""
    final = {ChannelStatus.CLOSED, ChannelStatus.FAILED}
    if not status or status == interaction.channel_status or interaction.channel_status in final:
        return {}
    return {"channel_status": status}


def channel_failed(code: int | None, words: str = "", **facts: str) -> Change:
    """Return the end of an interaction whose channel bears an error.

    ``code``, ``words``: Twilio's. It wraps the cause into the words of a general code: 45352 over a 50416.
    """
    reason, code = reason_of(code, words, otherwise="channel_failed")
    return Change(Event.BROKEN, reason=reason, code=code, facts=facts)


def reason_of(code: int | None, words: str = "", *, otherwise: str) -> tuple[str, int | None]:
    """Return the reason and the code of an error; ``otherwise`` where Twilio's code is missing or not in the table."""
    rule, reason, code = errors.read_words(words, code, None)
    is_known = code is not None and not (rule is errors.UNKNOWN_ERROR and reason == rule.reason)
    return reason if is_known else otherwise, code


def not_delivered(code: int | None) -> dict[str, Any]:
    """Return why a message did not reach its customer, by column. ``code``: Twilio's in the receipt."""
    reason, code = reason_of(code, otherwise="not_delivered")
    # Twilio sends such a message no second time, so words about later are wrong here.
    if errors.rule_for(code, None).kind is not errors.Kind.REFUSED:
        reason = "not_delivered"
    return {"error_code": code, "error_reason": reason, "error_params": {}}


def conversation_step(interaction: Interaction, conversation_sid: str | None) -> dict[str, str]:
    """Return a conversation SID as a fact if none was known; one that is there stays."""
    return {"conversation_sid": conversation_sid} if conversation_sid and not interaction.conversation_sid else {}
