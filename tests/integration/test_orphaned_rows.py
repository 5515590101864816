"""Rows whose contact is gone, or whose kind of contact: shown everywhere with the name that was kept, never a 500."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse

from crm_demo.models import Contact
from flex_outbound import contacts
from flex_outbound.models import Interaction, Worker
from flex_outbound.outbox.enqueue import Click, enqueue
from tests import steps

WAYS = ("deleted", "unregistered", "removed")


@pytest.fixture(params=WAYS)
def orphan(
    request: Any, monkeypatch: pytest.MonkeyPatch, agent: User, worker: Worker, contact: Contact, senders: Any
) -> Interaction:
    """A failed row of a contact that was deleted, of a model that is not registered, or that the project removed."""
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    claimed = steps.claim(row)
    assert claimed is not None
    steps.failed(claimed, "channel_failed", "No.")
    if request.param == "deleted":
        contact.delete()
    elif request.param == "unregistered":
        monkeypatch.setattr(contacts, "_registry", {})
    else:
        gone = ContentType.objects.create(app_label="removed", model="thing")
        Interaction.objects.update(contact_type=gone)
    row.refresh_from_db()
    return row


def test_the_api_shows_it_and_refuses_to_repeat_it(client_agent: Client, orphan: Interaction) -> None:
    url = reverse("flex_outbound:interaction-detail", args=[orphan.pk])
    assert client_agent.get(url).json()["contact_name"] == "Ann Example"
    listed = client_agent.get(reverse("flex_outbound:interaction-list")).json()["results"]
    assert [row["id"] for row in listed] == [str(orphan.pk)]
    answer = client_agent.post(reverse("flex_outbound:interaction-retry", args=[orphan.pk]))
    assert answer.status_code == 400
    assert set(answer.json()) & {"contact_type", "contact_id"}


def test_the_plain_pages_say_why_it_cannot_be_repeated(client_agent: Client, orphan: Interaction) -> None:
    answer = client_agent.post(reverse("flex_outbound:retry", args=[orphan.pk]))
    assert answer.status_code == 400
    assert Interaction.objects.count() == 1


def test_the_admin_shows_it(admin_client: Client, orphan: Interaction) -> None:
    for page, args in (("changelist", []), ("change", [orphan.pk])):
        answer = admin_client.get(reverse(f"admin:flex_outbound_interaction_{page}", args=args))
        assert answer.status_code == 200
        assert "Ann Example" in answer.content.decode()


def test_a_contact_that_is_looked_for_by_name_of_its_kind_is_not_found(
    client_agent: Client, orphan: Interaction
) -> None:
    kind = f"{orphan.contact_type.app_label}.{orphan.contact_type.model}"
    url = reverse("flex_outbound:contact-channels", args=[kind, orphan.contact_id])
    assert client_agent.get(url).status_code == 404
