"""TaskRouter's expression language."""

from __future__ import annotations

from typing import Any

import pytest

from flex_outbound.sandbox.errors import TwilioError
from flex_outbound.sandbox.expressions import parse

ATTRIBUTES: dict[str, Any] = {
    "flexOutboundKey": "0f3a",
    "age": 41,
    "rate": 2.5,
    "vip": True,
    "nothing": None,
    "languages": ["en", "fr"],
    "customers": {"name": "Ann", "phones": [{"number": "+1555"}, {"number": "+1666"}]},
}


@pytest.mark.parametrize(
    "text",
    [
        'flexOutboundKey == "0f3a"',
        "flexOutboundKey == '0f3a'",
        "flexOutboundKey = '0f3a'",
        "flexOutboundKey != 'other'",
        "flexOutboundKey IN ['x', '0f3a']",
        "flexOutboundKey NOT IN ['x', 'y']",
        "flexOutboundKey not in ['x']",
        "age > 40 AND age >= 41 AND age < 42 AND age <= 41",
        "rate == 2.5 OR age == -1",
        "rate > 2",
        "vip == true",
        "vip != false",
        "languages HAS 'fr'",
        "languages CONTAINS 'en'",
        "flexOutboundKey CONTAINS 'f3'",
        "'fr' IN languages",
        "customers.name == 'Ann'",
        "customers.phones[1].number == '+1666'",
        "languages[0] == 'en'",
        "missing == null",
        "nothing == NULL",
        "customers.none.deeper == null",
        "missing != 'x'",
        "(age == 1 OR age == 41) AND NOT_A_WORD == null",
        "age == 1 OR age == 41 AND vip == true",
        "1 == 1",
        'flexOutboundKey == "it\'s" OR age == 41',
        r"flexOutboundKey == 'it\'s' OR age == 41",
    ],
)
def test_it_holds(text: str) -> None:
    assert parse(text).evaluate(ATTRIBUTES) is True


@pytest.mark.parametrize(
    "text",
    [
        "flexOutboundKey == '0F3A'",
        "flexOutboundKey IN []",
        "missing > 1",
        "missing < 'x'",
        "age > '40'",
        "vip == 1",
        "languages HAS 'de'",
        "missing HAS 'x'",
        "languages[7] == 'en'",
        "age == 1 AND age == 41 OR age == 2",
        "age NOT IN [41]",
    ],
)
def test_it_does_not_hold(text: str) -> None:
    assert parse(text).evaluate(ATTRIBUTES) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age",
        "age ==",
        "age == 1 AND",
        "(age == 1",
        "age == 1)",
        "age LIKE 1",
        "age NOT 1",
        "flex-key == '1'",
        "flexOutboundKey == 0f3a-11",
        "name == 'open",
        "age IN [1, x]",
        "age IN [1 2]",
        "customers. == 1",
        "languages['a'] == 1",
        "age == 1; age == 2",
        "languages[x] == 1",
    ],
)
def test_a_malformed_expression_is_a_400(text: str) -> None:
    with pytest.raises(TwilioError) as refusal:
        parse(text)
    assert (refusal.value.status, refusal.value.code) == (400, 20001)


def test_a_hyphen_is_named_as_the_trouble() -> None:
    with pytest.raises(TwilioError, match="hyphen"):
        parse("correlation-id == 'x'")
