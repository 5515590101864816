from directory.models import Company, Person
from flex_outbound.channels import Address
from flex_outbound.contacts import ContactAdapter, register


class PartyContact(ContactAdapter):
    name_field, region_field = "name", "country"

    def get_queryset(self, user):
        return self.model.objects.prefetch_related("ways")

    def get_addresses(self, contact, channel):
        kind = "phone" if channel.is_phone else "email"
        return [Address(way.value, way.label) for way in contact.ways.all() if way.kind == kind]


@register(Company)
class CompanyContact(PartyContact):
    pass


@register(Person)
class PersonContact(PartyContact):
    def can_message(self, user, contact, channel):
        return "This person has asked for silence." if contact.silent else True
