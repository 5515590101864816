"""The lines of the page *Workers and users*: what each tab lists, how it is searched, and how a line reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.admin.sites import link_on
from flex_outbound.models import Account, Resource, Worker
from flex_outbound.setup import drift, matching, people, permissions

TABS: Final[dict[str, Any]] = {
    "proposed": gettext_lazy("Suggested matches"),
    "workers": gettext_lazy("Workers without a user"),
    "users": gettext_lazy("Users without a worker"),
    "moved": gettext_lazy("Changed at Twilio"),
    "lacking": gettext_lazy("Without permission"),
    "matched": gettext_lazy("Matched"),
}
FIRST: Final = ("moved", "proposed", "lacking")
"""Tabs with work to do: the first of them that has lines is shown where none was asked for."""


@dataclass(slots=True)
class Row:
    """One line of the page, in any of its tabs. ``key``: the value of its checkbox."""

    key: str
    worker: str
    hint: str
    user: str
    why: str
    ticked: bool = True
    error: str = ""
    typed: str = ""
    url: str = ""


class Tabs:
    """What the tabs of an account have. Suggestions and workers are few; of users only a page is ever read."""

    def __init__(self, account: Account, site: Any) -> None:
        self._site = site
        found = matching.matches(account)
        workers = Worker.objects.filter(account=account).select_related("user")
        self._lists: dict[str, Any] = {
            "proposed": found.proposals,
            "workers": found.workers,
            "users": found.users,
            "moved": drift.of_workers(account),
            "lacking": permissions.lacking(account),
            "matched": workers,
        }
        self.counts = {name: _count(several) for name, several in self._lists.items()}

    def first(self) -> str:
        """Return the tab to show where none was asked for."""
        return next((name for name in FIRST if self.counts[name]), "workers")

    def lines(self, tab: str, text: str) -> Any:
        """Return what a tab lists, as far as it fits a search: a query set or a list."""
        several = self._lists[tab]
        if not text:
            return several
        if tab == "users":
            return people.search(several, text)
        if tab in ("lacking", "matched"):
            return _search_workers(several, text)
        wanted = text.casefold()
        rows = zip(several, self.rows(tab, several), strict=True)
        return [one for one, row in rows if wanted in f"{row.worker} {row.hint} {row.user}".casefold()]

    def rows(self, tab: str, lines: Sequence[Any]) -> list[Row]:
        """Return lines of a tab as the page shows them."""
        makers: dict[str, Callable[[Any], Row]] = {
            "proposed": _proposed,
            "workers": _worker,
            "users": _user,
            "moved": _moved,
            "lacking": self._lacking,
            "matched": self._matched,
        }
        return [makers[tab](one) for one in lines]

    def _matched(self, worker: Worker) -> Row:
        url = link_on(self._site, "worker_change", worker.pk)
        state = "" if worker.is_active else _("switched off")
        return Row("", worker.friendly_name or worker.worker_sid, state, people.person(worker.user).label, "", url=url)

    def _lacking(self, worker: Worker) -> Row:
        row = self._matched(worker)
        row.key, row.why = str(worker.pk), _("may not open conversations yet")
        return row


def _count(several: Any) -> int:
    return len(several) if isinstance(several, list) else int(several.count())


def _search_workers(workers: Any, text: str) -> Any:
    for word in text.replace("\0", "").split():
        of_worker = Q(friendly_name__icontains=word) | Q(worker_sid__icontains=word)
        workers = workers.filter(of_worker | people.matching(word, "user__"))
    return workers


def _proposed(one: matching.Proposal) -> Row:
    row = _worker(one.worker)
    row.user, row.why, row.url = one.user.label, str(one.why), str(one.user.pk)
    return row


def _worker(one: Resource) -> Row:
    known = [str(one.details.get(name, "")) for name in ("full_name", "email")]
    return Row(one.sid, one.name or one.sid, ", ".join(text for text in known if text and text != one.name), "", "")


def _user(one: Any) -> Row:
    known = people.person(one)
    return Row("", "", known.email, known.label, "")


def _moved(one: drift.WorkerDrift) -> Row:
    name = one.worker.friendly_name or one.worker.worker_sid
    return Row(one.key, name, one.words, people.person(one.worker.user).label, one.remedy)
