"""Every reason that the pipeline writes has its words."""

import pytest

from flex_outbound.gateway.errors import REASONS
from flex_outbound.outbox.inbound.endings import WORDS
from flex_outbound.reasons import LABELS, label_of


@pytest.mark.parametrize("reason", sorted({*REASONS, *WORDS, "needs_review", "canceled"}))
def test_every_reason_has_words(reason: str) -> None:
    assert label_of(reason) != reason


def test_no_words_stand_for_a_reason_that_is_none() -> None:
    assert set(LABELS) == {*REASONS, *WORDS, "needs_review", "canceled"}


def test_what_is_not_known_is_named_as_it_is() -> None:
    assert label_of("new_at_twilio") == "new_at_twilio"
