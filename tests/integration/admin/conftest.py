"""Who comes into the admin, and what they find there."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from flex_outbound.models import Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows

INTERACTIONS = "/admin/flex_outbound/interaction/"


def page_of(row: Interaction) -> str:
    """Return where a row is shown."""
    return f"{INTERACTIONS}{row.pk}/change/"


def ask(row: Interaction, verb: str) -> str:
    """Return where a decision is asked for."""
    return f"{INTERACTIONS}{row.pk}/decide/{verb}/"


def staff(name: str, *permissions: str) -> Client:
    """Return the browser of a member of staff with these permissions."""
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def row(agent: User, worker: object, senders: object, contact: object) -> Interaction:
    """A click that needs a decision."""
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms", body="Your order"))  # type: ignore[attr-defined]
    rows.ask_for_decision(row, "Flex did not answer.")
    return Interaction.objects.get()


@pytest.fixture
def lead(db: None) -> Client:
    """Who may see and decide."""
    return staff("lead", "view_interaction", "change_interaction")
