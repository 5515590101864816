"""What the model showed once: each is a trace that led to a loss or a duplicate, and does no more."""

from typing import Any

import pytest

from flex_outbound.gateway.base import TaskState
from flex_outbound.models import Closing, Interaction
from flex_outbound.outbox import attempts, decisions, lookups, polling
from flex_outbound.outbox.clock import from_now
from flex_outbound.statuses import Status
from tests.model.conftest import Stage
from tests.model.flex import Fate, Flex
from tests.model.real import Real, sid
from tests.model.test_conformance import Event, RealSide


def _side(stage: Stage, *, lag: float = 0.0, bindings: bool = True) -> tuple[RealSide, Real]:
    real = stage.set_up(Flex(13.0, 15.0, lag, bindings))
    real.click()
    return RealSide(real, attempts.mark_sent), real


def _row(real: Real, number: int = 1) -> Interaction:
    return Interaction.objects.get(pk=real.row_ids[number])


def _do(side: RealSide, *events: tuple[float, Fate]) -> None:
    for seconds, fate in events:
        side.run([Event("work", int(seconds), fate)])


def test_a_worker_stopped_before_its_fence_is_covered_by_the_settle_time(
    stage: Stage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lag 30 + request 13 + creation 15 ≤ settle 60, and yet two: sent_at at 0, POST at 31, made at 59, seen at 89."""
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "SETTLE_SECONDS": 60}
    side, real = _side(stage, lag=30.0)
    monkeypatch.setattr(attempts, "mark_sent", side.mark_sent)
    side.run([Event("dispatch", fate=Fate.LATE, before_post=(Event("wait", 31),), killed="posted")])
    _do(side, (31, Fate.ANSWERED), (3, Fate.ANSWERED), (3, Fate.ANSWERED))
    assert len(real.flex.made) == 1


def test_the_only_interaction_is_not_closed_as_a_duplicate(stage: Stage) -> None:
    """A 2xx without the task's SID is read after the lease, when the sweep has made the row unconfirmed."""
    side, real = _side(stage)
    real.flex.lag = 100.0
    side.run([Event("dispatch", fate=Fate.PARTIAL, meanwhile=(Event("wait", 46), Event("sweep")))])
    assert _row(real).status == Status.UNCONFIRMED
    assert not Closing.objects.exists()


def test_an_accepted_interaction_is_closed_when_a_person_sends_again(stage: Stage) -> None:
    """Accepted without a task, never found, sent again by decision: the first one is open and nobody knows of it."""
    side, real = _side(stage, lag=10_000.0, bindings=False)
    _do(side, (0, Fate.PARTIAL), (5, Fate.LOST), (130, Fate.LOST))
    assert _row(real).status == Status.REVIEW
    side.run([Event("again")])
    _do(side, (3, Fate.ANSWERED), (3, Fate.ANSWERED))
    assert _row(real).status == Status.ACTIVE
    assert len(real.flex.made) == 2
    assert [one.over for one in real.flex.made] == [True, False]


def test_what_turns_up_after_the_end_is_closed(stage: Stage) -> None:
    """Nothing was found, the agent called it off, then Twilio says that it is there."""
    side, real = _side(stage, lag=10_000.0, bindings=False)
    _do(side, (0, Fate.UNANSWERED), (5, Fate.LOST), (130, Fate.LOST))
    side.run([Event("cancel"), Event("callback")])
    assert _row(real).status == Status.CANCELED
    assert Closing.objects.count() == 1


def test_a_look_that_was_overtaken_does_not_close_the_rows_own(stage: Stage) -> None:
    """Two tasks bear the key; while a look is under way, a callback makes one of them the row's own."""
    side, real = _side(stage)
    _do(side, (0, Fate.UNANSWERED))
    real.flex.post(real.now, 1, 2, Fate.UNANSWERED)
    real.now += 3
    side.run([Event("look", meanwhile=(Event("callback", 1),))])
    assert _row(real).interaction_sid == sid("KD", 2)
    assert set(real.closings()) == {1}


def test_an_outage_of_more_than_an_hour_between_two_looks_does_not_send_again(stage: Stage) -> None:
    """The first look came in time and too early to see; then nobody looks for an hour, and email shows no address."""
    side, real = _side(stage, lag=20.0, bindings=False)
    _do(side, (0, Fate.UNANSWERED), (3, Fate.ANSWERED))
    real.flex.finish(real.flex.made[0], real.now)
    _do(side, (3700, Fate.ANSWERED), (3, Fate.ANSWERED))
    assert len(real.flex.made) == 1


def test_a_task_named_for_two_rows_does_not_stop_the_looks_of_an_account(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task's attributes were rewritten, so it bears no key; a person names it for the wrong click."""
    side, real = _side(stage, lag=10_000.0, bindings=False)
    _do(side, (0, Fate.ANSWERED))
    real.click()
    Interaction.objects.filter(pk=real.row_ids[2]).update(
        status=Status.REVIEW, attempt=1, sent_at=from_now(0), next_at=from_now(0)
    )
    task = TaskState(sid("WT", 1) or "", "assigned", {}, sid("KD", 1), sid("UO", 1), None, None, key="")
    monkeypatch.setattr(real.gateway, "fetch_task", lambda task_sid: task)
    decisions.confirm(_row(real, 2), None, task.task_sid)
    lookups.look_up(real.account.pk)
    assert _row(real, 2).status == Status.REVIEW


def test_a_late_wake_up_for_a_closed_row_does_no_harm(stage: Stage) -> None:
    """Closed within 30 s of its opening, while another click has waited for a second: next_at of a final row."""
    side, real = _side(stage)
    _do(side, (0, Fate.ANSWERED))
    real.flex.finish(real.flex.made[0], real.now)
    side.run([Event("callback")])
    real.click()
    real.now += 2
    polling.poll(real.account.pk)
    assert _row(real).next_at is None
