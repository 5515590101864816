"""Applies an import: everything that a manager selected, in one transaction.

A selected workflow or queue may have been deleted at Twilio meanwhile. ``vanished`` asks before a transaction is open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import router, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.exceptions import FlexOutboundError, Refused
from flex_outbound.gateway.directory import open_directory
from flex_outbound.models import Account, ImportRun, Resource, ResourceKind, RunState, Sender
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.setup import storing
from flex_outbound.setup.choosing import Choice, NewSender, errors_of, sender_of
from flex_outbound.setup.differences import Differences, compare


class ImportRefused(FlexOutboundError):
    """The list is out of date: there is a newer run, or this one was applied already."""


class InvalidChoice(FlexOutboundError):
    """The choice cannot be applied. ``errors``: words by field: a SID, a name, or "" for the whole."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(slots=True)
class Applied:
    """What was changed: numbers by change, the senders that were created, and the account's fields that were set."""

    counts: dict[str, int] = field(default_factory=dict)
    senders: list[Sender] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)


def differences_of(run: ImportRun) -> Differences:
    """Return what applying a run would change; one query."""
    return compare(run.found, Resource.objects.filter(account=run.account_id), run.skipped)


def vanished(account: Account, choice: Choice) -> dict[str, str]:
    """Ask Twilio whether the chosen workspace, workflow and queues still exist. Returns errors by field.

    Takes three requests at most. Raises GatewayError or ConfigurationError if Twilio cannot be asked.
    """
    if not choice.workspace_sid:
        return {}
    queues: dict[str, list[NewSender]] = {}
    for sender in choice.senders:
        queues.setdefault(sender.queue_sid, []).append(sender)
    gone = _("This was deleted at Twilio a moment ago. Refresh the list, and choose another one.")
    try:
        with open_directory(connection_to(account)) as directory:
            workflows = {one.sid for one in directory.workflows(choice.workspace_sid)}
            there = {one.sid for one in directory.task_queues(choice.workspace_sid)} if queues else set()
    except Refused as error:
        if error.http_status == 404:
            return {"route": gone}
        raise
    errors = {"route": gone} if choice.workflow_sid and choice.workflow_sid not in workflows else {}
    missing = [sender for sid, several in queues.items() if sid not in there for sender in several]
    return errors | {
        sender.sid: _("Its queue was deleted at Twilio a moment ago. Refresh the list, and choose another one.")
        for sender in missing
    }


def apply(run_id: int, choice: Choice) -> Applied:
    """Apply a choice. Raises ImportRefused or InvalidChoice; then nothing was changed."""
    using = router.db_for_write(ImportRun)
    with transaction.atomic(using=using):
        run = _locked(run_id)
        account = Account.objects.select_for_update().get(pk=run.account_id)
        errors = errors_of(run, account, choice)
        if errors:
            raise InvalidChoice(errors)
        applied = Applied(fields=_set_route(account, choice))
        applied.counts = storing.store(run, differences_of(run), choice.take)
        applied.senders = [_make(account, run, sender) for sender in choice.senders]
        summary = applied.counts | {"senders": len(applied.senders)}
        # ``found`` contains names of people and is no longer needed: the resources have what was selected.
        over = {"state": RunState.APPLIED, "finished_at": Now(), "summary": summary, "found": {}}
        ImportRun.objects.filter(pk=run.pk).update(**over)
    return applied


def everything(run: ImportRun, account: Account) -> Choice:
    """Return the choice of everything that was found, without senders; a workspace only if there is exactly one."""
    workspaces = [one["sid"] for one in run.of(ResourceKind.WORKSPACE)]
    chosen = account.workspace_sid or (workspaces[0] if len(workspaces) == 1 else "")
    workflows = [one["sid"] for one in run.of(ResourceKind.WORKFLOW) if one["parent_sid"] == chosen]
    workflow = account.workflow_sid or (workflows[0] if len(workflows) == 1 else "")
    return Choice(chosen, workflow, dict.fromkeys(ResourceKind))


def _locked(run_id: int) -> ImportRun:
    run = ImportRun.objects.select_for_update().filter(pk=run_id).first()
    if run is None:
        raise ImportRefused(_("This import no longer exists. Start a new one."))
    if run.state == RunState.APPLIED:
        raise ImportRefused(_("This import was applied already. To see what has changed since, refresh the list."))
    newer = ImportRun.objects.filter(account=run.account_id, pk__gt=run.pk).exists()
    if run.state != RunState.FOUND or newer:
        raise ImportRefused(_("This list is out of date: there is a newer one. Use that, or refresh the list."))
    return run


def _set_route(account: Account, choice: Choice) -> list[str]:
    wanted = {"workspace_sid": choice.workspace_sid, "workflow_sid": choice.workflow_sid}
    changed = [name for name, sid in wanted.items() if choice.workspace_sid and getattr(account, name) != sid]
    for name in changed:
        setattr(account, name, wanted[name])
    if changed:
        account.save(update_fields=[*changed, "updated_at"])
    return changed


def _make(account: Account, run: ImportRun, wanted: NewSender) -> Sender:
    sender = sender_of(account, run, wanted)
    others = Sender.objects.filter(account=account, channel=sender.channel, is_default=True)
    sender.is_default = not others.exists()
    sender.save()
    return sender
