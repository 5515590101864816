"""A number is what a person meant, or it is refused; letters, signs that nobody sees, and countries in every form."""

import pytest
from phonenumbers import PhoneNumber, parse

from flex_outbound import phones, regions
from flex_outbound.channels import Address, AddressError, Channel, normalize, split
from flex_outbound.phones import Problem

HIDDEN = {
    "variation selector": "\ufe0f",
    "variation selector 17": "\U000e0100",
    "left-to-right mark": "\u200e",
    "embedding": "\u202a",
    "isolate": "\u2066",
    "thin space": "\u2009",
    "figure space": "\u2007",
    "no-break space": "\u00a0",
    "narrow no-break space": "\u202f",
    "ideographic space": "\u3000",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "byte order mark": "\ufeff",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "filler": "\u3164",
    "keycap": "\u20e3",
    "object": "\ufffc",
}


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("0412 345 678 Bob", "AU", "+61412345678"),
        ("0412 345 678 (home)", "AU", "+61412345678"),
        ("Mobile: 0412 345 678", "AU", "+61412345678"),
        ("0412 345 678 Боб", "AU", "+61412345678"),
        ("090-1234-5678 一郎", "JP", "+819012345678"),
        ("هاتف ٠٤١٢ ٣٤٥ ٦٧٨", "AU", "+61412345678"),
        ("0412 345 678 ext. 12", "AU", "+61412345678"),
        ("0412 345 678 x12", "AU", "+61412345678"),
        ("0412 345 678 #12", "AU", "+61412345678"),
        ("0412 345 678 доб. 12", "AU", "+61412345678"),
        ("0412 345 678;ext=12", "AU", "+61412345678"),
        ("tel:+61-412-345-678", None, "+61412345678"),
        ("030/1234567", "DE", "+49301234567"),
    ],
)
def test_a_note_or_an_extension_is_no_part_of_the_number(raw: str, region: str | None, expected: str) -> None:
    assert normalize(Channel.WHATSAPP, raw, region) == expected


@pytest.mark.parametrize(
    ("raw", "region"),
    [
        ("0412 345 678Bob", "AU"),
        ("O412 345 678", "AU"),
        ("0412 34S 678", "AU"),
        ("0412 345 678 flat 12", "AU"),
        ("0412 345 678 or 0413 345 678", "AU"),
        ("0412 345 678, 0413 345 678", "AU"),
        ("+61 412 345 678 +61 413 345 678", None),
        ("0151 1234567/8", "DE"),
        ("0412 345 67²", "AU"),
        ("1-800-FLOWERS", "US"),
        ("0800 1111 TAXI", "GB"),
        ("0412 345 BOB", "AU"),
        ("+61 112 345 Боб", None),
    ],
)
def test_what_may_have_been_meant_otherwise_is_refused(raw: str, region: str | None) -> None:
    with pytest.raises(AddressError) as caught:
        normalize(Channel.WHATSAPP, raw, region)
    assert caught.value.code == "invalid_number"
    assert "country code" in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "region", "numbers"),
    [
        ("+1 415 555 0123; +1 416 555 0199", None, ["+14155550123", "+14165550199"]),
        ("0412 345 678, 0413 345 678", "AU", ["+61412345678", "+61413345678"]),
        ("0412 345 678\r\n0413 345 678\n", "AU", ["+61412345678", "+61413345678"]),
        ("mobile 0412 345 678 | work 0413 345 678", "AU", ["+61412345678", "+61413345678"]),
        ("0412 345 678; 0413 345 678\n0414 345 678", "AU", ["+61412345678", "+61413345678", "+61414345678"]),
        ("+61 412 345 678 +61 413 345 678", None, ["+61412345678", "+61413345678"]),
        ("0412 345 678 / 0413 345 678", "AU", ["+61412345678", "+61413345678"]),
        # Read as one, this would be the number of somebody else.
        ("0301234 / 0305678", "DE", ["+49301234", "+49305678"]),
        ("0171/1234567 / 030/7654321", "DE", ["+491711234567", "+49307654321"]),
        ("0412 345 678، 0413 345 678", "AU", ["+61412345678", "+61413345678"]),
        ("+61 412 345 678 ext. 12; +61 413 345 678", None, ["+61412345678", "+61413345678"]),
    ],
)
def test_several_numbers_in_one_field_are_each_a_number(raw: str, region: str | None, numbers: list[str]) -> None:
    assert [normalize(Channel.WHATSAPP, part, region) for part in split(Channel.WHATSAPP, raw, region)] == numbers


@pytest.mark.parametrize(
    ("raw", "region"),
    [
        ("0412 345 678", "AU"),
        ("0412 345 678;ext=1234567", "AU"),
        ("0412 345 678, ext. 12", "AU"),
        ("+61 412 345 678; ask for Bob", None),
        ("030 / 1234567", "DE"),
        ("030 123456, 789", "DE"),
        ("0151 1234567/8", "DE"),
        ("0412 345\n678", "AU"),
        ("0412,345,678", "AU"),
        ("0412 345 678, 12345678", "AU"),
        ("0412 345 678 or 0413 345 678", "AU"),
        ("", None),
    ],
)
def test_what_is_not_plainly_a_list_is_left_as_it_is(raw: str, region: str | None) -> None:
    assert split(Channel.SMS, raw, region) == [raw]


