"""Addresses in every form that people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flex_outbound.channels import AddressError, Channel, normalize


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("+1 415 555 0123", None, "+14155550123"),
        ("(415) 555-0123", "US", "+14155550123"),
        ("07700 900123", "GB", "+447700900123"),
        ("0491 570 006", "AU", "+61491570006"),
        ("06 39 98 12 34", "FR", "+33639981234"),
        ("0049 1512 0000000", "DE", "+4915120000000"),
        ("070-174 06 05", "SE", "+46701740605"),
        ("whatsapp:+14155550123", None, "+14155550123"),
        ("٠٧٧٠٠ ٩٠٠١٢٣", "GB", "+447700900123"),
        ("  +44 (0) 7700 900123 ", None, "+447700900123"),
        ("+44 7700 900123 ", "US", "+447700900123"),
    ],
)
def test_a_number_in_any_national_format_becomes_e164(raw: str, region: str | None, expected: str) -> None:
    assert normalize(Channel.SMS, raw, region) == expected


@pytest.mark.parametrize("raw", ["", "n/a", "12345", "ext. 12", "+1 555", "+999 123456789", "1" * 300, "<script>"])
def test_what_cannot_be_dialled_is_refused_with_a_remedy(raw: str) -> None:
    with pytest.raises(AddressError) as caught:
        normalize(Channel.SMS, raw, "US")
    assert caught.value.code == "invalid_number"
    assert "country" in str(caught.value)


def test_a_number_without_country_code_needs_a_region() -> None:
    with pytest.raises(AddressError):
        normalize(Channel.SMS, "07700 900123", None)


def test_a_landline_takes_whatsapp_but_no_sms() -> None:
    with pytest.raises(AddressError) as caught:
        normalize(Channel.SMS, "+44 20 7946 0958")
    assert caught.value.code == "landline"
    assert normalize(Channel.WHATSAPP, "+44 20 7946 0958") == "+442079460958"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("Ann@Example.COM", "Ann@example.com"), (" o'brien@example.org ", "o'brien@example.org")],
)
def test_an_email_address_is_trimmed_and_its_domain_lowered(raw: str, expected: str) -> None:
    assert normalize(Channel.EMAIL, raw) == expected


@pytest.mark.parametrize(
    "raw", ["", "ann", "ann@", "a b@example.com", "ann@example.com\nBcc: x@example.com", "a" * 250 + "@example.com"]
)
def test_a_malformed_email_address_is_refused(raw: str) -> None:
    with pytest.raises(AddressError):
        normalize(Channel.EMAIL, raw)


@given(st.text(max_size=60), st.sampled_from(Channel), st.sampled_from(["US", "GB", "xx", "", None]))
def test_no_text_does_worse_than_an_address_error(raw: str, channel: Channel, region: str | None) -> None:
    try:
        value = normalize(channel, raw, region)
    except AddressError:
        return
    assert normalize(channel, value, region) == value
