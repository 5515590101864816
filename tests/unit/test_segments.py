"""What a text costs as SMS, against the tests of Twilio's segment calculator and its table of Smart Encoding."""

import time
import unicodedata

import pytest
from django.utils import translation

from flex_outbound import segments
from flex_outbound.channels import MAX_BODY
from flex_outbound.segments import GSM_7, UCS_2, Segments, count, plain, remedy

PUBLISHED = [
    # (text, encoding, characters, segments): https://github.com/TwilioDevEd/message-segment-calculator, tests/
    ("1234567890" * 16, GSM_7, 160, 1),
    ("1234567890" * 16 + "1", GSM_7, 161, 2),
    ("1234567890" * 30 + "1234567", GSM_7, 307, 3),
    ("😜" + "2" * 68, UCS_2, 69, 1),
    ("😜" + "2" * 69, UCS_2, 70, 2),
    ("😜" + "2" * 133, UCS_2, 134, 3),
    ("🇮🇹" + "2" * 66, UCS_2, 68, 1),
    ("🇮🇹" + "2" * 67, UCS_2, 69, 2),
    ("🏳️‍🌈" + "2" * 64, UCS_2, 68, 1),
    ("🏳️‍🌈" + "2" * 65, UCS_2, 69, 2),
    *((sign + "1" * 158, GSM_7, 159, 1) for sign in "|^€{}[]~\\\f"),
    *((sign + "1" * 159, GSM_7, 160, 2) for sign in "|^€{}[]~\\\f"),
    *((letter * 70, UCS_2, 70, 1) for letter in "ÁÚúçíÍóÓ"),
    *((letter * 71, UCS_2, 71, 2) for letter in "ÁÚúçíÍóÓ"),
    ("😀" + "]" * 68, UCS_2, 69, 1),
    ("😀" + "]" * 69, UCS_2, 70, 2),
    ("\rabcde\r\n123", GSM_7, 11, 1),
    ("\nabcde\n\n123\n", GSM_7, 12, 1),
    ("e\u0301\u0301\u0301" + "a" * 66, UCS_2, 70, 1),
    ("e\u0301\u0301\u0301" + "a" * 67, UCS_2, 71, 2),
]
OURS = [
    ("", GSM_7, 0, 0),
    (" ", GSM_7, 1, 1),
    ("`", UCS_2, 1, 1),
    ("Ç", GSM_7, 1, 1),
    # A character of two units is not split: the 153rd unit of the first segment stays empty.
    ("a" * 152 + "€" + "a" * 152, GSM_7, 305, 3),
    ("a" * 152 + "€" + "a" * 151, GSM_7, 304, 2),
    ("’" + "a" * 65 + "😀" + "a" * 65, UCS_2, 132, 2),
    ("’" + "a" * 65 + "😀" + "a" * 66, UCS_2, 133, 3),
    # Nor is an emoji of eleven units: the family goes to the next segment as a whole.
    ("a" * 60 + "👨‍👩‍👧‍👦", UCS_2, 67, 2),
    ("a" * 60 + "👨‍👩‍👧‍👦" + "a" * 56, UCS_2, 123, 2),
    ("a" * 60 + "👨‍👩‍👧‍👦" + "a" * 57, UCS_2, 124, 3),
    ("é" * MAX_BODY, GSM_7, MAX_BODY, 11),
    ("😀" * MAX_BODY, UCS_2, MAX_BODY, 49),
    ("a" + "\u0301" * 200, UCS_2, 201, 3),
]
VECTORS = PUBLISHED + OURS


@pytest.mark.parametrize(("text", "encoding", "characters", "number"), VECTORS)
def test_a_text_is_counted_as_twilio_counts_it(text: str, encoding: str, characters: int, number: int) -> None:
    found = count(text)
    assert (found.encoding, found.characters, found.segments) == (encoding, characters, number)
    assert bool(found.forced_by) == (encoding == UCS_2)


def test_the_alphabet_is_that_of_the_standard() -> None:
    assert len(segments.ONE_UNIT) == 127  # 128 codes, one of which is the escape
    assert len(segments.TWO_UNITS) == 10
    assert not segments.ONE_UNIT & segments.TWO_UNITS
    for sign in "`çÁ‘’“”–—…\t\u00a0":
        assert count(sign).encoding == UCS_2, sign


