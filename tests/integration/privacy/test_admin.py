"""The admin's actions that erase contacts: for who may, after a question, with what Twilio still holds."""

from typing import Any

import pytest
from django.contrib.admin import helpers
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from crm_demo.models import Contact
from flex_outbound import groups
from flex_outbound.contacts import adapter_for
from flex_outbound.models import Interaction, Message
from flex_outbound.testing import Flex

from .conftest import MARK, Opened, end

pytestmark = pytest.mark.django_db

INTERACTIONS = "/admin/flex_outbound/interaction/"


@pytest.fixture
def row(flex: Flex, opened: Opened) -> Interaction:
    """An interaction that has ended."""
    made = opened()
    end(flex, made)
    made.refresh_from_db()
    return made


def signed_in(*codenames: str) -> Client:
    user = User.objects.create_user("manager", is_staff=True)
    user.groups.add(Group.objects.get(name=groups.MANAGERS))
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def choose(client: Client, row: Interaction, **more: str) -> Any:
    chosen = {"action": "erase_contacts_of", helpers.ACTION_CHECKBOX_NAME: str(row.pk)}
    return client.post(INTERACTIONS, chosen | more)


def test_it_asks_then_erases_and_tells_what_is_left_at_twilio(row: Interaction) -> None:
    client = signed_in("erase_contact")
    asked = choose(client, row).content.decode()
    assert f"crm_demo.contact:{row.contact_id}" in asked
    assert Message.objects.get().body
    shown = choose(client, row, confirmed="yes").content.decode()
    assert f"conversations.twilio.com/v1/Conversations/{row.conversation_sid}" in shown
    assert MARK not in shown
    row.refresh_from_db()
    assert (row.contact_name, row.address, Message.objects.get().body) == ("", "", "")
    log = LogEntry.objects.get()
    assert (log.object_repr, log.object_id) == (f"crm_demo.contact:{row.contact_id}", row.contact_id)


def test_it_counts_in_german(row: Interaction, settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"
    asked = choose(signed_in("erase_contact"), row).content.decode()
    for words in ("Interaktionen: 1", "Unterhaltungen: 1", "Nachrichten: 1", "Endgültig löschen"):
        assert words in asked


def test_managers_may_not_by_themselves(row: Interaction) -> None:
    client = signed_in()
    assert "erase_contacts_of" not in client.get(INTERACTIONS).content.decode()
    choose(client, row, confirmed="yes")
    assert Message.objects.get().body


def test_what_is_open_is_named(flex: Flex, opened: Opened) -> None:
    row = opened()
    client = signed_in("erase_contact")
    for more in ({}, {"confirmed": "yes"}):
        assert str(row.pk) in choose(client, row, **more).content.decode()
    assert Message.objects.get().body


def test_a_contact_that_the_user_may_not_see_is_not_erased(row: Interaction, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = type(adapter_for(Contact))
    monkeypatch.setattr(adapter, "get_queryset", lambda self, user: Contact.objects.none())
    choose(signed_in("erase_contact"), row, confirmed="yes")
    assert Message.objects.get().body


def test_so_do_the_contacts_of_the_project(row: Interaction, contact: Contact, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.integration.admin.urls_own_site"
    client = signed_in("erase_contact", "view_contact", "change_contact")
    chosen = {"action": "flex_erase", helpers.ACTION_CHECKBOX_NAME: str(contact.pk)}
    url = "/desk/crm_demo/contact/"
    assert "flex_erase" in client.get(url).content.decode()
    assert f"crm_demo.contact:{contact.pk}" in client.post(url, chosen).content.decode()
    assert Message.objects.get().body
    client.post(url, chosen | {"confirmed": "yes"})
    assert Message.objects.get().body == ""
    User.objects.get(username="manager").user_permissions.remove(Permission.objects.get(codename="erase_contact"))
    assert "flex_erase" not in client.get(url).content.decode()
