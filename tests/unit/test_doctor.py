"""The examination comes to its end, whatever a part does, and gives nothing away."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError

from flex_outbound.exceptions import ConfigurationError, Refused
from flex_outbound.setup.doctor import jobs
from flex_outbound.setup.doctor.results import Answer, Question, Tone, ask_all

WELL = Answer("well", Tone.OK, "It answers.")


def asking(*, first: Answer | None = None, error: Exception | None = None, wait: float = 0.0) -> Question:
    def ask() -> Iterator[Answer]:
        if first:
            yield first
        if wait:
            time.sleep(wait)
        if error:
            raise error

    return Question("part", ask, "Mend it.", "Account")


def test_answers_come_in_the_order_of_the_questions() -> None:
    late = Answer("late", Tone.WARNING, "Late.")
    assert ask_all([asking(wait=0.05), Question("late", lambda: [late], ""), asking(first=WELL)], 5) == [late, WELL]


def test_a_part_that_never_answers_holds_nobody_up() -> None:
    before = time.monotonic()
    answers = ask_all([asking(first=WELL, wait=30), Question("b", lambda: [WELL], "")], 0.2)
    assert time.monotonic() - before < 20
    assert answers == [WELL, Answer("part", Tone.ERROR, "No answer within 0 seconds.", "Mend it.", "Account"), WELL]
    assert all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError("password=hunter2 for host db.example.com"), "OperationalError"),
        (ConnectionError("redis://:hunter2@127.0.0.1"), "ConnectionError"),
        (RuntimeError("hunter2"), "RuntimeError"),
    ],
)
def test_a_part_that_breaks_is_a_red_line_without_its_words(error: Exception, said: str) -> None:
    first, second = ask_all([asking(first=WELL, error=error)], 5)
    assert first == WELL
    assert (second.tone, second.todo, second.account) == (Tone.ERROR, "Mend it.", "Account")
    assert said in second.what
    assert "hunter2" not in repr(second)


def test_twilio_s_refusal_is_said_in_words() -> None:
    (answer,) = ask_all([asking(error=Refused("no", reason="not_set_up", http_status=401))], 5)
    assert answer.what == "Twilio does not accept these credentials."
    (answer,) = ask_all([asking(error=ConfigurationError("Enter the key."))], 5)
    assert answer.todo == "Enter the key."


def told(queues: dict[str, list[str]], app: str | None = "mycrm") -> list[tuple[str, Tone]]:
    celery = jobs.Celery(
        lambda: app, lambda seconds: "redis://127.0.0.1:6379/0", lambda seconds: queues, lambda: "flex"
    )
    answers = list(jobs.ask(celery))
    assert all(answer.todo for answer in answers if answer.tone != Tone.OK)
    return [(answer.part, answer.tone) for answer in answers]


def test_workers_have_to_take_from_our_queue() -> None:
    well = ("broker", Tone.OK)
    assert told({"a@one": ["celery"], "b@two": ["celery", "flex"]}) == [well, ("workers", Tone.OK)]
    assert told({"a@one": ["celery"]}) == [well, ("workers", Tone.ERROR)]
    assert told({}) == [well, ("workers", Tone.ERROR)]
    assert told({}, app=None) == [("broker", Tone.ERROR)]


def test_a_broker_that_is_down_is_said_once() -> None:
    def down(seconds: int) -> str:
        raise ConnectionRefusedError

    celery = jobs.Celery(lambda: "mycrm", down, lambda seconds: pytest.fail("asked"), lambda: "celery")
    (answer,) = ask_all(jobs.questions(celery), 5)
    assert (answer.part, answer.tone) == ("broker", Tone.ERROR)
    assert "Start the broker" in answer.todo
