"""The form of an import: what its template shows, and the ``Choice`` that is read from what was posted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from flex_outbound.admin import badges
from flex_outbound.models import Account, ImportRun, ResourceKind, Sender
from flex_outbound.setup.choosing import CHANNEL_OF, Choice, NewSender
from flex_outbound.setup.differences import Change, Difference, Differences

MAX_TICKS: Final = 60
"""Of one kind; a longer list has one checkbox. With MAX_SENDERS it stays below DATA_UPLOAD_MAX_NUMBER_FIELDS."""

MAX_SENDERS: Final = 100
WHOLE: Final = "*"

WORDS: Final[dict[Change, tuple[str, Any]]] = {
    Change.NEW: (badges.GOOD, pgettext_lazy("resource", "new")),
    Change.RENAMED: (badges.WAIT, pgettext_lazy("resource", "renamed")),
    Change.CHANGED: (badges.WAIT, pgettext_lazy("resource", "changed")),
    Change.GONE: (badges.BAD, pgettext_lazy("resource", "gone")),
    Change.UNCHANGED: (badges.OVER, pgettext_lazy("resource", "unchanged")),
}
PLURALS: Final[dict[ResourceKind, Any]] = {
    ResourceKind.WORKSPACE: gettext_lazy("Workspaces"),
    ResourceKind.WORKFLOW: gettext_lazy("Workflows"),
    ResourceKind.TASK_QUEUE: gettext_lazy("Task queues"),
    ResourceKind.TASK_CHANNEL: gettext_lazy("Task channels"),
    ResourceKind.WORKER: gettext_lazy("Workers"),
    ResourceKind.PHONE_NUMBER: gettext_lazy("Phone numbers"),
    ResourceKind.WHATSAPP_SENDER: gettext_lazy("WhatsApp senders"),
    ResourceKind.EMAIL_ADDRESS: gettext_lazy("Email addresses"),
    ResourceKind.CONTENT_TEMPLATE: gettext_lazy("Content templates"),
}


@dataclass(slots=True)
class Item:
    """One resource with its checkbox."""

    value: str
    name: str
    note: str
    badge: SafeString
    ticked: bool
    is_gone: bool


@dataclass(slots=True)
class Group:
    """The resources of one kind. ``whole``: one checkbox is for all of them, and ``items`` shows only what changes."""

    kind: ResourceKind
    label: Any
    total: int
    counts: list[SafeString]
    whole: bool
    ticked: bool
    items: list[Item]
    more: int = 0
    is_open: bool = False


@dataclass(slots=True)
class SenderRow:
    """A number or address of the account. ``sender``: the sender that has it already, None where it may become one."""

    sid: str
    channel: str
    address: str
    ticked: bool
    display_name: str
    queue: str
    sender: Sender | None = None
    error: str = ""


@dataclass(slots=True)
class Page:
    """Everything on the page. ``routes``: for each workspace its name and (value, label, is chosen) per workflow."""

    routes: list[tuple[str, list[tuple[str, str, bool]]]]
    queues: list[tuple[str, list[tuple[str, str]]]]
    senders: list[SenderRow]
    groups: list[Group]
    skipped: list[tuple[Any, str]]
    more_senders: int = 0
    changes: int = 0
    errors: dict[str, str] = field(default_factory=dict)


def read_choice(run: ImportRun, differences: Differences, data: QueryDict) -> Choice:
    """Return the choice that a form holds; ``setup.choosing`` says whether its parts fit together."""
    workspace, _slash, workflow = data.get("route", "").partition("/")
    ticked = set(data.getlist("take"))
    take: dict[ResourceKind, list[str] | None] = {}
    for kind, several in differences.by_kind.items():
        if not _is_whole(kind, several):
            take[kind] = [one.sid for one in several if f"{kind}:{one.sid}" in ticked]
        elif f"{kind}:{WHOLE}" in ticked:
            take[kind] = None
    chosen = set(data.getlist("send"))
    senders = [
        NewSender(kind, one["sid"], data.get(f"name-{one['sid']}", "").strip(), data.get(f"queue-{one['sid']}", ""))
        for kind in CHANNEL_OF
        for one in run.of(kind)
        if one["sid"] in chosen
    ]
    # The number or address of a new sender is imported too, whether its own checkbox is ticked or not.
    for sender in senders:
        kept = take.get(sender.kind)
        take[sender.kind] = [*kept, sender.sid] if kept is not None else None
    return Choice(workspace, workflow, take, senders)


def build(
    account: Account,
    run: ImportRun,
    differences: Differences,
    data: QueryDict | None = None,
    errors: dict[str, str] | None = None,
) -> Page:
    """Return the page for an import. ``data``, ``errors``: a form that is shown again, and what is wrong with it."""
    senders, more = _senders(account, run, data, errors or {})
    return Page(
        routes=_routes(account, run, data),
        queues=_queues(run),
        senders=senders,
        more_senders=more,
        groups=[
            _group(kind, several, data, _users_of(kind, senders))
            for kind, several in differences.by_kind.items()
            if several
        ],
        skipped=[(PLURALS[ResourceKind(kind)], said.get("said", "")) for kind, said in differences.skipped.items()],
        changes=differences.count(),
        errors=errors or {},
    )


def _is_whole(kind: ResourceKind, several: list[Difference]) -> bool:
    # Workers have one checkbox: they are chosen one by one where they are matched with users.
    return kind is ResourceKind.WORKER or len(several) > MAX_TICKS


def _users_of(kind: ResourceKind, rows: list[SenderRow]) -> dict[str, str]:
    """Return the names of the senders that use a queue, by the queue's SID."""
    names: dict[str, str] = {}
    for row in rows:
        if row.sender is not None and kind is ResourceKind.TASK_QUEUE:
            sid, name = row.sender.queue_sid, row.sender.display_name
            names[sid] = f"{names[sid]}, {name}" if sid in names else name
    return names


