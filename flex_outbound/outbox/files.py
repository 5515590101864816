"""What files an agent may attach: types and sizes by channel, and what a file really is.

A name and a type are what somebody says of a file. Only its first bytes tell what it is, so both must agree with them.

Sources: https://www.twilio.com/docs/messaging/guides/accepted-mime-types and
https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath, PureWindowsPath
from typing import Any, Final

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.channels import Channel
from flex_outbound.exceptions import InvalidClick
from flex_outbound.gateway.bounds import MAX_MEDIA

MB: Final = 1024 * 1024
LARGEST: Final = MAX_MEDIA
"""Bytes of the largest file that any channel takes."""

LARGEST_FORM: Final = LARGEST + MB
"""Bytes of a form with a file, and what is posted beside it."""

MAX_NAME: Final = 255
FIELD: Final = "media"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_UNSAID: Final = ("", "application/octet-stream", "binary/octet-stream")
UNFIT_IN_NAMES: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was posted. ``content_type``: as its sender says."""

    name: str = field(repr=False)
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of file. ``label``: for people. ``extensions``: with the dot. ``also``: other names of the type."""

    content_type: str
    label: str
    extensions: tuple[str, ...]
    fits: Callable[[bytes], bool]
    also: tuple[str, ...] = ()


def _begins(*signs: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(signs)


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _is_3gp(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:10] == b"3g"


def _is_mp4(data: bytes) -> bool:
    return (
        data[4:8] == b"ftyp" and data[8:10] != b"3g" and data[8:12] not in (b"qt  ", b"heic", b"heix", b"avif", b"mif1")
    )


def _is_aac(data: bytes) -> bool:
    # ADTS: twelve set bits, then the layer, which is 0.
    return data[:4] == b"ADIF" or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0)


def _is_mpeg_audio(data: bytes) -> bool:
    return data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] & 0x06 != 0)


def _is_office(part: bytes) -> Callable[[bytes], bool]:
    # The names of a ZIP's parts stand in it as they are, whatever is compressed.
    return lambda data: data.startswith(b"PK\x03\x04") and part in data


KINDS: Final = (
    Kind("image/jpeg", "JPEG", (".jpg", ".jpeg"), _begins(b"\xff\xd8\xff"), ("image/jpg", "image/pjpeg")),
    Kind("image/png", "PNG", (".png",), _begins(b"\x89PNG\r\n\x1a\n"), ("image/x-png",)),
    Kind("image/gif", "GIF", (".gif",), _begins(b"GIF87a", b"GIF89a")),
    Kind("image/webp", "WebP", (".webp",), _is_webp),
    Kind("audio/ogg", "Ogg", (".ogg", ".oga", ".opus"), _begins(b"OggS"), ("application/ogg", "audio/opus")),
    Kind("audio/amr", "AMR", (".amr",), _begins(b"#!AMR"), ("audio/amr-nb",)),
    Kind("audio/3gpp", "3GP", (".3gp", ".3gpp"), _is_3gp, ("video/3gpp",)),
    Kind("audio/aac", "AAC", (".aac",), _is_aac, ("audio/x-aac", "audio/aacp")),
    Kind("audio/mpeg", "MP3", (".mp3", ".mpga"), _is_mpeg_audio, ("audio/mp3", "audio/x-mpeg")),
    Kind("video/mp4", "MP4", (".mp4", ".m4v"), _is_mp4, ("video/x-m4v",)),
    Kind("application/pdf", "PDF", (".pdf",), _begins(b"%PDF-"), ("application/x-pdf",)),
    Kind("application/msword", "Word (DOC)", (".doc",), _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    Kind(f"{_OFFICE}wordprocessingml.document", "Word (DOCX)", (".docx",), _is_office(b"word/")),
    Kind(f"{_OFFICE}presentationml.presentation", "PowerPoint (PPTX)", (".pptx",), _is_office(b"ppt/")),
    Kind(f"{_OFFICE}spreadsheetml.sheet", "Excel (XLSX)", (".xlsx",), _is_office(b"xl/")),
    Kind(
        "text/vcard",
        "vCard",
        (".vcf", ".vcard"),
        lambda data: data.removeprefix(b"\xef\xbb\xbf").lstrip().upper().startswith(b"BEGIN:VCARD"),
        ("text/x-vcard", "text/directory", "application/vcard"),
    ),
)
"""Every type of file that some channel takes and whose bytes tell it."""

_BY_TYPE: Final[Mapping[str, Kind]] = {name: kind for kind in KINDS for name in (kind.content_type, *kind.also)}

_OFFICE_FILES: Final = frozenset({"application/msword", *(one for one in _BY_TYPE if one.startswith(_OFFICE))})


@dataclass(frozen=True, slots=True)
class Limits:
    """What files one channel takes. ``most``, ``most_image``: bytes. ``captioned``: families that a text goes with."""

    channel: Channel
    kinds: tuple[Kind, ...]
    most: int
    most_image: int
    captioned: tuple[str, ...]

    @property
    def accept(self) -> str:
        """The attribute ``accept`` of a file field: extensions and types."""
        return ",".join(name for kind in self.kinds for name in (*kind.extensions, kind.content_type))

    @property
    def words(self) -> str:
        """Types and sizes for people."""
        names = _named(self.kinds)
        if self.most == self.most_image:
            return _("%(types)s; up to %(most)s.") % {"types": names, "most": filesizeformat(self.most)}
        return _("%(types)s; up to %(most)s, pictures up to %(most_image)s.") % {
            "types": names,
            "most": filesizeformat(self.most),
            "most_image": filesizeformat(self.most_image),
        }

    @property
    def remark(self) -> str:
        """What else the agent should know of files on this channel, "" for nothing."""
        if self.channel is Channel.WHATSAPP:
            return _("WhatsApp shows a text with pictures and videos only, and documents without their name.")
        return _("Carriers may take less of what is no picture; up to 600 kB arrives nearly everywhere.")

    def most_of(self, kind: Kind) -> int:
        """Return how many bytes a file of this type may have."""
        return self.most_image if kind.content_type.startswith("image/") else self.most


_ALL: Final = ("",)
_LIMITS: Final[Mapping[Channel, Limits]] = {
    Channel.WHATSAPP: Limits(
        Channel.WHATSAPP,
        tuple(kind for kind in KINDS if kind.content_type != "image/gif"),
        LARGEST,
        5 * MB,
        ("image/", "video/"),
    ),
    Channel.SMS: Limits(
        Channel.SMS,
        tuple(kind for kind in KINDS if kind.content_type not in {"image/webp"} | _OFFICE_FILES),
        5 * MB,
        5 * MB,
        _ALL,
    ),
}

_ELSEWHERE: Final = gettext_lazy("Files go by SMS and WhatsApp only from here. Send them in Flex.")
_UNAVAILABLE: Final[Mapping[Channel, Any]] = {
    **dict.fromkeys((Channel.CHAT, Channel.WEB, Channel.MESSENGER), _ELSEWHERE),
    Channel.EMAIL: gettext_lazy(
        "Files cannot be attached to an email from here: Twilio does not document how. Attach them in Flex."
    ),
    Channel.SMS: gettext_lazy(
        "Files go by MMS, which works between numbers of the United States and Canada only. Use another channel."
    ),
}


def limits_of(channel: Channel, sender_address: str, address: str) -> Limits | None:
    """Return what files go between two addresses on a channel, None for none.

    MMS is for numbers of the United States and Canada: https://www.twilio.com/docs/messaging/guides/accepted-mime-types
    """
    if channel is Channel.SMS and not (sender_address.startswith("+1") and address.startswith("+1")):
        return None
    return _LIMITS.get(channel)


def why_none(channel: Channel) -> str:
    """Return in words why a channel takes no file."""
    return str(_UNAVAILABLE.get(channel, ""))


def checked(file: File, limits: Limits, body: str) -> File:
    """Return a file with the type that it really has, and a clean name. Raises InvalidClick, which says what to do.

    ``body``: the text that goes with it.
    """
    if not file.data:
        raise _wrong(_("This file is empty. Choose another one."), "empty_file")
    kind = _kind_of(file)
    if kind is None or kind not in limits.kinds:
        words = _("%(channel)s takes no file of this type. It takes: %(types)s.")
        raise _wrong(words % {"channel": limits.channel.label, "types": _named(limits.kinds)}, "file_type")
    most = limits.most_of(kind)
    if len(file.data) > most:
        words = _("This file has %(size)s; %(channel)s takes at most %(most)s of this type. Make it smaller.")
        sizes = {"size": filesizeformat(len(file.data)), "most": filesizeformat(most)}
        raise _wrong(words % {"channel": limits.channel.label, **sizes}, "file_too_large")
    if body and not kind.content_type.startswith(limits.captioned):
        words = _("%(channel)s shows no text with such a file. Send the file alone, and the text after it.")
        raise _wrong(words % {"channel": limits.channel.label}, "no_caption")
    return File(name_of(file.name, kind), kind.content_type, file.data)


def name_of(name: str, kind: Kind) -> str:
    """Return a file's name without folders and signs that nobody sees, with an extension of its type."""
    plain = PurePath(PureWindowsPath(UNFIT_IN_NAMES.sub("", name)).name)
    stem = plain.stem.strip(" .") or "file"
    suffix = plain.suffix.lower() if plain.suffix.lower() in kind.extensions else kind.extensions[0]
    return f"{stem[: MAX_NAME - len(suffix)]}{suffix}"


def _kind_of(file: File) -> Kind | None:
    """Return what a file is, None for what no channel takes. Raises InvalidClick where type and content differ."""
    said = file.content_type.partition(";")[0].strip().lower()
    found = [kind for kind in KINDS if kind.fits(file.data)]
    if said in _UNSAID:
        suffix = PurePath(file.name).suffix.lower()
        return next((kind for kind in found if suffix in kind.extensions), next(iter(found), None))
    meant = _BY_TYPE.get(said)
    if meant is None:
        return None
    if meant not in found:
        words = _("This file is not what its type says (%(type)s). Save it anew in that format, or choose another one.")
        raise _wrong(words % {"type": meant.label}, "file_lies")
    return meant


def _named(kinds: tuple[Kind, ...]) -> str:
    return ", ".join(kind.label for kind in kinds)


def _wrong(words: str, code: str) -> InvalidClick:
    return InvalidClick(words, code=code, field=FIELD)


def too_large(size: int) -> InvalidClick:
    """Return the error of a file that no channel takes, whatever it is. ``size``: bytes."""
    words = _("This file has %(size)s; at most %(most)s can be sent. Make it smaller.")
    return _wrong(words % {"size": filesizeformat(size), "most": filesizeformat(LARGEST)}, "file_too_large")
