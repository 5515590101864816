"""When two addresses are one: national forms of a number, mailboxes, and what nobody can read."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flex_outbound import addresses
from flex_outbound.channels import AddressError, Channel, normalize

MEXICO = ("+525512345678", "+5215512345678")
ARGENTINA = ("+541123456789", "+5491123456789")
BRAZIL = ("+551187654321", "+5511987654321")
USER_ID = "whatsapp:US.13491208655302741918"


@pytest.mark.parametrize("pair", [MEXICO, ARGENTINA, BRAZIL])
@pytest.mark.parametrize("prefix", ["", "whatsapp:", "WhatsApp:"])
def test_a_form_of_a_number_that_differs_by_a_national_rule_is_the_same(pair: tuple[str, str], prefix: str) -> None:
    one, other = pair
    assert addresses.same(one, f"{prefix}{other}")
    assert addresses.same(f"{prefix}{other}", one)
    assert set(addresses.spellings(one)) == set(addresses.spellings(other)) == set(pair)
    assert addresses.spellings(other)[0] == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+14155550123", "+14155550124"),
        ("+525512345678", "+5215512345679"),
        # A landline and a mobile number in Brazil, not one number in two forms.
        ("+551137654321", "+5511937654321"),
        ("", ""),
        ("whatsapp:", "whatsapp:"),
        (USER_ID, "+14155550123"),
        ("14155550123", "+14155550123"),
    ],
)
def test_others_are_not(one: str, other: str) -> None:
    assert not addresses.same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann@Example.COM", "ann@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ANN@bücher.example"),
        ("ann@例え.テスト", "ann@例え。テスト"),
        ("ann@exam\u200bple.com\ufeff", "ann@example.com"),
        ("Ann Other <ann@example.com>", "ann@example.com"),
        (USER_ID, "us.13491208655302741918"),
    ],
)
def test_one_mailbox_is_one_address(one: str, other: str) -> None:
    assert addresses.same(one, other)


def test_letters_that_idna_2008_has_are_another_domain() -> None:
    assert not addresses.same("ann@straße.example", "ann@strasse.example")


def test_a_domain_is_sent_in_ascii() -> None:
    assert normalize(Channel.EMAIL, "Ann@BÜCHER.example") == "Ann@xn--bcher-kva.example"
    assert normalize(Channel.EMAIL, "ann@نامه\u200cای.example") == "ann@xn--mgba3gch31f060k.example"


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ([], False),
        (["+14155550199"], False),
        (["whatsapp:+14155550123"], True),
        (["+14155550199", "+14155550123"], True),
        ([USER_ID], None),
        (["+14155550199", USER_ID], None),
        (["14155550123"], None),
        (["ann@example.com"], None),
        # The same digits at the end: there may be a rule that is not known here.
        (["+114155550123"], None),
    ],
)
def test_only_numbers_prove_that_somebody_is_not_there(present: list[str], expected: bool | None) -> None:
    assert addresses.is_among("+14155550123", present) is expected


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_is_too_odd_to_be_compared(one: str, other: str) -> None:
    assert addresses.same(one, other) == addresses.same(other, one)
    assert addresses.is_among(one, [other]) in (True, False, None)
    assert addresses.spellings(one)[0] == one


@given(st.from_regex(r"[a-zA-Z]{1,5}@[a-zA-Zäöüß]{1,8}\.(com|example)", fullmatch=True))
def test_what_is_normalised_has_the_same_key(raw: str) -> None:
    with contextlib.suppress(AddressError):
        assert addresses.same(normalize(Channel.EMAIL, raw), raw)
