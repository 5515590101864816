"""Whose a conversation is: by address when it begins, by people and merges afterwards."""

import threading
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.contacts import adapter_for, move_history
from flex_outbound.gateway.base import Participant
from flex_outbound.gateway.memory import MemoryGateway
from flex_outbound.models import Account, ContactAddress, Conversation, ConversationContact, Sender
from flex_outbound.outbox import locks
from flex_outbound.outbox.conversations import linking, opening, reading
from tests.integration.contacts.conftest import MakeConversation, keys, links

pytestmark = pytest.mark.django_db(transaction=True)

OPAQUE = "whatsapp:US.13491208655302741918"


def person(name: str = "Bob", **values: Any) -> Contact:
    return Contact.objects.create(full_name=name, country="US", **values)


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("+52 55 1234 5678", "+5215512345678"),
        ("+54 9 11 2345 6789", "+541123456789"),
        ("+55 11 96123 4567", "whatsapp:+551161234567"),
        ("(415) 555-0123", "whatsapp:+14155550123"),
    ],
)
def test_all_forms_of_a_number_are_the_contacts(conversation: MakeConversation, recorded: str, shown: str) -> None:
    bob = person(mobile=recorded)
    assert links(conversation(shown)) == {str(bob.pk)}


def test_a_number_of_two_contacts_is_both_ones_and_says_so(conversation: MakeConversation, linker: Any) -> None:
    bob, eve = person(mobile="+14155550177"), person("Eve", phone="+14155550177")
    row = conversation()
    assert links(row) == {str(bob.pk), str(eve.pk)}
    assert [one.full_name for _adapter, one in linking.other_contacts(row, bob, linker)] == ["Eve"]
    Contact.objects.filter(pk=eve.pk).update(restricted=True)
    assert linking.other_contacts(row, bob, linker) == []


def test_a_switchboards_number_is_nobodys(conversation: MakeConversation) -> None:
    for number in range(opening.MOST_CONTACTS + 1):
        person(f"P{number}", mobile="+14155550177")
    row = conversation()
    assert links(row) == set()
    assert list(Conversation.objects.unmatched()) == [row]


def test_a_new_number_takes_no_old_conversation_along(conversation: MakeConversation) -> None:
    bob, eve = person(mobile="+14155550177"), person("Eve", mobile="+14155550178")
    row = conversation()
    bob.mobile, eve.mobile = "+14155550111", "+14155550177"
    bob.save()
    eve.save()
    assert links(row) == {str(bob.pk)}
    assert links(conversation()) == {str(eve.pk)}
    call_command("flex_index_contacts", "--link", verbosity=0)
    assert links(row) == {str(bob.pk)}


def test_a_deleted_contacts_conversations_stay_and_are_not_nobodys(conversation: MakeConversation) -> None:
    bob = person(mobile="+14155550177")
    row = conversation()
    bob.delete()
    call_command("flex_index_contacts", "--link", verbosity=0)
    assert Conversation.objects.filter(pk=row.pk).exists()
    assert not Conversation.objects.unmatched().exists()
    assert links(conversation()) == set()


def test_only_who_asks_links_old_conversations(conversation: MakeConversation) -> None:
    row = conversation()
    old = conversation("+14155550177", last_at=timezone.now() - timezone.timedelta(days=40))  # type: ignore[attr-defined]
    bob = person(mobile="+14155550177")
    call_command("flex_index_contacts", verbosity=0)
    assert links(row) == set()
    call_command("flex_index_contacts", "--link", verbosity=0)
    assert links(row) == {str(bob.pk)}
    assert links(old) == set()
    call_command("flex_index_contacts", "--link", "--days", "60", verbosity=0)
    assert links(old) == {str(bob.pk)}


class Shown(MemoryGateway):
    """Twilio, with the participants that a test gives."""

    people: list[Participant] = []

    def list_participants(self, conversation_sid: str) -> list[Participant] | None:
        return self.people


def participant(address: str, proxy: str, number: int = 1) -> Participant:
    return Participant(f"MB{number:032}", "", address, proxy, "whatsapp", "")


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch) -> Shown:
    gateway = Shown()
    monkeypatch.setattr(reading, "gateway_for", lambda account: gateway)
    return gateway


def read(row: Conversation) -> Conversation:
    reading.read(row, row.account, hears=True)
    return Conversation.objects.get(pk=row.pk)


def stranger(account: Account, address: str, number: int = 1, **changes: Any) -> Conversation:
    sid = f"CH{number:032}"
    opening.save_new(opening.of_stranger(account.pk, sid, address))
    Conversation.objects.filter(pk=opening.key_of(sid)).update(last_at=timezone.now(), **changes)
    return Conversation.objects.get(pk=opening.key_of(sid))


def test_a_customer_whose_entry_was_told_before_is_found_all_the_same(
    account: Account, senders: dict[Channel, Sender], twilio: Shown
) -> None:
    """A callback named the participant, so nothing of the participants is unknown; whose it is was never asked."""
    bob = person(mobile="+14155550177")
    twilio.people = [participant("+14155550177", senders[Channel.SMS].address)]
    row = read(stranger(account, "+14155550177", participants={"MB" + "1" * 32: "customer"}))
    assert (row.sender, links(row), row.is_unmatched) == (senders[Channel.SMS], {str(bob.pk)}, False)


