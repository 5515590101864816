"""Every reason that the pipeline writes has its words."""

import pytest

from flex_outbound.gateway.errors import REASONS
from flex_outbound.outbox.callbacks.endings import WORDS
from flex_outbound.outbox.standing import REASONS as OBJECTIONS
from flex_outbound.reasons import LABELS, label_of

WRITTEN = {*REASONS, *WORDS, *OBJECTIONS, "needs_review", "canceled"}


@pytest.mark.parametrize("reason", sorted(WRITTEN))
def test_every_reason_has_words(reason: str) -> None:
    assert label_of(reason) != reason


def test_no_words_stand_for_a_reason_that_is_none() -> None:
    assert set(LABELS) == WRITTEN


def test_what_is_not_known_is_named_as_it_is() -> None:
    assert label_of("new_at_twilio") == "new_at_twilio"
