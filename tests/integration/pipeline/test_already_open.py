"""A click on a customer who is in an open conversation: the 409 says whose it is and what can be done about it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from crm_demo.models import Contact
from flex_outbound.channels import InitiatedBy
from flex_outbound.models import Interaction
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due
from .pages import signed_in
from .test_joining import begun as begun
from .test_joining import left as left

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("indexed")]
Clicker = Callable[..., Interaction]


def click_again(user: User, contact: Contact) -> Any:
    payload = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms", "body": "Again"}
    return signed_in(user).post("/flex/api/interactions/", payload)


def begun_by(row: Interaction, initiated_by: str, **columns: Any) -> None:
    """Let an interaction be one of which not an agent, but a program or the customer was the beginning."""
    is_customers = initiated_by == InitiatedBy.CUSTOMER
    media = {"media_channel_sid": row.conversation_sid} if is_customers else {}
    Interaction.objects.filter(pk=row.pk).update(initiated_by=initiated_by, **media, **columns)


@pytest.mark.parametrize("initiated_by", list(InitiatedBy))
@pytest.mark.parametrize(
    ("columns", "standing"),
    [
        ({"channel_status": "inactive"}, "left"),
        ({"channel_status": "pause"}, "paused"),
        ({"channel_status": "active"}, "live"),
    ],
)
def test_the_conflict_names_what_can_be_done(
    initiated_by: str, columns: dict[str, str], standing: str, begun: Interaction, colleague: User, contact: Contact
) -> None:
    begun_by(begun, initiated_by, **columns)
    answer = click_again(colleague, contact)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_open")
    shown = answer.json()["open_conversation"]
    assert (shown["standing"], shown["agent"]) == (standing, "Agent")
    expected = {"left": ["take_up", "close"], "paused": ["ask", "take_over"], "live": ["ask"]}[standing]
    assert shown["choices"] == expected
    for name in ("join", "ask", "close", "messages", "invite", "leave"):
        assert shown[f"{name}_url"].endswith(f"/conversations/{begun.conversation_sid}/{name}/")
    if standing != "live":
        assert signed_in(colleague).post(shown["join_url"]).status_code == 202


@pytest.mark.parametrize("initiated_by", [InitiatedBy.API, InitiatedBy.CUSTOMER])
def test_one_that_nobody_has_accepted_waits_in_flex(
    initiated_by: str, begun: Interaction, colleague: User, contact: Contact
) -> None:
    begun_by(begun, initiated_by, agent=None, worker=None, worker_sid="", task_status="pending")
    shown = click_again(colleague, contact).json()["open_conversation"]
    assert (shown["whose"], shown["standing"], shown["choices"]) == ("nobody", "waiting", [])
    assert "waits in Flex for an agent" in shown["words"]


@pytest.mark.parametrize("initiated_by", list(InitiatedBy))
def test_what_was_left_is_named_when_twilio_refuses(
    initiated_by: str, left: Interaction, colleague: User, contact: Contact, sandbox: Sandbox
) -> None:
    begun_by(left, initiated_by, agent=left.agent if initiated_by == InitiatedBy.AGENT else None)
    url = click_again(colleague, contact).json()["status_url"]
    run_due()
    told = signed_in(colleague).get(url).json()
    assert (told["status"], told["error_reason"]) == (Status.FAILED, "already_open")
    shown = told["open_conversation"]
    assert (shown["whose"], shown["choices"]) == ("nobody", ["take_up", "close"])
    assert signed_in(colleague).post(shown["join_url"]).status_code == 202
    run_due()
    assert Interaction.objects.get(continues=left).status == Status.CREATED
    assert len(sandbox.state()["conversations"]) == 1
