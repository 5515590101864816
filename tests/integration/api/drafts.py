"""Drafts as the tests of the API keep and read them."""

from typing import Any

from django.test import Client

from crm_demo.models import Contact


def address(contact: Contact, place: str = "") -> str:
    """Return the address of a contact's drafts, or of one of them."""
    base = f"/flex/api/contacts/crm_demo.contact/{contact.pk}/drafts/"
    return f"{base}{place}/" if place else base


def read(client: Client, contact: Contact) -> dict[str, Any]:
    """Return what the contact's page asks for."""
    answer = client.get(address(contact))
    assert answer.status_code == 200
    return answer.json()
