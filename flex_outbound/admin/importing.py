"""The page of *Import from Twilio*: begin a look, watch it, tick, take over. Twilio is asked by a worker."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound.admin import import_page
from flex_outbound.admin.sites import link_on
from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import Account, ImportRun, ResourceKind, RunState, Sender
from flex_outbound.problems import explain
from flex_outbound.setup import drift, importing, runs
from flex_outbound.setup.choosing import errors_of

CSS, JS = "flex_outbound/setup.css", "flex_outbound/setup.js"


class ImportPages(admin.ModelAdmin):
    """An admin of accounts with their imports. Only who may change an account may look at what it has."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page and what it polls."""
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/import/", wrap(self.import_view), name="flex_outbound_account_import"),
            path("<path:object_id>/import/state/", wrap(self.state_view), name="flex_outbound_account_import_state"),
            *super().get_urls(),
        ]

    @transaction.non_atomic_requests  # Twilio is asked whether what was chosen is still there
    def import_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """GET: the newest run as it stands. POST: ``act`` look, cancel or take."""
        account = self._account(request, object_id)
        if request.method != "POST":
            runs.give_up(account)
            return self._show_run(request, account, ImportRun.objects.filter(account=account).first())
        act = request.POST.get("act")
        if act == "look":
            runs.begin(account, request.user)
        elif act == "cancel":
            self._cancel(request, account)
        elif act == "take":
            return self._take(request, account)
        else:
            raise Http404
        return HttpResponseRedirect(self._import_url(account))

    def state_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """GET: how far the newest run is, for the page that waits."""
        account = self._account(request, object_id)
        runs.give_up(account)
        run = runs.latest(account)
        is_under_way = run is not None and run.is_under_way
        html = render_to_string(f"{_FOLDER}_progress.html", _progress(run)) if run is not None else ""
        answer = JsonResponse({"under_way": is_under_way, "html": html})
        answer["Cache-Control"] = "no-store"
        return answer

    def _account(self, request: HttpRequest, object_id: str) -> Account:
        account: Account | None = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        if account is None:
            raise Http404
        return account

    def _show_run(self, request: HttpRequest, account: Account, run: ImportRun | None) -> TemplateResponse:
        more: dict[str, Any] = {"run": run, "trouble": runs.problem_of(run) if run else None}
        if run is not None and run.is_under_way:
            more |= _progress(run)
        elif run is not None and run.state == RunState.FOUND:
            more["page"] = import_page.build(account, run, importing.differences_of(run))
        elif run is not None and run.state == RunState.APPLIED:
            more |= {"stranded": drift.senders_without_queue(account), "next_steps": self._next_steps(request, account)}
        return self._render_import(request, account, more)

    def _next_steps(self, request: HttpRequest, account: Account) -> list[tuple[str, str]]:
        """Return what is left to be done after an import, in its order: addresses of pages of this site, and words."""
        site, key = self.admin_site, quote(account.pk)
        steps = [
            (link_on(site, "account_workers", key), _("say which user is which worker")),
            (link_on(site, "account_callbacks", key), _("register the callbacks")),
        ]
        may_test = request.user.has_perm("flex_outbound.change_sender")
        sender = Sender.objects.filter(account=account).order_by("-is_default", "pk").first()
        if sender is not None and may_test:
            steps.append((link_on(site, "sender_test", quote(sender.pk)), _("send a test")))
        elif sender is None and request.user.has_perm("flex_outbound.add_sender"):
            steps.insert(0, (link_on(site, "sender_add"), _("make a sender: without one nobody can write")))
        return [(url, words) for url, words in steps if url]

    def _cancel(self, request: HttpRequest, account: Account) -> None:
        run = runs.latest(account)
        if run is not None and runs.cancel(run):
            self.message_user(request, _("The import was canceled; nothing was changed."), messages.SUCCESS)

    def _take(self, request: HttpRequest, account: Account) -> HttpResponseBase:
        run = ImportRun.objects.filter(account=account, pk=_number(request.POST.get("run"))).first()
        if run is None:
            raise Http404
        if run.state != RunState.FOUND:
            words = _("This list is out of date: it was taken over already, or there is a newer one.")
            self.message_user(request, words, messages.WARNING)
            return HttpResponseRedirect(self._import_url(account))
        choice = import_page.read_choice(run, importing.differences_of(run), request.POST)
        try:
            errors = errors_of(run, account, choice) or importing.vanished(account, choice)
            if errors:
                return self._again(request, account, run, errors)
            applied = importing.take_over(run.pk, choice)
        except importing.InvalidChoice as error:
            return self._again(request, account, run, error.errors)
        except importing.ImportRefused as error:
            self.message_user(request, str(error), messages.WARNING)
        except FlexOutboundError as error:
            problem = explain(error)
            words = _("Nothing was saved, for Twilio could not be asked whether all this is still there.")
            return self._again(request, account, run, {"": f"{words} {problem.summary} {problem.remedy}"})
        else:
            self._note(request, account, applied)
        return HttpResponseRedirect(self._import_url(account))

    def _again(
        self, request: HttpRequest, account: Account, run: ImportRun, errors: dict[str, str]
    ) -> TemplateResponse:
        page = import_page.build(account, run, importing.differences_of(run), request.POST, errors)
        return self._render_import(request, account, {"run": run, "page": page}, status=400)

    def _note(self, request: HttpRequest, account: Account, applied: importing.Applied) -> None:
        """Write into the admin's log who took over what, and tell them."""
        changed = sum(applied.counts.get(name, 0) for name in ("new", "renamed", "changed", "gone"))
        words = ngettext("%(count)d resource imported from Twilio", "%(count)d resources imported from Twilio", changed)
        said = [words % {"count": changed}] if changed else [_("Nothing had changed at Twilio")]
        if applied.fields:
            said.append(_("workspace and workflow chosen"))
        if applied.senders:
            made = ngettext("%(count)d sender made", "%(count)d senders made", len(applied.senders))
            said.append(made % {"count": len(applied.senders)})
        self.log_change(request, account, "; ".join(said))
        for sender in applied.senders:
            # The log of a model admin takes any object; the senders' own need not be on this site.
            self.log_addition(request, sender, [{"added": {}}])
        self.message_user(request, "; ".join(said) + ".", messages.SUCCESS)

    def _render_import(
        self, request: HttpRequest, account: Account, more: Mapping[str, object], status: int = 200
    ) -> TemplateResponse:
        name = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import from Twilio"),
            "subtitle": str(account),
            "opts": self.opts,
            "media": self.media,
            "account": account,
            "back": reverse(f"{name}:flex_outbound_account_change", args=[quote(account.pk)]),
            "here": self._import_url(account),
            "state_url": reverse(f"{name}:flex_outbound_account_import_state", args=[quote(account.pk)]),
            **more,
        }
        return TemplateResponse(request, f"{_FOLDER}.html", context, status=status)

    def _import_url(self, account: Account) -> str:
        return reverse(f"{self.admin_site.name}:flex_outbound_account_import", args=[quote(account.pk)])


_FOLDER = "admin/flex_outbound/account/import"


def _progress(run: ImportRun | None) -> dict[str, Any]:
    """Return what the part of the page that is polled shows."""
    if run is None:
        return {}
    steps = [(import_page.PLURALS[kind], run.counts.get(kind), kind == run.step) for kind in ResourceKind]
    waited = (timezone.now() - run.created_at).total_seconds()
    neglected = run.state == RunState.WAITING and waited > runs.SLOW_SECONDS
    return {"run": run, "steps": steps, "neglected": neglected}


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0