def test_what_forces_ucs_2_is_named_once_and_in_order() -> None:
    assert count("It’s “so” – isn’t it? 👍🏽👍🏽 e\u0308\u0308").forced_by == (
        "’",
        "“",
        "”",
        "–",
        "👍🏽",
        "e\u0308\u0308",
    )
    assert count("plain {text}").forced_by == ()


@pytest.mark.parametrize(
    ("sign", "likeness"),
    # https://www.twilio.com/docs/messaging/services/smart-encoding-char-list
    [
        *((sign, '"') for sign in "«»“”ʺˮ‟❝❞〝〞＂„"),
        *((sign, "'") for sign in "‘’ʻˈʼʽʹ‛＇´ˊ`ˋ❛❜"),
        *((sign, "-") for sign in "—–‐⁃•―﹣－"),
        *zip(
            "¼½¾…÷⁄＼＿｜＠＄！‼",
            ["1/4", "1/2", "3/4", "...", "/", "/", "\\", "_", "|", "@", "$", "!", "!!"],
            strict=True,
        ),
        *zip("０９ＡＺᴀᴢ，。；？", "09AZAZ,.;?", strict=True),
        *((sign, "") for sign in "\u200b\ufeff\u2060\u0000"),
        *((sign, " ") for sign in "\u00a0\u2009\u202f\u3000\u2028\u0009"),
    ],
)
def test_a_character_is_replaced_by_its_published_likeness(sign: str, likeness: str) -> None:
    assert plain(f"a{sign}b") == f"a{likeness}b"
    assert count(plain(sign)).encoding == GSM_7


def test_every_likeness_is_gsm_7_and_every_character_that_has_one_is_not() -> None:
    for likeness, signs in segments.LIKENESS.items():
        assert count(likeness).encoding == GSM_7, likeness
        for sign in signs:
            assert count(sign).encoding == UCS_2, hex(ord(sign))
            assert unicodedata.category(sign)[0] != "M", hex(ord(sign))
    given = "".join(segments.LIKENESS.values()) + segments.SMALL_CAPITALS[1]
    assert len(given) == len(set(given))


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("It’s “so”…", 'It\'s "so"...'),
        ("man\u0303ana – a\u0308", "mañana - ä"),
        ("no need", None),
        ("It’s 😀", None),  # it stays UCS-2, so nothing is gained
        ("Привет «мир»", None),
        ("a\u0327", None),
    ],
)
def test_replacing_is_offered_where_it_helps(text: str, better: str | None) -> None:
    assert remedy(text) == better


def test_words_name_the_character_and_what_it_means() -> None:
    assert segments.why(count("It’s")) == (
        "Because of “’” (right single quotation mark), an SMS holds only 70 characters."
    )
    # What cannot be replaced comes first, and what nobody sees is shown by its code.
    assert segments.why(count("’ – \u200b ç 😀")) == (
        "Because of “ç”, “😀” (emoji), “’” (right single quotation mark), …, an SMS holds only 70 characters."
    )
    assert "“U+200B” (zero-width space)" in segments.why(count("a \u200b"))
    assert segments.why(count("It's")) == ""
    assert segments.in_words(count("x" * 161)) == "2 SMS · 161 / 306 · GSM-7"
    assert segments.in_words(count("")) == ""


def test_words_are_in_the_readers_language() -> None:
    with translation.override("de"):
        assert segments.in_words(Segments(GSM_7, 5, 5, 1)).startswith("1 SMS")


@pytest.mark.parametrize(
    ("text", "is_long"), [("x" * 306, False), ("x" * 307, True), ("’" * 134, False), ("’" * 135, True), ("", False)]
)
def test_a_text_is_long_from_three_segments(text: str, is_long: bool) -> None:
    assert count(text).is_long is is_long


def test_a_heap_of_marks_is_counted_in_a_moment() -> None:
    began = time.monotonic()
    assert count("a" + "\u0301" * 200_000).segments == 2986
    assert time.monotonic() - began < 10
