"""What Flex is told of a contact: in the attributes of the task, read right before the request."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound.models import Interaction
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due

Clicker = Callable[..., Interaction]


def attributes_of(row: Interaction, sandbox: Sandbox) -> dict[str, Any]:
    """Do what is due and return the attributes of the task that was made."""
    run_due()
    row.refresh_from_db()
    assert row.status == Status.CREATED
    [task] = [task for task in sandbox.state()["tasks"] if task["sid"] == row.task_sid]
    attributes: dict[str, Any] = json.loads(task["attributes"])
    return attributes


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_the_task_shows_the_customer_and_leads_to_the_contact(
    click: Clicker, sandbox: Sandbox, contact: Contact, settings: Any, channel: str
) -> None:
    settings.FLEX_OUTBOUND |= {"PUBLIC_BASE_URL": "https://crm.example.com"}
    Contact.objects.update(email="ann@example.com")
    told = attributes_of(click(channel=channel), sandbox)
    assert told["from"] == told["customerName"] == "Ann Other"
    assert told["customers"] == {"name": "Ann Other", "phone": "+14155550123", "email": "ann@example.com"}
    assert told["flexOutboundContactType"] == "crm_demo.contact"
    assert told["flexOutboundContactId"] == str(contact.pk)
    assert told["flexOutboundContactUrl"] == f"https://crm.example.com{contact.get_absolute_url()}"


def test_what_the_contact_does_not_have_is_null(click: Clicker, sandbox: Sandbox, contact: Contact) -> None:
    Contact.objects.update(email="", email_work="")
    told = attributes_of(click(), sandbox)
    assert told["customers"] == {"name": "Ann Other", "phone": "+14155550123", "email": None}
    # Without PUBLIC_BASE_URL there is no address that Flex could open.
    assert "flexOutboundContactUrl" not in told


def test_an_error_in_the_projects_code_leaves_it_out_and_sends(
    click: Clicker, sandbox: Sandbox, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_url(self: CrmContact, contact: Contact) -> str:
        raise ValueError

    row = click()
    monkeypatch.setattr(CrmContact, "get_url", get_url)
    told = attributes_of(row, sandbox)
    assert told["customers"] == {"name": "Ann Other", "phone": "+14155550123", "email": None}
    assert told["flexOutboundContactId"] == str(contact.pk)


def test_a_contact_that_cannot_be_read_is_sent_as_it_was_clicked(
    click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_queryset(self: CrmContact, user: Any) -> Any:
        raise ValueError

    row = click()
    monkeypatch.setattr(CrmContact, "get_queryset", get_queryset)
    told = attributes_of(row, sandbox)
    assert told["customers"] == {"name": "Ann Other", "phone": "+14155550123", "email": None}
    assert "flexOutboundContactId" not in told
