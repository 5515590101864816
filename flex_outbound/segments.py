"""How a text travels as SMS: its encoding, its length in units, and the segments that are billed (vocabulary).

``static/flex_outbound/segments.js`` says the same in the browser, from the same tables; a test compares the two.

An SMS carries 140 octets. A text of GSM-7 characters alone has 160 units in it, any other is sent as UCS-2 and has 70.
In a longer text each segment gives 6 octets to its header: https://www.twilio.com/docs/glossary/what-sms-character-limit
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_lazy

GSM_7: Final = "GSM-7"
UCS_2: Final = "UCS-2"
ROOM: Final = {GSM_7: (160, 153), UCS_2: (70, 67)}
"""Units of a text's only segment, and of each where there are several."""

LONG_CHARACTERS: Final = 320
LONG_SEGMENTS: Final = 3
"""Twilio advises texts of up to 320 characters: https://www.twilio.com/docs/glossary/what-sms-character-limit"""

ONE_UNIT: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWO_UNITS: Final = frozenset("\f^{}\\[~]|€")
"""The alphabet of GSM-7 and its extension, 3GPP TS 23.038, section 6.2.1."""

LIKENESS: Final = {
    "": "\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u000b\u000e\u000f\u0010\u0011\u0012\u0013\u0014\u0015"
    "\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f\u007f\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff",
    " ": "\u0009\u0080\u008d\u0090\u009b\u009f\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000",
    '"': "\u00ab\u00bb\u02ba\u02ee\u201c\u201d\u201e\u201f\u2033\u2036\u275d\u275e\u301d\u301e",
    "'": "\u0060\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u2018\u2019\u201b\u2032\u2035\u275b\u275c\ufe10\ufe11"
    "\uff40",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2022\u2043\u2212\u23bc\u23bd\ufe63",
    "...": "\u2026",
    "1/2": "\u00bd",
    "1/4": "\u00bc",
    "3/4": "\u00be",
    "!": "\u01c3\ufe15\ufe57",
    "!!": "\u203c",
    "#": "\ufe5f",
    "$": "\ufe69",
    "%": "\ufe6a",
    "&": "\ufe60",
    "(": "\u2768\u276a\u27ee\u2985\ufe59",
    ")": "\u2769\u276b\u27ef\u2986\ufe5a",
    "*": "\u204e\u2217\u229b\u2722\u2723\u2724\u2725\u2731\u2732\u2733\u273a\u273b\u273c\u273d\u2743\u2749\u274a\u274b"
    "\u29c6\ufe61",
    "+": "\u02d6\ufe62",
    ",": "\u201a\u3001\ufe50\ufe51\uff64",
    ".": "\u3002\ufe52\uff61",
    "/": "\u00f7\u2044\u2215\u29f8",
    ":": "\u02d0\u02f8\u2982\ua789\ufe13",
    ";": "\u204f\ufe14\ufe54",
    "<": "\u2039\ufe64",
    "=": "\ua78a\ufe66",
    ">": "\u203a\ufe65",
    "?": "\ufe16\ufe56",
    "@": "\ufe6b",
    "\\": "\u29f5\u29f9\ufe68",
    "^": "\u02c6",
    "_": "\u2017",
    "{": "\u2774\ufe5b",
    "|": "\u2223\u239c\u239f\u23b8\u23b9\u23d0",
    "}": "\u2775\ufe5c",
    "~": "\u02dc\u02f7\u223c",
}
"""GSM-7 text, and the characters that it stands for.

The table of Twilio's Smart Encoding, https://www.twilio.com/docs/messaging/services/smart-encoding-char-list, with
these differences: each space becomes one space; single angle quotes keep their direction; marks that combine with the
letter before them stay, as they would leave the text misspelt; minus, primes, further hyphens and invisible marks are
added, which word processors write too. Full-width forms of ASCII follow a rule, see ``plain``.
"""

SMALL_CAPITALS: Final = (
    "ABCDEFGHIJKLMNOPRSTUVWYZ",
    "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\u0280\ua731\u1d1b"
    "\u1d1c\u1d20\u1d21\u028f\u1d22",
)
_FULL_WIDTH: Final = 0xFF00 - 0x20  # from "!" to "~" in the same order as ASCII

