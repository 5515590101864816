"""Senders are set up from what the account has at Twilio, by name; nothing that is stored gets lost on the way."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from flex_outbound.channels import Channel
from flex_outbound.models import Account, Resource, ResourceKind, Sender
from tests.integration.admin.conftest import staff
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

SENDERS = "/admin/flex_outbound/sender/"
QUEUE, OTHER_QUEUE, FLOW = "WQ" + "1" * 32, "WQ" + "2" * 32, "WW" + "1" * 32


def resource(account: Account, kind: ResourceKind, sid: str, name: str, *, gone: bool = False, **details: Any) -> None:
    """Have something seen at Twilio, or seen once and gone since."""
    now = timezone.now()
    parent = account.workspace_sid if sid[:2] in {"WQ", "WW", "TC"} else ""
    Resource.objects.create(
        account=account,
        kind=kind,
        sid=sid,
        name=name,
        parent_sid=parent,
        details=details,
        seen_at=now - timedelta(days=1),
        gone_at=now if gone else None,
    )


@pytest.fixture
def imported(account: Account) -> Account:
    """An account after an import."""
    resource(account, ResourceKind.TASK_QUEUE, QUEUE, "Front office")
    resource(account, ResourceKind.TASK_QUEUE, OTHER_QUEUE, "Billing")
    resource(account, ResourceKind.WORKFLOW, FLOW, "Assign to anyone")
    resource(account, ResourceKind.TASK_CHANNEL, "TC" + "1" * 32, "Chat", unique_name="chat")
    resource(account, ResourceKind.PHONE_NUMBER, "PN" + "1" * 32, "Berlin", address="+4915155550100", sms=True)
    resource(account, ResourceKind.PHONE_NUMBER, "PN" + "2" * 32, "Fax", address="+4930555501", sms=False)
    resource(account, ResourceKind.WHATSAPP_SENDER, "XE" + "1" * 32, "Shop", address="+14155550166", status="ONLINE")
    resource(account, ResourceKind.EMAIL_ADDRESS, "IG" + "1" * 32, "", address="Help@Example.COM")
    return account


def adding(account: Account, channel: str = "sms") -> str:
    return f"{SENDERS}add/?account={account.pk}&channel={channel}"


def filled(**changes: Any) -> dict[str, Any]:
    """What a manager sends for a sender over SMS."""
    return {"display_name": "Berlin", "address": "+4915155550100", "queue_sid": QUEUE, "is_active": "on"} | changes


def form_of(response: Any) -> Any:
    return response.context["adminform"].form


def choices(response: Any, name: str) -> dict[str, str]:
    return {value: str(words) for value, words in form_of(response).fields[name].choices}


def test_account_and_channel_come_first(admin_client: Client, account: Account) -> None:
    for query in (
        "",
        "?account=99&channel=sms",
        f"?account={account.pk}&channel=fax",
        "?account=x",
        "?account=" + "9" * 40,
    ):
        html = admin_client.get(f"{SENDERS}add/{query}").content.decode()
        for channel in Channel:
            assert f'href="?account={account.pk}&amp;channel={channel.value}"' in html
        assert read(html).faults == []
    assert admin_client.post(f"{SENDERS}add/", filled()).status_code == 200
    assert not Sender.objects.exists()


def test_without_an_account_the_way_is_shown(admin_client: Client) -> None:
    assert "/admin/flex_outbound/account/add/" in admin_client.get(f"{SENDERS}add/").content.decode()


def test_names_are_chosen_and_sids_kept(admin_client: Client, imported: Account) -> None:
    page = admin_client.get(adding(imported))
    assert choices(page, "queue_sid") == {"": "---------", QUEUE: "Front office", OTHER_QUEUE: "Billing"}
    assert choices(page, "address") == {"": "---------", "+4915155550100": "Berlin · +4915155550100"}
    assert read(page.content.decode()).faults == []
    saved = admin_client.post(adding(imported), filled(workflow_sid=FLOW, task_channel="TC" + "1" * 32, priority=3))
    assert saved.status_code == 302
    sender = Sender.objects.get()
    assert (sender.account, sender.channel, sender.address) == (imported, "sms", "+4915155550100")
    assert (sender.queue_sid, sender.workflow_sid, sender.task_channel) == (QUEUE, FLOW, "TC" + "1" * 32)
    assert (sender.priority, sender.timeout) == (3, None)


@pytest.mark.parametrize(("channel", "addresses"), [("whatsapp", {"+14155550166"}), ("email", {"Help@example.com"})])
def test_each_channel_has_its_own_addresses(
    admin_client: Client, imported: Account, channel: str, addresses: set[str]
) -> None:
    page = admin_client.get(adding(imported, channel))
    assert set(choices(page, "address")) == {"", *addresses}


def test_another_accounts_are_not_offered(admin_client: Client, imported: Account) -> None:
    other = Account.objects.create(name="Other", account_sid="AC" + "9" * 32, workspace_sid="WS" + "9" * 32)
    resource(other, ResourceKind.TASK_QUEUE, "WQ" + "9" * 32, "Theirs")
    assert "Theirs" not in admin_client.get(adding(imported)).content.decode()
    assert set(choices(admin_client.get(adding(other)), "queue_sid")) == {"", "WQ" + "9" * 32}
    refused = admin_client.post(adding(other), filled(queue_sid=QUEUE))
    assert "queue_sid" in form_of(refused).errors


def test_before_an_import_everything_can_be_typed(admin_client: Client, account: Account) -> None:
    html = admin_client.get(adding(account)).content.decode()
    assert "Nothing was imported from Twilio yet" in html
    assert f"/admin/flex_outbound/account/{account.pk}/" in html
    assert admin_client.post(adding(account), filled()).status_code == 302
    assert Sender.objects.get().queue_sid == QUEUE


def test_what_is_not_in_the_lists_can_be_typed_too(admin_client: Client, imported: Account) -> None:
    assert "typed=1" in admin_client.get(adding(imported)).content.decode()
    saved = admin_client.post(adding(imported) + "&typed=1", filled(address="+1 415 555 0177"))
    assert saved.status_code == 302
    assert Sender.objects.get().address == "+14155550177"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("address", "12", "Write it with its country code"),
        ("address", "", "This field is required"),
        ("queue_sid", "WW" + "1" * 32, "starts with WQ"),
        ("queue_sid", "", "This field is required"),
        ("workflow_sid", "x", "starts with WW"),
        ("priority", "-1", "greater than or equal to 0"),
        ("timeout", "0", "Enter at least one second"),
        ("display_name", "", "This field is required"),
        ("allowed_groups", "999", "not one of the available choices"),
    ],
)
def test_what_is_malformed_names_its_field(
    admin_client: Client, account: Account, field: str, value: str, words: str
) -> None:
    refused = admin_client.post(adding(account), filled(**{field: value}))
    assert refused.status_code == 200
    assert list(form_of(refused).errors) == [field]
    assert words in str(form_of(refused).errors[field])
    assert not Sender.objects.exists()


def test_an_address_is_one_senders(admin_client: Client, account: Account) -> None:
    admin_client.post(adding(account), filled())
    again = admin_client.post(adding(account), filled(address="+49 151 55550100", display_name="Twice"))
    assert "“Berlin” has this address already" in str(form_of(again).errors["address"])
    assert admin_client.post(adding(account, "whatsapp"), filled()).status_code == 302


def test_what_is_gone_is_said_and_kept(admin_client: Client, imported: Account) -> None:
    admin_client.post(adding(imported), filled())
    sender = Sender.objects.get()
    Resource.objects.filter(sid=QUEUE).update(gone_at=timezone.now())
    page = admin_client.get(f"{SENDERS}{sender.pk}/change/")
    assert form_of(page).missing == ["Task queue"]
    assert "gone from Twilio since" in choices(page, "queue_sid")[QUEUE]
    assert 'role="alert"' in page.content.decode()
    assert "Front office: gone from Twilio" in admin_client.get(SENDERS).content.decode()
    assert admin_client.post(f"{SENDERS}{sender.pk}/change/", filled(display_name="B")).status_code == 302
    sender.refresh_from_db()
    assert (sender.display_name, sender.queue_sid) == ("B", QUEUE)


def test_what_was_never_seen_is_kept_too(admin_client: Client, imported: Account) -> None:
    unknown = "WQ" + "7" * 32
    sender = Sender.objects.create(
        account=imported,
        channel="sms",
        address="+14155550100",
        display_name="Old",
        queue_sid=unknown,
        task_channel="chat",
    )
    page = admin_client.get(f"{SENDERS}{sender.pk}/change/")
    assert choices(page, "queue_sid")[unknown] == f"{unknown} – not known here"
    assert choices(page, "task_channel")["chat"] == "Chat"
    assert form_of(page).missing == ["Address", "Task queue"]


def test_a_queue_that_vanished_before_saving_is_refused_by_its_field(admin_client: Client, imported: Account) -> None:
    admin_client.get(adding(imported))
    Resource.objects.filter(sid=QUEUE).update(gone_at=timezone.now())
    refused = admin_client.post(adding(imported), filled())
    assert "Choose another one" in str(form_of(refused).errors["queue_sid"])
    assert not Sender.objects.exists()


def test_a_new_default_takes_the_place_of_the_old(admin_client: Client, senders: dict[Channel, Sender]) -> None:
    account = senders[Channel.SMS].account
    saved = admin_client.post(adding(account), filled(is_default="on"), follow=True)
    assert "“Berlin” is the default now, in place of “SMS line”." in saved.content.decode().replace("&quot;", '"')
    assert [one.display_name for one in Sender.objects.filter(channel="sms", is_default=True)] == ["Berlin"]
    assert Sender.objects.filter(is_default=True).count() == 3
    assert LogEntry.objects.filter(object_id=str(senders[Channel.SMS].pk), action_flag=2).exists()


def test_groups_are_ticked_and_unticked(admin_client: Client, account: Account) -> None:
    clinic, shop = (Group.objects.create(name=name) for name in ("Clinic", "Shop"))
    admin_client.post(adding(account), filled(allowed_groups=[clinic.pk, shop.pk]))
    sender = Sender.objects.get()
    assert set(sender.groups.all()) == {clinic, shop}
    assert "Clinic, Shop" in admin_client.get(SENDERS).content.decode()
    admin_client.post(f"{SENDERS}{sender.pk}/change/", filled(allowed_groups=[shop.pk]))
    assert set(sender.groups.all()) == {shop}
    assert "Who may use it" in LogEntry.objects.latest("pk").get_change_message()
    admin_client.post(f"{SENDERS}{sender.pk}/change/", filled())
    assert "Every agent" in admin_client.get(SENDERS).content.decode()


def test_deleting_a_group_that_a_sender_needs_is_refused_in_place(admin_client: Client, account: Account) -> None:
    clinic = Group.objects.create(name="Clinic")
    admin_client.post(adding(account), filled(allowed_groups=[clinic.pk]))
    answer = admin_client.post(f"/admin/auth/group/{clinic.pk}/delete/", {"post": "yes"})
    assert "would require deleting the following protected related objects" in answer.content.decode()
    assert Group.objects.filter(pk=clinic.pk).exists()


def test_who_may_only_look_sees_names_of_groups_and_no_test(account: Account, senders: dict[Channel, Sender]) -> None:
    html = staff("viewer", "view_sender").get(f"{SENDERS}{senders[Channel.SMS].pk}/change/").content.decode()
    assert "Every agent" in html
    assert "/test/" not in html


def test_the_list_costs_the_same_however_long(
    admin_client: Client, imported: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    clinic = Group.objects.create(name="Clinic")
    counts = []
    for number in (1, 20):
        for n in range(number):
            sender = Sender.objects.create(
                account=imported, channel="sms", address=f"+1415555{number:02}{n:02}", queue_sid=QUEUE
            )
            sender.groups.add(clinic)
        with django_assert_num_queries(counts[0] if counts else 15, exact=bool(counts)) as asked:
            admin_client.get(SENDERS)
        counts.append(len(asked))


def test_senders_are_found_by_account_and_group(admin_client: Client, senders: dict[Channel, Sender]) -> None:
    for name in ("Clinic", "Clinic North"):
        senders[Channel.SMS].groups.add(Group.objects.create(name=name))
    assert admin_client.get(SENDERS, {"q": "clinic"}).context["cl"].result_count == 1
    assert admin_client.get(SENDERS, {"q": "sandbox"}).context["cl"].result_count == 3


def test_what_is_deleted_in_bulk_is_logged_one_by_one(admin_client: Client, senders: dict[Channel, Sender]) -> None:
    chosen = [sender.pk for sender in senders.values()]
    action = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert admin_client.post(SENDERS, action).status_code == 302
    assert not Sender.objects.exists()
    assert {int(entry.object_id or 0) for entry in LogEntry.objects.filter(action_flag=3)} == set(chosen)


def test_an_address_that_answers_first_messages_stays_until_given_back(
    admin_client: Client, senders: dict[Channel, Sender]
) -> None:
    sender = senders[Channel.SMS]
    Sender.objects.filter(pk=sender.pk).update(opens_on_inbound=True)
    page, changed = f"{SENDERS}{sender.pk}/change/", filled(address="+4915155550100", queue_sid=sender.queue_sid)
    answer = admin_client.post(page, changed)
    assert list(form_of(answer).errors) == ["address"]
    assert "Give that back" in str(form_of(answer).errors["address"])
    assert admin_client.post(page, changed | {"address": sender.address}).status_code == 302
    Sender.objects.filter(pk=sender.pk).update(opens_on_inbound=False)
    assert admin_client.post(page, changed).status_code == 302


def test_a_sender_of_chats_needs_a_name_and_no_address_of_twilios(admin_client: Client, imported: Account) -> None:
    url = adding(imported, "chat")
    html = admin_client.get(url).content.decode()
    assert "Chats have no address at Twilio" in html
    assert admin_client.post(url, filled(address="support@example.com")).status_code == 200
    assert admin_client.post(url, filled(address="two words")).status_code == 200
    assert admin_client.post(url, filled(address="website")).status_code == 302
    sender = Sender.objects.get(channel="chat")
    assert sender.address == "website"
    sender.full_clean()
    assert "website" in admin_client.get(f"{SENDERS}{sender.pk}/change/").content.decode()


def test_a_page_of_messenger_is_kept_without_prefix(admin_client: Client, imported: Account) -> None:
    url = adding(imported, "messenger")
    assert admin_client.post(url, filled(address="messenger:104857600000001")).status_code == 302
    assert Sender.objects.get(channel="messenger").address == "104857600000001"


def test_a_channel_that_has_ended_is_refused_with_the_reason(admin_client: Client, imported: Account) -> None:
    html = admin_client.get(adding(imported, "gbm")).content.decode()
    assert "Google ended Business Messages in July 2024" in html
    sender = Sender(account=imported, channel="gbm", address="x", display_name="x", queue_sid=QUEUE)
    with pytest.raises(ValidationError) as caught:
        sender.clean()
    assert caught.value.error_dict["channel"][0].code == "channel_ended"
    Sender(account=imported, channel="pigeon", address="x").clean()
