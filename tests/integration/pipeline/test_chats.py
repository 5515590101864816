"""Chats, web chats and Messenger: from the click to the customer's answer, and nothing for who uses none of them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template import engines
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound import interactions, testing
from flex_outbound.channels import ALWAYS_SHOWN, Address, Channel
from flex_outbound.contacts import channels_in_use
from flex_outbound.exceptions import ClickConflict, InvalidClick
from flex_outbound.gateway.base import Participant
from flex_outbound.models import Account, ConsentEvent, ContactAddress, Conversation, Interaction, Message, Sender
from flex_outbound.outbox import contact_index, preflight
from flex_outbound.outbox.conversations import hearing
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.twilio_statuses import Party

pytestmark = pytest.mark.django_db

ADDRESSES = {Channel.CHAT: "visitor-Aa1", Channel.WEB: "visitor-Bb2", Channel.MESSENGER: "4611686018427387904"}
OWN = {Channel.CHAT: "website", Channel.WEB: "shop", Channel.MESSENGER: "104857600000001"}
FURTHER = list(ADDRESSES)
LIST = "{% load flex_outbound %}{% for one in contacts %}{% flex_buttons one compact=True %}{% endfor %}"
BUTTONS = "{% load flex_outbound %}{% flex_buttons contact %}"


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ada", "ada@example.com")


@pytest.fixture
def customer(contact: Contact, monkeypatch: pytest.MonkeyPatch) -> Contact:
    """A contact with an address of each channel."""
    monkeypatch.setattr(CrmContact, "web_field", "web_identity", raising=False)
    monkeypatch.setattr(CrmContact, "messenger_field", "messenger_id", raising=False)
    monkeypatch.setattr(Contact, "web_identity", ADDRESSES[Channel.WEB], raising=False)
    monkeypatch.setattr(Contact, "messenger_id", ADDRESSES[Channel.MESSENGER], raising=False)
    Contact.objects.filter(pk=contact.pk).update(chat_identity=ADDRESSES[Channel.CHAT])
    contact.refresh_from_db()
    return contact


def add_senders(account: Account, *channels: Channel) -> None:
    for channel in channels:
        Sender.objects.create(
            account=account, channel=channel, address=OWN[channel], display_name="Front desk", queue_sid="WQ" + "1" * 32
        )


def click(user: User, contact: Contact, channel: str, **more: Any) -> Interaction:
    return enqueue(Click(user, "crm_demo.contact", str(contact.pk), channel, **more))


def shown_to(user: User, contact: Contact) -> list[str]:
    fresh = User.objects.get(pk=user.pk)
    return [one.channel.value for one in preflight.channel_options(fresh, contact)]


def render(template: str, user: User, **values: Any) -> str:
    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=user.pk)
    return engines["django"].from_string(template).render(values, request)


@pytest.mark.parametrize("channel", FURTHER)
def test_a_click_becomes_active_and_the_answer_is_the_customers(
    user: User, customer: Contact, channel: Channel
) -> None:
    with testing.flex() as flex:
        add_senders(flex.set_up(user), channel)
        row = click(user, customer, channel.value, body="Hello")
        flex.run_pending(within=30)
        flex.accept(row)
        flex.run_pending(within=600)
        row.refresh_from_db()
        assert (row.status, row.address, row.sender_address) == ("active", ADDRESSES[channel], OWN[channel])
        assert [one.body for one in flex.messages] == ["Hello"]
        people = flex.gateway.participants[row.conversation_sid or ""]
        people.append(Participant("MB" + "f" * 32, "ada", "", "", "", ""))
        answer = flex.answer(row, "Yes, please")
        # As when it is read for the first time, so that it is asked who takes part.
        Conversation.objects.update(next_at=row.created_at, read_at=None, participants={})
        flex.run_pending()
    said = Message.objects.get(message_sid=answer)
    assert (said.party, said.body) == (Party.CUSTOMER, "Yes, please")
    conversation = Conversation.objects.get(interaction=row)
    assert (conversation.channel, conversation.address) == (channel, ADDRESSES[channel])
    assert sorted(conversation.participants.values()) == [Party.AGENT, Party.CUSTOMER]


def test_who_joins_a_chat_is_told_apart_by_identity(user: User, customer: Contact) -> None:
    with testing.flex() as flex:
        account = flex.set_up(user)
        add_senders(account, Channel.CHAT)
        row = click(user, customer, "chat")
        flex.run_pending(within=30)
        row.refresh_from_db()
        for sid, identity in (("MB" + "d" * 32, ADDRESSES[Channel.CHAT]), ("MB" + "e" * 32, "bea")):
            params = {"ConversationSid": row.conversation_sid or "", "ParticipantSid": sid, "Identity": identity}
            hearing.hear(account, "onParticipantAdded", params, lambda: row)
    known = Conversation.objects.get(interaction=row).participants
    assert (known["MB" + "d" * 32], known["MB" + "e" * 32]) == (Party.CUSTOMER, Party.AGENT)


def test_a_stop_in_a_chat_counts_for_the_chat(user: User, customer: Contact) -> None:
    with testing.flex() as flex:
        add_senders(flex.set_up(user), Channel.CHAT)
        row = click(user, customer, "chat")
        flex.run_pending(within=30)
        flex.answer(row, "STOP")
        Conversation.objects.update(next_at=row.created_at)
        flex.run_pending()
        flex.complete(row)
        flex.run_pending(within=600)
    [entry] = ConsentEvent.objects.all()
    assert (entry.channel, entry.address, entry.state) == ("chat", ADDRESSES[Channel.CHAT], "opted_out")
    with pytest.raises(InvalidClick) as caught:
        click(User.objects.get(pk=user.pk), customer, "chat")
    assert caught.value.code == "opted_out"


def test_a_customer_who_is_missing_in_the_chat_is_noticed(user: User, customer: Contact) -> None:
    with testing.flex() as flex:
        add_senders(flex.set_up(user), Channel.CHAT)
        row = click(user, customer, "chat")
        flex.run_pending()
        row.refresh_from_db()
        flex.gateway.remove_customer(row.conversation_sid or "")
        flex.run_pending(within=600)
        row.refresh_from_db()
    assert (row.status, row.error_reason) == ("failed", "already_open")


def test_a_chat_has_no_receipts_to_wait_for(user: User, customer: Contact) -> None:
    with testing.flex() as flex:
        add_senders(flex.set_up(user), Channel.CHAT)
        row = click(user, customer, "chat", body="Hello")
        assert not row.awaits_receipt
        assert click(user, customer, "sms", body="Hello").awaits_receipt


@pytest.mark.parametrize("channel", FURTHER)
def test_one_conversation_is_open_at_a_time(user: User, customer: Contact, channel: Channel) -> None:
    with testing.flex() as flex:
        add_senders(flex.set_up(user), channel)
        row = click(user, customer, channel.value, body="One")
        flex.run_pending(within=30)
        flex.accept(row)
        flex.run_pending(within=60)
        [found] = [one for one in preflight.channel_options(user, customer) if one.channel is channel]
        assert found.enabled
        with pytest.raises(ClickConflict) as caught:
            click(user, customer, channel.value, body="Two")
    assert caught.value.interaction == row


def test_identities_that_differ_by_case_are_two_customers(user: User, customer: Contact) -> None:
    other = Contact.objects.create(full_name="Bea Other", chat_identity=ADDRESSES[Channel.CHAT].lower())
    contact_index.index(CrmContact(Contact), [customer, other])
    found = contact_index.contacts_with(ADDRESSES[Channel.CHAT])
    assert [one.contact_id for one in found] == [str(customer.pk)]
    with testing.flex() as flex:
        add_senders(flex.set_up(user), Channel.CHAT)
        assert click(user, customer, "chat") != click(user, other, "chat")


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_a_channel_is_shown_only_with_an_address_and_a_sender(user: User, customer: Contact) -> None:
    known = [one.value for one in ALWAYS_SHOWN]
    without = Contact.objects.create(full_name="Bea Other", mobile="+14155550124")
    with testing.flex() as flex:
        account = flex.set_up(user)
        assert shown_to(user, customer) == known
        add_senders(account, Channel.CHAT, Channel.MESSENGER)
        assert shown_to(user, customer) == [*known, "chat", "messenger"]
        assert shown_to(user, without) == [*known, "messenger"], "the test's property has the same for everybody"
        Contact.objects.filter(pk=customer.pk).update(chat_identity="ann@example.com")
        customer.refresh_from_db()
        assert shown_to(user, customer) == [*known, "messenger"]
        with pytest.raises(InvalidClick) as caught:
            click(user, customer, "chat")
        assert caught.value.code == "personal_identity"
        assert "no personal data" in str(caught.value)


def test_who_may_not_send_sees_no_more_than_before(customer: Contact, account: Account, user: User) -> None:
    add_senders(account, *FURTHER)
    assert shown_to(user, customer) == [one.value for one in ALWAYS_SHOWN]


def test_a_click_without_an_address_says_so(user: User, contact: Contact) -> None:
    with testing.flex() as flex:
        add_senders(flex.set_up(user), Channel.CHAT)
        with pytest.raises(InvalidClick) as caught:
            click(user, contact, "chat")
    assert (caught.value.code, str(caught.value)) == ("no_address", "This contact has no address for Chat.")


@pytest.mark.parametrize("template", [LIST, BUTTONS])
def test_pages_of_others_have_neither_more_statements_nor_more_bytes(
    user: User, customer: Contact, account: Account, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages are the same with and without addresses, as long as there is no sender."""
    values = {"contacts": [customer], "contact": customer}

    def measured() -> tuple[int, int]:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            html = render(template, user, **values)
        buttons = [one for one in Channel if f'data-testid="flex-{one.value}"' in html]
        icons = [one for one in FURTHER if f'id="flex-outbound-{one.value}"' in html]
        assert (buttons, icons) == (list(ALWAYS_SHOWN), [])
        return len(queries), len(html)

    def asked(self: CrmContact, contact: Any, channel: Channel) -> list[str]:
        assert channel in ALWAYS_SHOWN
        return ["+14155550123"] if channel.is_phone else ["ann@example.com"]

    with testing.flex() as flex:
        flex.set_up(user)
        render(template, user, **values)
        with_addresses = measured()
        monkeypatch.setattr(CrmContact, "chat_field", None)
        monkeypatch.setattr(CrmContact, "messenger_field", None)
        monkeypatch.setattr(CrmContact, "web_field", None)
        assert measured() == with_addresses
        monkeypatch.setattr(CrmContact, "get_addresses", asked)
        assert measured()[0] == with_addresses[0], "nor is the adapter asked for more"


