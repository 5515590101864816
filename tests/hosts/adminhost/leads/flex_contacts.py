from flex_outbound.contacts import ContactAdapter, register
from leads.models import Lead


@register(Lead)
class LeadContact(ContactAdapter):
    name_field, phone_field, email_field = "name", "phone", "email"
