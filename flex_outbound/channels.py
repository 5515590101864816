"""The channels that an agent can open, and the addresses of each (vocabulary)."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

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


class Channel(TextChoices):
    """Values are Twilio's ``Channel.type``."""

    SMS = "sms", gettext_lazy("SMS")
    WHATSAPP = "whatsapp", gettext_lazy("WhatsApp")
    # With a context: Django's own catalog has another "Email", the label of a field.
    EMAIL = "email", pgettext_lazy("channel", "Email")

    @property
    def is_phone(self) -> bool:
        """True for the channels whose address is a telephone number."""
        return self is not Channel.EMAIL


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

    ``value``: normalised, E.164 or an email address. ``label``: which one it is ("mobile", "work"), may be empty.
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
    ``phonenumbers``, or an email address. Signs that nobody sees are left out, an extension and a note beside a number
    too. ``region``: the country, as ISO 3166-1 alpha-2 or in another form of ``regions.read``; how a number without
    ``+`` is read. Returns E.164 (``+14155550123``) or the email address with its domain in ASCII and lower case.
    Raises AddressError.
    """
    if channel is Channel.EMAIL:
        return _normalize_email("" if raw is None else str(raw))
    return _normalize_phone(channel, phones.text_of(raw), region)


def split(channel: Channel, raw: Any, region: object = None) -> list[Any]:
    """Return the addresses that a field holds, as they are written: several where it is plainly a list, else ``raw``.

    Nothing is guessed: an extension after a comma, a note, or a number that goes on in the next line makes no list.
    Takes what ``normalize`` takes, and raises nothing.
    """
    if not isinstance(raw, str):
        return [raw]
    if channel.is_phone:
        return phones.split(raw, str(region) if region else None) or [raw]
    return addresses.mailboxes(raw) or [raw]


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
_DOUBTFUL = gettext_lazy("This number is in no range that is known here. Check it before you send.")
