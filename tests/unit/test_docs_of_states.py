"""The tables of states in docs/architecture.md are those of the code."""

from docs import state_tables
from flex_outbound.statuses import MESSAGE_TRANSITIONS, TRANSITIONS


def test_the_page_shows_the_tables_as_they_are_now() -> None:
    """If this fails: ``python docs/state_tables.py`` writes them anew."""
    _before, found, _after = state_tables.between_markers(state_tables.PAGE.read_text())
    assert found == state_tables.render()


def test_every_event_has_a_row() -> None:
    lines = [line for line in state_tables.render().splitlines() if line.startswith("| ")]
    events = [line.split(" | ")[1] for line in lines]
    expected = ["Event", "---"] * 2 + [event.value for event in (*TRANSITIONS, *MESSAGE_TRANSITIONS)]
    assert sorted(events) == sorted(expected)
