"""The channels that an agent can open, and the addresses of each (vocabulary)."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from flex_outbound import addresses, phones
from flex_outbound.phones import Problem

MAX_BODY = 1600
"""Characters of a message body: https://www.twilio.com/docs/conversations/api/conversation-message-resource"""

MAX_SUBJECT = 256
"""Characters of an email's subject, from the same page."""

MAX_EMAIL = 254
"""Characters of an email address (RFC 5321, section 4.5.3.1.3)."""

MAX_IDENTITY: Final = 254
"""Characters of a chat identity: what our columns take. Twilio's limit is 256, as of
https://www.twilio.com/docs/conversations/conversations-limits"""

ENDED: Final = {
    "gbm": gettext_lazy("Google ended Business Messages in July 2024. Choose another channel."),
}
"""Values that Twilio still lists, and why none of them can be used: the code of this refusal is ``channel_ended``."""

CHANNEL_ENDED: Final = "channel_ended"


class Channel(TextChoices):
    """Values are Twilio's ``Channel.type``. A value of ``ENDED`` raises a ValueError that says why."""

    SMS = "sms", gettext_lazy("SMS")
    WHATSAPP = "whatsapp", gettext_lazy("WhatsApp")
    # With a context: Django's own catalog has another "Email", the label of a field.
    EMAIL = "email", pgettext_lazy("channel", "Email")
    CHAT = "chat", pgettext_lazy("channel", "Chat")
    WEB = "web", pgettext_lazy("channel", "Web chat")
    MESSENGER = "messenger", pgettext_lazy("channel", "Messenger")

    @classmethod
    def _missing_(cls, value: object) -> "Channel | None":
        if isinstance(value, str) and value in ENDED:
            raise ValueError(str(ENDED[value]))
        return None

    @property
    def is_phone(self) -> bool:
        """True for the channels whose address is a telephone number."""
        return self in (Channel.SMS, Channel.WHATSAPP)

    @property
    def has_identity(self) -> bool:
        """True for the channels whose customer has an identity at Twilio in place of an address."""
        return self in (Channel.CHAT, Channel.WEB)

    @property
    def shows_sender(self) -> bool:
        """True for the channels in whose conversations Twilio shows the business's address beside the customer's."""
        return self.is_phone or self is Channel.MESSENGER

    @property
    def reading(self) -> "Channel":
        """The channel by whose rules an address is read where nothing is sent to it.

        A landline may write by WhatsApp, and a business's own number may be one that carries text messages.
        """
        return Channel.WHATSAPP if self.is_phone else self


ALWAYS_SHOWN: Final = (Channel.SMS, Channel.WHATSAPP, Channel.EMAIL)
"""Channels of which pages say why they cannot be used. Of the others nothing is said where they are not used."""

ONE_CONVERSATION: Final = tuple(channel for channel in Channel if channel is not Channel.EMAIL)
"""Channels on which a customer has one open conversation with a sender. Of emails there may be several."""


class InitiatedBy(TextChoices):
    """Who begins an interaction. Values are Twilio's ``Channel.initiated_by``.

    https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
    """

    AGENT = "agent", gettext_lazy("an agent")
    API = "api", gettext_lazy("a form or a program")
    CUSTOMER = "customer", gettext_lazy("the customer")


class AddressError(ValueError):
    """An address that its channel does not accept. ``code`` does not change, ``str()`` is for the agent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a contact.

    ``value``: normalised. ``label``: which one it is ("mobile", "work"), may be empty.
    """

    value: str = field(repr=False)
    label: str = ""

    @property
    def remark(self) -> str:
        """What the agent should check before using it, in words; empty for most."""
        is_doubtful = addresses.is_number(self.value) and phones.is_doubtful(self.value)
        return str(_DOUBTFUL) if is_doubtful else ""


def normalize(channel: Channel, raw: object, region: str | None = None) -> str:
    """Return an address in the form that is stored and sent; ``addresses.key`` is the one for comparing.

    ``raw``: a phone number in any national format or E.164 (a ``whatsapp:`` prefix is dropped), an object of
    ``phonenumbers``; an email address; the identity of a chat; the id of a Messenger user (a ``messenger:`` prefix is
    dropped). Signs that nobody sees are left out, an extension and a note beside a number too. ``region``: the country,
    as ISO 3166-1 alpha-2 or in another form of ``regions.read``; how a number without ``+`` is read. Returns E.164
    (``+14155550123``), the email address with its domain in ASCII and lower case, or the identity or id as it is.
    Raises AddressError.
    """
    if channel.is_phone:
        return _normalize_phone(channel, phones.text_of(raw), region)
    text = "" if raw is None else str(raw)
    if channel is Channel.EMAIL:
        return _normalize_email(text)
    return _normalize_identity(text, region) if channel.has_identity else _normalize_messenger(text)


def split(channel: Channel, raw: Any, region: object = None) -> list[Any]:
    """Return the addresses that a field holds, as they are written: several where it is plainly a list, else ``raw``.

    Nothing is guessed: an extension after a comma, a note, or a number that goes on in the next line makes no list.
    Takes what ``normalize`` takes, and raises nothing.
    """
    if not isinstance(raw, str):
        return [raw]
    if channel.is_phone:
        return phones.split(raw, str(region) if region else None) or [raw]
    return (addresses.mailboxes(raw) if channel is Channel.EMAIL else []) or [raw]


