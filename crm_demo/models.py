"""The CRM's only model: a contact. ``FlexContact`` adds the last interaction's SIDs and the relation to all."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import phonenumbers
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from flex_outbound.models import FlexContact

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

PHONE_CHARACTERS = frozenset("0123456789+-()./ ")
"""The characters of a search for a phone number, however it is written."""

TINTS = 6
"""The number of colours that the style sheet has for the initials."""


class ContactQuerySet(models.QuerySet["Contact"]):
    """The queries of the pages."""

    def visible_to(self, user: "User | AnonymousUser") -> "ContactQuerySet":
        """Return the contacts that ``user`` may see: restricted ones only for staff, all others for signed-in users."""
        if not user.is_authenticated:
            return self.none()
        return self.all() if user.is_staff else self.filter(restricted=False)

    def search(self, text: str) -> "ContactQuerySet":
        """Return the contacts that match ``text``: with every word in it, or with the number, however it is written."""
        text = text.strip()
        if any(sign.isdigit() for sign in text) and PHONE_CHARACTERS.issuperset(text):
            # Without the leading zero, 07700 900123 is part of +44 7700 900123.
            return self.filter(search_text__contains=_digits(text).lstrip("0"))
        found = self.all()
        for word in text.casefold().split():
            found = found.filter(search_text__contains=word)
        return found


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


def _number_texts(raw: str, country: str) -> Iterable[str]:
    """Return the digits by which a number is found: as it was typed, and with its country code."""
    yield _digits(raw)
    try:
        number = phonenumbers.parse(raw, country or None)
    except phonenumbers.NumberParseException:
        return
    yield f"{number.country_code}{number.national_number}"


class Contact(FlexContact):
    """A customer. Numbers are kept as they were typed; flex_outbound normalises them."""

    reference = models.CharField(_("reference"), max_length=20, unique=True, null=True, blank=True)
    full_name = models.CharField(_("name"), max_length=300)
    company = models.CharField(_("company"), max_length=200, blank=True, default="")
    mobile = models.CharField(_("mobile"), max_length=60, blank=True, default="")
    phone = models.CharField(_("second number"), max_length=60, blank=True, default="")
    email = models.EmailField(_("email"), blank=True, default="")
    email_work = models.EmailField(_("work email"), blank=True, default="")
    chat_identity = models.CharField(
        _("chat identity"),
        max_length=254,
        blank=True,
        default="",
        help_text=_("Who the customer is in the website's chat: an id, and neither an email address nor a number."),
    )
    country = models.CharField(
        _("country"), max_length=2, blank=True, default="", help_text=_("ISO 3166-1 code of two letters, such as US.")
    )
    notes = models.TextField(_("notes"), blank=True, default="")
    do_not_contact = models.BooleanField(
        _("do not contact"), default=False, help_text=_("Has asked not to be messaged.")
    )
    restricted = models.BooleanField(_("restricted"), default=False, help_text=_("Seen by staff only."))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="contacts",
        verbose_name=_("owner"),
    )
    created_at = models.DateTimeField(_("customer since"), default=timezone.now)
    search_text = models.TextField(editable=False, default="")

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        ordering = ["full_name", "pk"]
        indexes = [models.Index(fields=["full_name", "id"], name="crm_contact_by_name")]

    def __str__(self) -> str:
        return self.full_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and update the text that the search reads."""
        self.fill_search_text()
        super().save(*args, **kwargs)

    def fill_search_text(self) -> None:
        """Return the text for the search, in Python's lower case, because SQLite's only covers ASCII."""
        words = [self.full_name, self.company, self.email, self.email_work, self.chat_identity, self.reference or ""]
        for raw in filter(None, (self.mobile, self.phone)):
            words += [raw, *_number_texts(raw, self.country)]
        self.search_text = "\n".join(words).casefold()

    def get_absolute_url(self) -> str:
        """Return the URL of the contact's page."""
        return reverse("crm:contact", args=[self.pk])

    @property
    def initials(self) -> str:
        """One or two letters of the name; empty where it has none."""
        letters = [word[0] for word in self.full_name.split() if word[0].isalpha()]
        return "".join([letters[0], letters[-1]] if len(letters) > 1 else letters).upper()

    @property
    def tint(self) -> int:
        """The number of the style sheet's colour behind the initials."""
        return (self.pk or 0) % TINTS