def test_an_unknown_customer_stands_among_the_unmatched(
    account: Account, senders: dict[Channel, Sender], twilio: Shown
) -> None:
    twilio.people = [participant("+14155550177", senders[Channel.SMS].address)]
    row = read(stranger(account, "+14155550177"))
    assert list(Conversation.objects.unmatched()) == [row]
    bob = person(mobile="+14155550177")
    assert links(read(row)) == set(), "a later reading asks again"
    assert bob


def test_other_traffic_of_the_account_is_not_nobodys(account: Account, twilio: Shown) -> None:
    twilio.people = [participant("+14155550177", "+19998887777")]
    assert read(stranger(account, "+14155550177")).is_foreign
    assert not Conversation.objects.unmatched().exists()


def test_an_id_in_place_of_the_number_is_learned(
    account: Account, senders: dict[Channel, Sender], twilio: Shown, conversation: MakeConversation
) -> None:
    bob = person(mobile="+14155550177")
    row = conversation(channel="whatsapp", read_at=None)
    twilio.people = [participant(OPAQUE, f"whatsapp:{senders[Channel.WHATSAPP].address}")]
    read(row)
    learned = ContactAddress.objects.get(is_learned=True)
    assert (learned.address_key, learned.contact_id) == ("us.13491208655302741918", str(bob.pk))
    later = read(stranger(account, OPAQUE, 2))
    assert links(later) == {str(bob.pk)}
    call_command("flex_index_contacts", verbosity=0)
    assert "us.13491208655302741918" in keys(bob)


def test_nothing_is_learned_of_one_among_several(
    senders: dict[Channel, Sender], twilio: Shown, conversation: MakeConversation
) -> None:
    person(mobile="+14155550177")
    proxy = f"whatsapp:{senders[Channel.WHATSAPP].address}"
    twilio.people = [participant("whatsapp:+14155550177", proxy), participant(OPAQUE, proxy, 2)]
    read(conversation(channel="whatsapp", read_at=None))
    assert not ContactAddress.objects.filter(is_learned=True).exists()


def test_who_is_linked_by_a_person_is_learned_and_forgotten(conversation: MakeConversation, linker: Any) -> None:
    bob = person(mobile="+14155550111")
    adapter = adapter_for(Contact)
    row = conversation(OPAQUE, channel="whatsapp")
    assert linking.link(row, adapter, bob, linker)
    assert not linking.link(row, adapter, bob, linker)
    assert ConversationContact.objects.get().linked_by == linker
    assert links(conversation(OPAQUE, channel="whatsapp")) == {str(bob.pk)}
    assert linking.unlink(row, adapter, bob)
    assert not linking.unlink(row, adapter, bob)
    assert list(Conversation.objects.unmatched()) == [row]
    assert keys(bob) == {"+14155550111"}


def test_a_merge_moves_conversations_and_addresses(conversation: MakeConversation, linker: Any) -> None:
    old, new = person(mobile="+14155550177"), person("Robert", mobile="+14155550100")
    adapter = adapter_for(Contact)
    row, shared = conversation(), conversation()
    linking.link(shared, adapter, new, linker)
    ContactAddress.objects.create(
        contact_type=ContentType.objects.get_for_model(Contact),
        contact_id=str(old.pk),
        address_key="us.1",
        is_learned=True,
    )
    assert move_history(old, new) == 0
    assert links(row) == links(shared) == {str(new.pk)}
    assert keys(old) == set()
    assert keys(new) == {"+14155550100", "+14155550177", "us.1"}
    old.delete()
    assert links(conversation()) == {str(new.pk)}


def test_a_click_that_was_opened_while_its_contact_was_merged(
    conversation: MakeConversation, click: Any, twilio: Shown
) -> None:
    """The worker that opened it had read the click before the merge."""
    old, new = person(), person("Robert")
    interaction = click(timezone.now(), status="active")
    interaction.contact_id = str(old.pk)
    interaction.save()
    row = conversation(interaction=interaction, read_at=None)
    move_history(old, new)
    interaction.conversation_sid = row.conversation_sid
    opening.open_for([interaction])
    assert links(row) == {interaction.contact_id} == {str(old.pk)}
    read(row)
    assert str(new.pk) in links(row)


@pytest.mark.parametrize("first", ["merge", "answer"])
def test_two_contacts_are_merged_while_an_answer_arrives(conversation: MakeConversation, first: str) -> None:
    """Whichever holds the address first, the conversation is the remaining contact's in the end."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL, where transactions run side by side: set TEST_DATABASE_URL")
    row = conversation()
    old, new = person(mobile="+14155550177"), person("Robert", mobile="+14155550100")
    held, go = threading.Event(), threading.Event()

    def answer(*, waits: bool) -> None:
        with locks.bounded_transaction():
            opening.link_by_address(row, [row.address])
            if waits:
                held.set()
                go.wait(5)

    def merge(*, waits: bool) -> None:
        with transaction.atomic():
            move_history(old, new)
            if waits:
                held.set()
                go.wait(5)

    acts = {"merge": merge, "answer": answer}
    second = "answer" if first == "merge" else "merge"
    errors: list[BaseException] = []

    def run(name: str, waits: bool) -> None:
        try:
            acts[name](waits=waits)  # type: ignore[operator]
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(first, True)), threading.Thread(target=run, args=(second, False))]
    threads[0].start()
    assert held.wait(5)
    threads[1].start()
    threads[1].join(0.5)
    assert threads[1].is_alive(), "the second does not wait for the first"
    go.set()
    for thread in threads:
        thread.join(5)
    assert errors == []
    assert links(row) == {str(new.pk)}
