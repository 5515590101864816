"""Open conversations, also those that were never heard of: found once, and whose they are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.gateway.base import ConversationState
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.models import Account, Conversation, ConversationHolder, Interaction, OpenSearch, Sender, Worker
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox.conversations import searching
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due
from .elsewhere import Twilio
from .pages import CHANNELS, live, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("indexed")]
Clicker = Callable[..., Interaction]


# -- detection ---------------------------------------------------------------------------------------------------------


def test_one_that_was_never_heard_of_is_found_with_who_has_it(
    agent: User, colleague: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    sid = twilio.begin()
    task = twilio.give(sid, "bea")
    sandbox.act(task, "accept")
    client = signed_in(agent)
    first = client.get(CHANNELS.format(contact.pk)).json()["channels"][0]
    assert (first["open_conversation"], first["is_asking"]) == (None, True)
    run_due()
    found = client.get(CHANNELS.format(contact.pk)).json()["channels"][0]
    assert (found["is_asking"], found["is_known"]) == (False, True)
    shown = found["open_conversation"]
    assert (shown["conversation_sid"], shown["whose"], shown["standing"], shown["agent"]) == (
        sid,
        "colleague",
        "live",
        "Bea",
    )
    # It was not opened from here, so nobody can be invited: it is asked for in Flex.
    assert shown["choices"] == []
    row = Conversation.objects.get(pk=key_of(sid))
    assert (row.agent, row.sender_address, row.channel) == (colleague, defaults.SMS_SENDER, "sms")
    run_due()
    assert row.contacts.get().contact_id == str(contact.pk)


def test_the_agents_own_that_was_begun_elsewhere_can_be_answered(
    agent: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    sid = twilio.begin()
    sandbox.act(twilio.give(sid, "agent"), "accept")
    shown = live(agent, contact)["open_conversation"]
    assert (shown["whose"], shown["choices"]) == ("mine", ["open", "add"])
    run_due()
    answer = signed_in(agent).post(shown["messages_url"], {"body": "Hello again", "idempotency_key": "k1"})
    assert answer.status_code == 202
    run_due()
    [conversation] = sandbox.state()["conversations"]
    assert [one["body"] for one in conversation["messages"]] == ["Hello again"]


@pytest.mark.parametrize("identity", ["bea_40example_2Ecom", "bea@example.com", "be_C3_A9"])
def test_without_a_task_it_is_nobodys_and_the_participant_says_who_had_it(
    identity: str, agent: User, colleague: User, contact: Contact, twilio: Twilio
) -> None:
    name = {"be_C3_A9": "beé"}.get(identity, "bea@example.com")
    Worker.objects.filter(user=colleague).update(friendly_name=name)
    sid = twilio.begin(identity=identity)
    shown = live(agent, contact)["open_conversation"]
    assert (shown["conversation_sid"], shown["whose"], shown["standing"], shown["agent"]) == (
        sid,
        "nobody",
        "left",
        "Bea",
    )
    assert shown["choices"] == ["close"]


def test_a_name_with_an_underline_of_its_own_is_found_as_it_is_written(
    agent: User, colleague: User, contact: Contact, twilio: Twilio
) -> None:
    Worker.objects.filter(user=colleague).update(friendly_name="team_ab")
    twilio.begin(identity="team_ab")
    assert live(agent, contact)["open_conversation"]["agent"] == "Bea"


def test_a_task_that_nobody_has_leaves_it_to_flex(
    agent: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    sandbox.options(auto_accept=False)
    twilio.give(twilio.begin(), "agent")
    shown = live(agent, contact)["open_conversation"]
    assert (shown["standing"], shown["choices"]) == ("waiting", [])


def test_another_senders_conversation_is_not_in_the_way(agent: User, contact: Contact, twilio: Twilio) -> None:
    twilio.begin(proxy=defaults.SMS_SENDER_UK)
    found = live(agent, contact)
    assert found["open_conversation"] is None
    assert [one["sender_address"] for one in found["open_conversations"]] == [defaults.SMS_SENDER_UK]


def test_one_whose_sender_twilio_does_not_show_is_not_taken_for_this_senders(
    agent: User, contact: Contact, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    unclear = ConversationState("CH" + "5" * 32, "active", "", None)
    monkeypatch.setattr(TwilioGateway, "find_conversations", lambda *_asked: [unclear])
    assert live(agent, contact)["open_conversations"] == []
    assert not Conversation.objects.exists()


def test_fifty_pages_ask_twilio_once(agent: User, contact: Contact, account: Account, sandbox: Sandbox) -> None:
    client = signed_in(agent)
    for _page in range(50):
        client.get(CHANNELS.format(contact.pk))
        run_due()
    asked = [one for one in sandbox.http.get("requests?last=500").json()["requests"] if "Participant" in one["path"]]
    # One for each sender and address; a phone has one address for SMS and WhatsApp here, and two senders for SMS.
    assert len(asked) == OpenSearch.objects.count() == 3


def test_a_budget_that_is_spent_before_the_holder_is_known_is_no_answer(
    agent: User, contact: Contact, twilio: Twilio, monkeypatch: Any
) -> None:
    twilio.begin()
    take = searching.ratelimit.take
    client = signed_in(agent)
    client.get(CHANNELS.format(contact.pk))
    with monkeypatch.context() as patch:
        patch.setattr(
            searching.ratelimit,
            "take",
            lambda budget, *rest: 30.0 if budget == "task_searches" else take(budget, *rest),
        )
        run_due()
    searches = OpenSearch.objects.filter(channel="sms", sender__address=defaults.SMS_SENDER)
    waiting = searches.get()
    assert (waiting.asked_at, waiting.failed_at, waiting.next_at is None) == (None, None, False)
    sms = client.get(CHANNELS.format(contact.pk)).json()["channels"][0]
    assert sms["is_asking"]
    OpenSearch.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    run_due()
    assert searches.get().asked_at is not None
    assert ConversationHolder.objects.get().seen_at is not None


def test_a_budget_that_is_spent_delays_the_question(
    agent: User, contact: Contact, sandbox: Sandbox, settings: Any
) -> None:
    limits = {"conversations": "1/hour", "interactions": None, "task_searches": None}
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": limits}
    signed_in(agent).get(CHANNELS.format(contact.pk))
    run_due()
    assert OpenSearch.objects.filter(asked_at__isnull=False).count() == 1
    assert OpenSearch.objects.filter(next_at__gt=timezone.now()).count() == 2


def test_twilio_that_does_not_answer_refuses_nothing(
    agent: User, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    sandbox.fault("status", path="ParticipantConversations", method="GET", status=503)
    found = live(agent, contact)
    assert (found["enabled"], found["is_asking"], found["is_known"]) == (True, False, False)
    assert (
        "Twilio does not say" in signed_in(agent).get(f"/flex/open/crm_demo.contact/?id={contact.pk}").content.decode()
    )
    sandbox.mend()
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.status in (Status.CREATED, Status.ACTIVE)


def test_a_conversation_of_another_account_is_left_alone(
    agent: User, contact: Contact, account: Account, twilio: Twilio
) -> None:
    sid = twilio.begin()
    other = Account.objects.create(name="Other", account_sid="AC" + "9" * 32, workspace_sid="WS" + "9" * 32)
    Conversation.objects.create(pk=key_of(sid), account=other, state="active")
    found = live(agent, contact)
    assert (found["open_conversation"], found["open_conversations"]) == (None, [])
    assert Conversation.objects.get(pk=key_of(sid)).account == other
    assert signed_in(agent).post(f"/flex/api/conversations/{sid}/close/").status_code == 404


def test_one_that_was_closed_at_twilio_is_known_to_be_closed(agent: User, contact: Contact, twilio: Twilio) -> None:
    sid = twilio.begin()
    assert live(agent, contact)["open_conversation"]["conversation_sid"] == sid
    twilio.close(sid)
    OpenSearch.objects.update(asked_at=timezone.now() - timedelta(minutes=1))
    assert live(agent, contact)["open_conversation"] is None


def test_the_failure_of_a_click_leads_to_the_same_choices(
    agent: User, contact: Contact, click: Clicker, twilio: Twilio
) -> None:
    sid = twilio.begin()
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.error_reason == "already_open"
    run_due()
    shown = signed_in(agent).get(f"/flex/api/interactions/{row.pk}/").json()["open_conversation"]
    assert (shown["conversation_sid"], shown["whose"], shown["choices"]) == (sid, "nobody", ["close"])


def test_the_search_is_asked_about_phones_alone(agent: User, contact: Contact, senders: list[Sender]) -> None:
    email = next(one for one in senders if one.channel == "email")
    assert searching.want([(email, "ann@example.com")]) == []


def test_the_holder_of_an_answer_that_cannot_be_read_is_not_guessed(
    agent: User, contact: Contact, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    twilio.begin()
    monkeypatch.setattr(TwilioGateway, "list_participants", lambda *_asked: None)
    shown = live(agent, contact)["open_conversation"]
    assert (shown["whose"], shown["agent"]) == ("nobody", "")
