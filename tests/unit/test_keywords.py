"""The words by which customers unsubscribe and subscribe again."""

from typing import Any

import pytest

from flex_outbound.keywords import FRENCH_STOP, START, STOP, TWILIO_START, TWILIO_STOP, said_in, said_in_email


@pytest.mark.parametrize("word", sorted(TWILIO_STOP | FRENCH_STOP))
def test_every_word_of_twilios_lists_unsubscribes(word: str) -> None:
    assert said_in(word) == said_in(word.lower()) == said_in(word.title()) == STOP


@pytest.mark.parametrize("word", sorted(TWILIO_START))
def test_every_word_of_twilios_list_subscribes_again(word: str) -> None:
    assert said_in(word) == said_in(word.lower()) == START


@pytest.mark.parametrize(
    "text",
    [
        *("stop.", "STOP ", " Stop\n", "STOP!!!", "“Stop”", "STOP \U0001f6d1", "\U0001f621 stop \U0001f621"),
        *("ＳＴＯＰ", "ARRET", "ARRÊT", "arrêt", "ARRE\u0302T", "Arrête", "stop all", "opt-out", "OPT OUT"),
        *("\u200bSTOP\ufeff", "S\u200bTOP", "stop\u00a0", "STOP\u2028"),
    ],
)
def test_the_word_alone_counts_in_whatever_form(text: str) -> None:
    assert said_in(text) == STOP


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "\U0001f6d1", "please stop", "STOP it now", "don't stop", "Stop by at 5", "the end", "stopp"),
        *("STOP?", "non-stop", "stop\nunsubscribe", "S T O P", "STOP" * 8000, "STOP" + " " * 32_000 + "x", "st0p"),
        *("HELP", "INFO", "yes please", "\u0405TOP"),
    ],
)
def test_what_is_no_word_alone_does_not_count(text: str) -> None:
    assert said_in(text) == ""


def test_a_project_adds_words_of_its_own(settings: Any) -> None:
    assert said_in("Baja") == said_in("ALTA") == ""
    settings.FLEX_OUTBOUND = {"STOP_WORDS": ["baja", "STOPP", "dar baja"], "START_WORDS": ("Alta",)}
    assert said_in("BAJA.") == said_in("stopp") == said_in("Dar baja") == STOP
    assert said_in("alta") == START
    assert said_in("stop") == STOP


@pytest.mark.parametrize(
    ("subject", "body", "said"),
    [
        ("Unsubscribe", "", STOP),
        ("unsubscribe", "This message was made by my mail program.", STOP),
        ("Re: Your order", "STOP", STOP),
        ("", "cancel", STOP),
        # Everyday words are subjects of other things.
        ("Cancel", "I cannot come on Tuesday.", ""),
        ("Yes", "I do.", ""),
        ("Start", "", START),
        ("Please unsubscribe me", "Thanks", ""),
    ],
)
def test_an_email_counts_by_its_subject_or_its_body(subject: str, body: str, said: str) -> None:
    assert said_in_email(subject, body) == said
