from flex_outbound.contacts import ContactAdapter, register
from oldcrm.models import Partner


@register(Partner)
class PartnerContact(ContactAdapter):
    name_field = "name"

    def get_addresses(self, contact, channel):
        kind = "M" if channel.is_phone else "E"
        return contact.reaches.filter(kind=kind).values_list("value", flat=True)
