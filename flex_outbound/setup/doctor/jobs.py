"""Broker and workers. Celery itself is known to ``tasks`` alone, so whoever calls brings what asks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound.setup.doctor.results import Answer, Question, Tone

BROKER_SECONDS: Final = 3
WORKER_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True)
class Celery:
    """What ``tasks`` can ask; see there."""

    app: Callable[[], str | None]
    ask_broker: Callable[[int], str]
    ask_workers: Callable[[float], dict[str, list[str]]]
    queue: Callable[[], str]


def questions(celery: Celery) -> list[Question]:
    """Return the questions about jobs."""
    todo = _("Start the broker, and check CELERY_BROKER_URL and the network. Clicks are kept meanwhile.")
    return [Question("broker", partial(ask, celery), todo)]


def ask(celery: Celery) -> Iterator[Answer]:
    """Connect to the broker; then ask who works for it."""
    if celery.app() is None:
        todo = _("Make mycrm/celery.py and import its app in mycrm/__init__.py, as Celery's guide for Django says.")
        yield Answer("broker", Tone.ERROR, _("The project has no Celery app."), todo)
        return
    yield Answer("broker", Tone.OK, _("%(address)s answers.") % {"address": celery.ask_broker(BROKER_SECONDS)})
    yield _workers(celery.ask_workers(WORKER_SECONDS), celery.queue())


def _workers(queues: dict[str, list[str]], ours: str) -> Answer:
    if not queues:
        todo = _("Start one: `celery -A mycrm worker`. One that is busy with a single long job does not answer either.")
        return Answer("workers", Tone.ERROR, _("No worker answers."), todo)
    takers = [name for name, taken in queues.items() if ours in taken]
    if not takers:
        return Answer(
            "workers",
            Tone.ERROR,
            _("Workers answer, but none of them takes jobs from the queue %(queue)s.") % {"queue": ours},
            _("Start one with `--queues %(queue)s`, or change CELERY_QUEUE.") % {"queue": ours},
        )
    words = ngettext(
        "%(count)d worker takes jobs from the queue %(queue)s.",
        "%(count)d workers take jobs from the queue %(queue)s.",
        len(takers),
    )
    return Answer("workers", Tone.OK, words % {"count": len(takers), "queue": ours})
