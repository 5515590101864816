"""A check, its results, and how many checks run side by side within a bounded time."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import DatabaseError, connections
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models.setup import carry_tenant
from flex_outbound.problems import explain


class Level(StrEnum):
    """How bad a result is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the doctor's report.

    ``part``: a stable name for programs. ``summary``: what was found. ``remedy``: what to do, "" where nothing has to
    be done. ``account``: the name of the account that it is about, "" where it is about none.
    """

    part: str
    level: Level
    summary: str
    remedy: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """``run`` yields results one by one; ``remedy`` is for the case that it raises an error or does not return."""

    part: str
    run: Callable[[], Iterable[CheckResult]]
    remedy: str
    account: str = ""


@dataclass(slots=True)
class _Run:
    check: Check
    results: list[CheckResult] = field(default_factory=list)
    is_done: bool = False

    def collect(self, language: str | None, enter_tenant: Callable[[], None]) -> None:
        """Keep what the check yields. Raises nothing: an error is a result."""
        try:
            enter_tenant()
            with override(language):
                self.results.extend(self.check.run())
        except Exception as error:
            self.results.append(_broken(self.check, error))
        finally:
            connections.close_all()
            self.is_done = True


def run_all(checks: Sequence[Check], seconds: float) -> list[CheckResult]:
    """Run all checks side by side, each in a thread of its own. Returns the results in the order of the checks.

    A check that has not ended after ``seconds`` is an error. Its thread is a daemon and ends with the process.
    """
    runs = [_Run(check) for check in checks]
    here = (get_language(), carry_tenant())
    threads = [threading.Thread(target=copy_context().run, args=(one.collect, *here), daemon=True) for one in runs]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [result for one in runs for result in _results(one, seconds)]


def _results(run: _Run, seconds: float) -> list[CheckResult]:
    if run.is_done:
        return run.results
    check = run.check
    late = _("No answer within %(seconds)d seconds.") % {"seconds": seconds}
    return [*run.results, CheckResult(check.part, Level.ERROR, late, check.remedy, check.account)]


def _broken(check: Check, error: Exception) -> CheckResult:
    if isinstance(error, FlexOutboundError):
        problem = explain(error)
        return CheckResult(check.part, Level.ERROR, problem.summary, problem.remedy, check.account)
    # Only the type: clients of databases and brokers put addresses with passwords into their messages.
    name = type(error.__cause__ or error).__name__ if isinstance(error, DatabaseError) else type(error).__name__
    summary = _("It does not answer (%(error)s).") % {"error": name}
    return CheckResult(check.part, Level.ERROR, summary, check.remedy, check.account)
