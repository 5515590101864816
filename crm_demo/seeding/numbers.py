"""Telephone numbers that are not in use, in the ways people write them.

They are of ranges that countries reserve for fiction (US, CA, GB, AU, IE, DE, FR, SE). Other countries have no such
range, so theirs are of ranges that are not assigned (ES, BR, IN, JP).
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

AREAS = {
    "US": ("212", "303", "312", "404", "415", "503", "617", "702", "713", "917"),
    "CA": ("403", "416", "514", "604", "780"),
}


KEPT_BACK_FROM = 90
"""The last numbers of every hundred are left out: contacts that are written by hand have some of them."""


class Range(NamedTuple):
    """``size`` numbers of a country, each written by the first pattern at home and by the second abroad."""

    size: int
    split: Callable[[int], tuple[str, ...]]
    home: tuple[str, ...]
    abroad: tuple[str, ...]


def _north_american(country: str) -> Range:
    areas = AREAS[country]
    return Range(
        KEPT_BACK_FROM * len(areas),
        lambda n: (areas[n % len(areas)], f"{n // len(areas):02d}"),
        ("({0}) 555-01{1}", "{0}-555-01{1}", "{0}.555.01{1}"),
        ("+1 {0} 555 01{1}", "+1{0}55501{1}"),
    )


def _three(n: int) -> tuple[str, ...]:
    return (f"{n:03d}",)


def _pairs(n: int) -> tuple[str, ...]:
    return f"{n // 100:02d}", f"{n % 100:02d}"


MOBILE: dict[str, Range] = {
    "US": _north_american("US"),
    "CA": _north_american("CA"),
    "GB": Range(990, _three, ("07700 900{0}", "07700900{0}"), ("+44 7700 900{0}", "+44 (0)7700 900{0}")),
    "AU": Range(990, _three, ("0491 570 {0}",), ("+61 491 570 {0}",)),
    "IE": Range(1000, _three, ("020 910 0{0}",), ("+353 20 910 0{0}",)),
    "DE": Range(90, _pairs, ("0171 39200{1}", "0171/39200{1}"), ("+49 171 39200{1}", "0049 171 39200{1}")),
    "FR": Range(9_990, _pairs, ("06 39 98 {0} {1}", "06.39.98.{0}.{1}"), ("+33 6 39 98 {0} {1}",)),
    "ES": Range(1000, _three, ("500 000 {0}",), ("+34 500 000 {0}",)),
    "BR": Range(10_000, _pairs, ("(11) 90000-{0}{1}",), ("+55 11 90000-{0}{1}",)),
    "IN": Range(1000, _three, ("050000 00{0}",), ("+91 50000 00{0}",)),
    "JP": Range(10_000, _pairs, ("090-0000-{0}{1}",), ("+81 90-0000-{0}{1}",)),
    "SE": Range(95, lambda n: (f"{n + 5:02d}",), ("070-174 06 {0}",), ("+46 70 174 06 {0}",)),
}

LANDLINE: dict[str, Range] = {
    "GB": Range(990, _three, ("020 7946 0{0}",), ("+44 20 7946 0{0}",)),
    "AU": Range(1000, _three, ("(02) 5550 0{0}",), ("+61 2 5550 0{0}",)),
    "DE": Range(1000, _three, ("030 23125{0}",), ("+49 30 23125{0}",)),
    "FR": Range(10_000, _pairs, ("01 99 00 {0} {1}",), ("+33 1 99 00 {0} {1}",)),
    "SE": Range(95, lambda n: (f"{n + 5:02d}",), ("08-465 004 {0}",), ("+46 8 465 004 {0}",)),
}


class Numbers:
    """Hands out each number once."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._left: dict[tuple[str, str], list[int]] = {}

    def mobile(self, country: str) -> str:
        """Return a mobile number of ``country`` (one of MOBILE), as typed there or abroad."""
        return self._written(MOBILE[country], ("mobile", country))

    def landline(self, country: str) -> str:
        """Return a landline number of ``country``, or of Britain where LANDLINE does not have the country."""
        home = country if country in LANDLINE else "GB"
        return self._written(LANDLINE[home], ("landline", home), abroad=home != country)

    def _written(self, numbers: Range, key: tuple[str, str], *, abroad: bool = False) -> str:
        if not self._left.get(key):
            self._left[key] = self._random.sample(range(numbers.size), numbers.size)
        parts = numbers.split(self._left[key].pop())
        patterns = numbers.abroad if abroad or self._random.random() < 0.4 else numbers.home
        return self._random.choice(patterns).format(*parts)
