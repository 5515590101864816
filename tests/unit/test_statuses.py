"""The record's life as a table."""

from flex_outbound.statuses import FINAL, MOVES, OPEN, UNSETTLED, WITH_CONVERSATION, Status, may_move


def test_every_state_is_in_the_table_and_in_one_group() -> None:
    assert set(MOVES) == set(Status)
    groups = [FINAL, WITH_CONVERSATION, UNSETTLED]
    assert {Status.WAITING} == WITH_CONVERSATION - OPEN
    assert set(Status) == set().union(*groups)
    assert sum(map(len, groups)) == len(Status)


def test_final_states_never_change() -> None:
    assert all(not MOVES[state] for state in FINAL)


def test_an_unknown_outcome_is_never_simply_repeated() -> None:
    assert not may_move(Status.UNCONFIRMED, Status.SENDING)
    assert not may_move(Status.SENDING, Status.SENDING)


def test_every_state_that_is_not_final_can_reach_an_end() -> None:
    for start in set(Status) - FINAL:
        seen, todo = set(), {start}
        while todo:
            seen |= todo
            todo = set().union(*(MOVES[state] for state in todo)) - seen
        assert seen & FINAL, start
