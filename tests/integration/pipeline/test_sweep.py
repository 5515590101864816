"""The sweep finds what no wake-up came for, and does not drown a queue that is behind."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from flex_outbound import tasks
from flex_outbound.models import Heartbeat, Interaction
from flex_outbound.outbox import dispatch, lifecycle, sweep
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.jobs import Job
from flex_outbound.statuses import Status

from .conftest import Sandbox, pass_time

Clicker = Callable[..., Interaction]


def _handed_out() -> list[tuple[Job, str]]:
    found: list[tuple[Job, str]] = []
    sweep.sweep(lambda job, row_id: found.append((job, row_id)))
    return found


def test_a_click_that_no_worker_was_woken_for_is_handed_out(click: Clicker) -> None:
    row = click()
    assert _handed_out() == [(Job.DISPATCH, str(row.pk))]


def test_a_row_that_waits_in_the_queue_is_not_put_there_again_at_once(click: Clicker) -> None:
    click()
    assert len(_handed_out()) == 1
    assert _handed_out() == []


def _sweeps_that_handed_out(sweeps: int) -> list[int]:
    handed = [len(_handed_out())]
    for _sweep in range(sweeps):
        pass_time(5)
        handed.append(len(_handed_out()))
    return [sweep for sweep, rows in enumerate(handed) if rows]


def test_a_lost_wake_up_is_repeated_by_the_next_sweep(click: Clicker) -> None:
    click()
    assert _sweeps_that_handed_out(6) == [0, 1, 2, 3, 4, 5, 6]


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_BEHIND", 1)


def test_what_waits_in_a_long_queue_is_not_put_there_again(click: Clicker, behind: None) -> None:
    click()
    assert _sweeps_that_handed_out(12) == [0, 12]


def test_a_job_that_did_not_come_out_of_a_long_queue_with_the_others_was_lost(click: Clicker, behind: None) -> None:
    click()
    assert len(_handed_out()) == 1
    swept = Heartbeat.last(Heartbeat.SWEEP)
    assert swept is not None
    Heartbeat.mark_queue(swept)
    assert _handed_out() == []  # perhaps a worker has just fetched it
    Heartbeat.mark_queue(swept + timedelta(seconds=6))
    assert len(_handed_out()) == 1
    Heartbeat.mark_queue(swept)
    assert Heartbeat.last(Heartbeat.QUEUE_MARKER) == swept + timedelta(seconds=6)


def test_of_sweeps_that_queued_up_only_one_sweeps(click: Clicker, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_out: list[Any] = []
    monkeypatch.setattr(tasks, "_publish", lambda *job, **_options: handed_out.append(job))
    for _sweep in range(3):
        click(body=str(_sweep), channel=("sms", "email", "whatsapp")[_sweep])
        tasks.sweep()
    assert len(handed_out) == 1
    Heartbeat.objects.filter(pk=Heartbeat.SWEEP).update(at=from_now(-2))
    tasks.sweep()
    assert len(handed_out) == 3


def test_a_row_whose_time_came_anew_is_handed_out_at_once(click: Clicker) -> None:
    row = click()
    for _time in range(4):
        _handed_out()
        pass_time(60)
    Interaction.objects.filter(pk=row.pk).update(next_at=row.created_at, enqueued_at=None)
    assert len(_handed_out()) == 1


def test_one_look_serves_all_rows_of_an_account(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("status", status=503, times=2)
    for channel in ("sms", "email"):
        click(channel=channel)
    sweep.sweep(sweep.run)
    assert set(Interaction.objects.values_list("status", flat=True)) == {Status.UNCONFIRMED}
    pass_time(2)
    assert [job for job, _row in _handed_out()] == [Job.LOOK]


def test_what_comes_due_before_the_next_sweep_is_announced_with_the_seconds_left(
    click: Clicker, sandbox: Sandbox
) -> None:
    sandbox.fault("status", status=503, times=2)
    looked_for, same_account, claimed = click(), click(channel="email"), click(channel="whatsapp")
    for row in (looked_for, same_account):
        dispatch.dispatch(row.pk)
    assert lifecycle.claim(claimed.pk, lambda row: {}) is not None

    assert [job for job, _row, _seconds in sweep.coming(5)] == [Job.LOOK]  # in two seconds, one for the account
    pass_time(42)
    [(job, row_id, seconds)] = sweep.coming(5)
    assert (job, row_id) == (Job.DISPATCH, str(claimed.pk))
    assert 1 < seconds < 3


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
