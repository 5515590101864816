"""What is asked of Twilio before anything is repeated, and what becomes of a second interaction."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from flex_outbound.conf import Conf
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Closing, Interaction, Outcome
from flex_outbound.outbox import decisions, jobs, lookups
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job
from flex_outbound.outbox.requests import build as build_request
from flex_outbound.statuses import OPEN, MessageStatus, Status

from .conftest import Sandbox, pass_time, run_due

Clicker = Callable[..., Interaction]


def _channels(sandbox: Sandbox) -> dict[str, str]:
    return {made["sid"]: made["channel"]["status"] for made in sandbox.interactions}


def _send_a_second_time(row: Interaction, sandbox: Sandbox) -> None:
    """Open what the row asked for once more behind its back, as a naive repetition would."""
    sandbox.options(open_conversation="silent")
    claimed = Interaction.objects.to_send().get(pk=row.pk)
    gateway_for(claimed.account).create_interaction(build_request(claimed))


def test_a_second_task_for_one_click_is_recorded_and_its_channel_closed(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("drop_after")
    row = click()
    run_due()
    _send_a_second_time(row, sandbox)
    run_due(2)
    run_due()
    row.refresh_from_db()
    closing = Closing.objects.get()
    assert row.status in OPEN
    assert closing.kind == Closing.Kind.DUPLICATE
    assert closing.closed_at is not None
    channels = _channels(sandbox)
    assert channels[closing.interaction_sid] == "closed"
    assert channels[row.interaction_sid or ""] == "active"


def test_a_closing_that_twilio_does_not_answer_is_tried_again(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("channel_failed", code=45356)
    sandbox.fault("status", path="/Channels/UO", method="POST", status=503)
    click()
    for seconds in (0, 2.5, 0, 5):
        run_due(seconds)
    closing = Closing.objects.get()
    assert closing.kind == Closing.Kind.ORPHAN
    assert closing.closed_at is not None
    assert closing.attempts == 2


def test_a_customer_who_was_silently_left_out_ends_the_row(click: Clicker, sandbox: Sandbox) -> None:
    """80102: Twilio accepts the interaction, and the agent sits alone in it."""
    click()
    run_due()
    Interaction.objects.all().delete()
    sandbox.options(open_conversation="silent")
    row = click(body="Hello")
    for seconds in (0, 2.5, 5, 1):
        run_due(seconds)
    row.refresh_from_db()
    row.message.refresh_from_db()
    assert (row.status, row.error_code, row.error_reason) == (Status.FAILED, 80102, "already_open")
    assert row.message.status == MessageStatus.FAILED
    assert Closing.objects.get().closed_at is not None


def test_a_search_that_does_not_show_what_exists_proves_nothing(click: Clicker, sandbox: Sandbox) -> None:
    """An index that lags for minutes: the look is empty, and so it is for a task that is known to be there."""
    sandbox.fault("status", status=503)
    row = click()
    run_due()
    sandbox.options(search_lag_ms=10_000_000)
    known = click(channel="email")
    run_due(61)
    for _look in range(3):
        run_due(130)
    row.refresh_from_db()
    known.refresh_from_db()
    assert known.status in OPEN
    assert (row.status, row.lookups) == (Status.UNCONFIRMED, 1)


def test_two_workers_never_look_for_the_same_rows_at_once(
    click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.fault("drop_before")
    row = click()
    run_due()
    pass_time(2.5)
    search, others = lookups._search, []

    def search_beside_another(*arguments: Any) -> Any:
        others.append(lookups.look_up(row.account_id))
        return search(*arguments)

    monkeypatch.setattr(lookups, "_search", search_beside_another)
    assert lookups.look_up(row.account_id) == 1
    assert others == [0]


def test_after_a_look_comes_the_account_s_next_row_not_only_the_same(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("drop_before", times=2)
    first, second = click(), click(channel="email")
    run_due()
    pass_time(2.5)
    Interaction.objects.filter(pk=second.pk).update(next_at=from_now(1))
    asked: list[tuple[Any, ...]] = []
    before = jobs.connect(lambda *job: asked.append(job))
    try:
        assert lookups.look_up(first.account_id) == 1
    finally:
        jobs.connect(before)
    [(job, argument, delay)] = asked
    assert (job, argument) == (Job.LOOKUP, str(first.account_id))
    assert 0 < delay < 1.1


def test_the_attempt_that_made_the_task_is_the_one_that_was_accepted(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("drop_before")
    row = click()
    run_due()
    for seconds in (2.5, 130):
        sandbox.fault("drop_after")
        run_due(seconds)
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    assert (row.status in OPEN, row.attempt) == (True, 2)
    assert [attempt.outcome for attempt in row.attempts.order_by("number")] == [Outcome.UNKNOWN, Outcome.ACCEPTED]


def test_a_look_that_failed_is_soon_repeated(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("drop_before")
    row = click()
    run_due()
    sandbox.fault("status", path="/Tasks$", method="GET", status=429, code=20429)
    run_due(2.5)
    row.refresh_from_db()
    assert (row.status, row.lookups) == (Status.UNCONFIRMED, 0)
    assert row.next_at is not None
    assert row.next_at - timezone.now() < timedelta(seconds=1)


def test_a_task_that_was_finished_and_deleted_is_found_in_the_events(click: Clicker, sandbox: Sandbox) -> None:
    sandbox.fault("drop_after")
    row = click()
    run_due()
    [task] = sandbox.state()["tasks"]
    sandbox.options(task_retention_seconds=0)
    sandbox.act(task["sid"], "accept")
    sandbox.act(task["sid"], "complete")
    for seconds in (5, 130):
        run_due(seconds)
    row.refresh_from_db()
    assert row.task_sid == task["sid"]
    assert len(sandbox.interactions) == 1


def test_a_conversation_begun_at_that_time_is_left_to_a_person(
    click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task cannot be found anywhere, but a conversation with the customer can: nothing is sent on a guess."""
    sandbox.fault("drop_after")
    row = click()
    run_due()

    def nothing(*args: Any, **kwargs: Any) -> dict[str, Any]:
        return {}

    gateway = type(gateway_for(row.account))
    monkeypatch.setattr(gateway, "find_tasks", nothing)
    monkeypatch.setattr(gateway, "find_past_tasks", nothing)
    for seconds in (5, 10):
        run_due(seconds)
    # The rows' time is moved, Twilio's is not: the conversation is as old as the click was.
    Interaction.objects.filter(pk=row.pk).update(lookups=2, next_at=from_now(-1))
    monkeypatch.setattr(Conf, "settle_seconds", property(lambda self: 1.0))
    run_due()
    row.refresh_from_db()
    assert row.status == Status.REVIEW
    assert "Flex" in row.error_message


