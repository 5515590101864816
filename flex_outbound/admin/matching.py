"""The page that says which user is which Flex worker: proposals, who is left on both sides, what changed at Twilio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from flex_outbound.admin.pages import Page
from flex_outbound.admin.sites import link_on
from flex_outbound.models import Resource, Worker
from flex_outbound.setup import drift, matching, people

PER_PAGE: Final = 100
MAX_QUERY: Final = 200
TABS: Final[dict[str, Any]] = {
    "proposed": gettext_lazy("Proposed"),
    "workers": gettext_lazy("Workers without a user"),
    "users": gettext_lazy("Users without a worker"),
    "moved": gettext_lazy("Changed at Twilio"),
    "matched": gettext_lazy("Matched"),
}


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


class WorkersPage(Page):
    """Matches workers with users, many at a time. The query has ``tab``, ``q`` (a search) and ``p`` (a page)."""

    route, name = "<path:object_id>/workers/", "workers"
    template = "workers.html"
    title = gettext_lazy("Workers and users")
    permission = "change"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show a page of one tab."""
        return self._show_tab()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Do what ``act`` says: ``accept`` proposals, ``assign`` users by name, ``fix`` what changed at Twilio."""
        acts = {"accept": self._accept, "assign": self._assign, "fix": self._fix}
        act = acts.get(request.POST.get("act", ""))
        if act is None:
            raise Http404
        return act()

    def _accept(self) -> HttpResponseBase:
        """Match the proposals that were ticked. The form names the user that was shown, not only the worker."""
        ticked = self.request.POST.getlist("tick")
        wanted = {sid: self.request.POST.get(f"user-{sid}", "") for sid in ticked}
        users = people.by_pk(wanted.values())
        pairs = {sid: users[pk] for sid, pk in wanted.items() if pk in users}
        errors = {sid: _("This user does not exist any more.") for sid, pk in wanted.items() if pk not in users}
        return self._match_pairs("proposed", pairs, errors, {})

    def _assign(self) -> HttpResponseBase:
        """Match the workers beside which a user name or an email address was typed."""
        typed = {
            name.removeprefix("name-"): text.strip()
            for name, text in self.request.POST.items()
            if name.startswith("name-") and isinstance(text, str) and text.strip()
        }
        pairs, errors = {}, {}
        for sid, text in list(typed.items())[:PER_PAGE]:
            found = people.find(text[:MAX_QUERY])
            if len(found) == 1:
                pairs[sid] = found[0]
            elif found:
                errors[sid] = _("Several users have this name. Enter the user name of one.")
            else:
                errors[sid] = _("There is no user with this name or email address.")
        return self._match_pairs("workers", pairs, errors, typed)

    def _match_pairs(
        self, tab: str, pairs: Mapping[str, Any], errors: dict[str, str], typed: Mapping[str, str]
    ) -> HttpResponseBase:
        if not pairs and not errors:
            self.say(messages.WARNING, _("Nothing was chosen."))
            return self._redirect_to(tab)
        made: list[Worker] = []
        if not errors:
            accepted = matching.accept(self.object, pairs)
            made, errors = accepted.made, accepted.errors
        if errors:
            return self._show_tab(tab, errors, typed)
        for worker in made:
            self.model_admin.log_addition(self.request, worker, [{"added": {}}])
        words = ngettext("%(count)d worker matched.", "%(count)d workers matched.", len(made)) % {"count": len(made)}
        self.model_admin.log_change(self.request, self.object, words)
        self.succeed(words)
        return self._redirect_to(tab)

    def _fix(self) -> HttpResponseBase:
        changed = drift.fix(self.object, set(self.request.POST.getlist("tick")))
        for worker in changed:
            self.model_admin.log_change(self.request, worker, _("Brought in line with Twilio"))
        words = ngettext("%(count)d worker changed.", "%(count)d workers changed.", len(changed))
        self.succeed(words % {"count": len(changed)})
        return self._redirect_to("moved")

    def _show_tab(
        self, tab: str = "", errors: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None
    ) -> HttpResponseBase:
        """Show a tab: the one given, else the one asked for, else the first with work to do."""
        rows = self._rows()
        wanted = tab or self.request.GET.get("tab", "")
        shown = wanted if wanted in rows else next((name for name in ("moved", "proposed") if rows[name]), "workers")
        text = self.request.GET.get("q", "").strip()[:MAX_QUERY]
        page = Paginator(_search(rows[shown], text), PER_PAGE).get_page(self.request.GET.get("p"))
        on_page = list(page.object_list)
        self._mark(on_page, errors or {}, typed or {})
        return self.render(
            status=400 if errors else 200,
            tabs=[(name, label, len(rows[name]), name == shown) for name, label in TABS.items()],
            tab=shown,
            page=page,
            query=text,
            link=urlencode({"tab": shown, "q": text}),
            failed=bool(errors),
            astray={sid: words for sid, words in (errors or {}).items() if sid not in _keys(on_page)},
            is_imported=Resource.objects.filter(account=self.object).exists(),
            stranded=drift.senders_without_queue(self.object) if shown == "moved" else (),
            import_url=self.url_to("import"),
        )

    def _rows(self) -> dict[str, list[Row]]:
        """Return the lines of every tab: the tabs show how many they have."""
        found, moved = matching.matches(self.object), drift.of_workers(self.object)
        mapped = Worker.objects.filter(account=self.object).select_related("user")
        return {
            "proposed": [_proposed(one) for one in found.proposals],
            "workers": [_worker(one) for one in found.workers],
            "users": [Row("", "", one.email, one.label, "") for one in found.users],
            "moved": [_moved(one) for one in moved],
            "matched": [self._matched(one) for one in mapped],
        }

    def _mark(self, rows: list[Row], errors: Mapping[str, str], typed: Mapping[str, str]) -> None:
        """Put the errors of a form beside its lines, and what was ticked and typed back into them."""
        ticked = self.request.POST.getlist("tick")
        for row in rows:
            row.error = errors.get(row.key, "")
            row.typed = typed.get(row.key, "")
            row.ticked = row.ticked and (not errors or bool(row.error) or row.key in ticked)

    def _matched(self, worker: Worker) -> Row:
        url = link_on(self.model_admin.admin_site, "worker_change", worker.pk)
        state = "" if worker.is_active else _("switched off")
        return Row("", worker.friendly_name or worker.worker_sid, state, people.person(worker.user).label, "", url=url)

    def _redirect_to(self, tab: str) -> HttpResponseBase:
        return self.redirect(f"{self.request.path}?{urlencode({'tab': tab})}")


def _proposed(one: matching.Proposal) -> Row:
    row = _worker(one.worker)
    row.user, row.why, row.url = one.user.label, str(one.why), str(one.user.pk)
    return row


def _worker(one: Resource) -> Row:
    known = [str(one.details.get(name, "")) for name in ("full_name", "email")]
    return Row(one.sid, one.name or one.sid, ", ".join(text for text in known if text and text != one.name), "", "")


def _moved(one: drift.WorkerDrift) -> Row:
    name = one.worker.friendly_name or one.worker.worker_sid
    return Row(one.key, name, one.words, people.person(one.worker.user).label, one.remedy)


def _search(rows: Sequence[Row], text: str) -> Sequence[Row]:
    if not text:
        return rows
    wanted = text.casefold()
    return [row for row in rows if wanted in f"{row.worker} {row.hint} {row.user}".casefold()]


def _keys(rows: Sequence[Row]) -> set[str]:
    return {row.key for row in rows}