@lru_cache(maxsize=8192)  # a list of contacts shows the same numbers again and again
def read_all(channel: Channel, text: str, region: str | None) -> tuple[tuple[str, str], ...]:
    """Return the addresses in a text as pairs of ``addresses.key`` and ``normalize``.

    Raises AddressError where one of them is not usable.
    """
    read = [normalize(channel, written, region) for written in split(channel, text, region)]
    return tuple((addresses.key(value), value) for value in read)


@lru_cache(maxsize=4096)
def _normalize_email(raw: str) -> str:
    try:
        text = addresses.one_mailbox(raw[: 4 * MAX_EMAIL])
        validate_email(text)
    except (ValueError, ValidationError) as error:
        raise AddressError("invalid_email", _("This is not a valid email address.")) from error
    if len(text) > MAX_EMAIL:
        raise AddressError("invalid_email", _("This email address is too long."))
    return text


def _normalize_identity(raw: str, region: object) -> str:
    """Return a chat identity. Twilio asks for no personal data in it, and for no reserved characters of URIs.

    https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
    """
    text = addresses.visible(raw)
    if "@" in text or _is_telephone(text, str(region) if region else None):
        raise AddressError("personal_identity", str(_PERSONAL))
    if len(text) > MAX_IDENTITY:
        words = _("This chat identity is too long: at most %(most)d characters are allowed.")
        raise AddressError("invalid_identity", words % {"most": MAX_IDENTITY})
    if not text or not text.isprintable() or _UNFIT_IN_IDENTITY.search(text):
        raise AddressError("invalid_identity", str(_NO_IDENTITY))
    return text


_UNFIT_IN_IDENTITY: Final = re.compile(r"[\s:/?#\[\]@!$&'()*+,;=]")
"""White space, and the reserved characters of RFC 3986, section 2.2."""

_WRITTEN_NUMBER: Final = re.compile(r"[+＋]?[\d\s().\-/]{7,40}")
_PLAIN_NUMBER: Final = re.compile(r"\d{10,15}")
"""Digits in a row that may be a telephone number: fewer are taken for the key of a record."""


def _is_telephone(text: str, region: str | None) -> bool:
    """Tell whether an identity is surely a telephone number, and no key such as 1042 or 2024-00017."""
    if not _WRITTEN_NUMBER.fullmatch(text):
        return False
    digits = re.sub(r"\D", "", text)
    is_marked = text[0] in "+＋(" or len(re.findall(r"\D+", text)) > 1
    if not is_marked and not _PLAIN_NUMBER.fullmatch(text):
        return False
    readings = [phones.read(text, region), phones.read(f"+{digits.removeprefix('00')}")]
    return any(one.problem is None and not one.is_doubtful for one in readings)


def _normalize_messenger(raw: str) -> str:
    text = addresses.plain(raw)
    if not _MESSENGER.fullmatch(text):
        raise AddressError("invalid_messenger", str(_NO_MESSENGER))
    return text


_MESSENGER: Final = re.compile(r"[0-9]{1,64}")


def _normalize_phone(channel: Channel, text: str, region: object) -> str:
    country = str(region) if region else None  # a field may hold an object, as of django-countries
    reading = phones.read(text, country)
    if reading.problem is Problem.UNKNOWN_COUNTRY:
        raise AddressError("unknown_country", str(_UNKNOWN_COUNTRY) % {"country": (country or "")[:40]})
    if reading.problem is not None:
        raise AddressError("invalid_number", str(_PROBLEMS[reading.problem]))
    if channel is Channel.SMS and reading.is_landline:
        raise AddressError("landline", str(_LANDLINE))
    return reading.number


_PROBLEMS = {
    Problem.UNREADABLE: gettext_lazy(
        "This is not a phone number that can be dialled. Write it with its country code, as +14155550123."
    ),
    Problem.LETTERS: gettext_lazy(
        "There are letters in this phone number. Write the number alone, with its country code, as +14155550123."
    ),
    Problem.WRONG_LENGTH: gettext_lazy(
        "This phone number has the wrong length for its country. Check the number and the country code."
    ),
    Problem.NO_RANGE: gettext_lazy(
        "No phone number of this country begins like this one. Check the number and the country code."
    ),
}
_UNKNOWN_COUNTRY = gettext_lazy(
    "This number has no country code, and the contact's country, “%(country)s”, is not understood. "
    "Write the country as a code of two letters, as GB, or the number as +14155550123."
)
_LANDLINE = gettext_lazy("This is a landline number; text messages need a mobile number.")
_PERSONAL = gettext_lazy(
    "A chat identity must not be an email address or a phone number: Twilio asks for no personal data in it. "
    "Use an id of the customer that is used for nothing else."
)
_NO_IDENTITY = gettext_lazy(
    "This is not a chat identity. Letters, digits and - . _ ~ are allowed in it; spaces and the reserved characters of "
    "web addresses are not."
)
_NO_MESSENGER = gettext_lazy(
    "This is not an id of Messenger. It is made of digits, as Twilio shows it after “messenger:”."
)
_DOUBTFUL = gettext_lazy("This number is in no range that is known here. Check it before you send.")
