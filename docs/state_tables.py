"""Renders the tables of states in architecture.md from ``flex_outbound.statuses``.

``python docs/state_tables.py`` rewrites the part of the page between the two markers.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from flex_outbound.statuses import (  # noqa: E402 - the checkout's own comes first
    FINAL,
    MESSAGE_FINAL,
    MESSAGE_TRANSITIONS,
    TRANSITIONS,
    Event,
    MessageStatus,
    Status,
    Transition,
)

PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- states: begin -->", "<!-- states: end -->"
COLUMNS = ("From", "Event", "To", "When", "Guard", "Due again", "Attempt")


def render_table(transitions: Mapping[Event, Transition], order: type[Status] | type[MessageStatus]) -> str:
    """Return one state machine as a Markdown table. Its rows stand in the order of the states that they begin in."""
    states = list(order)
    rows = []
    for event, move in sorted(
        transitions.items(), key=lambda item: min(states.index(order(name)) for name in item[1].sources)
    ):
        sources = ", ".join(state.value for state in states if state in move.sources)
        attempt = move.attempt.value if move.attempt is not None else ""
        rows.append((sources, event.value, order(move.target).value, move.when, move.guard, move.timer, attempt))
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return "\n".join(_line(cells) for cells in lines)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell or "–" for cell in cells) + " |"


def render() -> str:
    """Return everything that belongs between the markers."""
    return "\n".join(
        (
            "### Interaction",
            "",
            f"It begins as `{Status.QUEUED.value}`. {_named(FINAL, Status)} are final.",
            "",
            render_table(TRANSITIONS, Status),
            "",
            "### First message",
            "",
            f"It begins as `{MessageStatus.WAITING.value}`. {_named(MESSAGE_FINAL, MessageStatus)} are final.",
            "",
            render_table(MESSAGE_TRANSITIONS, MessageStatus),
        )
    )


def _named(states: frozenset[str], order: type[Status] | type[MessageStatus]) -> str:
    *first, last = [f"`{state.value}`" for state in order if state in states]
    return f"{', '.join(first)} and {last}"


def between_markers(text: str) -> tuple[str, str, str]:
    """Return what stands before, between and after the markers. Raises ValueError where the page lacks them."""
    before, begin, rest = text.partition(f"{BEGIN}\n")
    found, end, after = rest.partition(f"\n{END}")
    if not (begin and end):
        raise ValueError(f"{PAGE.name} needs the lines {BEGIN} and {END}")
    return f"{before}{begin}", found, f"{end}{after}"


def main() -> None:
    """Rewrite the page."""
    before, _found, after = between_markers(PAGE.read_text())
    PAGE.write_text(f"{before}{render()}{after}")


if __name__ == "__main__":
    main()
