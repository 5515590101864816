"""The adapter of the CRM's contacts. A project needs nothing else to get the buttons."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter, register

if TYPE_CHECKING:
    from crm_demo.models import ContactQuerySet


@register(Contact)
class CrmContact(ContactAdapter):
    """Two numbers, read in the contact's own country, two email addresses, and the identity in the website's chat."""

    name_field = "full_name"
    phone_field = ("mobile", "phone")
    email_field = ("email", "email_work")
    chat_field = "chat_identity"
    region_field = "country"

    def get_queryset(self, user: Any) -> "ContactQuerySet":
        """Return the contacts that the CRM's own pages show this user."""
        return Contact.objects.visible_to(user)

    def search(self, user: Any, text: str) -> "ContactQuerySet":
        """Return what the CRM's own search finds."""
        return self.get_queryset(user).search(text)

    def get_create_url(self, address: str, channel: Channel, name: str) -> str:
        """Return the form for a new contact. A WhatsApp id in place of the number is not filled in."""
        given = {"full_name": name, "mobile": address} if address.startswith("+") else {"full_name": name}
        if channel is Channel.EMAIL:
            given["email"] = address
        return f"{reverse('crm:new')}?{urlencode(given)}"

    def get_placeholders(self, contact: Contact, user: Any) -> dict[str, str]:
        """Return what saved replies may say of a customer: names here begin with the first one."""
        return {"contact.first_name": contact.full_name.partition(" ")[0], "contact.company": contact.company}

    def get_template_variables(self, contact: Contact, template: Any) -> dict[str, str]:
        """Fill in how templates greet: by the first name. The sample says which of their variables that is."""
        greets = {name for name, sample in template.variables.items() if sample in ("Ann", "Anna")}
        return dict.fromkeys(greets, contact.full_name.split()[0] if contact.full_name else "")

    def can_message(self, user: Any, contact: Contact, channel: Channel) -> bool | str | Promise:
        """Refuse contacts who asked not to be messaged, and say why."""
        if contact.do_not_contact:
            return _("This customer has asked not to be messaged.")
        return True
