"""The examination comes to its end, whatever a part does, and gives nothing away."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.test import override_settings

from flex_outbound.exceptions import ConfigurationError, Refused
from flex_outbound.setup.doctor import jobs
from flex_outbound.setup.doctor.results import Check, CheckResult, Level, run_all

WELL = CheckResult("well", Level.OK, "It answers.")


def asking(*, first: CheckResult | None = None, error: Exception | None = None, wait: float = 0.0) -> Check:
    def ask() -> Iterator[CheckResult]:
        if first:
            yield first
        if wait:
            time.sleep(wait)
        if error:
            raise error

    return Check("part", ask, "Fix it.", "Account")


def test_answers_come_in_the_order_of_the_questions() -> None:
    late = CheckResult("late", Level.WARNING, "Late.")
    assert run_all([asking(wait=0.05), Check("late", lambda: [late], ""), asking(first=WELL)], 5) == [late, WELL]


def test_a_part_that_never_answers_holds_nobody_up() -> None:
    before, threads = time.monotonic(), set(threading.enumerate())
    results = run_all([asking(first=WELL, wait=30), Check("b", lambda: [WELL], "")], 0.2)
    assert time.monotonic() - before < 20
    assert results == [
        WELL,
        CheckResult("part", Level.ERROR, "No answer within 0 seconds.", "Fix it.", "Account"),
        WELL,
    ]
    assert all(thread.daemon for thread in threading.enumerate() if thread not in threads)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError("password=hunter2 for host db.example.com"), "OperationalError"),
        (ConnectionError("redis://:hunter2@127.0.0.1"), "ConnectionError"),
        (RuntimeError("hunter2"), "RuntimeError"),
    ],
)
def test_a_part_that_breaks_is_a_red_line_without_its_words(error: Exception, said: str) -> None:
    first, second = run_all([asking(first=WELL, error=error)], 5)
    assert first == WELL
    assert (second.level, second.remedy, second.account) == (Level.ERROR, "Fix it.", "Account")
    assert said in second.summary
    assert "hunter2" not in repr(second)


def test_twilio_s_refusal_is_said_in_words() -> None:
    (result,) = run_all([asking(error=Refused("no", reason="not_set_up", http_status=401))], 5)
    assert result.summary == "Twilio does not accept these credentials."
    (result,) = run_all([asking(error=ConfigurationError("Enter the key."))], 5)
    assert result.remedy == "Enter the key."


def asked(
    queues: dict[str, list[str]],
    app: str | None = "mycrm",
    ours: dict[str, list[str]] | None = None,
    eager: bool = False,
) -> list[CheckResult]:
    celery = jobs.Celery(
        lambda: app,
        lambda seconds: "redis://127.0.0.1:6379/0",
        lambda seconds: queues,
        lambda: ours or {"flex": ["flex_outbound.tasks.dispatch"]},
        lambda: eager,
    )
    results = list(jobs.check(celery))
    assert all(result.remedy for result in results if result.level != Level.OK)
    return results


def told(queues: dict[str, list[str]], app: str | None = "mycrm") -> list[tuple[str, Level]]:
    return [(result.part, result.level) for result in asked(queues, app)]


def test_workers_have_to_take_from_our_queue() -> None:
    well = ("broker", Level.OK)
    assert told({"a@one": ["celery"], "b@two": ["celery", "flex"]}) == [well, ("workers", Level.OK)]
    assert told({"a@one": ["celery"]}) == [well, ("workers", Level.ERROR)]
    assert told({}) == [well, ("workers", Level.ERROR)]
    assert told({}, app=None) == [("broker", Level.ERROR)]


def test_each_queue_of_ours_needs_a_worker() -> None:
    ours = {"celery": ["flex_outbound.tasks.poll"], "fast": ["flex_outbound.tasks.dispatch"]}
    _broker, missing, served = asked({"a@one": ["celery"]}, ours=ours)
    assert (missing.level, served.level) == (Level.ERROR, Level.OK)
    assert "fast: dispatch" in missing.summary
    assert "celery" in served.summary


def test_a_queue_that_celery_does_not_know_is_said() -> None:
    ours = {"": ["flex_outbound.tasks.dispatch"], "celery": ["flex_outbound.tasks.poll"]}
    _broker, unknown, _served = asked({"a@one": ["celery"]}, ours=ours)
    assert (unknown.part, unknown.level) == ("workers", Level.ERROR)
    assert "dispatch" in unknown.summary


@pytest.mark.parametrize(("debug", "level"), [(True, Level.OK), (False, Level.WARNING)])
def test_eager_jobs_need_neither_broker_nor_worker(debug: bool, level: Level) -> None:
    with override_settings(DEBUG=debug):
        (result,) = asked({}, eager=True)
    assert result.level == level
    assert "CELERY_TASK_ALWAYS_EAGER" in result.summary


def test_a_broker_that_is_down_is_said_once() -> None:
    def down(seconds: int) -> str:
        raise ConnectionRefusedError

    celery = jobs.Celery(lambda: "mycrm", down, lambda seconds: pytest.fail("asked"), dict, lambda: False)
    (result,) = run_all(jobs.checks(celery), 5)
    assert (result.part, result.level) == ("broker", Level.ERROR)
    assert "Start the broker" in result.remedy
