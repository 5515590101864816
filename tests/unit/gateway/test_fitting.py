"""What a caller gives for a task's attributes is shortened to the room that is left, and what was cut is named."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flex_outbound.gateway.fitting import SHORTENED, fitted

OWN = {"flexOutboundKey": "a" * 32, "customerName": "Ann"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


def test_what_fits_stays_as_it_is() -> None:
    assert fitted({"topic": "return", "n": 3}, OWN, 3072) == {"topic": "return", "n": 3, **OWN}


def test_our_own_count() -> None:
    assert fitted({"customerName": "Eve"}, OWN, 3072) == OWN


def test_the_longest_text_is_shortened_first() -> None:
    found = fitted({"topic": "return", "text": "x" * 5000}, OWN, 3072)
    assert found["topic"] == "return"
    assert found["text"].endswith("x…")
    assert 2600 < len(found["text"]) < 3072
    assert found[SHORTENED] == ["text"]


def test_what_is_no_text_is_left_out() -> None:
    found = fitted({"topic": "return", "rows": list(range(2000))}, OWN, 3072)
    assert found == {"topic": "return", **OWN, SHORTENED: ["rows"]}


@pytest.mark.parametrize("letter", ["x", "ü", "😀", '"', "\x01"])
def test_every_letter_fits(letter: str) -> None:
    found = fitted({"text": letter * 9000}, OWN, 3072)
    assert len(json.dumps(found)) <= 3072
    assert len(json.dumps(found)) > 2900
    assert found[SHORTENED] == ["text"]


@given(st.dictionaries(st.text(min_size=1, max_size=12), JSON, max_size=8), st.integers(min_value=200, max_value=1500))
def test_it_always_fits_and_names_what_was_cut(attributes: dict[str, Any], room: int) -> None:
    found = fitted(attributes, OWN, room)
    cut = found.pop(SHORTENED, [])
    assert len(json.dumps(found)) <= room
    assert {name for name, value in attributes.items() if name not in OWN and found.get(name, ...) != value} == set(cut)
