"""A click on a customer who is in an open conversation: the 409 says whose it is and what can be done about it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound import interactions
from flex_outbound.channels import InitiatedBy
from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Conversation, ConversationHolder, Interaction, OpenSearch
from flex_outbound.outbox import decisions
from flex_outbound.statuses import Status

from .conftest import Sandbox, make_agent, run_due
from .elsewhere import NUMBER, Twilio
from .pages import live, signed_in
from .test_joining import begun as begun
from .test_joining import left as left

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("indexed")]
Clicker = Callable[..., Interaction]


def click_again(user: User, contact: Contact) -> Any:
    payload = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms", "body": "Again"}
    return signed_in(user).post("/flex/api/interactions/", payload)


def long_ago(left: Interaction) -> None:
    """Let everything that says that a conversation is open be old, so that Twilio decides."""
    earlier = timezone.now() - timedelta(hours=2)
    Interaction.objects.filter(pk=left.pk).update(finished_at=earlier)
    Conversation.objects.update(read_at=earlier, next_at=earlier)
    ConversationHolder.objects.update(seen_at=earlier)


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
    long_ago(left)
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


# -- what nobody is in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initiated_by", list(InitiatedBy))
def test_what_was_left_is_named_at_once(
    initiated_by: str, left: Interaction, colleague: User, contact: Contact, sandbox: Sandbox
) -> None:
    begun_by(left, initiated_by, agent=left.agent if initiated_by == InitiatedBy.AGENT else None)
    answer = click_again(colleague, contact)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (409, "already_open")
    assert told["detail"].endswith("Take it up, or close it and begin anew.")
    shown = told["open_conversation"]
    assert (shown["standing"], shown["choices"]) == ("left", ["take_up", "close"])
    assert Interaction.objects.get() == left
    assert len(sandbox.interactions) == 1
    assert signed_in(colleague).post(shown["join_url"]).status_code == 202


def test_a_plain_form_shows_the_same_choices_and_the_text(left: Interaction, agent: User, contact: Contact) -> None:
    agent.user_permissions.add(Permission.objects.get(codename="view_contact"))
    form = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms", "body": "Not lost"}
    answer = signed_in(agent).post("/flex/send/", form)
    page = answer.content.decode()
    assert answer.status_code == 409
    for name in ("join", "close"):
        assert f"/flex/conversations/{left.conversation_sid}/{name}/" in page
    assert "Not lost" in page
    assert "Take it up, or close it and begin anew." in page


@pytest.mark.parametrize(("who", "choices"), [("agent", ["take_up", "close"]), ("colleague", ["ask", "take_over"])])
def test_what_is_paused_is_in_the_way(
    who: str, choices: list[str], left: Interaction, agent: User, colleague: User, contact: Contact
) -> None:
    Interaction.objects.filter(pk=left.pk).update(channel_status="pause")
    answer = click_again(agent if who == "agent" else colleague, contact)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_open")
    shown = answer.json()["open_conversation"]
    assert shown["standing"] == "paused"
    if who == "colleague":
        assert shown["choices"] == choices


def test_what_was_opened_elsewhere_and_nobody_has_is_in_the_way_once_it_was_looked_for(
    agent: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    sid = twilio.begin()
    assert live(agent, contact)["open_conversation"]["conversation_sid"] == sid
    answer = click_again(agent, contact)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_open")
    assert answer.json()["detail"].endswith("Close it and begin anew.")
    assert answer.json()["open_conversation"]["choices"] == ["close"]
    assert not Interaction.objects.exists()
    assert sandbox.interactions == []


def test_a_refusal_has_twilio_asked_so_that_the_next_click_goes(
    agent: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    sid = twilio.begin()
    assert live(agent, contact)["open_conversation"]["conversation_sid"] == sid
    twilio.close(sid)
    OpenSearch.objects.update(asked_at=timezone.now() - timedelta(minutes=1))
    assert click_again(agent, contact).status_code == 409
    run_due()
    assert click_again(agent, contact).status_code == 202


def test_what_was_looked_at_long_ago_refuses_nothing(left: Interaction, agent: User, contact: Contact) -> None:
    long_ago(left)
    assert click_again(agent, contact).status_code == 202


def test_what_is_read_from_time_to_time_is_known_until_the_next_reading(
    left: Interaction, agent: User, contact: Contact
) -> None:
    long_ago(left)
    Conversation.objects.update(next_at=timezone.now() + timedelta(minutes=5))
    assert click_again(agent, contact).status_code == 409
    Conversation.objects.update(next_at=None)  # Twilio shows it no more
    assert click_again(agent, contact).status_code == 202


def test_what_has_ended_refuses_nothing(left: Interaction, agent: User, contact: Contact) -> None:
    Conversation.objects.update(state="closed")
    assert click_again(agent, contact).status_code == 202


def test_another_channel_is_not_in_the_way(left: Interaction, click: Clicker) -> None:
    assert click(channel="email", subject="Hello").status == Status.QUEUED
    assert click(channel="whatsapp").status == Status.QUEUED


def test_who_closes_it_and_sends_again_is_not_refused(
    left: Interaction, click: Clicker, agent: User, contact: Contact
) -> None:
    long_ago(left)
    failed = click(body="Again")
    run_due()
    run_due()
    failed.refresh_from_db()
    assert failed.error_reason == "already_open"
    client = signed_in(agent)
    shown = client.get(f"/flex/api/interactions/{failed.pk}/").json()
    again = f"/flex/api/interactions/{failed.pk}/retry/"
    refused = client.post(again)
    assert (refused.status_code, refused.json()["code"]) == (409, "already_open")
    failed.refresh_from_db()
    assert failed.may_retry
    assert client.post(shown["open_conversation"]["close_url"]).status_code == 202
    refused = client.post(again)
    assert refused.json()["detail"].endswith("The conversation is being closed. Then press the button again.")
    assert refused.json()["open_conversation"]["is_closing"] is True
    run_due()
    assert client.post(again).status_code == 202
    run_due()
    made = decisions.retry(failed, agent)
    assert (made.pk != failed.pk, made.status) == (True, Status.CREATED)


def test_a_contact_that_one_may_not_see_is_not_named(left: Interaction, colleague: User, contact: Contact) -> None:
    twin = Contact.objects.create(full_name="Ann's Twin", mobile="415 555 0123", country="US")
    Contact.objects.filter(pk=contact.pk).update(restricted=True)
    answer = click_again(colleague, twin)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_open")
    shown = answer.json()["open_conversation"]
    assert (shown["conversation_sid"], shown["choices"]) == (None, [])
    assert answer.json()["detail"].endswith("Choose another sender.")
    assert "Ann Other" not in answer.content.decode()


def test_a_form_that_asks_for_an_agent_is_told_the_same(left: Interaction, sandbox: Sandbox) -> None:
    with pytest.raises(ClickConflict) as caught:
        interactions.start(channel="sms", address=NUMBER)
    assert (caught.value.code, caught.value.interaction) == ("already_open", left)
    long_ago(left)
    assert interactions.start(channel="sms", address=NUMBER).status == Status.QUEUED


def test_a_colleagues_that_flex_began_is_in_the_way(
    agent: User, account: Any, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    make_agent(account, "bea")
    sandbox.act(twilio.give(twilio.begin(), "bea"), "accept")
    assert live(agent, contact)["open_conversation"]["agent"] == "Bea"
    answer = click_again(agent, contact)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_open")
    assert answer.json()["detail"].startswith("Bea has an open conversation with this number.")
