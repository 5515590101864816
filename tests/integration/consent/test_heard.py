"""STOP and START in callbacks and in lists, and what Twilio refuses because of them."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client as DjangoClient
from django.test.utils import CaptureQueriesContext

from flex_outbound.channels import Channel
from flex_outbound.models import Account, ConsentEvent, Conversation, Interaction, Message, Sender
from flex_outbound.outbox import consent
from flex_outbound.statuses import Event
from tests import steps
from tests.integration.conversations.conftest import SIDS, conversation, read, tell
from tests.integration.conversations.twilio import Twilio

from .conftest import NUMBER

pytestmark = pytest.mark.django_db


def said() -> list[tuple[str, str, str]]:
    """Return the ledger, the oldest entry first: source, state, sender."""
    return list(ConsentEvent.objects.order_by("pk").values_list("source", "state", "sender_address"))


def refuses(account: Account, address: str = NUMBER, channel: str = "sms") -> bool:
    sender = Sender.objects.filter(channel=channel).first()
    return consent.read([address]).refuses(channel, address, sender.address if sender else "", account.pk)


@pytest.fixture
def ours(twilio: Twilio, account: Account, click: Any) -> Twilio:
    """A conversation that began with a click of ours."""
    claimed = steps.claim(click())
    assert claimed is not None
    assert steps.mark_sent(claimed)
    assert steps.created(claimed, SIDS, "assigned", wait=60)
    assert steps.change(claimed, Event.UP)
    twilio.join()
    twilio.say("Hello")
    return hear(twilio, account)


def hear(twilio: Twilio, account: Account) -> Twilio:
    """Tell what has happened since."""
    for params in twilio.told:
        tell(account, params)
    twilio.told = []
    return twilio


def test_a_stop_is_noted_with_its_message(ours: Twilio, account: Account) -> None:
    sid = ours.say("Stop!")
    hear(ours, account)
    [row] = ConsentEvent.objects.all()
    assert (row.channel, row.address, row.state, row.source) == ("sms", NUMBER, "opted_out", "keyword")
    assert (row.account, row.sender_address, row.message_sid) == (account, "", sid)
    assert row.happened_at == Message.objects.get(message_sid=sid).said_at
    assert refuses(account)


def test_a_start_clears_it(ours: Twilio, account: Account, senders: dict[Channel, Sender]) -> None:
    ours.say("STOP")
    ours.say("Start")
    hear(ours, account)
    assert said() == [("keyword", "opted_out", ""), ("keyword", "opted_in", senders[Channel.SMS].address)]
    assert not refuses(account)


@pytest.mark.parametrize("text", ["please stop", "STOP" * 8000, "Stop?"])
def test_other_messages_note_nothing(ours: Twilio, account: Account, text: str) -> None:
    ours.say(text)
    hear(ours, account)
    assert said() == []


def test_what_an_agent_says_is_no_keyword(ours: Twilio, account: Account) -> None:
    ours.join(customer=False)
    ours.say("STOP", author="agent")
    hear(ours, account)
    read(account)
    assert said() == []


def test_a_callback_that_comes_twice_and_is_read_again_is_noted_once(ours: Twilio, account: Account) -> None:
    ours.say("STOP")
    told = list(ours.told)
    for params in (*told, *told):
        tell(account, params)
    read(account)
    read(account)
    assert said() == [("keyword", "opted_out", "")]


def test_callbacks_in_the_wrong_order_come_to_the_same(ours: Twilio, account: Account) -> None:
    ours.say("STOP")
    ours.say("START")
    for params in reversed(ours.told):
        tell(account, params)
    assert not refuses(account)


def test_without_callbacks_it_is_found_by_reading(ours: Twilio, account: Account) -> None:
    ours.say("STOP")
    ours.told = []
    read(account)
    assert said() == [("keyword", "opted_out", "")]
    assert refuses(account)


def test_an_old_stop_that_is_read_does_not_undo_a_newer_start(ours: Twilio, account: Account) -> None:
    ours.say("STOP")
    ours.told = []
    ours.say("START")
    hear(ours, account)
    read(account)
    assert sorted(state for _source, state, _sender in said()) == ["opted_in", "opted_out"]
    assert not refuses(account)


def test_in_a_conversation_that_nobody_knows_it_counts_when_it_is_known(twilio: Twilio, account: Account) -> None:
    """A stranger's first message may be to somebody else's number: nothing is noted before it is known."""
    twilio.join()
    twilio.told = []
    twilio.say("STOP")
    hear(twilio, account)
    assert said() == []
    read(account)
    assert said() == [("keyword", "opted_out", "")]


def test_in_somebody_elses_conversation_nothing_is_noted(twilio: Twilio, account: Account) -> None:
    twilio.sender = "+15005550999"
    twilio.join()
    twilio.told = []
    twilio.say("STOP")
    hear(twilio, account)
    read(account)
    assert conversation().is_foreign
    assert said() == []


@pytest.mark.parametrize(
    ("body", "word", "state"),
    [
        ("Ya basta", "STOP", "opted_out"),
        ("hola", "START", "opted_in"),
        ("STOP", "HELP", None),
        ("STOP", "x", "opted_out"),
    ],
)
def test_twilios_own_word_goes_first(ours: Twilio, account: Account, body: str, word: str, state: str | None) -> None:
    ours.say(body, OptOutType=word)
    hear(ours, account)
    assert [one for _source, one, _sender in said()] == ([state] if state else [])


def test_texts_that_are_not_kept_count(ours: Twilio, account: Account, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "MESSAGE_TEXT": "none"}
    ours.say("STOP")
    hear(ours, account)
    assert said() == [("keyword", "opted_out", "")]
    assert not Message.objects.filter(body="STOP").exists()


def test_it_counts_on_whatsapp_as_well(ours: Twilio, account: Account, senders: dict[Channel, Sender]) -> None:
    sender = senders[Channel.WHATSAPP]
    Conversation.objects.update(channel="whatsapp", sender=sender, sender_address=sender.address)
    ours.say("Unsubscribe")
    hear(ours, account)
    assert refuses(account, channel="whatsapp")
    assert not refuses(account)


def test_a_customer_who_writes_under_an_id_is_known_by_the_number(ours: Twilio, account: Account) -> None:
    ours.say("STOP")
    ours.told[-1]["Author"] = "whatsapp:US.13491208655302741918"
    hear(ours, account)
    assert refuses(account)
    assert ConsentEvent.objects.count() == 2


def test_an_email_counts_by_its_subject_when_it_is_read(
    ours: Twilio, account: Account, senders: dict[Channel, Sender]
) -> None:
    sender = senders[Channel.EMAIL]
    Conversation.objects.update(
        channel="email", address="ann@example.com", sender=sender, sender_address=sender.address
    )
    Interaction.objects.update(channel="email", address="ann@example.com", to=[])
    ours.customer = "ann@example.com"
    ours.say("I have had enough.", subject="Unsubscribe")
    hear(ours, account)
    read(account)
    assert refuses(account, "ann@example.com", "email")


def test_a_message_without_a_keyword_costs_no_statement(ours: Twilio, account: Account) -> None:
    ours.say("Do not stop")
    with CaptureQueriesContext(connection) as captured:
        hear(ours, account)
    table = ConsentEvent._meta.db_table
    assert not [query["sql"] for query in captured if table in query["sql"]]


@pytest.mark.parametrize("code", [21610, 63014])
def test_a_receipt_that_says_so_is_noted(
    ours: Twilio, account: Account, code: int, senders: dict[Channel, Sender]
) -> None:
    ours.join(customer=False)
    ours.say("Anything else?", author="agent")
    ours.deliver(1, "failed", code=code)
    hear(ours, account)
    assert said() == [("receipt", "opted_out", senders[Channel.SMS].address)]
    assert ConsentEvent.objects.get().message_sid == Message.objects.get(index=1).message_sid


def test_a_receipt_that_is_read_is_noted(ours: Twilio, account: Account, senders: dict[Channel, Sender]) -> None:
    ours.join(customer=False)
    ours.say("Anything else?", author="agent")
    ours.deliver(1, "undelivered", code=21610)
    ours.told = []
    read(account)
    assert said() == [("receipt", "opted_out", senders[Channel.SMS].address)]


def test_a_receipt_of_a_message_before_a_start_does_not_undo_it(ours: Twilio, account: Account) -> None:
    ours.join(customer=False)
    ours.say("Anything else?", author="agent")
    ours.say("START")
    ours.deliver(1, "failed", code=21610)
    hear(ours, account)
    assert not refuses(account)


def test_another_error_is_not_noted(ours: Twilio, account: Account) -> None:
    ours.join(customer=False)
    ours.say("Anything else?", author="agent")
    ours.deliver(1, "undelivered", code=30003)
    hear(ours, account)
    assert said() == []


@pytest.mark.parametrize("event", [Event.REFUSED, Event.BROKEN])
def test_a_click_that_twilio_refuses_is_noted(
    account: Account, twilio: Twilio, click: Any, event: Event, senders: dict[Channel, Sender]
) -> None:
    claimed = steps.claim(click("Hello"))
    assert claimed is not None
    assert steps.mark_sent(claimed)
    if event is Event.BROKEN:
        assert steps.created(claimed, SIDS, "assigned", wait=60)
    assert steps.change(claimed, event, reason="opted_out", code=21610)
    assert said() == [("receipt", "opted_out", senders[Channel.SMS].address)]


def test_a_forged_callback_notes_nothing(ours: Twilio, account: Account, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "PUBLIC_BASE_URL": "https://crm.example.com"}
    ours.say("STOP")
    answer = DjangoClient().post(
        f"/flex/webhooks/{account.pk}/conversations/", ours.told[-1], headers={"X-Twilio-Signature": "Zm9yZ2Vk"}
    )
    assert answer.status_code == 403
    assert said() == []