def test_a_row_in_review_is_still_looked_for(click: Clicker, sandbox: Sandbox, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "UNCONFIRMED": "strict"}
    sandbox.options(search_lag_ms=600)
    sandbox.fault("drop_after")
    row = click()
    run_due()
    for seconds in (5, 130):
        run_due(seconds)
    row.refresh_from_db()
    if row.status == Status.REVIEW:
        run_due(901)
        row.refresh_from_db()
    assert row.status in OPEN


def test_a_person_may_name_the_task_that_is_there(in_review: Interaction, sandbox: Sandbox, agent: User) -> None:
    _send_a_second_time(in_review, sandbox)
    [task] = sandbox.state()["tasks"]
    decisions.confirm(in_review, agent, task["sid"])
    run_due()
    in_review.refresh_from_db()
    assert (in_review.status, in_review.task_sid) == (Status.CREATED, task["sid"])


def test_a_task_that_is_not_there_is_told_and_changes_nothing(
    in_review: Interaction, sandbox: Sandbox, agent: User
) -> None:
    decisions.confirm(in_review, agent, "WT" + "0" * 32)
    run_due()
    in_review.refresh_from_db()
    assert in_review.status == Status.REVIEW
    assert "task" in in_review.error_message
    assert in_review.task_sid is None


def test_the_task_of_another_click_is_not_taken(
    in_review: Interaction, click: Clicker, sandbox: Sandbox, agent: User
) -> None:
    other = click(channel="email")
    run_due()
    other.refresh_from_db()
    decisions.confirm(in_review, agent, other.task_sid or "")
    run_due()
    in_review.refresh_from_db()
    assert in_review.status == Status.REVIEW


def test_a_named_task_must_be_one(in_review: Interaction, agent: User) -> None:
    with pytest.raises(InvalidClick) as caught:
        decisions.confirm(in_review, agent, "WT1")
    assert caught.value.field == "task_sid"


def test_sent_again_by_decision_it_is_sent_once(in_review: Interaction, sandbox: Sandbox, agent: User) -> None:
    decisions.retry(in_review, agent)
    run_due()
    in_review.refresh_from_db()
    assert in_review.status == Status.CREATED
    assert len(sandbox.interactions) == 1
