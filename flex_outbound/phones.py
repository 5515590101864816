"""A telephone number as a person meant it, or why it cannot be told (vocabulary). Nothing is guessed.

The numbering plans come from the library ``phonenumbers``. It would also read letters as a keypad's digits, which is
right for advertisements and wrong for notes beside a number, so it is only given digits here.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from flex_outbound import addresses, regions


class Problem(Enum):
    """Why a text is no number that can be dialled."""

    UNREADABLE = auto()
    LETTERS = auto()
    WRONG_LENGTH = auto()
    NO_RANGE = auto()
    UNKNOWN_COUNTRY = auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text was read as.

    ``number``: E.164, "" where there is a ``problem``. ``is_landline``: surely one. ``is_doubtful``: in no range that
    is known, which may be newer than the numbering plans of the library.
    """

    number: str = field(default="", repr=False)
    problem: Problem | None = None
    is_landline: bool = False
    is_doubtful: bool = False


_PREFIX: Final = re.compile(r"\s*(?:whatsapp|tel|sms):", re.IGNORECASE)
_ALTERNATIVE: Final = re.compile(r"[/／]\s*\d{1,2}\s*")
"""The end of another number, as in 555 1234/5; further left a slash follows an area code."""
_DIGITS: Final = re.compile(r"\d+")
_WRITTEN: Final = re.compile(
    r"(?P<before>[^\d+＋]*)"
    r"(?P<plus>[+＋]?)"
    r"(?P<digits>[\d\s\-‐-―−ー－.．·•/／()（）\[\]［］'’_]*)"
    r"(?P<after>.*)",
    re.DOTALL,
)
_APART: Final = re.compile(r"[\r\n\v\f\x85\u2028\u2029]+|\s+[/／]\s+")
"""Between two numbers, or within one: digits on both sides are read as one number unless each side is a number."""
_LISTED: Final = re.compile(rf"{_APART.pattern}|[,;|，；、،؛]|\s+(?=[+＋])")
_FEWEST: Final = 7
"""Digits of a number in a list; with fewer it may be an extension, or the end of the number before."""
_LETTER: Final = re.compile(r"[^\W\d_]")
_MEXICO: Final = re.compile(r"(?:1|01|02|044|045)(\d{10})")
"""Prefixes that Mexico gave up in 2019 and people still write."""

_NORTH_AMERICA: Final = re.compile(r"[2-9][0-8]\d[2-9]\d{6}")
"""The shape of every number of country code 1: https://nationalnanpa.com/area_codes/"""


def text_of(value: object) -> str:
    """Return what a field holds, as text. A number that knows its country keeps it, however its class prints it."""
    if isinstance(value, PhoneNumber):
        if value.country_code and value.national_number:
            return phonenumbers.format_number(value, PhoneNumberFormat.E164)
        return str(value.raw_input or "")
    return "" if value is None else str(value)


@lru_cache(maxsize=8192)  # a list of contacts asks for each number twice, and again when it is shown again
def read(text: str, region: str | None = None) -> Reading:
    """Read a number that a person wrote. ``region``: where no ``+`` says it, its country in a form of ``regions.read``.

    An extension is left out; so is a note of words alone before or after a number that is in a range.
    """
    written = addresses.visible(text, separator=" ")
    prefix = _PREFIX.match(written)
    found = _WRITTEN.fullmatch(written[prefix.end() :] if prefix else written)
    if found is None or not _DIGITS.search(found["digits"]):
        return Reading(problem=Problem.UNREADABLE)
    country = regions.read(region) if region else None
    if region and country is None and not found["plus"]:
        return Reading(problem=Problem.UNKNOWN_COUNTRY)
    digits = "".join(_DIGITS.findall(found["digits"]))
    number = _parsed(("+" if found["plus"] else "") + digits, country)
    before, after = found["before"], found["after"]
    has_note = bool(_LETTER.search(before + after))
    is_odd = any(unicodedata.category(sign) == "No" for sign in before + after) or _names_two(found["digits"])
    is_apart = _is_apart(before, found["digits"], after)
    if number is None or is_odd or not is_apart or not _is_extension(number, after):
        return Reading(problem=Problem.LETTERS if has_note else Problem.UNREADABLE)
    reading = _judged(number)
    is_word = has_note and not _DIGITS.search(after)
    if is_word and (reading.problem or reading.is_doubtful or _may_be_spelled(number)):
        return Reading(problem=Problem.LETTERS)
    return reading


