"""The page of an account's workers and who they are here: proposals, what is left on both sides, what moved."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from flex_outbound.models import Account, Resource, Worker
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
    """One line of the page, whatever its tab. ``key`` names its tick."""

    key: str
    worker: str
    hint: str
    user: str
    why: str
    ticked: bool = True
    error: str = ""
    typed: str = ""
    url: str = ""


class MatchingPage(admin.ModelAdmin):
    """An admin of accounts with the page that says who is which worker."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        view = self.admin_site.admin_view(self.workers_view)
        return [path("<path:object_id>/workers/", view, name="flex_outbound_account_workers"), *super().get_urls()]

    def workers_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """GET: one tab, a page of it. POST: ``act`` accept (proposals), assign (by name) or mend (what moved)."""
        account: Account | None = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        if account is None:
            raise Http404
        if request.method != "POST":
            return self._tab(request, account)
        acts: dict[str, Callable[[HttpRequest, Account], HttpResponseBase]] = {
            "accept": self._accept,
            "assign": self._assign,
            "mend": self._bring_in_line,
        }
        act = acts.get(request.POST.get("act", ""))
        if act is None:
            raise Http404
        return act(request, account)

    def _accept(self, request: HttpRequest, account: Account) -> HttpResponseBase:
        """Take the proposals that were ticked, as they were shown: the user stands in the form."""
        ticked = request.POST.getlist("tick")
        wanted = {sid: request.POST.get(f"user-{sid}", "") for sid in ticked}
        users = people.by_pk(wanted.values())
        pairs = {sid: users[pk] for sid, pk in wanted.items() if pk in users}
        errors = {sid: _("This user does not exist any more.") for sid, pk in wanted.items() if pk not in users}
        return self._match_pairs(request, account, "proposed", pairs, errors, {})

    def _assign(self, request: HttpRequest, account: Account) -> HttpResponseBase:
        """Take the user names and addresses that were typed beside workers."""
        typed = {
            name.removeprefix("name-"): text.strip()
            for name, text in request.POST.items()
            if name.startswith("name-") and isinstance(text, str) and text.strip()
        }
        pairs, errors = {}, {}
        for sid, text in list(typed.items())[:PER_PAGE]:
            found = people.find(text[:MAX_QUERY])
            if len(found) == 1:
                pairs[sid] = found[0]
            elif found:
                errors[sid] = _("Several users are called so. Enter the user name of one.")
            else:
                errors[sid] = _("There is no user of this name or email address.")
        return self._match_pairs(request, account, "workers", pairs, errors, typed)

    def _match_pairs(
        self,
        request: HttpRequest,
        account: Account,
        tab: str,
        pairs: Mapping[str, Any],
        errors: dict[str, str],
        typed: Mapping[str, str],
    ) -> HttpResponseBase:
        if not pairs and not errors:
            self.message_user(request, _("Nothing was chosen."), messages.WARNING)
            return HttpResponseRedirect(self._workers_url(account, tab))
        made: list[Worker] = []
        if not errors:
            accepted = matching.accept(account, pairs)
            made, errors = accepted.made, accepted.errors
        if errors:
            return self._tab(request, account, tab, errors, typed)
        for worker in made:
            self.log_addition(request, worker, [{"added": {}}])
        words = ngettext("%(count)d worker matched.", "%(count)d workers matched.", len(made)) % {"count": len(made)}
        self.log_change(request, account, words)
        self.message_user(request, words, messages.SUCCESS)
        return HttpResponseRedirect(self._workers_url(account, tab))

    def _bring_in_line(self, request: HttpRequest, account: Account) -> HttpResponseBase:
        changed = drift.fix(account, set(request.POST.getlist("tick")))
        for worker in changed:
            self.log_change(request, worker, _("Brought in line with Twilio"))
        words = ngettext("%(count)d worker changed.", "%(count)d workers changed.", len(changed))
        self.message_user(request, words % {"count": len(changed)}, messages.SUCCESS)
        return HttpResponseRedirect(self._workers_url(account, "moved"))

    def _tab(
        self,
        request: HttpRequest,
        account: Account,
        tab: str = "",
        errors: Mapping[str, str] | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> TemplateResponse:
        found, moved = matching.matches(account), drift.of_workers(account)
        mapped = list(Worker.objects.filter(account=account).select_related("user"))
        rows: dict[str, list[Row]] = {
            "proposed": [_proposed(one) for one in found.proposals],
            "workers": [_worker(one) for one in found.workers],
            "users": [Row("", "", one.email, one.label, "") for one in found.users],
            "moved": [_moved(one) for one in moved],
            "matched": [self._matched(one) for one in mapped],
        }
        wanted = tab or request.GET.get("tab", "")
        shown = wanted if wanted in rows else next((name for name in ("moved", "proposed") if rows[name]), "workers")
        text = request.GET.get("q", "").strip()[:MAX_QUERY]
        page = Paginator(_search(rows[shown], text), PER_PAGE).get_page(request.GET.get("p"))
        shown_rows = list(page.object_list)
        for row in shown_rows:
            row.error = (errors or {}).get(row.key, "")
            row.typed = (typed or {}).get(row.key, "")
            row.ticked = row.ticked and (not errors or bool(row.error) or row.key in request.POST.getlist("tick"))
        return self._render_tab(
            request,
            account,
            {
                "tabs": [(name, label, len(rows[name]), name == shown) for name, label in TABS.items()],
                "tab": shown,
                "page": page,
                "query": text,
                "link": urlencode({"tab": shown, "q": text}),
                "failed": bool(errors),
                "astray": {sid: words for sid, words in (errors or {}).items() if sid not in _keys(shown_rows)},
                "looked": Resource.objects.filter(account=account).exists(),
                "stranded": drift.senders_without_queue(account) if shown == "moved" else (),
            },
            status=400 if errors else 200,
        )

    def _matched(self, worker: Worker) -> Row:
        url = reverse(f"{self.admin_site.name}:flex_outbound_worker_change", args=[quote(worker.pk)])
        state = "" if worker.is_active else _("switched off")
        return Row("", worker.friendly_name or worker.worker_sid, state, people.person(worker.user).label, "", url=url)

    def _render_tab(
        self, request: HttpRequest, account: Account, more: Mapping[str, object], status: int
    ) -> TemplateResponse:
        name = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Workers and users"),
            "subtitle": str(account),
            "opts": self.opts,
            "media": self.media,
            "account": account,
            "back": reverse(f"{name}:flex_outbound_account_change", args=[quote(account.pk)]),
            "here": reverse(f"{name}:flex_outbound_account_workers", args=[quote(account.pk)]),
            "import_url": reverse(f"{name}:flex_outbound_account_import", args=[quote(account.pk)]),
            **more,
        }
        return TemplateResponse(request, "admin/flex_outbound/account/workers.html", context, status=status)

    def _workers_url(self, account: Account, tab: str) -> str:
        here = reverse(f"{self.admin_site.name}:flex_outbound_account_workers", args=[quote(account.pk)])
        return f"{here}?{urlencode({'tab': tab})}"


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