def _group(kind: ResourceKind, several: list[Difference], data: QueryDict | None, users: dict[str, str]) -> Group:
    whole = _is_whole(kind, several)
    ticked = set(data.getlist("take")) if data is not None else None
    numbers = Counter(one.change for one in several)
    news = [one for one in several if one.change is not Change.UNCHANGED]
    shown = news[:MAX_TICKS] if whole else several
    return Group(
        kind=kind,
        label=PLURALS[kind],
        total=len(several) - numbers[Change.GONE],
        counts=[
            badges.badge(tone, f"{numbers[change]} {words}")
            for change, (tone, words) in WORDS.items()
            if numbers[change]
        ],
        whole=whole,
        ticked=ticked is None or f"{kind}:{WHOLE}" in ticked,
        items=[_item(one, ticked, users.get(one.sid, "")) for one in shown],
        more=len(news) - len(shown) if whole else 0,
        is_open=any(one.change in (Change.GONE, Change.RENAMED) for one in several),
    )


def _item(one: Difference, ticked: set[str] | None, users: str) -> Item:
    tone, words = WORDS[one.change]
    value = f"{one.kind}:{one.sid}"
    return Item(
        value=value,
        name=one.name or one.sid,
        note=_note(one, users),
        badge=badges.badge(tone, words),
        ticked=ticked is None or value in ticked,
        is_gone=one.change is Change.GONE,
    )


def _note(one: Difference, users: str) -> str:
    if one.change is Change.GONE and users:
        return _("used by: %(senders)s. Choose another queue there.") % {"senders": users}
    if one.before:
        return _("was: %(name)s") % {"name": one.before}
    known = [one.details.get(name) for name in ("address", "language", "email")]
    approval = one.details.get("whatsapp")
    known += [_("WhatsApp: %(status)s") % {"status": approval}] if approval else []
    return ", ".join(str(text) for text in known if text and text != one.name)


def _routes(account: Account, run: ImportRun, data: QueryDict | None) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    flows: dict[str, list[dict[str, Any]]] = {}
    for one in run.of(ResourceKind.WORKFLOW):
        flows.setdefault(one["parent_sid"], []).append(one)
    only = {f"{one['parent_sid']}/{one['sid']}" for one in run.of(ResourceKind.WORKFLOW)}
    current = f"{account.workspace_sid}/{account.workflow_sid}" if account.workspace_sid else ""
    chosen = data.get("route", "") if data is not None else current or (only.pop() if len(only) == 1 else "")
    found = []
    for space in run.of(ResourceKind.WORKSPACE):
        several = [(f"{space['sid']}/{one['sid']}", one["name"] or one["sid"]) for one in flows.get(space["sid"], ())]
        if len(several) != 1 or chosen == f"{space['sid']}/":
            several.append((f"{space['sid']}/", _("no default workflow")))
        found.append((space["name"] or space["sid"], [(value, label, value == chosen) for value, label in several]))
    return found


def _queues(run: ImportRun) -> list[tuple[str, list[tuple[str, str]]]]:
    names = {one["sid"]: one["name"] or one["sid"] for one in run.of(ResourceKind.WORKSPACE)}
    found: dict[str, list[tuple[str, str]]] = {}
    for one in run.of(ResourceKind.TASK_QUEUE):
        found.setdefault(one["parent_sid"], []).append((one["sid"], one["name"] or one["sid"]))
    return [(names.get(sid, sid), sorted(several, key=_label)) for sid, several in found.items()]


def _label(pair: tuple[str, str]) -> str:
    return pair[1].casefold()


def _senders(
    account: Account, run: ImportRun, data: QueryDict | None, errors: dict[str, str]
) -> tuple[list[SenderRow], int]:
    made = {(one.channel, one.address.casefold()): one for one in Sender.objects.filter(account=account)}
    rows = []
    chosen = set(data.getlist("send")) if data is not None else set()
    for kind, one in _candidates(run):
        address = str(one["details"].get("address", ""))
        sid = one["sid"]
        rows.append(
            SenderRow(
                sid=sid,
                channel=str(CHANNEL_OF[kind].label),
                address=address,
                ticked=sid in chosen,
                display_name=data.get(f"name-{sid}", "") if data is not None else (one["name"] or address)[:100],
                queue=data.get(f"queue-{sid}", "") if data is not None else "",
                sender=made.get((CHANNEL_OF[kind], address.casefold())),
                error=errors.get(sid, ""),
            )
        )
    # What is no sender yet comes first: the page is there to add them.
    rows.sort(key=lambda row: row.sender is not None)
    return rows[:MAX_SENDERS], max(0, len(rows) - MAX_SENDERS)


def _candidates(run: ImportRun) -> Iterable[tuple[ResourceKind, dict[str, Any]]]:
    for kind in CHANNEL_OF:
        for one in run.of(kind):
            if one["details"].get("sms") is not False:
                yield kind, one
