"""What a file is, its bytes tell; what a channel takes is said before anything is uploaded."""

import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import InvalidClick
from flex_outbound.outbox import files
from flex_outbound.outbox.files import File, Limits

MB = files.MB
ZIP = b"PK\x03\x04\x14\x00" + b"\0" * 20
SAMPLES = {
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    "audio/ogg": b"OggS\x00\x02",
    "audio/amr": b"#!AMR\n",
    "audio/3gpp": b"\x00\x00\x00\x18ftyp3gp4",
    "audio/aac": b"\xff\xf1\x50\x80",
    "audio/mpeg": b"\xff\xfb\x90\x64",
    "video/mp4": b"\x00\x00\x00\x18ftypisom",
    "application/pdf": b"%PDF-1.7",
    "application/msword": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ZIP + b"word/document.xml",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ZIP + b"ppt/slides",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ZIP + b"xl/workbook.xml",
    "text/vcard": b"BEGIN:VCARD\r\nVERSION:3.0",
}
NOT_BY_SMS = {kind for kind in SAMPLES if "office" in kind or "word" in kind} | {"image/webp"}


def limits(channel: Channel) -> Limits:
    found = files.limits_of(channel, "+15005550006", "+14155550123")
    assert found is not None
    return found


def check(name: str, content_type: str, data: bytes, channel: Channel = Channel.WHATSAPP, body: str = "") -> File:
    return files.checked(File(name, content_type, data), limits(channel), body)


def test_every_kind_has_a_sample() -> None:
    assert set(SAMPLES) == {kind.content_type for kind in files.KINDS}


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_file_is_recognised_by_its_bytes_alone(kind: str) -> None:
    assert [one.content_type for one in files.KINDS if one.fits(SAMPLES[kind])] == [kind]


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP])
@pytest.mark.parametrize("kind", SAMPLES)
def test_each_channel_takes_what_twilio_says(kind: str, channel: Channel) -> None:
    takes = kind not in NOT_BY_SMS if channel is Channel.SMS else kind != "image/gif"
    if takes:
        assert check("x", kind, SAMPLES[kind], channel).content_type == kind
        assert check("x", "", SAMPLES[kind], channel).content_type == kind
        return
    with pytest.raises(InvalidClick) as caught:
        check("x", kind, SAMPLES[kind], channel)
    assert (caught.value.field, caught.value.code) == ("media", "file_type")


@pytest.mark.parametrize("said", [kind for kind in SAMPLES if kind != "application/pdf"])
def test_a_type_that_lies_is_refused(said: str) -> None:
    with pytest.raises(InvalidClick) as caught:
        check("a.pdf", said, SAMPLES["application/pdf"])
    assert caught.value.code in ("file_lies", "file_type")


@pytest.mark.parametrize(
    ("channel", "kind", "most"),
    [
        (Channel.SMS, "image/png", 5 * MB),
        (Channel.SMS, "video/mp4", 5 * MB),
        (Channel.WHATSAPP, "image/png", 5 * MB),
        (Channel.WHATSAPP, "video/mp4", 16 * MB),
    ],
)
def test_the_largest_size_is_taken_and_no_byte_more(channel: Channel, kind: str, most: int) -> None:
    data = SAMPLES[kind].ljust(most, b"\0")
    assert len(check("x", kind, data, channel).data) == most
    with pytest.raises(InvalidClick) as caught:
        check("x", kind, data + b"\0", channel)
    assert caught.value.code == "file_too_large"


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_text_goes_along_where_the_channel_shows_it(kind: str) -> None:
    if kind.startswith(("image/", "video/")):
        return
    with pytest.raises(InvalidClick) as caught:
        check("x", kind, SAMPLES[kind], body="Look")
    assert caught.value.code == ("file_type" if kind == "image/gif" else "no_caption")
    assert check("x", kind, SAMPLES[kind]).content_type == kind


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("house.PNG", "house.png"),
        ("C:\\Users\\ann\\house.png", "house.png"),
        ("../../etc/passwd", "passwd.png"),
        ("evil.exe", "evil.png"),
        ("\u202egnp.exe", "gnp.png"),
        ("a\r\nX-Header: 1.png", "aX-Header: 1.png"),
        ("", "file.png"),
        (".png", "png.png"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
        ("Übersicht 1.png", "Übersicht 1.png"),
    ],
)
def test_a_name_is_a_name_with_the_extension_of_its_type(name: str, kept: str) -> None:
    assert check(name, "image/png", SAMPLES["image/png"]).name == kept


@pytest.mark.parametrize(("sender", "address"), [("+442079460958", "+14155550123"), ("+15005550006", "+4915112345678")])
def test_mms_is_for_its_countries(sender: str, address: str) -> None:
    assert files.limits_of(Channel.SMS, sender, address) is None
    assert "United States" in files.why_none(Channel.SMS)
    assert files.limits_of(Channel.WHATSAPP, sender, address) is not None


def test_email_takes_none_and_says_where_it_can_be_done() -> None:
    assert files.limits_of(Channel.EMAIL, "a@example.com", "b@example.com") is None
    assert "Flex" in files.why_none(Channel.EMAIL)


def test_files_and_replies_hide_what_is_in_them() -> None:
    assert "secret" not in repr(File("secret.png", "image/png", b"secret"))


@pytest.mark.parametrize("channel", Channel)
def test_a_channel_takes_files_or_says_why_not(channel: Channel) -> None:
    assert files.limits_of(channel, "+14155550123", "+14155550124") or files.why_none(channel)
