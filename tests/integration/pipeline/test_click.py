"""The click: every bad input is refused by name, and what is the same click is one row."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User

from crm_demo.models import Contact
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed, InvalidClick
from flex_outbound.models import Account, Interaction, Message, Sender, Worker
from flex_outbound.outbox import decisions, jobs
from flex_outbound.outbox.jobs import Job
from flex_outbound.statuses import Event, MessageStatus, Status
from tests import steps

from .conftest import make_agent

Clicker = Callable[..., Interaction]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"contact_type": "crm_demo.nothing"}, "contact_type", "unknown_contact_type"),
        ({"contact_type": "auth.user"}, "contact_type", "unknown_contact_type"),
        ({"contact_type": ""}, "contact_type", "unknown_contact_type"),
        ({"contact_id": "999999"}, "contact_id", "unknown_contact"),
        ({"contact_id": "x"}, "contact_id", "unknown_contact"),
        ({"contact_id": "9" * 40}, "contact_id", "unknown_contact"),
        ({"channel": "fax"}, "channel", "unknown_channel"),
        ({"address": "+14155550199"}, "address", "foreign_address"),
        ({"address": "12"}, "address", "invalid_number"),
        ({"sender": 999999}, "sender", "unknown_sender"),
        ({"body": "x" * 1601}, "body", "too_long"),
        ({"body": "a\x00b"}, "body", "null_character"),
        ({"subject": "Hello"}, "subject", "not_email"),
        ({"channel": "email", "subject": "x" * 257}, "subject", "too_long"),
        ({"channel": "email", "subject": "a\nBcc: b"}, "subject", "line_break"),
        ({"channel": "email", "cc": ("nobody",)}, "cc", "invalid_email"),
        ({"channel": "email", "cc": ("a@example.com",) * 11}, "cc", "too_many"),
        ({"cc": ("a@example.com",)}, "cc", "not_email"),
        ({"channel": "email", "to": ("nobody",)}, "to", "invalid_email"),
        ({"channel": "email", "bcc": ("a@example.com",) * 11}, "bcc", "too_many"),
        ({"bcc": ("a@example.com",)}, "bcc", "not_email"),
        ({"content_sid": "HX"}, "content_sid", "invalid_sid"),
        ({"content_variables": {"1": "x"}}, "content_variables", "variables_without_template"),
        ({"content_sid": "HX" + "0" * 32, "body": "x"}, "content_sid", "text_and_template"),
        ({"idempotency_key": "k" * 65}, "idempotency_key", "too_long"),
        ({"idempotency_key": "a b"}, "idempotency_key", "invalid_key"),
    ],
)
def test_bad_input_names_its_field_and_leaves_nothing(
    changes: dict[str, Any], field: str, code: str, click: Clicker
) -> None:
    with pytest.raises(InvalidClick) as caught:
        click(**changes)
    assert (caught.value.field, caught.value.code) == (field, code)
    assert caught.value.message
    assert not Interaction.objects.exists()
    assert not Message.objects.exists()


def test_a_sender_of_another_channel_or_account_is_refused(
    click: Clicker, senders: list[Sender], contact: Contact
) -> None:
    other = Account.objects.create(name="Other", account_sid="AC" + "1" * 32, workspace_sid="WS" + "1" * 32)
    foreign = Sender.objects.create(
        account=other, channel="sms", address="+15005550009", display_name="x", queue_sid="WQ" + "1" * 32
    )
    email = next(sender for sender in senders if sender.channel == "email")
    for sender in (foreign, email):
        with pytest.raises(InvalidClick) as caught:
            click(sender=sender.pk)
        assert caught.value.field == "sender"


@pytest.mark.parametrize(
    ("values", "channel", "reason"),
    [
        ({"mobile": ""}, "sms", "no_number"),
        ({"mobile": "n/a"}, "whatsapp", "invalid_number"),
        ({"mobile": "+44 20 7946 0958"}, "sms", "landline"),
        ({"email": ""}, "email", "no_email"),
        ({"email": "ann@"}, "email", "invalid_email"),
    ],
)
def test_a_channel_that_the_contact_cannot_take_is_refused_with_the_reason(
    values: dict[str, str], channel: str, reason: str, click: Clicker, contact: Contact
) -> None:
    Contact.objects.update(**values)
    with pytest.raises(InvalidClick) as caught:
        click(channel=channel)
    assert (caught.value.field, caught.value.code) == ("channel", reason)


def test_a_number_in_the_national_format_of_the_contact_is_taken(click: Clicker) -> None:
    Contact.objects.update(mobile="07700 900123", country="GB")
    assert click(address="(07700) 900-123").address == "+447700900123"


def test_the_policy_of_the_contact_is_given_in_its_own_words(click: Clicker) -> None:
    Contact.objects.update(do_not_contact=True)
    with pytest.raises(ClickNotAllowed) as caught:
        click()
    assert caught.value.code == "not_allowed"


def test_without_permission_worker_or_account_nothing_is_taken(
    click: Clicker, agent: User, senders: list[Sender]
) -> None:
    Worker.objects.update(is_active=False)
    with pytest.raises(ClickNotAllowed) as caught:
        click()
    assert caught.value.code == "no_worker"
    for user in (AnonymousUser(), User.objects.create_user("nobody")):
        with pytest.raises(ClickNotAllowed) as caught:
            click(user=user)
        assert caught.value.code == "no_permission"


def test_an_inactive_account_has_no_sender(click: Clicker, account: Account) -> None:
    Account.objects.update(is_active=False)
    with pytest.raises(ClickNotAllowed):
        click()


def test_the_same_key_is_the_same_click(click: Clicker) -> None:
    first = click(idempotency_key="k1", body="Hello")
    assert click(idempotency_key="k1", body="Hello") == first
    with pytest.raises(ClickConflict) as caught:
        click(idempotency_key="k1", body="Goodbye")
    assert caught.value.code == "idempotency_key_reused"
    assert Interaction.objects.count() == 1


def test_the_same_key_after_the_end_is_still_the_same_click(click: Clicker) -> None:
    first = click(idempotency_key="k1")
    steps.change(first, Event.CANCELED)
    assert click(idempotency_key="k1") == first


def test_two_tabs_are_one_click(click: Clicker) -> None:
    assert click(idempotency_key="tab1") == click(idempotency_key="tab2")


def test_another_message_to_a_contact_in_the_making_is_a_conflict_and_not_lost_silently(click: Clicker) -> None:
    first = click(body="Hello")
    with pytest.raises(ClickConflict) as caught:
        click(body="Goodbye")
    assert (caught.value.code, caught.value.interaction) == ("already_open", first)


def test_a_colleagues_open_conversation_is_named(click: Clicker, account: Account) -> None:
    click()
    with pytest.raises(ClickConflict) as caught:
        click(user=make_agent(account, "bea"))
    assert "agent" in str(caught.value).lower()


def test_each_channel_of_a_contact_stands_alone(click: Clicker) -> None:
    assert len({click(channel=channel).pk for channel in ("sms", "whatsapp", "email")}) == 3


def test_after_the_end_the_contact_can_be_messaged_again(click: Clicker) -> None:
    steps.change(click(), Event.CANCELED)
    assert click().status == Status.QUEUED


def test_a_job_is_asked_for_after_commit_with_the_account_and_nothing_else(
    click: Clicker, django_capture_on_commit_callbacks: Any
) -> None:
    woken: list[tuple[Job, str]] = []
    before = jobs.connect(lambda job, row_id, delay: woken.append((job, row_id)))
    try:
        with django_capture_on_commit_callbacks(execute=True):
            row = click(body="secret text")
            assert woken == []
    finally:
        jobs.connect(before)
    assert woken == [(Job.DISPATCH, str(row.account_id))]


def test_a_publisher_that_fails_fails_no_click(click: Clicker, django_capture_on_commit_callbacks: Any) -> None:
    def broken(job: Job, row_id: str, delay: float) -> None:
        raise OSError("no broker")

    before = jobs.connect(broken)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            row = click()
    finally:
        jobs.connect(before)
    assert Interaction.objects.due().get() == row


def test_a_white_message_is_no_message(click: Clicker) -> None:
    assert click(body=" \n ").first_message is None


def test_a_name_of_300_characters_and_markup_is_kept_as_text(click: Clicker) -> None:
    Contact.objects.update(full_name="<script>" + "x" * 292)
    row = click()
    assert row.contact_name.startswith("<script>xxx")
    assert len(row.contact_name) == 255


def test_cancel_ends_a_click_that_waits_and_its_message(click: Clicker, agent: User) -> None:
    row = decisions.cancel(click(body="Hello"), agent)
    assert row.status == Status.CANCELED
    assert row.message.status == MessageStatus.FAILED
    with pytest.raises(ClickConflict) as caught:
        decisions.cancel(row, agent)
    assert caught.value.code == "not_cancelable"


def test_retry_makes_one_new_row_however_often_it_is_clicked(click: Clicker, agent: User) -> None:
    others = {"to": ("a@example.com",), "cc": ("b@example.com",), "bcc": ("c@example.com",)}
    row = decisions.cancel(click(channel="email", subject="S", body="Hello", **others), agent)
    again = decisions.retry(row, agent)
    assert again.pk != row.pk
    assert (again.subject, again.message.body) == ("S", "Hello")
    assert (again.to, again.cc, again.bcc) == (["a@example.com"], ["b@example.com"], ["c@example.com"])
    assert decisions.retry(row, agent) == again


def test_what_is_on_its_way_cannot_be_retried(click: Clicker, agent: User) -> None:
    with pytest.raises(ClickConflict) as caught:
        decisions.retry(click(), agent)
    assert caught.value.code == "not_retryable"