NAMES: Final = {
    "\u2018": gettext_lazy("left single quotation mark"),
    "\u2019": gettext_lazy("right single quotation mark"),
    "\u201c": gettext_lazy("left double quotation mark"),
    "\u201d": gettext_lazy("right double quotation mark"),
    "\u201e": gettext_lazy("low double quotation mark"),
    "\u00ab": gettext_lazy("angle quotation mark"),
    "\u00bb": gettext_lazy("angle quotation mark"),
    "\u2039": gettext_lazy("angle quotation mark"),
    "\u203a": gettext_lazy("angle quotation mark"),
    "\u0060": gettext_lazy("backtick"),
    "\u00b4": gettext_lazy("acute accent"),
    "\u2013": gettext_lazy("en dash"),
    "\u2014": gettext_lazy("em dash"),
    "\u2011": gettext_lazy("non-breaking hyphen"),
    "\u2026": gettext_lazy("ellipsis"),
    "\u2022": gettext_lazy("bullet"),
    "\u0009": gettext_lazy("tab"),
    "\u00a0": gettext_lazy("no-break space"),
    "\u202f": gettext_lazy("narrow no-break space"),
    "\u00ad": gettext_lazy("soft hyphen"),
    "\u200b": gettext_lazy("zero-width space"),
    "\ufeff": gettext_lazy("zero-width no-break space"),
}
"""What people call the characters that nobody types on purpose, or cannot see."""

EMOJI: Final = gettext_lazy("emoji")

WORDS: Final = {
    "count": gettext_lazy("{segments} SMS · {units} / {room} · {encoding}"),
    "short": gettext_lazy("{segments} SMS"),
    "because": gettext_lazy("Because of {characters}, an SMS holds only {most} characters."),
    "named": gettext_lazy("“{character}” ({name})"),
    "unnamed": gettext_lazy("“{character}”"),
    "replace": gettext_lazy("Use plain characters instead: {segments} SMS"),
}
_MOST_NAMED: Final = 3
_LONGEST_NAMED: Final = 16  # code points; an emoji of a family or a flag has up to 14

_ZERO_WIDTH_JOINER: Final = "\u200d"


@dataclass(frozen=True, slots=True)
class Segments:
    """A text as SMS.

    ``encoding``: "GSM-7" or "UCS-2". ``characters``: code points, as the limit of 1,600 counts them. ``units``: septets
    of GSM-7, or UTF-16 units of UCS-2. ``segments``: how many SMS are billed, 0 for an empty text. ``forced_by``: the
    characters that make the text UCS-2, each once, in order; a letter with its marks, or a composed emoji, is one.
    """

    encoding: str
    characters: int
    units: int
    segments: int
    forced_by: tuple[str, ...] = ()

    @property
    def room(self) -> int:
        """Units that fit into this many segments."""
        only, each = ROOM[self.encoding]
        return only if self.segments <= 1 else each * self.segments

    @property
    def is_long(self) -> bool:
        """True for more than Twilio advises."""
        return self.characters > LONG_CHARACTERS or self.segments >= LONG_SEGMENTS


def count(text: str) -> Segments:
    """Return how Twilio sends a text as SMS, by the rules of its segment calculator.

    ``text``: as it is sent; CRLF counts as two. A character that takes several units is not split between segments.
    The result is of the text alone: Smart Encoding of a Messaging Service may replace characters afterwards.
    """
    forced = _forcing(text)
    encoding = UCS_2 if forced else GSM_7
    sizes = [_units(one) for one in _clusters(text)] if forced else [_septets(one) for one in text]
    return Segments(encoding, len(text), sum(sizes), _segments(sizes, encoding), tuple(dict.fromkeys(forced)))


def plain(text: str) -> str:
    """Return a text with each character in its GSM-7 likeness; what has none stays.

    Letters with marks beside them are composed first, as "n" and a tilde to "ñ".
    """
    return unicodedata.normalize("NFC", text).translate(_PLAIN)


def remedy(text: str) -> str | None:
    """Return the text in GSM-7 if replacing characters by their likeness makes it so; None where it does not help."""
    found = plain(text)
    return found if found != text and _forcing(text) and not _forcing(found) else None


