"""Addresses in every form that people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flex_outbound import addresses
from flex_outbound.channels import ALWAYS_SHOWN, ONE_CONVERSATION, AddressError, Channel, normalize, split


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


@pytest.mark.parametrize("channel", [Channel.CHAT, Channel.WEB])
@pytest.mark.parametrize(
    "raw",
    ["visitor-1042", "Aa1_b.c~d", "550e8400-e29b-41d4-a716-446655440000", "1042", "2024-001234", "4711085", "Zoë"],
)
def test_an_identity_of_a_chat_stays_as_it_is(channel: Channel, raw: str) -> None:
    assert normalize(channel, f" {raw}\u200b", "US") == raw
    assert split(channel, raw) == [raw]


def test_an_identity_may_be_the_key_of_a_record() -> None:
    assert normalize(Channel.CHAT, 1042) == "1042"


@pytest.mark.parametrize(
    "raw",
    ["ann@example.com", "+14155550123", "(415) 555-0123", "415-555-0123", "14155550123", "0049 1512 0000000"],
)
def test_an_identity_that_is_personal_is_refused_with_the_reason(raw: str) -> None:
    with pytest.raises(AddressError) as caught:
        normalize(Channel.CHAT, raw, "US")
    assert caught.value.code == "personal_identity"
    assert "no personal data" in str(caught.value)


@pytest.mark.parametrize(
    "raw",
    ["", " ", "two words", "a/b", "a:b", "a?b", "a#b", "[a]", "a&b", "a=b", "a+b", "a,b", "a\nb", "a\x00b", "a" * 255],
)
def test_what_twilio_takes_for_no_identity_is_refused(raw: str) -> None:
    with pytest.raises(AddressError) as caught:
        normalize(Channel.WEB, raw)
    assert caught.value.code == "invalid_identity"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("4611686018427387904", "4611686018427387904"),
        ("messenger:0042", "0042"),
        (" Messenger:77 ", "77"),
        (10**20, f"1{'0' * 20}"),
    ],
)
def test_an_id_of_messenger_is_text_without_prefix(raw: object, expected: str) -> None:
    assert normalize(Channel.MESSENGER, raw) == expected


@pytest.mark.parametrize("raw", ["", "messenger:", "+14155550123", "ann", "1" * 65, "1,2", "12 34", "whatsapp:x"])
def test_what_is_no_id_of_messenger_is_refused(raw: str) -> None:
    with pytest.raises(AddressError) as caught:
        normalize(Channel.MESSENGER, raw)
    assert caught.value.code == "invalid_messenger"


def test_identities_and_ids_are_compared_as_text() -> None:
    assert not addresses.same("visitor-Aa", "visitor-aA")
    assert addresses.same("visitor-Aa", "visitor-Aa")
    assert addresses.same("messenger:0042", "0042")
    assert not addresses.same("0042", "42")
    assert addresses.prefix_of("Messenger:42") == "messenger"
    assert addresses.prefix_of("visitor") == ""


def test_a_channel_that_has_ended_says_so() -> None:
    with pytest.raises(ValueError, match="Google ended Business Messages in July 2024"):
        Channel("gbm")
    with pytest.raises(ValueError, match="not a valid Channel"):
        Channel("pigeon")


def test_every_channel_has_its_place() -> None:
    assert list(ALWAYS_SHOWN) == ["sms", "whatsapp", "email"]
    assert set(ONE_CONVERSATION) == set(Channel) - {Channel.EMAIL}
    assert [one.value for one in Channel if one.is_phone] == ["sms", "whatsapp"]
    assert [one.value for one in Channel if one.has_identity] == ["chat", "web"]
    assert [one.value for one in Channel if one.shows_sender] == ["sms", "whatsapp", "messenger"]