@pytest.mark.parametrize("sign", [", ", ";", "\n", " ", " | "])
def test_several_email_addresses_in_one_field_are_each_an_address(sign: str) -> None:
    assert split(Channel.EMAIL, f"a@example.com{sign}b@example.com{sign}") == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    "raw", ["a@example.com, office", '"a,b"@example.com', "Ann <a@example.com>", "a@b@example.com"]
)
def test_an_email_address_with_something_beside_it_is_left_as_it_is(raw: str) -> None:
    assert split(Channel.EMAIL, raw) == [raw]


@pytest.mark.parametrize("raw", ["+1 055 555 0123", "+1 415 055 0123", "+1 295 555 0123", "+44 4123 456 789"])
def test_a_number_that_no_plan_has_is_refused(raw: str) -> None:
    assert phones.read(raw).problem is Problem.NO_RANGE
    with pytest.raises(AddressError, match="begins"):
        normalize(Channel.WHATSAPP, raw)


def test_a_number_in_a_range_that_may_be_new_is_taken_with_a_remark() -> None:
    assert "Check it" in Address(normalize(Channel.SMS, "+44 7700 900123")).remark
    assert Address(normalize(Channel.SMS, "+1 415 555 0123")).remark == ""
    assert Address("ann@example.com").remark == ""


@pytest.mark.parametrize("sign", HIDDEN.values(), ids=HIDDEN)
def test_signs_that_nobody_sees_are_left_out(sign: str) -> None:
    number = sign + "+44" + sign + " 7700" + sign + "900123" + sign
    assert normalize(Channel.SMS, number) == "+447700900123"
    assert normalize(Channel.SMS, f"whatsapp:{sign}+447700900123") == "+447700900123"
    assert normalize(Channel.EMAIL, f"{sign}an{sign}n@exam{sign}ple.com{sign}") == "ann@example.com"


def test_digits_in_keycaps_are_digits() -> None:
    assert normalize(Channel.SMS, "0\ufe0f\u20e37\ufe0f\u20e3700 900123", "GB") == "+447700900123"


@pytest.mark.parametrize(
    "raw",
    [
        *("55 1234 5678", "044 55 1234 5678", "045 55 1234 5678", "01 55 1234 5678", "52 1 55 1234 5678"),
        *("+52 1 55 1234 5678", "+52 55 1234 5678", "+52 (044) 55 1234 5678", "whatsapp:+5215512345678"),
    ],
)
def test_a_mexican_number_is_read_as_people_write_it(raw: str) -> None:
    assert normalize(Channel.WHATSAPP, raw, "MX") == "+525512345678"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *(("GB", "GB"), ("gb ", "GB"), ("UK", "GB"), ("U.K.", "GB"), ("GBR", "GB"), ("en-GB", "GB"), ("en_GB", "GB")),
        *(("USA", "US"), ("U.S.A.", "US"), ("DEU", "DE"), ("de_AT.UTF-8", "AT"), ("zh-Hans-CN", "CN"), ("EL", "GR")),
        *(("GB-ENG", "GB"), ("pt-br", "BR"), ("EN-GB", "GB"), ("+44", "GB"), ("de-BE", "BE")),
        *(("US-CA", None), ("DE-BE", None), ("Germany", None), ("en", None), ("??", None), ("", None)),
    ],
)
def test_a_country_is_understood_in_many_forms_and_never_guessed(written: str, code: str | None) -> None:
    assert regions.read(written) == code


def test_a_country_may_be_an_object() -> None:
    class Country:
        def __str__(self) -> str:
            return "GB"

    assert normalize(Channel.SMS, "07700 900123", Country()) == "+447700900123"  # type: ignore[arg-type]


def test_a_country_that_is_not_understood_is_named_as_the_fault() -> None:
    with pytest.raises(AddressError, match="“Great Britain”") as caught:
        normalize(Channel.SMS, "07700 900123", "Great Britain")
    assert caught.value.code == "unknown_country"
    assert normalize(Channel.SMS, "+44 7700 900123", "Great Britain") == "+447700900123"


class National(PhoneNumber):  # type: ignore[misc,unused-ignore]
    """As django-phonenumber-field's, told to print numbers without their country."""

    def __str__(self) -> str:
        return "0412 345 678"


def test_a_phone_object_keeps_the_country_that_it_knows() -> None:
    number = National()
    number.merge_from(parse("+61 412 345 678"))
    assert normalize(Channel.SMS, number, "GB") == "+61412345678"
    assert phones.text_of(number) == "+61412345678"


def test_a_phone_object_without_a_country_is_read_as_it_was_written() -> None:
    assert normalize(Channel.SMS, PhoneNumber(raw_input="0412 345 678"), "AU") == "+61412345678"
