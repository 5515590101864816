"""A manager's test of a sender is a click like every other: a row, sent by the pipeline, in nobody's history."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.cache import cache
from django.test import Client

from flex_outbound.channels import Channel
from flex_outbound.exceptions import ClickNotAllowed, InvalidClick
from flex_outbound.models import Account, Interaction, Sender, Worker
from flex_outbound.outbox import decisions, jobs, sender_tests
from tests.integration.admin.conftest import staff
from tests.integration.pages import rows
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

Send = Callable[..., Any]


@pytest.fixture(autouse=True)
def asked() -> Iterator[list[tuple[str, str]]]:
    """Collect what the broker would be asked for."""
    cache.clear()
    found: list[tuple[str, str]] = []
    before = jobs.connect(lambda job, row_id, delay: found.append((job.value, row_id)))
    yield found
    jobs.connect(before)


@pytest.fixture
def sender(senders: dict[Channel, Sender]) -> Sender:
    """A sender for text messages."""
    return senders[Channel.SMS]


@pytest.fixture
def mona(account: Account) -> User:
    """A manager who is a worker too."""
    user = User.objects.create_user("mona", is_staff=True)
    user.groups.add(Group.objects.get(name="Flex managers"))
    Worker.objects.create(account=account, user=user, worker_sid="WK" + "d" * 32, friendly_name="mona")
    return User.objects.get(pk=user.pk)


@pytest.fixture
def browser_of_mona(mona: User) -> Client:
    """Her browser."""
    client = Client()
    client.force_login(mona)
    return client


def page_of(sender: Sender) -> str:
    return f"/admin/flex_outbound/sender/{sender.pk}/test/"


@pytest.fixture
def send(browser_of_mona: Client, sender: Sender, mona: User) -> Send:
    """Press the button; keywords change what was entered."""

    def press(to: Sender = sender, **changes: Any) -> Any:
        worker = Worker.objects.get(user=mona).pk
        given = {"address": "(415) 555-0123", "worker": worker, "body": "Hello", "key": "k1"} | changes
        return browser_of_mona.post(page_of(to), given)

    return press


def test_the_page_says_what_will_happen_and_does_nothing(browser_of_mona: Client, sender: Sender) -> None:
    answer = browser_of_mona.get(page_of(sender))
    assert "opens a task in Flex for the worker below" in answer.content.decode()
    assert read(answer.content.decode()).faults == []
    assert not Interaction.objects.exists()


def test_a_test_is_a_committed_row_and_a_job(
    send: Send, sender: Sender, mona: User, asked: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert send().status_code == 302
    row = Interaction.objects.get()
    assert (row.status, row.channel, row.address, row.sender, row.agent) == (
        "queued",
        "sms",
        "+14155550123",
        sender,
        mona,
    )
    assert (row.worker_sid, row.first_message.body) == ("WK" + "d" * 32, "Hello")
    assert row.contact == sender
    assert row.is_test
    assert asked == [("dispatch", str(row.account_id))]


def test_it_is_followed_on_its_page_and_stands_in_the_history(
    send: Send, browser_of_mona: Client, sender: Sender
) -> None:
    send()
    row = Interaction.objects.get()
    html = browser_of_mona.get(page_of(sender)).content.decode()
    assert f'data-id="{row.pk}"' in html
    assert "Waiting to be sent" in html
    assert "Test of SMS line" in browser_of_mona.get("/admin/flex_outbound/interaction/").content.decode()
    assert browser_of_mona.get(f"/admin/flex_outbound/interaction/{row.pk}/change/").status_code == 200
    answer = browser_of_mona.get(f"/flex/api/interactions/{row.pk}/").json()
    assert answer["contact_type"] == "flex_outbound.sender"


def test_pressing_twice_is_one_test(send: Send) -> None:
    send()
    assert send().status_code == 302
    assert Interaction.objects.count() == 1


def test_the_log_has_the_test_without_the_address(send: Send, mona: User) -> None:
    send()
    entry = LogEntry.objects.get()
    assert entry.user == mona
    assert str(Interaction.objects.get().pk) in entry.change_message
    assert "0123" not in entry.change_message


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("address", "12", "wrong length"),
        ("address", "", "This field is required"),
        ("address", "+49 30 12345678", "landline"),
        ("worker", "999", "Select a valid choice"),
        ("worker", "", "This field is required"),
        ("body", "x" * 1601, "at most 1600"),
    ],
)
def test_what_is_malformed_names_its_field(send: Send, field: str, value: str, words: str) -> None:
    answer = send(**{field: value})
    assert answer.status_code == 400
    assert list(answer.context["form"].errors) == [field]
    assert words in str(answer.context["form"].errors)
    assert not Interaction.objects.exists()


def test_an_email_has_a_subject(send: Send, senders: dict[Channel, Sender]) -> None:
    assert send(senders[Channel.EMAIL], address="me@example.com", subject="Hi").status_code == 302
    assert Interaction.objects.get().subject == "Hi"


def test_a_second_test_to_one_number_waits_for_the_first(send: Send) -> None:
    send()
    answer = send(key="k2", body="Another")
    assert "already have a conversation" in str(answer.context["form"].non_field_errors())
    assert Interaction.objects.count() == 1


def test_too_many_are_refused(send: Send, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": {"click": "1/minute"}}
    send()
    assert "Too many at once" in str(send(key="k2").context["form"].non_field_errors())


def test_a_sender_that_is_off_is_not_tested(send: Send, sender: Sender, browser_of_mona: Client) -> None:
    Sender.objects.update(is_active=False)
    assert "switched off" in browser_of_mona.get(page_of(sender)).content.decode()
    assert send().status_code == 400
    assert not Interaction.objects.exists()


def test_its_groups_do_not_bind_who_sets_it_up(send: Send, sender: Sender) -> None:
    sender.groups.add(Group.objects.create(name="Clinic"))
    assert send().status_code == 302


def test_who_may_change_workers_may_test_as_any_of_the_account(send: Send, worker: Worker) -> None:
    assert send(worker=worker.pk).status_code == 302
    assert Interaction.objects.get().worker_sid == worker.worker_sid


def test_others_test_as_themselves(sender: Sender, mona: User, worker: Worker) -> None:
    mona.groups.clear()
    mona.user_permissions.set(Permission.objects.filter(codename="change_sender"))
    mona = User.objects.get(pk=mona.pk)
    assert [one.user for one in sender_tests.workers_for(mona, sender)] == [mona]
    with pytest.raises(InvalidClick) as refused:
        sender_tests.send_test(sender_tests.SenderTest(mona, sender, "+14155550123", worker.pk))
    assert refused.value.field == "worker"


def test_who_may_only_look_may_not_test(sender: Sender, worker: Worker) -> None:
    viewer = staff("viewer", "view_sender", "add_interaction")
    assert viewer.get(page_of(sender)).status_code == 403
    assert viewer.post(page_of(sender), {}).status_code == 403
    with pytest.raises(ClickNotAllowed):
        sender_tests.send_test(
            sender_tests.SenderTest(User.objects.get(username="viewer"), sender, "+14155550123", worker.pk)
        )


def test_without_a_worker_the_way_is_shown(sender: Sender) -> None:
    html = staff("lone", "change_sender").get(page_of(sender)).content.decode()
    assert "No worker to open the task for" in html
    assert "/admin/flex_outbound/worker/" in html


def test_a_test_takes_the_token(mona: User, sender: Sender) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(mona)
    assert strict.post(page_of(sender), {"address": "+14155550123"}).status_code == 403


@pytest.mark.parametrize("path", ["999/test/", "nonsense/test/"])
def test_what_is_not_there_is_not_found(browser_of_mona: Client, path: str, account: Account) -> None:
    assert browser_of_mona.get("/admin/flex_outbound/sender/" + path).status_code == 404


def test_no_other_door_leads_to_a_test(browser_of_mona: Client, sender: Sender) -> None:
    click = {"contact_type": "flex_outbound.sender", "contact_id": str(sender.pk), "channel": "sms"}
    answer = browser_of_mona.post("/flex/api/interactions/", click, content_type="application/json")
    assert list(answer.json()) == ["contact_type"]
    assert browser_of_mona.get(f"/flex/api/contacts/flex_outbound.sender/{sender.pk}/channels/").status_code == 404
    assert browser_of_mona.post("/flex/send/", click).status_code == 404
    assert not Interaction.objects.exists()


def test_a_failed_test_is_sent_again_as_a_test(send: Send, mona: User) -> None:
    send()
    rows.fail(Interaction.objects.get(), "No.")
    again = decisions.retry(Interaction.objects.get(), mona)
    assert again.is_test
    assert (again.status, again.address, again.first_message.body) == ("queued", "+14155550123", "Hello")


def test_a_test_whose_sender_is_gone_is_not_sent_again(send: Send, mona: User, sender: Sender) -> None:
    send()
    rows.fail(Interaction.objects.get(), "No.")
    sender.delete()
    with pytest.raises(InvalidClick):
        decisions.retry(Interaction.objects.get(), mona)


def test_a_sender_of_chats_is_tried_with_an_identity(browser_of_mona: Client, account: Account, send: Send) -> None:
    chat = Sender.objects.create(
        account=account, channel="chat", address="website", display_name="Website", queue_sid="WQ" + "1" * 32
    )
    html = browser_of_mona.get(page_of(chat)).content.decode()
    assert "Chat identity" in html
    assert 'name="subject"' not in html
    assert send(to=chat, address="ann@example.com").status_code == 400
    assert not Interaction.objects.exists()
    assert send(to=chat, address="visitor-1042").status_code == 302
    assert Interaction.objects.get().address == "visitor-1042"
