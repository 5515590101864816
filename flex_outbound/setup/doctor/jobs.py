"""Broker and workers. Only ``broker`` and ``tasks`` import Celery, so the caller passes its functions in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.conf import settings
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
    queues: Callable[[], dict[str, list[str]]]
    is_eager: Callable[[], bool]


def checks(celery: Celery) -> list[Check]:
    """Return the checks of broker and workers."""
    remedy = _("Start the broker, and check CELERY_BROKER_URL and the network. Clicks are kept meanwhile.")
    return [Check("broker", partial(check, celery), remedy)]


def check(celery: Celery) -> Iterator[CheckResult]:
    """Connect to the broker; then ask which workers there are, and whether our jobs come to one of them."""
    if celery.app() is None:
        remedy = _("Create mycrm/celery.py and import its app in mycrm/__init__.py, as Celery's guide for Django says.")
        yield CheckResult("broker", Level.ERROR, _("The project has no Celery app."), remedy)
        return
    if celery.is_eager():
        yield _eager()
        return
    yield CheckResult("broker", Level.OK, _("%(address)s answers.") % {"address": celery.ask_broker(BROKER_SECONDS)})
    yield from _workers(celery.ask_workers(WORKER_SECONDS), celery.queues())


def _eager() -> CheckResult:
    """Neither broker nor workers are used then, so neither is asked."""
    words = _("Celery runs every job at once, in the process that asks for it (CELERY_TASK_ALWAYS_EAGER).")
    if settings.DEBUG:
        return CheckResult("workers", Level.OK, words)
    remedy = _("Each click waits for Twilio then. Take the setting out, and start a broker and a worker.")
    return CheckResult("workers", Level.WARNING, words, remedy)


def _workers(taken: dict[str, list[str]], ours: dict[str, list[str]]) -> Iterator[CheckResult]:
    """``taken``: the queues of each worker; ``ours``: the tasks of each queue that we need."""
    if "" in ours:
        yield CheckResult(
            "workers",
            Level.ERROR,
            _("Celery cannot send %(tasks)s: their queue is not among CELERY_TASK_QUEUES.")
            % {"tasks": _listed(ours[""])},
            _("Add the queue there, or change CELERY_QUEUE or CELERY_TASK_ROUTES."),
        )
    if not taken:
        remedy = _("Start one: `celery -A mycrm worker`. One that is busy with a long job does not answer either.")
        yield CheckResult("workers", Level.ERROR, _("No worker answers."), remedy)
        return
    # In the order of their names, and alone where it lacks a worker: each is mended by itself.
    named = sorted(filter(None, ours))
    takers = {queue: [name for name, queues in taken.items() if queue in queues] for queue in named}
    for queue in named:
        if not takers[queue]:
            yield _nobody_takes(queue, ours[queue])
    served = [queue for queue in named if takers[queue]]
    if served:
        yield _served(served, {name for queue in served for name in takers[queue]})


def _nobody_takes(queue: str, tasks: list[str]) -> CheckResult:
    return CheckResult(
        "workers",
        Level.ERROR,
        _("Workers answer, but none of them takes jobs from the queue %(queue)s: %(tasks)s.")
        % {"queue": queue, "tasks": _listed(tasks)},
        _("Start one with `--queues %(queue)s`, or change CELERY_QUEUE or CELERY_TASK_ROUTES.") % {"queue": queue},
    )


def _served(queues: list[str], workers: set[str]) -> CheckResult:
    words = ngettext(
        "%(count)d worker takes jobs from %(queues)s.",
        "%(count)d workers take jobs from %(queues)s.",
        len(workers),
    )
    return CheckResult("workers", Level.OK, words % {"count": len(workers), "queues": ", ".join(queues)})


def _listed(tasks: list[str]) -> str:
    return ", ".join(task.rpartition(".")[2] for task in tasks)
