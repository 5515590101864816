"""The CRM's one record: a contact. ``FlexContact`` adds the SIDs of the last interaction and the relation to all of them."""

from typing import TYPE_CHECKING, Union

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.urls import reverse

from flex_outbound.models import FlexContact

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SEARCHED = ("full_name", "company", "mobile", "phone", "email", "email_work")
"""The columns that the search box of the contact list looks into."""


class ContactQuerySet(models.QuerySet["Contact"]):
    """Contacts as the pages ask for them."""

    def visible_to(self, user: Union["User", AnonymousUser]) -> "ContactQuerySet":
        """Return what this user may see: restricted contacts are for staff, all others for everyone signed in."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_staff else self.filter(restricted=False)

    def search(self, words: str) -> "ContactQuerySet":
        """Return the contacts in which every word occurs somewhere, in any case and in any column searched."""
        found = self
        for word in words.split():
            anywhere = Q()
            for column in SEARCHED:
                anywhere |= Q(**{f"{column}__icontains": word})
            found = found.filter(anywhere)
        return found


class Contact(FlexContact):
    """A person the business talks to. Numbers are kept as they were typed: making sense of them is flex_outbound's part."""

    full_name = models.CharField("name", max_length=300)
    company = models.CharField(max_length=200, blank=True, default="")
    mobile = models.CharField(max_length=60, blank=True, default="")
    phone = models.CharField("second number", max_length=60, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    email_work = models.EmailField("work email", blank=True, default="")
    country = models.CharField(
        max_length=2, blank=True, default="", help_text="ISO 3166-1 code of two letters, such as US."
    )
    notes = models.TextField(blank=True, default="")
    do_not_contact = models.BooleanField(default=False, help_text="Has asked not to be messaged.")
    restricted = models.BooleanField(default=False, help_text="Seen by staff only.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="contacts"
    )
    created_at = models.DateTimeField("created", auto_now_add=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        ordering = ["full_name", "pk"]
        indexes = [models.Index("full_name", "id", name="crm_contact_by_name")]

    def __str__(self) -> str:
        return self.full_name

    def get_absolute_url(self) -> str:
        """Return the address of the contact's page."""
        return reverse("crm:contact", args=[self.pk])
