"""From a click to the SIDs, and every way that Twilio's answer can go."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction, Outcome, Sender
from flex_outbound.outbox import attempts, dispatch
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import OPEN, Status
from tests import steps

from .conftest import Sandbox, make_agent, pass_time, run_due

Clicker = Callable[..., Interaction]


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_a_click_opens_one_interaction_and_its_sids_come_back(
    channel: str, click: Clicker, sandbox: Sandbox, contact: Contact
) -> None:
    row = click(channel=channel)
    run_due()
    row.refresh_from_db()
    [made] = sandbox.interactions
    assert row.status == Status.CREATED
    assert row.interaction_sid == made["sid"]
    contact.refresh_from_db()
    assert contact.last_task_sid == row.task_sid is not None
    assert contact.last_conversation_sid == row.conversation_sid is not None
    assert contact.last_interaction_sid == row.interaction_sid
    assert list(contact.flex_interactions.all()) == [row]
    assert [attempt.outcome for attempt in row.attempts.all()] == [Outcome.ACCEPTED]


def test_the_task_carries_key_name_and_address(click: Clicker, sandbox: Sandbox) -> None:
    row = click()
    run_due()
    row.refresh_from_db()
    task = next(task for task in sandbox.state()["tasks"] if task["sid"] == row.task_sid)
    attributes = task["attributes"]
    assert row.key in str(attributes)
    assert "Ann Other" in str(attributes)
    assert "+14155550123" in str(attributes)


def test_the_attempt_keeps_no_address_name_or_secret(click: Clicker, sandbox: Sandbox) -> None:
    row = click(channel="email", subject="Confidential", body="Very private")
    run_due()
    kept = str(row.attempts.get().request)
    for private in ("ann@example.com", "Ann Other", "Confidential", "private", defaults.API_KEY_SECRET):
        assert private not in kept


def test_a_second_dispatch_of_the_same_row_does_nothing(click: Clicker, sandbox: Sandbox) -> None:
    row = click()
    steps.send(row)
    steps.send(row)
    assert len(sandbox.interactions) == 1


@pytest.mark.parametrize("fault", ["malformed", "drop_after"])
def test_a_lost_answer_is_looked_up_and_not_repeated(fault: str, click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault(fault)
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.status == Status.UNCONFIRMED
    run_due(2)
    row.refresh_from_db()
    [made] = sandbox.interactions
    assert (row.status, row.interaction_sid) == (Status.CREATED, made["sid"])
    assert row.conversation_sid
    assert row.attempts.get().outcome == Outcome.ACCEPTED


def test_a_server_error_after_the_work_is_looked_up(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", status=500, after=True)
    row = click()
    run_due()
    run_due(2)
    row.refresh_from_db()
    assert row.status == Status.CREATED
    assert len(sandbox.interactions) == 1


def test_what_was_never_carried_out_is_sent_again_after_the_settle_time(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", status=503)
    row = click()
    run_due()
    for _look in range(4):
        run_due(5)
        row.refresh_from_db()
        assert row.status == Status.UNCONFIRMED
    assert sandbox.interactions == []
    run_due(120)
    row.refresh_from_db()
    assert row.status == Status.QUEUED
    run_due()
    row.refresh_from_db()
    assert (row.status, row.attempt) == (Status.CREATED, 2)
    assert len(sandbox.interactions) == 1


def test_one_look_after_the_settle_time_is_not_enough(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", status=503)
    row = click()
    run_due()
    run_due(130)
    row.refresh_from_db()
    assert (row.status, row.lookups) == (Status.UNCONFIRMED, 1)


def test_a_look_that_fails_counts_for_nothing(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", status=503)
    row = click()
    run_due()
    sandbox.fault("status", path="/Tasks", method="GET", status=500, times=None)
    for _look in range(3):
        run_due(130)
    row.refresh_from_db()
    assert (row.status, row.lookups) == (Status.UNCONFIRMED, 0)


def test_in_strict_mode_a_person_decides(in_review: Interaction) -> None:
    assert in_review.may_retry
    assert in_review.may_cancel
    assert in_review.error_message


def test_looks_that_began_too_late_leave_it_to_a_person(click: Clicker, sandbox: Sandbox) -> None:
    """TaskRouter forgets finished tasks after five minutes: an empty look after that proves nothing."""
    sandbox.fault("status", status=503)
    row = click()
    run_due()
    run_due(400)
    run_due(130)
    row.refresh_from_db()
    assert row.status == Status.REVIEW
    assert len(sandbox.interactions) == 0


def test_a_busy_twilio_is_asked_again_later(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", status=429, code=20429)
    row = click()
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.QUEUED, "busy")
    run_due(60)
    row.refresh_from_db()
    assert row.status == Status.CREATED
    assert [attempt.outcome for attempt in row.attempts.all()] == [Outcome.NOT_ACCEPTED, Outcome.ACCEPTED]


def test_an_unreachable_twilio_is_tried_until_the_attempts_are_used_up(
    click: Clicker, sandbox: Sandbox, settings: Any
) -> None:
    settings.FLEX_OUTBOUND = {"API_BASE_URL": "http://127.0.0.1:9", "MAX_ATTEMPTS": 3}
    row = click()
    for _attempt in range(2):
        run_due(61)
        row.refresh_from_db()
        assert row.status == Status.QUEUED
    run_due(61)
    row.refresh_from_db()
    assert (row.status, row.attempt, row.error_reason) == (Status.FAILED, 3, "never_sent")
    assert "again" in row.error_message


def test_wrong_credentials_tell_the_agent_little_and_the_admin_all(
    click: Clicker, sandbox: Sandbox, account: Account
) -> None:
    Account.objects.update(api_key_secret="wrong")
    row = click()
    run_due()
    row.refresh_from_db()
    account.refresh_from_db()
    assert (row.status, row.error_code, row.error_reason) == (Status.FAILED, 20003, "not_set_up")
    assert "administrator" in row.error_message
    assert account.problem_code == 20003
    assert account.problem_text
    assert "wrong" not in account.problem_text


def test_trouble_goes_away_when_the_account_works_again(click: Clicker, sandbox: Sandbox, account: Account) -> None:
    sandbox.fault("status", status=401, code=20003)
    click()
    run_due()
    click()
    run_due()
    account.refresh_from_db()
    assert account.problem_at is None


def test_secrets_that_cannot_be_decrypted_fail_with_a_remedy_for_the_admin(
    click: Clicker, sandbox: Sandbox, account: Account, settings: Any
) -> None:
    row = click()
    settings.SALT_KEY = "another"
    run_due()
    row.refresh_from_db()
    account.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "not_set_up")
    assert "SALT_KEY" in account.problem_text


def test_an_offline_worker_is_refused_in_words(
    account: Account, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    row = click(user=make_agent(account, "dana"))
    run_due()
    row.refresh_from_db()
    assert row.status == Status.FAILED
    assert row.error_message
    assert sandbox.interactions == []


def test_an_open_conversation_at_twilio_is_refused_in_words(
    account: Account, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    click()
    run_due()
    Interaction.objects.all().delete()
    row = click()
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_code, row.error_reason) == (Status.FAILED, 50416, "already_open")
    assert len(sandbox.interactions) == 1


def test_a_sender_that_was_removed_in_between_fails_cleanly(
    click: Clicker, sandbox: Sandbox, senders: list[Sender]
) -> None:
    row = click()
    Sender.objects.filter(pk=row.sender_id).delete()
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "not_set_up")
    assert sandbox.interactions == []


def test_a_worker_that_slept_past_its_lease_does_not_send(
    click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = click()
    monkeypatch.setattr(attempts.Fence, "is_open", property(lambda self: False))
    steps.send(row)
    row.refresh_from_db()
    assert row.status == Status.QUEUED
    assert sandbox.interactions == []


def test_a_killed_worker_leaves_a_row_that_is_looked_for(
    click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the answer and our write."""

    def die(*args: object) -> None:
        raise SystemExit

    row = click()
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "decide", die)
        with pytest.raises(SystemExit):
            steps.send(row)
    row.refresh_from_db()
    assert row.status == Status.SENDING
    run_due(46)
    run_due(2)
    row.refresh_from_db()
    [made] = sandbox.interactions
    assert row.status in OPEN
    assert row.interaction_sid == made["sid"]