def in_words(found: Segments) -> str:
    """Return the line under a text field; "" for an empty text."""
    values = {"segments": found.segments, "units": found.units, "room": found.room, "encoding": found.encoding}
    return str(WORDS["count"]).format(**values) if found.segments else ""


def why(found: Segments) -> str:
    """Return which characters make a text UCS-2, and what that means; "" for GSM-7.

    Those that no plain character can replace come first: the text cannot become GSM-7 with them.
    """
    if not found.forced_by:
        return ""
    named = sorted(found.forced_by, key=lambda one: not _forcing(plain(one)))[:_MOST_NAMED]
    listed = ", ".join(_named(one) for one in named) + (", …" if len(found.forced_by) > _MOST_NAMED else "")
    return str(WORDS["because"]).format(characters=listed, most=ROOM[UCS_2][0])


def page_words() -> Mapping[str, object]:
    """Return what the script needs to say the same in the page's language, by the names under which it looks."""
    return WORDS | {"emoji": EMOJI} | {_code_of(sign): name for sign, name in NAMES.items()}


def _code_of(character: str) -> str:
    return f"U+{ord(character):04X}"


def _named(cluster: str) -> str:
    sign = next((one for one in cluster if one in NAMES), cluster[0])
    name = str(NAMES.get(sign) or (EMOJI if _is_emoji(cluster) else ""))
    is_seen = unicodedata.category(cluster[0])[0] not in "CMZ"
    character = cluster[:_LONGEST_NAMED] if is_seen else _code_of(cluster[0])
    return str(WORDS["named" if name else "unnamed"]).format(character=character, name=name)


def _is_emoji(cluster: str) -> bool:
    return 0x1F000 <= ord(cluster[0]) <= 0x1FAFF or "\ufe0f" in cluster


def _forcing(text: str) -> list[str]:
    """Return the clusters with a character that is not of GSM-7."""
    if _ALPHABET.issuperset(text):
        return []
    return [one for one in _clusters(text) if not _ALPHABET.issuperset(one)]


def _clusters(text: str) -> Iterator[str]:
    """Split a text into what a reader takes for one character, as Unicode's grapheme clusters (UAX 29).

    Line ends stay apart, as the calculator has it. Left out: Hangul as single jamo, which no keyboard writes, and the
    conjuncts of Indic scripts.
    """
    start = 0
    for place in range(1, len(text)):
        if not _belongs(text, start, place):
            yield text[start:place]
            start = place
    if text:
        yield text[start:]


def _belongs(text: str, start: int, place: int) -> bool:
    """Tell whether the character at a place goes on with the cluster that began at ``start``."""
    first, before, here = text[start], text[place - 1], text[place]
    if unicodedata.category(before) == "Cc":
        return False
    if _extends(here):
        return True
    if before == _ZERO_WIDTH_JOINER:
        return _is_picture(first) and _is_picture(here)
    return place - start == 1 and _is_flag_half(first) and _is_flag_half(here)


def _extends(character: str) -> bool:
    if character < "\u0300":
        return False
    is_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    is_tag = "\U000e0020" <= character <= "\U000e007f"
    return is_tone or is_tag or character in "\u200c\u200d" or unicodedata.category(character)[0] == "M"


def _is_picture(character: str) -> bool:
    return character >= "\u2190" and unicodedata.category(character) in ("So", "Sm")


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _septets(character: str) -> int:
    return 2 if character in TWO_UNITS else 1


def _units(cluster: str) -> int:
    return sum(2 if one > "\uffff" else 1 for one in cluster)


def _segments(sizes: list[int], encoding: str) -> int:
    only, each = ROOM[encoding]
    if sum(sizes) <= only:
        return 1 if sizes else 0
    number, used = 1, 0
    for size in sizes:
        if used and used + size > each:
            number, used = number + 1, 0
        used += size
        # A letter under a heap of marks is longer than a segment, and is split.
        while used > each:
            number, used = number + 1, used - each
    return number


_ALPHABET: Final = ONE_UNIT | TWO_UNITS
_PLAIN: Final = (
    {_FULL_WIDTH + code: chr(code) for code in range(0x21, 0x7F)}
    | {ord(sign): likeness for likeness, signs in LIKENESS.items() for sign in signs}
    | {ord(sign): letter for letter, sign in zip(*SMALL_CAPITALS, strict=True)}
)