def test_lists_and_pages_show_a_chat_where_it_can_be_used(user: User, customer: Contact) -> None:
    other = Contact.objects.create(full_name="Bea Other", mobile="+14155550124")
    with testing.flex() as flex:
        add_senders(flex.set_up(user), Channel.CHAT)
        compact = render(LIST, user, contacts=[customer, other])
        full = render(BUTTONS, user, contact=customer)
    assert compact.count('data-testid="flex-chat"') == 1
    assert compact.count('id="flex-outbound-chat"') == 1
    assert compact.count('data-testid="flex-sms"') == 2
    assert f"?id={customer.pk}" in compact
    assert 'data-testid="flex-chat"' in full
    assert ADDRESSES[Channel.CHAT] in full
    assert "flex-template-chat" not in full, "templates are for SMS and WhatsApp"


def test_the_compose_page_of_a_chat_takes_a_text_and_no_subject(client: Client, user: User, customer: Contact) -> None:
    with testing.flex() as flex:
        add_senders(flex.set_up(user), Channel.CHAT)
        client.force_login(user)
        html = client.get(f"/flex/compose/crm_demo.contact/chat/?id={customer.pk}").content.decode()
    assert 'name="body"' in html
    assert 'name="subject"' not in html
    assert "data-template-open" not in html


