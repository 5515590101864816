"""The channels that an agent can open, and the addresses of each (vocabulary)."""

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

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

    value: str
    label: str = ""


def normalize(channel: Channel, raw: str, region: str | None = None) -> str:
    """Return an address in the form that is stored, compared and sent.

    ``raw``: a phone number in any national format or E.164 (a ``whatsapp:`` prefix is dropped), or an email
    address. ``region``: ISO 3166-1 alpha-2, how a number without ``+`` is read. Returns E.164 (``+14155550123``) or
    the email address with its domain in lower case. Raises AddressError.
    """
    text = raw.strip()
    if channel is Channel.EMAIL:
        return _normalize_email(text)
    return _normalize_phone(channel, text.removeprefix("whatsapp:"), region)


@lru_cache(maxsize=4096)
def _normalize_email(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError as error:
        raise AddressError("invalid_email", _("This is not a valid email address.")) from error
    if len(text) > MAX_EMAIL:
        raise AddressError("invalid_email", _("This email address is too long."))
    local, _at, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def _normalize_phone(channel: Channel, text: str, region: str | None) -> str:
    number, problem = _read_phone(text, region, is_mobile=channel is Channel.SMS)
    if problem is not None:
        code, words = problem
        raise AddressError(code, str(words))
    return number


@lru_cache(maxsize=8192)  # a list of contacts asks for each number twice, and again when it is shown again
def _read_phone(text: str, region: str | None, *, is_mobile: bool) -> tuple[str, tuple[str, Promise] | None]:
    """Return a number in E.164, or what is wrong with it: an error is kept as well as a number, in no language yet."""
    try:
        number = phonenumbers.parse(text, region.upper() if region else None)
    except phonenumbers.NumberParseException:
        return "", ("invalid_number", _UNREADABLE)
    # Possible, not valid: the numbering plans in the library lag behind the ranges that countries hand out,
    # and Twilio has the last word. What cannot be a number in any plan is refused here.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return "", ("invalid_number", _WRONG_LENGTH)
    if is_mobile and phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE:
        return "", ("landline", _LANDLINE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None


_UNREADABLE = gettext_lazy(
    "This is not a phone number that can be dialled. Write it with its country code, as +14155550123."
)
_WRONG_LENGTH = gettext_lazy(
    "This phone number has the wrong length for its country. Check the number and the country code."
)
_LANDLINE = gettext_lazy("This is a landline number; text messages need a mobile number.")
