"""One catalogue of everything that can go wrong, in words (vocabulary).

``label``, ``agent_message`` and ``stored_message`` are for agents, by the reason that an interaction stores.
``Problem`` and the functions that make one are for managers.
"""

from flex_outbound.problems.agents import (
    CASES,
    GAVE_UP,
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
from flex_outbound.problems.managers import Problem, explain, explain_account, explain_refusal, explain_stored

__all__ = [
    "CASES",
    "GAVE_UP",
    "LABELS",
    "MESSAGE",
    "REASONS",
    "UNAVAILABLE",
    "Problem",
    "Reason",
    "agent_message",
    "explain",
    "explain_account",
    "explain_refusal",
    "explain_stored",
    "label",
    "params_of",
    "stored_message",
]
