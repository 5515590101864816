"""One job of a kind works for an account at a time, and none that comes meanwhile is forgotten."""

from typing import Any

import pytest

from flex_outbound.broker import Turnstile
from flex_outbound.outbox.jobs import Job


def test_a_job_that_comes_meanwhile_leaves_its_work_to_the_one_at_it() -> None:
    turnstile, worked = Turnstile(), []

    def work(account_id: int) -> None:
        worked.append(account_id)
        if len(worked) == 1:
            turnstile.run(Job.POLL, "7", work)
            turnstile.run(Job.POLL, "8", work)

    turnstile.run(Job.POLL, "7", work)
    assert worked == [7, 8, 7]


def test_a_job_that_comes_when_the_other_leaves_works_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the last look whether somebody came and the leaving there is no moment in which a job gets lost."""
    turnstile, worked = Turnstile(), []
    goes_on = turnstile._goes_on

    def come_right_after(key: Any) -> bool:
        answer = goes_on(key)
        if len(worked) == 1:
            turnstile.run(Job.POLL, "7", worked.append)
        return answer

    monkeypatch.setattr(turnstile, "_goes_on", come_right_after)
    turnstile.run(Job.POLL, "7", worked.append)
    assert worked == [7, 7]


def test_a_job_that_fails_leaves_its_place() -> None:
    turnstile, worked = Turnstile(), []

    def fail(account_id: int) -> None:
        raise ValueError

    with pytest.raises(ValueError):
        turnstile.run(Job.POLL, "7", fail)
    turnstile.run(Job.POLL, "7", worked.append)
    assert worked == [7]
