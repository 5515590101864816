"""A sender that is kept to groups, as the API and the plain form tell it to who is outside."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction, Sender
from flex_outbound.statuses import Status
from tests.integration.api.conftest import LIST, MakeRow, Post, make_sender

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(account: Account) -> Sender:
    """A sender for the clinic alone."""
    sender = make_sender(account, "sms", "+14155550188")
    sender.groups.add(Group.objects.create(name="Clinic"))
    return sender


def offered(client: Client, contact: Contact) -> list[int]:
    data = client.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/").json()
    return [sender["id"] for sender in data["channels"][0]["senders"]]


def test_it_is_offered_to_members_alone(client: Client, agent: User, contact: Contact, kept: Sender) -> None:
    assert kept.pk not in offered(client, contact)
    agent.groups.set(kept.groups.all())
    assert kept.pk in offered(client, contact)


def test_a_click_with_it_names_the_field_and_the_remedy(post: Post, agent: User, kept: Sender) -> None:
    answer = post(sender=kept.pk)
    assert (answer.status_code, list(answer.json())) == (400, ["sender"])
    assert "Choose another one, or ask your manager for it." in answer.json()["sender"][0]
    agent.groups.set(kept.groups.all())
    assert post(sender=kept.pk).status_code == 202


@pytest.mark.parametrize("status", [Status.FAILED, Status.REVIEW])
def test_sending_again_with_it_is_refused_alike(
    client: Client, make_row: MakeRow, kept: Sender, status: Status
) -> None:
    row = make_row(status, sender=kept, sender_address=kept.address, address="+14155550123")
    answer = client.post(f"{LIST}{row.pk}/retry/", {}, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["sender"])
    page = client.post(f"/flex/interactions/{row.pk}/retry/")
    assert page.status_code == 400
    assert "not yours to use" in page.content.decode()
    assert list(Interaction.objects.values_list("status", flat=True)) == [status]


@pytest.mark.parametrize("alone", [False, True])
def test_the_plain_form_says_it_and_keeps_what_was_typed(
    client: Client, payload: dict[str, Any], kept: Sender, alone: bool
) -> None:
    if alone:
        Sender.objects.filter(channel="sms").exclude(pk=kept.pk).update(is_active=False)
    page = client.post("/flex/send/", {**payload, "sender": kept.pk, "body": "Your order is ready"})
    html = page.content.decode()
    assert page.status_code == 400
    assert "not yours to use" in html
    assert "Your order is ready" in html or alone
