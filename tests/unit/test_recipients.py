"""Addresses that were typed into one field of an email."""

import pytest

from flex_outbound.outbox import texts


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("a@example.com, b@example.com", ("a@example.com", "b@example.com")),
        (" Ann Other <ann@example.com>; b@example.com\n", ("ann@example.com", "b@example.com")),
        ("a@example.com\nAnn <ann@example.com>", ("a@example.com", "ann@example.com")),
        ('"Other, Ann" <ann@example.com>', ("ann@example.com",)),
    ],
)
def test_addresses_are_taken_apart(typed: str, found: tuple[str, ...]) -> None:
    assert texts.several(typed) == found


@pytest.mark.parametrize("blank", [" ", "\t", "\n", " \u3000"])
def test_blanks_in_millions_are_no_work(blank: str) -> None:
    """Tried from each blank to the end, they would take hours."""
    assert texts.several(f"{blank * 1_000_000}a@example.com{blank * 1_000_000}b@example.com") == (
        "a@example.com",
        "b@example.com",
    )