def test_a_project_brings_along_what_its_adapters_name(customer: Contact, monkeypatch: pytest.MonkeyPatch) -> None:
    assert channels_in_use() == [*ALWAYS_SHOWN, *FURTHER]
    monkeypatch.setattr(CrmContact, "web_field", None)
    monkeypatch.setattr(CrmContact, "messenger_field", None)
    assert channels_in_use() == [*ALWAYS_SHOWN, Channel.CHAT]
    monkeypatch.setattr(CrmContact, "get_addresses", lambda *_: [])
    assert channels_in_use() == [*ALWAYS_SHOWN, *FURTHER]


def test_an_adapter_that_returns_numbers_for_every_channel_has_no_more_unusable_ones(
    contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def numbers(self: CrmContact, contact: Any, channel: Channel) -> list[Any]:
        return ["ann@example.com"] if channel is Channel.EMAIL else [Address("+14155550123", "mobile")]

    monkeypatch.setattr(CrmContact, "get_addresses", numbers)
    counts = contact_index.index(CrmContact(Contact), [contact])
    assert (counts.skipped, ContactAddress.objects.count()) == (0, 2)


def test_templates_and_subjects_are_refused(user: User, customer: Contact) -> None:
    with testing.flex() as flex:
        add_senders(flex.set_up(user), Channel.CHAT)
        with pytest.raises(InvalidClick) as caught:
            click(user, customer, "chat", content_sid="HX" + "1" * 32)
        assert caught.value.code == "not_phone"
        with pytest.raises(InvalidClick) as caught:
            click(user, customer, "chat", subject="Hi")
        assert caught.value.code == "not_email"


def test_a_channel_that_has_ended_is_refused_by_name(client: Client, user: User, customer: Contact) -> None:
    with testing.flex() as flex:
        flex.set_up(user)
        with pytest.raises(InvalidClick, match="July 2024") as caught:
            click(user, customer, "gbm")
        assert (caught.value.code, caught.value.field) == ("channel_ended", "channel")
        client.force_login(user)
        given = {"contact_type": "crm_demo.contact", "contact_id": str(customer.pk), "channel": "gbm"}
        answer = client.post("/flex/api/interactions/", given, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json() == {"channel": ["Google ended Business Messages in July 2024. Choose another channel."]}


def test_a_program_may_ask_for_somebody_to_chat(user: User, customer: Contact) -> None:
    with testing.flex() as flex:
        add_senders(flex.set_up(user), Channel.CHAT)
        row = interactions.start(channel="chat", address=ADDRESSES[Channel.CHAT], key="form-1")
        flex.run_pending(within=30)
        [sent] = flex.interactions
        with pytest.raises(InvalidClick) as caught:
            interactions.start(channel="chat", address="ann@example.com", key="form-2")
        assert caught.value.code == "personal_identity"
        with pytest.raises(InvalidClick, match="July 2024") as caught:
            interactions.start(channel="gbm", address="x", key="form-3")
        assert caught.value.code == "channel_ended"
    row.refresh_from_db()
    assert (sent.channel, sent.address, sent.worker_sid) == (Channel.CHAT, ADDRESSES[Channel.CHAT], "")
    assert row.interaction_sid