def test_a_worker_killed_before_it_sent_costs_one_lease_and_no_look(click: Clicker, sandbox: Sandbox) -> None:
    row = click()
    assert steps.claim(row) is not None
    run_due(46)
    row.refresh_from_db()
    assert (row.status, row.attempt) == (Status.CREATED, 2)
    assert [attempt.outcome for attempt in row.attempts.all()] == [Outcome.NOT_ACCEPTED, Outcome.ACCEPTED]
    assert len(sandbox.interactions) == 1


def test_a_job_that_comes_when_a_lease_ends_takes_the_row_without_a_sweep(click: Clicker, sandbox: Sandbox) -> None:
    unsent, perhaps_sent = click(), click(channel="email")
    claimed = [steps.claim(row) for row in (unsent, perhaps_sent)]
    assert claimed[1] is not None
    assert steps.mark_sent(claimed[1])
    dispatch.dispatch(unsent.account_id)
    assert set(Interaction.objects.values_list("status", flat=True)) == {Status.SENDING}  # the leases still run
    pass_time(46)
    dispatch.dispatch(unsent.account_id)
    for row, status in ((unsent, Status.CREATED), (perhaps_sent, Status.UNCONFIRMED)):
        row.refresh_from_db()
        assert row.status == status


def test_a_worker_whose_row_was_taken_from_it_does_not_send(click: Clicker, sandbox: Sandbox) -> None:
    row = click()
    claimed = steps.claim(row)
    assert claimed is not None
    pass_time(46)
    assert not steps.mark_sent(claimed)


def test_an_answer_that_does_not_name_the_task_is_completed_by_a_look(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.options(reply_shape="echo")
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.status == Status.UNCONFIRMED
    run_due(2)
    row.refresh_from_db()
    assert row.status == Status.CREATED
    assert row.task_sid
    assert len(sandbox.interactions) == 1


def test_a_conversation_sid_that_comes_late_is_fetched(click: Clicker, sandbox: Sandbox, contact: Contact) -> None:
    sandbox.options(reply_shape="no_conversation_sid", conversation_sid_delay_ms=200)
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.status == Status.CREATED
    assert row.conversation_sid is None
    time.sleep(0.25)
    run_due(1)
    row.refresh_from_db()
    contact.refresh_from_db()
    assert row.conversation_sid is not None
    assert contact.last_conversation_sid == row.conversation_sid


def test_one_sweep_serves_every_channel(click: Clicker, sandbox: Sandbox) -> None:
    for channel in ("sms", "whatsapp", "email"):
        click(channel=channel)
    run_due()
    assert len(sandbox.interactions) == 3


def test_no_agent_names_the_worker(click: Clicker, sandbox: Sandbox, agent: User) -> None:
    row = click()
    assert row.worker_sid == defaults.WORKERS["agent"]
