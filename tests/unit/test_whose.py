"""Whose an open conversation is, in words: also where nobody knows the colleague's name."""

import pytest
from django.utils import translation

from flex_outbound.outbox.conversations.holding import Held, Standing, Whose
from flex_outbound.whose import said_of

THEIRS = (Standing.OPENING, Standing.LIVE, Standing.OFFERED, Standing.PAUSED, Standing.UNANSWERED)


@pytest.mark.parametrize("standing", THEIRS)
@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "pt-br"])
def test_a_sentence_about_somebody_unknown_begins_as_a_sentence_does(language: str, standing: Standing) -> None:
    with translation.override(language):
        said = said_of(Held(Whose.COLLEAGUE, standing))
    assert said[0].isupper()


@pytest.mark.parametrize("standing", THEIRS)
def test_a_name_stays_as_it_is_written_and_german_has_the_right_case(standing: Standing) -> None:
    with translation.override("de"):
        assert said_of(Held(Whose.COLLEAGUE, standing, name="van Gogh")).startswith("van Gogh ")
        assert said_of(Held(Whose.COLLEAGUE, standing)).startswith("Jemand anderes ")