@lru_cache(maxsize=8192)
def split(text: str, region: str | None = None) -> list[str]:
    """Return the numbers of a list, as they are written; nothing where the text is one number, or no list.

    ``region``: as for ``read``. Each part must be a number by itself, or begin with its country code.
    """
    if not _LISTED.search(text):
        return []
    parts = _parts(_APART, text, region)
    # A comma may stand before an extension, so what can be read as one number is one.
    return parts if parts or not read(text, region).problem else _parts(_LISTED, text, region)


def _parts(between: re.Pattern[str], text: str, region: str | None) -> list[str]:
    parts = [part for part in map(str.strip, between.split(text)) if part]
    is_list = len(parts) > 1 and all(_is_entry(part, region) for part in parts)
    return parts if is_list else []


def _is_entry(part: str, region: str | None) -> bool:
    if len("".join(_DIGITS.findall(part))) < _FEWEST:
        return False
    return part[0] in "+＋" or read(part, region).problem is None


def is_doubtful(number: str) -> bool:
    """Return whether a number in E.164 is in no range that is known."""
    return read(number).is_doubtful


def _names_two(digits: str) -> bool:
    slash = max(map(digits.rfind, "/／"))
    return slash > 0 and _ALTERNATIVE.fullmatch(digits[slash:]) is not None


def _is_apart(before: str, digits: str, after: str) -> bool:
    """Tell whether no letter touches the digits: it may stand for one of them. An extension's mark may follow them."""
    touches_before = bool(_LETTER.match(before[-1:]))
    touches_after = bool(_LETTER.match(after)) and digits[-1:].isdecimal()
    return not touches_before and (not touches_after or bool(_DIGITS.search(after)))


def _is_extension(number: PhoneNumber, after: str) -> bool:
    """Tell whether what follows a number has no digits, or is an extension in one of the library's languages."""
    extension = "".join(_DIGITS.findall(after))
    if not extension:
        return True
    try:
        whole = phonenumbers.parse(phonenumbers.format_number(number, PhoneNumberFormat.E164) + after)
    except phonenumbers.NumberParseException:
        return False
    is_same = (whole.country_code, whole.national_number) == (number.country_code, number.national_number)
    return is_same and whole.extension == phonenumbers.normalize_digits_only(extension)


def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if number.country_code == 52:
        old = _MEXICO.fullmatch(phonenumbers.national_significant_number(number))
        return PhoneNumber(country_code=52, national_number=int(old[1])) if old else number
    return number


def _judged(number: PhoneNumber) -> Reading:
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return Reading(problem=Problem.WRONG_LENGTH)
    is_known = phonenumbers.is_valid_number(number)
    if not is_known and not _fits_plan(number):
        return Reading(problem=Problem.NO_RANGE)
    return Reading(
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
        is_landline=phonenumbers.number_type(number) == PhoneNumberType.FIXED_LINE,
        is_doubtful=not is_known,
    )


def _fits_plan(number: PhoneNumber) -> bool:
    """Tell whether a number has a shape that its country's plan allows at all.

    Ranges within the plan are handed out all the time, and the library lags behind; its shape hardly ever changes.
    """
    code, national = number.country_code or 0, phonenumbers.national_significant_number(number)
    if code == 1:
        return _NORTH_AMERICA.fullmatch(national) is not None
    regions_of = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    plans = [PhoneMetadata.metadata_for_region_or_calling_code(code, region) for region in regions_of]
    shapes = [plan.general_desc.national_number_pattern for plan in plans if plan and plan.general_desc]
    return any(re.fullmatch(shape, national) for shape in shapes if shape)


def _may_be_spelled(number: PhoneNumber) -> bool:
    """Tell whether words beside a number may be a part of it, as in 0800 123 TAXI."""
    kinds = {PhoneNumberType.TOLL_FREE, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN}
    return phonenumbers.number_type(number) in kinds
