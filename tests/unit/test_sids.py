"""SIDs are validated by kind."""

import pytest
from django.core.exceptions import ValidationError

from flex_outbound.sids import SidKind, is_sid, sid_or_none, validator

GOOD = "WT" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "value", ["", "WT", GOOD[:-1], GOOD + "0", GOOD + "\n", "KD" + GOOD[2:], GOOD.replace("f", "g"), None, 7]
)
def test_what_is_not_a_task_sid_is_not_taken_for_one(value: object) -> None:
    assert not is_sid(value, SidKind.TASK)
    assert sid_or_none(value, SidKind.TASK) is None


def test_a_task_sid_is_one() -> None:
    assert sid_or_none(GOOD, SidKind.TASK) == GOOD


def test_the_refusal_names_the_prefix() -> None:
    with pytest.raises(ValidationError, match="WS"):
        validator(SidKind.WORKSPACE)("nonsense")
