"""Broker and workers. Only ``broker`` and ``tasks`` import Celery, so the caller passes its functions in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound.setup.doctor.results import Check, CheckResult, Level

BROKER_SECONDS: Final = 3
WORKER_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True)
class Celery:
    """The functions of ``broker`` that ask Celery; see there."""

    app: Callable[[], str | None]
    ask_broker: Callable[[int], str]
    ask_workers: Callable[[float], dict[str, list[str]]]
    queue: Callable[[], str]


def checks(celery: Celery) -> list[Check]:
    """Return the checks of broker and workers."""
    remedy = _("Start the broker, and check CELERY_BROKER_URL and the network. Clicks are kept meanwhile.")
    return [Check("broker", partial(check, celery), remedy)]


def check(celery: Celery) -> Iterator[CheckResult]:
    """Connect to the broker; then ask which workers there are."""
    if celery.app() is None:
        remedy = _("Create mycrm/celery.py and import its app in mycrm/__init__.py, as Celery's guide for Django says.")
        yield CheckResult("broker", Level.ERROR, _("The project has no Celery app."), remedy)
        return
    yield CheckResult("broker", Level.OK, _("%(address)s answers.") % {"address": celery.ask_broker(BROKER_SECONDS)})
    yield _workers(celery.ask_workers(WORKER_SECONDS), celery.queue())


def _workers(queues: dict[str, list[str]], ours: str) -> CheckResult:
    if not queues:
        remedy = _("Start one: `celery -A mycrm worker`. One that is busy with a long job does not answer either.")
        return CheckResult("workers", Level.ERROR, _("No worker answers."), remedy)
    takers = [name for name, taken in queues.items() if ours in taken]
    if not takers:
        return CheckResult(
            "workers",
            Level.ERROR,
            _("Workers answer, but none of them takes jobs from the queue %(queue)s.") % {"queue": ours},
            _("Start one with `--queues %(queue)s`, or change CELERY_QUEUE.") % {"queue": ours},
        )
    words = ngettext(
        "%(count)d worker takes jobs from the queue %(queue)s.",
        "%(count)d workers take jobs from the queue %(queue)s.",
        len(takers),
    )
    return CheckResult("workers", Level.OK, words % {"count": len(takers), "queue": ours})
