"""One account at Twilio: its credentials, and whether everything that the setup refers to still exists."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound.channels import Channel
from flex_outbound.exceptions import FlexOutboundError, GatewayError
from flex_outbound.gateway.directory import is_lack_of_rights, open_directory
from flex_outbound.gateway.resources import Directory, ListedResource, Product
from flex_outbound.models import Account, Message, Sender, Worker
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.problems import explain
from flex_outbound.setup.doctor.results import CheckResult, Level

NOT_SHOWN: Final = (401, 403, 404)
MOST_NAMES: Final = 5
RECENT: Final = 200
"""How many first messages are read to find the templates in use."""

Report = Iterator[CheckResult]


@dataclass(slots=True)
class Setup:
    """What the database has of one account, read before Twilio is asked."""

    account: Account
    senders: list[Sender] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, account: Account) -> "Setup":
        """Read the setup of an account."""
        recent = Message.objects.filter(account=account).order_by("-pk")
        used = {sid for sid in recent.values_list("content_sid", flat=True)[:RECENT] if sid}
        senders = account.senders.filter(is_active=True)
        workers = account.workers.filter(is_active=True).select_related("user")
        return cls(account, list(senders), list(workers), sorted(used))

    def result(self, part: str, level: Level, summary: str, remedy: str = "") -> CheckResult:
        """Return a result about this account."""
        return CheckResult(part, level, summary, remedy, self.account.name)


def check(setup: Setup, timeout: tuple[float, float]) -> Report:
    """Check one part after another. Ends early where credentials or workspace are wrong: the rest depends on them."""
    account = setup.account
    if account.problem_at is not None:
        remedy = _("Read what Twilio said on the account's page in the admin.")
        yield setup.result("problem", Level.ERROR, _("Twilio refused the setup when it was last used."), remedy)
    try:
        with open_directory(replace(connection_to(account), timeout=timeout)) as directory:
            yield from _check(setup, directory)
    except FlexOutboundError as error:
        problem = explain(error)
        yield setup.result("credentials", Level.ERROR, problem.summary, problem.remedy)


def best_practice(account: Account, timeout: tuple[float, float] | None = None) -> list[CheckResult]:
    """Return what speaks against the setup at Twilio itself, each with its remedy: rights, workflow, conversations.

    ``timeout``: seconds to connect and to read; HTTP_TIMEOUT by default. No transaction may be open. Raises nothing:
    what Twilio does not answer is left out.
    """
    try:
        connection = connection_to(account)
        with open_directory(replace(connection, timeout=timeout or connection.timeout)) as directory:
            found = list(_advice(Setup.of(account), directory))
    except FlexOutboundError:
        return []  # the caller has asked Twilio for more than this, and says why it does not answer
    return [one for one in found if one.level != Level.OK]


def _advice(setup: Setup, directory: Directory) -> Report:
    yield from PARTS["rights"](setup, directory)
    for part in BEST_PRACTICE[1:]:
        if setup.account.workspace_sid or part != "workflow":
            try:
                yield from PARTS[part](setup, directory)
            except GatewayError as error:
                if error.http_status is None:
                    return


def _check(setup: Setup, directory: Directory) -> Report:
    try:
        found = {one.sid: one for one in directory.workspaces()}
    except GatewayError as error:
        if not is_lack_of_rights(error):
            raise
        # The credentials are right, and lack this and perhaps further rights.
        yield from _rights(setup, directory)
        return
    yield setup.result("credentials", Level.OK, _("Twilio accepts them."))
    chosen = setup.account.workspace_sid
    if chosen not in found:
        words = _("The workspace %(sid)s is not in this account.") if chosen else _("No workspace is chosen.")
        remedy = _("Import from Twilio on the account's page in the admin, and choose the workspace.")
        yield setup.result("workspace", Level.ERROR, words % {"sid": chosen} if chosen else words, remedy)
        return
    yield setup.result("workspace", Level.OK, found[chosen].name or chosen)
    for part, check_part in PARTS.items():
        yield from _guarded(setup, part, check_part(setup, directory))


def _guarded(setup: Setup, part: str, report: Report) -> Report:
    """Turn an error of one part into a result, so that the next part is checked too. Raises one without an answer."""
    try:
        yield from report
    except GatewayError as error:
        if error.http_status is None:
            raise
        problem = explain(error)
        level = Level.WARNING if error.http_status in NOT_SHOWN else Level.ERROR
        yield setup.result(part, level, problem.summary, problem.remedy)


def _rights(setup: Setup, directory: Directory) -> Report:
    """Check what the API key may use. Of restricted keys each right is chosen one by one.

    https://www.twilio.com/docs/iam/api-keys/restricted
    """
    refused = directory.refused_products()
    if not refused:
        yield setup.result("rights", Level.OK, _("The API key may use every product that is needed."))
        return
    # Without templates, everything else still works.
    level = Level.WARNING if refused == [Product.CONTENT] else Level.ERROR
    words = _("The API key lacks rights: Twilio refuses it %(products)s.") % {"products": ", ".join(refused)}
    remedy = _(
        "Give a restricted key these rights in Twilio's console, under API keys & tokens, or create a standard key and "
        "enter it on the account's page."
    )
    yield setup.result("rights", level, words, remedy)


def _workflow(setup: Setup, directory: Directory) -> Report:
    found = _sids(directory.workflows(setup.account.workspace_sid))
    # Before there is a sender, the account's own choice is all there is.
    used = {one.effective_workflow_sid for one in setup.senders} or {setup.account.workflow_sid}
    named = used | {setup.account.workflow_sid}
    missing = sorted(named - found - {""})
    remedy = _("Import from Twilio, and choose a workflow on the account's page or for the sender.")
    if missing:
        words = _("Not in the workspace: %(sids)s.") % {"sids": _some(missing)}
        yield setup.result("workflow", Level.ERROR, words, remedy)
    elif "" in used and len(found) != 1:
        words = _("None is chosen, and the workspace has %(count)d.") % {"count": len(found)}
        yield setup.result("workflow", Level.ERROR, words, remedy)
    else:
        yield setup.result("workflow", Level.OK, _("Everything that the setup refers to exists."))


def _queues(setup: Setup, directory: Directory) -> Report:
    found = _sids(directory.task_queues(setup.account.workspace_sid))
    named = {one.queue_sid for one in setup.senders} | {one.queue_sid for one in setup.workers}
    missing = sorted(named - found - {""})
    if missing:
        words = _("Not in the workspace: %(sids)s.") % {"sids": _some(missing)}
        remedy = _("Import from Twilio, and choose the queue again for the senders and workers that use it.")
        yield setup.result("queues", Level.ERROR, words, remedy)
    else:
        yield setup.result("queues", Level.OK, _("Everything that the setup refers to exists."))


def _workers(setup: Setup, directory: Directory) -> Report:
    if not setup.workers:
        remedy = _("Match users and workers in the admin: a user without a worker cannot send.")
        yield setup.result("flex_workers", Level.WARNING, _("No user is a Flex worker yet."), remedy)
        return
    found = {one.sid: one for one in directory.workers(setup.account.workspace_sid)}
    gone = [str(one) for one in setup.workers if one.worker_sid not in found]
    if gone:
        words = _("No longer in the workspace: %(names)s.") % {"names": _some(gone)}
        remedy = _("Match these users again in the admin, or make their workers inactive.")
        yield setup.result("flex_workers", Level.ERROR, words, remedy)
    there = [found[one.worker_sid] for one in setup.workers if one.worker_sid in found]
    ready = sum(one.details.get("available") is True for one in there)
    words = ngettext("%(ready)d of %(count)d is available.", "%(ready)d of %(count)d are available.", len(there))
    if there and not ready:
        remedy = _("Interactions open only for agents who are available in Flex. At night this is normal.")
        yield setup.result("flex_workers", Level.WARNING, words % {"ready": 0, "count": len(there)}, remedy)
    elif there:
        yield setup.result("flex_workers", Level.OK, words % {"ready": ready, "count": len(there)})


def _senders(setup: Setup, directory: Directory) -> Report:
    if not setup.senders:
        remedy = _("Add one in the admin, under Senders.")
        yield setup.result("senders", Level.ERROR, _("There is no active sender."), remedy)
        return
    lists: dict[str, Callable[[], Iterable[ListedResource]]] = {
        Channel.SMS: directory.phone_numbers,
        Channel.WHATSAPP: directory.whatsapp_senders,
        Channel.EMAIL: directory.email_addresses,
    }
    for channel, read in lists.items():
        mine = [one for one in setup.senders if one.channel == channel]
        if mine:
            yield from _guarded(setup, "senders", _of_channel(setup, Channel(channel), mine, read))


def _of_channel(
    setup: Setup, channel: Channel, mine: list[Sender], read: Callable[[], Iterable[ListedResource]]
) -> Report:
    found = {str(one.details.get("address", "")).lower(): one for one in read()}
    gone = [one.address for one in mine if one.address.lower() not in found]
    off = [one.address for one in mine if found.get(one.address.lower(), _NOTHING).details.get("sms") is False]
    if gone:
        words = _("%(channel)s: not among the account's own addresses: %(names)s.")
        # Short codes and hosted numbers are in lists of their own.
        remedy = _("Compare with Twilio's console. If it can send from there, nothing needs to be done.")
        yield setup.result("senders", Level.WARNING, words % {"channel": channel.label, "names": _some(gone)}, remedy)
    if off and channel is Channel.SMS:
        words = _("%(channel)s: these numbers take no text messages: %(names)s.")
        remedy = _("Choose a number that does, in the admin under Senders.")
        yield setup.result("senders", Level.ERROR, words % {"channel": channel.label, "names": _some(off)}, remedy)
    if not (gone or (off and channel is Channel.SMS)):
        words = _("%(channel)s: every sender exists.") % {"channel": channel.label}
        yield setup.result("senders", Level.OK, words)


def _templates(setup: Setup, directory: Directory) -> Report:
    if not setup.templates:
        return
    found = {one.sid: one for one in directory.content_templates()}
    gone = [sid for sid in setup.templates if sid not in found]
    if gone:
        remedy = _("Choose other templates: messages that use these fail.")
        yield setup.result(
            "templates", Level.WARNING, _("Used recently, and deleted: %(sids)s.") % {"sids": _some(gone)}, remedy
        )
    else:
        yield setup.result("templates", Level.OK, _("The recently used ones exist."))


def _conversations(setup: Setup, directory: Directory) -> Report:
    """Check what Twilio's best practices ask for.

    https://www.twilio.com/docs/flex/developer/conversations/best-practices
    """
    found = directory.conversation_defaults()
    is_elsewhere = bool(found.flex_service_sid) and found.service_sid not in ("", found.flex_service_sid)
    if is_elsewhere:
        words = _("The account's default conversation service is %(service)s, and Flex uses %(flex)s.")
        sids = {"service": found.service_sid, "flex": found.flex_service_sid}
        remedy = _(
            "Make Flex's service the default one in Twilio's console, under Conversations › Manage › Services: "
            "otherwise customers' messages come where Flex does not see them."
        )
        yield setup.result("conversations", Level.WARNING, words % sids, remedy)
    if not found.closed_timer:
        words = _("New conversations are never closed by themselves.")
        remedy = _(
            "Set a timer for closing in Twilio's console, under Conversations › Manage › Defaults, such as 30 days: "
            "a conversation that is left open is in the way of the next one with the same customer."
        )
        yield setup.result("conversations", Level.WARNING, words, remedy)
    elif not is_elsewhere:
        words = _("Flex's service is the default one, and conversations close after %(time)s.")
        yield setup.result("conversations", Level.OK, words % {"time": found.closed_timer})


PARTS: Final[dict[str, Callable[[Setup, Directory], Report]]] = {
    "rights": _rights,
    "workflow": _workflow,
    "queues": _queues,
    "flex_workers": _workers,
    "senders": _senders,
    "templates": _templates,
    "conversations": _conversations,
}
BEST_PRACTICE: Final = ("rights", "workflow", "conversations")
"""The parts that the page of callbacks shows as well."""

_NOTHING: Final = ListedResource("", "")


def _sids(listed: Iterable[ListedResource]) -> set[str]:
    return {one.sid for one in listed}


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" … (+{more})" if more > 0 else "")
