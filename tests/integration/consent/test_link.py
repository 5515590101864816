"""The link beside a refusal: for who may write down that the customer agreed again, and with no address in it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm_demo.models import Contact
from flex_outbound.models import ConsentEvent
from flex_outbound.models.setup import forget_setup
from tests.integration.pages.conftest import Render, render  # noqa: F401

from .conftest import NUMBER, Say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]

BUTTONS = "{% flex_buttons contact %}"


@pytest.fixture
def lead(agent: User) -> User:
    """An agent who may say so."""
    agent.user_permissions.add(Permission.objects.get(codename="change_consent"))
    User.objects.filter(pk=agent.pk).update(is_staff=True)
    return User.objects.get(pk=agent.pk)


def test_it_leads_to_the_form_filled_in(render: Render, lead: User, contact: Contact, say: Say) -> None:  # noqa: F811
    assert "flex-consent" not in render(BUTTONS, lead, contact=contact)
    say()
    html = render(BUTTONS, lead, contact=contact)
    url = html.partition('href="/admin/flex_outbound/consentevent/add/')[2].partition('"')[0].replace("&amp;", "&")
    assert url
    assert "415" not in url
    client = Client()
    client.force_login(lead)
    form = client.get(f"/admin/flex_outbound/consentevent/add/{url}").content.decode()
    assert f'value="{NUMBER}"' in form
    assert '<option value="opted_in" selected>' in form
    compose = client.get(f"/flex/compose/crm_demo.contact/sms/?id={contact.pk}").content.decode()
    assert "flex-consent" in compose


@pytest.mark.parametrize("missing", ["is_staff", "permission"])
def test_others_do_not_see_it(render: Render, lead: User, contact: Contact, say: Say, missing: str) -> None:  # noqa: F811
    say()
    if missing == "is_staff":
        User.objects.update(is_staff=False)
    else:
        lead.user_permissions.remove(Permission.objects.get(codename="change_consent"))
    assert "flex-consent" not in render(BUTTONS, User.objects.get(pk=lead.pk), contact=contact)


@pytest.mark.parametrize(
    "query",
    [
        {"contact": "nobody.here", "id": "1", "channel": "sms"},
        {"contact": "crm_demo.contact", "id": "x", "channel": "fax"},
    ],
)
def test_a_link_to_nothing_shows_an_empty_form(lead: User, query: dict[str, Any]) -> None:
    client = Client()
    client.force_login(lead)
    assert client.get("/admin/flex_outbound/consentevent/add/", query).status_code == 200


def test_a_list_asks_once_for_all_its_contacts(
    render: Render,  # noqa: F811
    agent: User,
    contact: Contact,
    say: Say,
    django_user_model: Any,
) -> None:
    """Two queries more than without a refusal, however long the list: the ledger, and what the user can send with."""
    source = "{% for contact in contacts %}{% flex_buttons contact compact=True %}{% endfor %}"
    people = Contact.objects.bulk_create(Contact(full_name=f"P {n}", mobile=f"+1415555{n:04}") for n in range(50))

    def asked(*contacts: Contact) -> int:
        forget_setup()
        fresh = django_user_model.objects.get(pk=agent.pk)
        with CaptureQueriesContext(connection) as captured:
            html = render(source, fresh, contacts=contacts)
        assert ("unsubscribed" in html) == (contact in contacts and ConsentEvent.objects.exists())
        return len(captured)

    before = asked(contact, *people)
    say()
    assert asked(contact) == asked(contact, *people) == before + 2
