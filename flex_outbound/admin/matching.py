"""The page that says which user is which Flex worker: suggestions, who is left on both sides, what changed at Twilio.

It also shows which of the matched users may not open conversations yet, and lets them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from flex_outbound.admin.matching_rows import TABS, Row, Tabs
from flex_outbound.admin.pages import Page
from flex_outbound.models import Resource, Worker
from flex_outbound.roles import AGENTS
from flex_outbound.setup import drift, matching, people, permissions

PER_PAGE: Final = 100
MAX_QUERY: Final = 200


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
        """Do what ``act`` says.

        ``accept`` suggestions, ``assign`` users by name, ``fix`` what changed at Twilio, ``grant`` the permission.
        """
        acts = {"accept": self._accept, "assign": self._assign, "fix": self._fix, "grant": self._grant}
        act = acts.get(request.POST.get("act", ""))
        if act is None:
            raise Http404
        return act()

    def _accept(self) -> HttpResponseBase:
        """Match the suggestions that were ticked. The form names the user that was shown, not only the worker."""
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
        return self._redirect_to(self._tell_who_lacks(made) or tab)

    def _tell_who_lacks(self, made: Sequence[Worker]) -> str:
        """Say if some of these users may not write yet; returns the tab that mends it, "" where nobody lacks it."""
        number = permissions.lacking(self.object).filter(pk__in=[one.pk for one in made]).count()
        if not number:
            return ""
        words = ngettext(
            "%(count)d of them may not open conversations yet. Add the user to the group “%(group)s” here.",
            "%(count)d of them may not open conversations yet. Add the users to the group “%(group)s” here.",
            number,
        )
        self.say(messages.WARNING, words % {"count": number, "group": AGENTS})
        return "lacking"

    def _grant(self) -> HttpResponseBase:
        """Add the users that were ticked to the group of agents."""
        group = permissions.group()
        if group is None or not permissions.may_grant(self.request.user):
            raise PermissionDenied
        added = permissions.grant(self.object, set(self.request.POST.getlist("tick")), group)
        words = ngettext("%(count)d user added to “%(group)s”.", "%(count)d users added to “%(group)s”.", len(added))
        words %= {"count": len(added), "group": group.name}
        for worker in added:
            self.model_admin.log_change(self.request, worker.user, _("Added to the group “%s”.") % group.name)
        self.say(messages.SUCCESS if added else messages.WARNING, words if added else _("Nothing was chosen."))
        return self._redirect_to("lacking")

    def _fix(self) -> HttpResponseBase:
        changed = drift.fix(self.object, set(self.request.POST.getlist("tick")))
        for worker in changed:
            self.model_admin.log_change(self.request, worker, _("Updated from Twilio"))
        words = ngettext("%(count)d worker changed.", "%(count)d workers changed.", len(changed))
        self.succeed(words % {"count": len(changed)})
        return self._redirect_to("moved")

    def _show_tab(
        self, tab: str = "", errors: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None
    ) -> HttpResponseBase:
        """Show a tab: the one given, else the one asked for, else the first with work to do."""
        tabs = Tabs(self.object, self.model_admin.admin_site)
        wanted = tab or self.request.GET.get("tab", "")
        shown = wanted if wanted in TABS else tabs.first()
        text = self.request.GET.get("q", "").strip()[:MAX_QUERY]
        paginator = Paginator(tabs.lines(shown, text), PER_PAGE)
        if not text:
            paginator.count = tabs.counts[shown]
        page = paginator.get_page(self.request.GET.get("p"))
        on_page = tabs.rows(shown, list(page.object_list))
        self._mark(on_page, errors or {}, typed or {})
        return self.render(
            status=400 if errors else 200,
            tabs=[(name, label, tabs.counts[name], name == shown) for name, label in TABS.items()],
            tab=shown,
            page=page,
            rows=on_page,
            query=text,
            link=urlencode({"tab": shown, "q": text}),
            failed=bool(errors),
            astray={sid: words for sid, words in (errors or {}).items() if sid not in _keys(on_page)},
            is_imported=Resource.objects.filter(account=self.object).exists(),
            stranded=drift.senders_without_queue(self.object) if shown == "moved" else (),
            import_url=self.url_to("import"),
            **(self._permission_context() if shown == "lacking" else {}),
        )

    def _permission_context(self) -> dict[str, Any]:
        group = permissions.group()
        return {"group": group, "may_grant": group is not None and permissions.may_grant(self.request.user)}

    def _mark(self, rows: list[Row], errors: Mapping[str, str], typed: Mapping[str, str]) -> None:
        """Put the errors of a form beside its lines, and what was ticked and typed back into them."""
        ticked = self.request.POST.getlist("tick")
        for row in rows:
            row.error = errors.get(row.key, "")
            row.typed = typed.get(row.key, "")
            row.ticked = row.ticked and (not errors or bool(row.error) or row.key in ticked)

    def _redirect_to(self, tab: str) -> HttpResponseBase:
        return self.redirect(f"{self.request.path}?{urlencode({'tab': tab})}")


def _keys(rows: Sequence[Row]) -> set[str]:
    return {row.key for row in rows}
