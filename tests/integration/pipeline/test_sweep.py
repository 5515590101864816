"""The sweep finds what no job came for, and does not drown a queue that is behind."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from crm_demo.models import Contact
from flex_outbound import broker, tasks
from flex_outbound.models import Account, Conversation, Heartbeat, Interaction
from flex_outbound.outbox import sweep
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.jobs import Job
from flex_outbound.statuses import Status
from tests import steps

from .conftest import Sandbox, pass_time

Clicker = Callable[..., Interaction]


def _requested() -> list[tuple[Job, str]]:
    found: list[tuple[Job, str]] = []
    sweep.sweep(lambda job, account_id: found.append((job, account_id)))
    return found


def test_a_click_whose_job_was_lost_gets_one(click: Clicker) -> None:
    interaction = click()
    assert _requested() == [(Job.DISPATCH, str(interaction.account_id))]


def test_a_lost_job_is_repeated_by_every_sweep(click: Clicker) -> None:
    click()
    for _sweep in range(6):
        assert len(_requested()) == 1
        pass_time(5)


def test_a_long_queue_is_not_filled_with_the_same_work(click: Clicker) -> None:
    """However much waits, a sweep asks for a few jobs for each account: each of them takes whatever is due."""
    for number in range(3 * sweep.BATCH):
        contact = Contact.objects.create(full_name=f"Ann {number}", mobile=f"+1415555{number:04}")
        click(contact_id=str(contact.pk))
    assert [job for job, _account in _requested()] == [Job.DISPATCH] * 3
    for number in range(3 * sweep.BATCH):
        contact = Contact.objects.create(full_name=f"Bob {number}", mobile=f"+1415556{number:04}")
        click(contact_id=str(contact.pk))
    assert [job for job, _account in _requested()] == [Job.DISPATCH] * sweep.MOST_JOBS


def test_of_sweeps_that_queued_up_only_one_sweeps(click: Clicker, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[Any] = []
    monkeypatch.setattr(broker, "publish", lambda *job: published.append(job))
    for _sweep in range(3):
        click(body=str(_sweep), channel=("sms", "email", "whatsapp")[_sweep])
        tasks.sweep()
    # Each finds the same two: what was clicked, and templates that were never asked for.
    assert [job for job, _account in published] == [Job.DISPATCH, Job.TEMPLATES]
    Heartbeat.objects.filter(pk=Heartbeat.SWEEP).update(at=from_now(-2))
    tasks.sweep()
    assert [job for job, _account in published] == [Job.DISPATCH, Job.TEMPLATES] * 2


def test_one_lookup_job_serves_an_account(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", status=503, times=2)
    for channel in ("sms", "email"):
        click(channel=channel)
    sweep.sweep(sweep.run)
    assert set(Interaction.objects.values_list("status", flat=True)) == {Status.UNCONFIRMED}
    pass_time(2)
    assert [job for job, _account in _requested()] == [Job.LOOKUP]


def test_what_comes_due_before_the_next_sweep_is_announced_with_the_seconds_left(
    click: Clicker, sandbox: Sandbox
) -> None:
    sandbox.fault("status", status=503, times=2)
    looked_up, same_account, claimed = click(), click(channel="email"), click(channel="whatsapp")
    for interaction in (looked_up, same_account):
        steps.send(interaction)
    assert steps.claim(claimed) is not None

    assert [job for job, _account, _seconds in sweep.coming(5)] == [Job.LOOKUP]  # in two seconds, one for the account
    pass_time(42)
    [(job, account_id, seconds)] = sweep.coming(5)
    assert (job, account_id) == (Job.DISPATCH, str(claimed.account_id))
    assert 1 < seconds <= 3


def test_the_command_sends_without_a_broker(
    click: Clicker, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    row = click()
    call_command("flex_sweep")
    row.refresh_from_db()
    assert row.status == Status.CREATED
    assert "dispatch: 1" in capsys.readouterr().out
    call_command("flex_sweep")
    assert "Nothing is due" in capsys.readouterr().out


def test_no_job_reads_the_conversations_of_an_account_that_is_switched_off(account: Account, sandbox: Sandbox) -> None:
    Conversation.objects.create(pk=uuid.uuid4(), account=account, next_at=from_now(-2))
    assert _requested() == [(Job.CONVERSATION, str(account.pk))]
    Account.objects.update(is_active=False)
    assert _requested() == []
