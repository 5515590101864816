"""The pages of *Import from Twilio*: start an import, follow it, choose from what was found, apply the choice.

A Celery worker asks Twilio for the lists; these pages read what it stored.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import quote
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from flex_outbound.admin import import_form
from flex_outbound.admin.pages import Page
from flex_outbound.admin.sites import link_on
from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import ImportRun, ResourceKind, RunState, Sender
from flex_outbound.problems import explain
from flex_outbound.setup import drift, importing, runs
from flex_outbound.setup.choosing import errors_of

CSS, JS = "flex_outbound/setup.css", "flex_outbound/setup.js"


class ImportPage(Page):
    """The newest import of an account, in whatever state it is.

    It needs the permission to change the account: the lists show what the account has at Twilio.
    """

    route, name = "<path:object_id>/import/", "import"
    template = "import.html"
    title = gettext_lazy("Import from Twilio")
    permission = "change"
    calls_twilio = True  # to see whether what was chosen still exists

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the newest import: its progress, its lists to choose from, or what it changed."""
        runs.give_up(self.object)
        run = ImportRun.objects.filter(account=self.object).first()
        more: dict[str, Any] = {"run": run, "problem": runs.problem_of(run) if run else None}
        if run is not None and run.is_under_way:
            more |= _progress(run)
        elif run is not None and run.state == RunState.FOUND:
            more["page"] = import_form.build(self.object, run, importing.differences_of(run))
        elif run is not None and run.state == RunState.APPLIED:
            more |= {"stranded": drift.senders_without_queue(self.object), "next_steps": self._next_steps()}
        return self.render(**more)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Do what ``act`` says: ``start`` an import, ``cancel`` it, or ``apply`` a choice."""
        acts = {"start": self._start, "cancel": self._cancel, "apply": self._apply}
        act = acts.get(request.POST.get("act", ""))
        if act is None:
            raise Http404
        return act()

    def context(self, **more: Any) -> dict[str, Any]:
        """Return the page's context, with the address that the script polls."""
        return super().context(state_url=self.url_to("import_state"), **more)

    def _start(self) -> HttpResponseBase:
        runs.begin(self.object, self.request.user)
        return self.redirect()

    def _cancel(self) -> HttpResponseBase:
        run = runs.latest(self.object)
        if run is not None and runs.cancel(run):
            self.succeed(_("The import was canceled; nothing was changed."))
        return self.redirect()

    def _apply(self) -> HttpResponseBase:
        run = ImportRun.objects.filter(account=self.object, pk=_number(self.request.POST.get("run"))).first()
        if run is None:
            raise Http404
        if run.state != RunState.FOUND:
            self.say(messages.WARNING, _("This list is out of date: it was applied already, or there is a newer one."))
            return self.redirect()
        choice = import_form.read_choice(run, importing.differences_of(run), self.request.POST)
        try:
            errors = errors_of(run, self.object, choice) or importing.vanished(self.object, choice)
            if errors:
                return self._show_errors(run, errors)
            applied = importing.apply(run.pk, choice)
        except importing.InvalidChoice as error:
            return self._show_errors(run, error.errors)
        except importing.ImportRefused as error:
            self.say(messages.WARNING, error)
        except FlexOutboundError as error:
            problem = explain(error)
            words = _("Nothing was saved, because Twilio could not be asked whether all of this still exists.")
            return self._show_errors(run, {"": f"{words} {problem.summary} {problem.remedy}"})
        else:
            self._log(applied)
        return self.redirect()

    def _show_errors(self, run: ImportRun, errors: dict[str, str]) -> HttpResponseBase:
        page = import_form.build(self.object, run, importing.differences_of(run), self.request.POST, errors)
        return self.render(run=run, page=page, status=400)

    def _next_steps(self) -> list[tuple[str, str]]:
        """Return address and words of what is left to do after an import, in the order in which to do it."""
        site, user, key = self.model_admin.admin_site, self.request.user, quote(self.object.pk)
        steps = [
            (link_on(site, "account_workers", key), _("say which user is which worker")),
            (link_on(site, "account_callbacks", key), _("register the callbacks")),
        ]
        sender = Sender.objects.filter(account=self.object).order_by("-is_default", "pk").first()
        if sender is not None and user.has_perm("flex_outbound.change_sender"):
            steps.append((link_on(site, "sender_test", quote(sender.pk)), _("send a test")))
        elif sender is None and user.has_perm("flex_outbound.add_sender"):
            steps.insert(0, (link_on(site, "sender_add"), _("add a sender: without one nobody can write")))
        return [(url, words) for url, words in steps if url]

    def _log(self, applied: importing.Applied) -> None:
        """Write into the admin's log who applied what, and tell the user."""
        changed = sum(applied.counts.get(name, 0) for name in ("new", "renamed", "changed", "gone"))
        words = ngettext("%(count)d resource imported from Twilio", "%(count)d resources imported from Twilio", changed)
        said = [words % {"count": changed}] if changed else [_("Nothing had changed at Twilio")]
        if applied.fields:
            said.append(_("workspace and workflow chosen"))
        if applied.senders:
            made = ngettext("%(count)d sender added", "%(count)d senders added", len(applied.senders))
            said.append(made % {"count": len(applied.senders)})
        admin = self.model_admin
        admin.log_change(self.request, self.object, "; ".join(said))
        for sender in applied.senders:
            # The log of a model admin takes any object; the senders' own admin need not be on this site.
            admin.log_addition(self.request, sender, [{"added": {}}])
        self.succeed("; ".join(said) + ".")


class ImportStatePage(Page):
    """Tells the script of the waiting page how far the newest import is."""

    route, name = "<path:object_id>/import/state/", "import_state"
    permission = "change"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return JSON: ``under_way``, and the ``html`` of the progress."""
        runs.give_up(self.object)
        run = runs.latest(self.object)
        is_under_way = run is not None and run.is_under_way
        template = "admin/flex_outbound/account/import_progress.html"
        html = render_to_string(template, _progress(run)) if run is not None else ""
        answer = JsonResponse({"under_way": is_under_way, "html": html})
        answer["Cache-Control"] = "no-store"
        return answer


def _progress(run: ImportRun) -> dict[str, Any]:
    """Return what the part of the page that is polled shows."""
    steps = [(import_form.PLURALS[kind], run.counts.get(kind), kind == run.step) for kind in ResourceKind]
    waited = (timezone.now() - run.created_at).total_seconds()
    neglected = run.state == RunState.WAITING and waited > runs.SLOW_SECONDS
    return {"run": run, "steps": steps, "neglected": neglected}


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0
