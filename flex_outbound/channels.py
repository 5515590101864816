"""The channels that an agent can open, and the addresses of each (vocabulary)."""

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import TextChoices
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


def _normalize_email(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError as error:
        raise AddressError("invalid_email", _("This is not a valid email address.")) from error
    if len(text) > MAX_EMAIL:
        raise AddressError("invalid_email", _("This email address is too long."))
    local, _at, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


@lru_cache(maxsize=4096)  # a page of contacts asks for each number twice, and again when it is shown again
def _normalize_phone(channel: Channel, text: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(text, region.upper() if region else None)
    except phonenumbers.NumberParseException as error:
        raise AddressError(
            "invalid_number",
            _("This is not a phone number that can be dialled. Write it with its country code, as +14155550123."),
        ) from error
    # Possible, not valid: the numbering plans in the library lag behind the ranges that countries hand out,
    # and Twilio has the last word. What cannot be a number in any plan is refused here.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise AddressError(
            "invalid_number",
            _("This phone number has the wrong length for its country. Check the number and the country code."),
        )
    if channel is Channel.SMS and phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE:
        raise AddressError("landline", _("This is a landline number; text messages need a mobile number."))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
