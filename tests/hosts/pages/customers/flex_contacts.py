from customers.models import Customer
from flex_outbound.contacts import ContactAdapter, register


@register(Customer)
class CustomerContact(ContactAdapter):
    name_field, phone_field, email_field = "full_name", "mobile", "email"
