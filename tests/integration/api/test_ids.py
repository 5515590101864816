"""One id is read in one way, whoever asks: the list, the channels, a click through the API and one through a form."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for, stored_id
from flex_outbound.models import Interaction
from tests.integration.api.conftest import LIST

pytestmark = pytest.mark.django_db

IDS = ["{id}", "00{id}", " {id}", "{id} ", "{arabic}", "{wide}"]
NO_IDS = ["{id}x", "{id}.5", "0x{id}", "9" * 40, "-{id}", "{id}\u0000"]


def written(form: str, contact: Contact) -> str:
    digits = {ord(str(digit)): digit for digit in range(10)}
    arabic = str(contact.pk).translate({sign: 0x660 + digit for sign, digit in digits.items()})
    wide = str(contact.pk).translate({sign: 0xFF10 + digit for sign, digit in digits.items()})
    return form.format(id=contact.pk, arabic=arabic, wide=wide)


def click(client: Client, contact_id: str, **more: Any) -> Any:
    data = {"contact_type": "crm_demo.contact", "contact_id": contact_id, "channel": "sms", **more}
    return client.post(LIST, data, content_type="application/json")


def listed(client: Client, contact_id: str) -> list[str]:
    answer = client.get(LIST, {"contact_type": "crm_demo.contact", "contact_id": contact_id})
    return [one["id"] for one in answer.json().get("results", [])]


@pytest.mark.parametrize("form", IDS)
def test_each_way_in_finds_the_same_contact(form: str, client: Client, contact: Contact) -> None:
    contact_id = written(form, contact)
    answer = click(client, contact_id)
    assert answer.status_code == 202
    assert Interaction.objects.get().contact_id == str(contact.pk)
    assert listed(client, contact_id) == [answer.json()["id"]]
    channels = client.get(f"/flex/api/contacts/crm_demo.contact/{quote(contact_id)}/channels/")
    assert channels.json()["contact_id"] == str(contact.pk)
    form_fields = {"contact_type": "crm_demo.contact", "contact_id": contact_id, "channel": "email"}
    assert client.post("/flex/send/", form_fields).status_code == 302
    assert set(Interaction.objects.values_list("contact_id", flat=True)) == {str(contact.pk)}


@pytest.mark.parametrize("form", NO_IDS)
def test_each_way_in_finds_none(form: str, client: Client, contact: Contact) -> None:
    contact_id = written(form, contact)
    click(client, str(contact.pk))
    assert click(client, contact_id).status_code == 400
    assert listed(client, contact_id) == []
    assert client.get(f"/flex/api/contacts/crm_demo.contact/{quote(contact_id)}/channels/").status_code == 404
    form_fields = {"contact_type": "crm_demo.contact", "contact_id": contact_id, "channel": "email"}
    assert client.post("/flex/send/", form_fields).status_code == 404
    assert Interaction.objects.count() == 1


def test_what_is_no_id_is_looked_for_as_it_is() -> None:
    assert stored_id(adapter_for(Contact), "C-7") == "C-7"
