"""Steady conversations are polled many at a time; what is not among them has ended, and is polled by itself."""

from collections.abc import Callable

import pytest

from crm_demo.models import Contact
from flex_outbound.models import Conversation, Interaction
from flex_outbound.outbox import polling, retry, sweep
from flex_outbound.outbox.jobs import Job
from flex_outbound.statuses import Status

from .conftest import Sandbox, pass_time, run_due

Clicker = Callable[..., Interaction]


@pytest.fixture
def crowd(click: Clicker, sandbox: Sandbox) -> list[Interaction]:
    """Five conversations that are up, and known to be for some time."""
    contacts = [Contact.objects.create(full_name=f"Ann {n}", mobile=f"+1415555010{n}") for n in range(5)]
    rows = [click(contact_id=str(contact.pk)) for contact in contacts]
    for _look in range(8):
        run_due(31)
    assert set(Interaction.objects.values_list("status", flat=True)) == {Status.ACTIVE}
    Interaction.objects.update(lookups=retry.STEADY_AFTER + 1)
    return rows


def _requests(sandbox: Sandbox) -> list[str]:
    return [request["path"] for request in sandbox.http.get("requests", params={"last": 1000}).json()["requests"]]


def test_what_goes_on_is_one_job_and_one_request(crowd: list[Interaction], sandbox: Sandbox) -> None:
    Conversation.objects.update(next_at=None)  # what is said in them is read by a job of its own
    pass_time(400)
    before = len(_requests(sandbox))
    jobs: list[tuple[Job, str]] = []
    sweep.sweep(lambda job, row_id: jobs.append((job, row_id)))
    assert [job for job, _row in jobs] == [Job.POLL]
    sweep.run(*jobs[0])
    [path] = _requests(sandbox)[before:]
    assert path.endswith("/Tasks")
    assert not Interaction.objects.due().exists()
    assert set(Interaction.objects.values_list("status", flat=True)) == {Status.ACTIVE}


def test_an_end_that_nobody_told_of_is_found(crowd: list[Interaction], sandbox: Sandbox) -> None:
    ended = crowd[2]
    ended.refresh_from_db()
    sandbox.act(ended.task_sid or "", "accept")
    sandbox.act(ended.task_sid or "", "complete")
    pass_time(400)
    assert polling.poll_batches(crowd[0].account) == 4
    ended.refresh_from_db()
    assert ended.status == Status.CLOSED


@pytest.mark.parametrize("polls", [1, 2])
def test_a_task_that_ended_and_left_its_channel_open_is_found(
    polls: int, crowd: list[Interaction], sandbox: Sandbox
) -> None:
    """Alone, a channel that goes on is asked for its task every other time; here the search has shown its end."""
    ended = crowd[2]
    ended.refresh_from_db()
    sandbox.act(ended.task_sid or "", "accept")
    sandbox.act(ended.task_sid or "", "leave")
    Interaction.objects.update(lookups=retry.STEADY_AFTER + polls)
    pass_time(400)
    polling.poll_batches(crowd[0].account)
    ended.refresh_from_db()
    assert (ended.status, ended.is_left_open) == (Status.CLOSED, True)


def test_now_and_then_each_is_looked_at_by_itself(crowd: list[Interaction], sandbox: Sandbox) -> None:
    Interaction.objects.update(lookups=polling.FULL_POLL_EVERY)
    pass_time(400)
    before = len(_requests(sandbox))
    assert polling.poll_batches(crowd[0].account) == 0
    assert sum("/Channels/" in path for path in _requests(sandbox)[before:]) == len(crowd)
    assert set(Interaction.objects.values_list("status", flat=True)) == {Status.ACTIVE}


def test_a_search_that_fails_ends_nothing(crowd: list[Interaction], sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Tasks$", method="GET", status=503)
    pass_time(400)
    assert polling.poll_batches(crowd[0].account) == 0
    assert set(Interaction.objects.values_list("status", flat=True)) == {Status.ACTIVE}
    assert not Interaction.objects.due().exists()
