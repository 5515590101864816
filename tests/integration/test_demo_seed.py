"""What the demo starts with."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from crm_demo.models import Contact
from crm_demo.seeding.contacts import TOTAL
from flex_outbound.channels import ALWAYS_SHOWN, AddressError, Channel, normalize
from flex_outbound.models import Account, SavedReply, Sender, Worker
from flex_outbound.outbox.preflight import Setup
from flex_outbound.sandbox import defaults

pytestmark = pytest.mark.django_db


@pytest.fixture
def seeded(db: None) -> None:
    call_command("seed", verbosity=0)


def everything() -> list[object]:
    fields = ("reference", "full_name", "company", "mobile", "phone", "email", "country", "owner__username")
    return [
        *Contact.objects.order_by("reference").values_list(*fields),
        *User.objects.order_by("username").values_list("username", "password"),
        *Account.objects.values_list("account_sid"),
        *Sender.objects.order_by("pk").values_list("channel", "address", "is_default"),
        *SavedReply.objects.order_by("pk").values_list("short_code", "title"),
        *Worker.objects.order_by("pk").values_list("worker_sid", "user__username"),
    ]


def test_seeding_again_changes_nothing(seeded: None) -> None:
    before = everything()
    call_command("seed", verbosity=0)
    assert everything() == before
    assert Contact.objects.count() == TOTAL == 500


def test_the_contacts_are_the_same_on_every_machine(seeded: None) -> None:
    people = list(Contact.objects.order_by("reference").values_list("full_name", "mobile", "email"))
    Contact.objects.all().delete()
    call_command("seed", verbosity=0)
    assert list(Contact.objects.order_by("reference").values_list("full_name", "mobile", "email")) == people


def test_what_a_manager_changed_stays_changed(seeded: None) -> None:
    Contact.objects.filter(reference="C-0100").update(full_name="Renamed")
    Sender.objects.filter(channel="email").update(is_active=False)
    User.objects.get(username="agent").groups.clear()
    Sender.objects.filter(channel="email").update(signature="")
    SavedReply.objects.filter(short_code="hi").update(title="Salute")
    call_command("seed", verbosity=0)
    assert Contact.objects.get(reference="C-0100").full_name == "Renamed"
    assert not Sender.objects.get(channel="email").is_active
    assert not User.objects.get(username="agent").groups.exists()
    assert not Sender.objects.get(channel="email").signature
    assert SavedReply.objects.get(short_code="hi").title == "Salute"


def test_there_are_five_shared_replies_and_a_signature(seeded: None) -> None:
    assert SavedReply.objects.shared().count() == 5
    for reply in SavedReply.objects.all():
        reply.full_clean()
    assert "{{agent.name}}" in Sender.objects.get(channel="email").signature


@pytest.mark.parametrize("name", ["agent", "bea", "carlos", "manager", "admin"])
def test_everybody_signs_in_with_their_name(seeded: None, client: Client, name: str) -> None:
    assert client.login(username=name, password=name)
    assert client.get("/").status_code == 200


def test_agents_may_send_and_the_manager_sets_up(seeded: None) -> None:
    agent, manager = User.objects.get(username="bea"), User.objects.get(username="manager")
    assert agent.has_perm("flex_outbound.add_interaction")
    assert not agent.is_staff
    assert Setup.load(manager).reason == "no_worker"
    for right in ("view_interaction", "view_webhookevent", "change_account", "add_sender", "delete_worker"):
        assert manager.has_perm(f"flex_outbound.{right}"), right


def test_agents_are_workers_of_the_sandbox(seeded: None) -> None:
    workers = dict(Worker.objects.values_list("user__username", "worker_sid"))
    assert workers == {name: defaults.WORKERS[name] for name in ("agent", "bea", "carlos")}


def test_each_channel_has_one_default_sender_and_all_are_sound(seeded: None) -> None:
    for channel in (*ALWAYS_SHOWN, Channel.CHAT):
        assert Sender.objects.filter(channel=channel, is_default=True).count() == 1
    assert Sender.objects.filter(channel=Channel.SMS).count() == 2
    for sender in Sender.objects.all():
        sender.full_clean()
    Account.objects.get().full_clean()


def test_a_few_contacts_chat(seeded: None) -> None:
    identities = list(Contact.objects.exclude(chat_identity="").values_list("chat_identity", flat=True))
    assert len(identities) == 5
    assert [normalize(Channel.CHAT, one) for one in identities] == identities


def test_numbers_are_what_they_are_meant_to_be(seeded: None) -> None:
    usable, codes = 0, set()
    for contact in Contact.objects.exclude(mobile=""):
        try:
            usable += bool(normalize(Channel.SMS, contact.mobile, contact.country or None))
        except AddressError as error:
            codes.add(error.code)
    assert usable > 400
    assert codes == {"invalid_number", "landline"}


def test_no_two_contacts_share_a_number(seeded: None) -> None:
    numbers = []
    for contact in Contact.objects.all():
        for raw in filter(None, (contact.mobile, contact.phone)):
            try:
                numbers.append(normalize(Channel.WHATSAPP, raw, contact.country or None))
            except AddressError:
                continue
    assert len(numbers) == len(set(numbers))


def test_the_contacts_cover_what_pages_stumble_over(seeded: None) -> None:
    names = list(Contact.objects.values_list("full_name", flat=True))
    assert any("<script>" in name for name in names)
    assert max(map(len, names)) == 300
    assert Contact.objects.filter(mobile="", phone="", email="").exists()
    assert Contact.objects.filter(do_not_contact=True).exists()
    assert Contact.objects.filter(restricted=True).exists()
    assert Contact.objects.values("country").distinct().count() >= 12
