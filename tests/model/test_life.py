"""The record's life tried at random: no duplicate, nothing lost, nothing stuck."""

from typing import ClassVar

import pytest
from hypothesis.stateful import run_state_machine_as_test

from flex_outbound.outbox import rules
from tests.model.flex import Fate
from tests.model.life import Duplicate, Life, budget
from tests.model.parts import Times

EXAMPLES = 200


class StrictLife(Life):
    """Mode ``strict`` beside a search that never shows anything in time."""

    times: ClassVar = Times(mode="strict")
    lag: ClassVar[float] = 100_000.0
    bindings: ClassVar[bool] = False


class Teeth(Life):
    """Looks for duplicates only, so that nothing else is found in their place, and does less beside the point."""

    nothing_is_sent_after_the_lease = None
    only_a_second_one_is_closed = None
    every_row_is_as_the_database_wants_it = None
    nothing_goes_back = None
    call_off = decide = end_conversation = None
    begin_look = finish_look = callback = None

    def teardown(self) -> None:
        """Ask for nothing in the end."""


class Unfenced(Teeth):
    """Workers that are stopped and let go on; without the fence they send whenever that is."""

    fates: ClassVar = (Fate.ANSWERED,)
    kill = read = wait = None


class TooSoon(Teeth):
    """A settle time that covers the search's lag and nothing else."""

    times: ClassVar = Times(settle=60.0)


class Unmarked(Teeth):
    """A worker that does not write down that it is about to send."""

    marks: ClassVar[bool] = False


@pytest.mark.parametrize("machine", [Life, StrictLife])
def test_no_click_is_doubled_lost_or_stuck(machine: type[Life]) -> None:
    machine.examples = 0
    run_state_machine_as_test(machine, settings=budget(EXAMPLES))
    print(f"{machine.__name__}: {machine.examples} lives of up to 40 steps")


def test_without_the_fence_a_duplicate_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "may_send", lambda *seconds: True)
    with pytest.raises(Duplicate):
        run_state_machine_as_test(Unfenced, settings=budget(4000))


@pytest.mark.parametrize("machine", [TooSoon, Unmarked])
def test_a_weakened_life_is_found_out(machine: type[Life]) -> None:
    with pytest.raises(Duplicate):
        run_state_machine_as_test(machine, settings=budget(4000))
