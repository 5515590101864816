"""What a contact's page shows of its channels, once Twilio has been asked."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from crm_demo.models import Contact

from .conftest import run_due

CHANNELS = "/flex/api/contacts/crm_demo.contact/{}/channels/?live=1"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def live(user: User, contact: Contact, channel: str = "sms") -> Any:
    """Ask as a page does, once Twilio has been asked."""
    client = signed_in(user)
    client.get(CHANNELS.format(contact.pk))
    run_due()
    return next(one for one in client.get(CHANNELS.format(contact.pk)).json()["channels"] if one["channel"] == channel)
