"""What a part answers, and how many are asked at once within bounded time."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import DatabaseError, connections
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.problems import explain


class Tone(StrEnum):
    """Green, yellow, red."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Answer:
    """One line. ``part``: stable for programs; ``todo``: the remedy, "" where all is well; ``account``: its name."""

    part: str
    tone: Tone
    what: str
    todo: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """``ask`` yields answers one by one; ``todo`` is the remedy where it breaks off or does not come back."""

    part: str
    ask: Callable[[], Iterable[Answer]]
    todo: str
    account: str = ""


@dataclass(slots=True)
class _Asked:
    question: Question
    answers: list[Answer] = field(default_factory=list)
    is_done: bool = False

    def run(self, language: str | None) -> None:
        """Collect the answers. Raises nothing: a part that breaks is a part that is broken."""
        try:
            with override(language):
                self.answers.extend(self.question.ask())
        except Exception as error:
            self.answers.append(_broken(self.question, error))
        finally:
            connections.close_all()
            self.is_done = True


def ask_all(questions: Sequence[Question], seconds: float) -> list[Answer]:
    """Ask all questions at once, each in a thread of its own, and return the answers in the questions' order.

    Who has not answered after ``seconds`` is left behind and is an error; such a thread dies with the process.
    """
    asked = [_Asked(question) for question in questions]
    threads = [threading.Thread(target=one.run, args=(get_language(),), daemon=True) for one in asked]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [answer for one in asked for answer in _answers(one, seconds)]


def _answers(asked: _Asked, seconds: float) -> list[Answer]:
    if asked.is_done:
        return asked.answers
    question = asked.question
    late = _("No answer within %(seconds)d seconds.") % {"seconds": seconds}
    return [*asked.answers, Answer(question.part, Tone.ERROR, late, question.todo, question.account)]


def _broken(question: Question, error: Exception) -> Answer:
    if isinstance(error, FlexOutboundError):
        problem = explain(error)
        return Answer(question.part, Tone.ERROR, problem.summary, problem.remedy, question.account)
    # The words of the clients of databases and brokers hold addresses with passwords: the type has to do.
    name = type(error.__cause__ or error).__name__ if isinstance(error, DatabaseError) else type(error).__name__
    what = _("It does not answer (%(error)s).") % {"error": name}
    return Answer(question.part, Tone.ERROR, what, question.todo, question.account)
