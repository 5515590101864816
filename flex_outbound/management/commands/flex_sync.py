"""``manage.py flex_sync``: shows what an import from Twilio would change, and applies it."""

from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import Account, ImportRun, RunState
from flex_outbound.setup import fetching, importing, matching, people, runs, templates
from flex_outbound.setup.differences import Change, Differences

SIGNS: Final = {Change.NEW: "+", Change.RENAMED: "~", Change.CHANGED: "~", Change.GONE: "-"}


class Command(BaseCommand):
    """Runs one import in this process, without the broker."""

    help = (
        "Show what has changed at Twilio since the last import: workspaces, workflows, queues, workers, numbers, "
        "templates. With --apply, store it. Senders are created in the admin, where their queues are chosen."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --account, --dry-run, --apply and --match."""
        parser.add_argument("--account", help="name, SID or id of the account; needed where there are several")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", help="only show what would change (the default)")
        what.add_argument("--apply", action="store_true", help="store everything that was found")
        parser.add_argument(
            "--match", action="store_true", help="with --apply: also match workers with users, where exactly one fits"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Read from Twilio, show the differences, apply them if asked to. Raises CommandError if a request fails."""
        if options["match"] and not options["apply"]:
            raise CommandError("--match changes something: use --apply as well.")
        account = _account(options["account"])
        run = _look(account)
        differences = importing.differences_of(run)
        self._show(account, differences)
        if options["apply"]:
            self._apply(account, run, match=options["match"])
        elif differences.count():
            self.stdout.write("Nothing was changed. To apply this: flex_sync --apply")

    def _show(self, account: Account, differences: Differences) -> None:
        for kind, several in differences.by_kind.items():
            for one in several:
                if one.change in SIGNS:
                    before = f" (was: {one.before})" if one.before else ""
                    self.stdout.write(f"{SIGNS[one.change]} {kind.label}: {one.name or one.sid} {one.sid}{before}")
        for kind_name, said in differences.skipped.items():
            self.stderr.write(f"Not shown to this key, left as it is: {kind_name} ({said.get('said', '')})")
        total = differences.count()
        unchanged = differences.count(Change.UNCHANGED)
        self.stdout.write(f"{account}: {total} to change, {unchanged} unchanged.")

    def _apply(self, account: Account, run: ImportRun, *, match: bool) -> None:
        try:
            applied = importing.apply(run.pk, importing.everything(run, account))
        except (importing.ImportRefused, importing.InvalidChoice) as error:
            raise CommandError(f"Nothing was changed. {error}") from error
        changed = sum(applied.counts[change.value] for change in SIGNS)
        self.stdout.write(self.style.SUCCESS(f"Applied: {changed} resources."))
        account.refresh_from_db()
        if not account.workspace_sid:
            self.stdout.write("No workspace is chosen yet: there are several, or none. Choose one in the admin.")
        self._sync_templates(account)
        if match:
            self._match(account)

    def _sync_templates(self, account: Account) -> None:
        """Store what the templates say. A key that may not read them does not undo the rest."""
        try:
            synced = templates.sync(account)
        except FlexOutboundError as error:
            reason = getattr(error, "reason", type(error).__name__)
            self.stderr.write(f"The templates could not be read, and are left as they are ({reason}).")
            return
        counts = f"{synced.new} new, {synced.changed} changed, {synced.gone} gone"
        self.stdout.write(f"Templates: {synced.total} ({counts}).")

    def _match(self, account: Account) -> None:
        found = matching.matches(account)
        users = people.by_pk(str(one.user.pk) for one in found.proposals)
        accepted = matching.accept(account, {one.worker.sid: users[str(one.user.pk)] for one in found.proposals})
        if accepted.errors:
            raise CommandError("No worker was matched. " + " ".join(accepted.errors.values()))
        self.stdout.write(f"Matched: {len(accepted.made)}; without a user: {len(found.workers)} workers.")


def _account(wanted: str | None) -> Account:
    accounts = list(Account.objects.all())
    names = ", ".join(f"{one.name} ({one.pk})" for one in accounts)
    if wanted:
        accounts = [one for one in accounts if wanted in (one.name, one.account_sid, str(one.pk))]
    if len(accounts) == 1:
        return accounts[0]
    if not accounts:
        raise CommandError(
            f"There is no account {wanted!r}. There are: {names or '–'}."
            if wanted
            else "There is no Twilio account yet. Add one in the admin."
        )
    raise CommandError(f"Choose an account with --account: {names}.")


def _look(account: Account) -> ImportRun:
    run = runs.begin(account, wake=False)
    fetching.fetch(run.pk)
    run = ImportRun.objects.get(pk=run.pk)
    problem = runs.problem_of(run)
    if problem is not None:
        said = f" Twilio said: {problem.detail}" if problem.detail else ""
        raise CommandError(f"{problem.summary} {problem.remedy}{said} Nothing was changed.")
    if run.state != RunState.FOUND:
        raise CommandError("Another import of this account is running. Try again when it has ended.")
    return run
