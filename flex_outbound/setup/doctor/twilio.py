"""One account at Twilio: its credentials, and whether all that the setup names is still there."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound.channels import Channel
from flex_outbound.exceptions import FlexOutboundError, GatewayError
from flex_outbound.gateway.directory import open_directory
from flex_outbound.gateway.resources import Directory, Listed
from flex_outbound.models import Account, Message, Sender, Worker
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.problems import explain
from flex_outbound.setup.doctor.results import Answer, Tone

NOT_SHOWN: Final = (401, 403, 404)
MOST_NAMES: Final = 5
RECENT: Final = 200
"""First messages that are looked through for templates."""

Report = Iterator[Answer]


@dataclass(slots=True)
class Setup:
    """What the record names of one account, read before Twilio is asked."""

    account: Account
    senders: list[Sender] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, account: Account) -> "Setup":
        """Read it."""
        recent = Message.objects.filter(interaction__account=account).order_by("-pk")
        used = {sid for sid in recent.values_list("content_sid", flat=True)[:RECENT] if sid}
        senders = account.senders.filter(is_active=True)
        workers = account.workers.filter(is_active=True).select_related("user")
        return cls(account, list(senders), list(workers), sorted(used))

    def say(self, part: str, tone: Tone, what: str, todo: str = "") -> Answer:
        """Return an answer about this account."""
        return Answer(part, tone, what, todo, self.account.name)


def ask(setup: Setup, timeout: tuple[float, float]) -> Report:
    """Ask for everything in turn; without credentials or workspace there is nothing more to ask."""
    account = setup.account
    if account.problem_at is not None:
        todo = _("Read what Twilio said on the account's page in the admin.")
        yield setup.say("problem", Tone.ERROR, _("Twilio refused the setup when it was last used."), todo)
    try:
        with open_directory(replace(connection_to(account), timeout=timeout)) as directory:
            yield from _ask(setup, directory)
    except FlexOutboundError as error:
        problem = explain(error)
        yield setup.say("credentials", Tone.ERROR, problem.summary, problem.remedy)


def _ask(setup: Setup, directory: Directory) -> Report:
    found = {one.sid: one for one in directory.workspaces()}
    yield setup.say("credentials", Tone.OK, _("Twilio accepts them."))
    chosen = setup.account.workspace_sid
    if chosen not in found:
        words = _("The workspace %(sid)s is not in this account.") if chosen else _("No workspace is chosen.")
        todo = _("Import from Twilio on the account's page in the admin, and choose the workspace.")
        yield setup.say("workspace", Tone.ERROR, words % {"sid": chosen} if chosen else words, todo)
        return
    yield setup.say("workspace", Tone.OK, found[chosen].name or chosen)
    for part, look in PARTS.items():
        yield from _guarded(setup, part, look(setup, directory))


def _guarded(setup: Setup, part: str, report: Report) -> Report:
    """Say what went wrong with one part and go on, unless Twilio does not answer at all."""
    try:
        yield from report
    except GatewayError as error:
        if error.http_status is None:
            raise
        problem = explain(error)
        tone = Tone.WARNING if error.http_status in NOT_SHOWN else Tone.ERROR
        yield setup.say(part, tone, problem.summary, problem.remedy)


def _workflow(setup: Setup, directory: Directory) -> Report:
    found = _sids(directory.workflows(setup.account.workspace_sid))
    named = {one.effective_workflow_sid for one in setup.senders} | {setup.account.workflow_sid}
    missing = sorted(named - found - {""})
    todo = _("Import from Twilio, and choose a workflow on the account's page or for the sender.")
    if missing:
        words = _("Not in the workspace: %(sids)s.") % {"sids": _some(missing)}
        yield setup.say("workflow", Tone.ERROR, words, todo)
    elif "" in {one.effective_workflow_sid for one in setup.senders} and len(found) != 1:
        words = _("None is chosen, and the workspace has %(count)d.") % {"count": len(found)}
        yield setup.say("workflow", Tone.ERROR, words, todo)
    else:
        yield setup.say("workflow", Tone.OK, _("What the setup names is there."))


def _queues(setup: Setup, directory: Directory) -> Report:
    found = _sids(directory.task_queues(setup.account.workspace_sid))
    named = {one.queue_sid for one in setup.senders} | {one.queue_sid for one in setup.workers}
    missing = sorted(named - found - {""})
    if missing:
        words = _("Not in the workspace: %(sids)s.") % {"sids": _some(missing)}
        todo = _("Import from Twilio, and choose the queue anew for the senders and workers that name it.")
        yield setup.say("queues", Tone.ERROR, words, todo)
    else:
        yield setup.say("queues", Tone.OK, _("What the setup names is there."))


def _workers(setup: Setup, directory: Directory) -> Report:
    if not setup.workers:
        todo = _("Match users and workers in the admin: who has no worker cannot send.")
        yield setup.say("flex_workers", Tone.WARNING, _("No user is a Flex worker yet."), todo)
        return
    found = {one.sid: one for one in directory.workers(setup.account.workspace_sid)}
    gone = [str(one) for one in setup.workers if one.worker_sid not in found]
    if gone:
        words = _("Not in the workspace any more: %(names)s.") % {"names": _some(gone)}
        todo = _("Match these users anew in the admin, or make their rows inactive.")
        yield setup.say("flex_workers", Tone.ERROR, words, todo)
    there = [found[one.worker_sid] for one in setup.workers if one.worker_sid in found]
    ready = sum(one.details.get("available") is True for one in there)
    words = ngettext("%(ready)d of %(count)d is available.", "%(ready)d of %(count)d are available.", len(there))
    if there and not ready:
        todo = _("Interactions open only for agents who are available in Flex. At night this is as it should be.")
        yield setup.say("flex_workers", Tone.WARNING, words % {"ready": 0, "count": len(there)}, todo)
    elif there:
        yield setup.say("flex_workers", Tone.OK, words % {"ready": ready, "count": len(there)})


def _senders(setup: Setup, directory: Directory) -> Report:
    if not setup.senders:
        todo = _("Add one in the admin, under Senders.")
        yield setup.say("senders", Tone.ERROR, _("There is no active sender."), todo)
        return
    lists: dict[str, Callable[[], Iterable[Listed]]] = {
        Channel.SMS: directory.phone_numbers,
        Channel.WHATSAPP: directory.whatsapp_senders,
        Channel.EMAIL: directory.email_addresses,
    }
    for channel, read in lists.items():
        mine = [one for one in setup.senders if one.channel == channel]
        if mine:
            yield from _guarded(setup, "senders", _of_channel(setup, Channel(channel), mine, read))


def _of_channel(setup: Setup, channel: Channel, mine: list[Sender], read: Callable[[], Iterable[Listed]]) -> Report:
    found = {str(one.details.get("address", "")).lower(): one for one in read()}
    gone = [one.address for one in mine if one.address.lower() not in found]
    off = [one.address for one in mine if found.get(one.address.lower(), _NOTHING).details.get("sms") is False]
    if gone:
        words = _("%(channel)s: not among the account's own addresses: %(names)s.")
        # Short codes and hosted numbers are in lists of their own.
        todo = _("Compare with Twilio's console. If it can send from there, nothing needs to be done.")
        yield setup.say("senders", Tone.WARNING, words % {"channel": channel.label, "names": _some(gone)}, todo)
    if off and channel is Channel.SMS:
        words = _("%(channel)s: these numbers take no text messages: %(names)s.")
        todo = _("Choose a number that does, in the admin under Senders.")
        yield setup.say("senders", Tone.ERROR, words % {"channel": channel.label, "names": _some(off)}, todo)
    if not (gone or (off and channel is Channel.SMS)):
        words = _("%(channel)s: every sender is there.") % {"channel": channel.label}
        yield setup.say("senders", Tone.OK, words)


def _templates(setup: Setup, directory: Directory) -> Report:
    if not setup.templates:
        return
    found = {one.sid: one for one in directory.content_templates()}
    gone = [sid for sid in setup.templates if sid not in found]
    if gone:
        todo = _("Choose other templates: what names these fails.")
        yield setup.say(
            "templates", Tone.WARNING, _("Used of late, and deleted: %(sids)s.") % {"sids": _some(gone)}, todo
        )
    else:
        yield setup.say("templates", Tone.OK, _("What was used of late is there."))


PARTS: Final[dict[str, Callable[[Setup, Directory], Report]]] = {
    "workflow": _workflow,
    "queues": _queues,
    "flex_workers": _workers,
    "senders": _senders,
    "templates": _templates,
}
_NOTHING: Final = Listed("", "")


def _sids(listed: Iterable[Listed]) -> set[str]:
    return {one.sid for one in listed}


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" … (+{more})" if more > 0 else "")
