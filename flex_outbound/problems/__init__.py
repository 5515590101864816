"""One catalogue of everything that can go wrong, in words (vocabulary).

``label``, ``agent_message`` and ``stored_message`` are for agents, by the reason that an interaction stores.
``Problem`` and the functions that make one are for managers, and so is ``event_label``, which says what a callback
tells.
"""

from flex_outbound.problems.agents import (
    ANSWER,
    ASKED,
    CASES,
    COPY,
    GAVE_UP,
    JOIN,
    LABELS,
    MESSAGE,
    REASONS,
    UNAVAILABLE,
    Reason,
    agent_message,
    label,
    params_of,
    stored_message,
)
from flex_outbound.problems.events import EVENTS, event_label
from flex_outbound.problems.managers import REFUSALS, Problem, explain, explain_account, explain_refusal, explain_stored

__all__ = [
    "ANSWER",
    "ASKED",
    "CASES",
    "COPY",
    "EVENTS",
    "GAVE_UP",
    "JOIN",
    "LABELS",
    "MESSAGE",
    "REASONS",
    "REFUSALS",
    "UNAVAILABLE",
    "Problem",
    "Reason",
    "agent_message",
    "event_label",
    "explain",
    "explain_account",
    "explain_refusal",
    "explain_stored",
    "label",
    "params_of",
    "stored_message",
]
