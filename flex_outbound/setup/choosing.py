"""What a manager chose in an import, and whether it fits together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.models import Account, ImportRun, ResourceKind, Sender

ADDRESSES: Final[dict[Channel, ResourceKind]] = {
    Channel.SMS: ResourceKind.PHONE_NUMBER,
    Channel.WHATSAPP: ResourceKind.WHATSAPP_SENDER,
    Channel.EMAIL: ResourceKind.EMAIL_ADDRESS,
}
"""What a sender of a channel is made of."""

CHANNEL_OF: Final = {kind: channel for channel, kind in ADDRESSES.items()}


@dataclass(frozen=True, slots=True)
class NewSender:
    """A sender to be created with the number or address ``sid``."""

    kind: ResourceKind
    sid: str
    display_name: str
    queue_sid: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What to apply of an import.

    ``workspace_sid``: "" leaves workspace and workflow of the account unchanged. ``take``: the SIDs to store by kind,
    None for all of a kind; a kind that is not in it is left unchanged.
    """

    workspace_sid: str
    workflow_sid: str
    take: Mapping[ResourceKind, Collection[str] | None] = field(default_factory=dict)
    senders: Collection[NewSender] = ()


def errors_of(run: ImportRun, account: Account, choice: Choice) -> dict[str, str]:
    """Return errors in words by field: "route" for workspace and workflow, else the SID of a sender."""
    errors: dict[str, str] = {}
    if not _route_is_known(run, choice):
        errors["route"] = _("Choose a workspace and a workflow from the list.")
    workspace = choice.workspace_sid or account.workspace_sid
    queues = {one["sid"] for one in run.of(ResourceKind.TASK_QUEUE) if one["parent_sid"] == workspace}
    for wanted in choice.senders:
        words = _sender_words(run, account, wanted, workspace, queues)
        if words:
            errors[wanted.sid] = words
    return errors


def sender_of(account: Account, run: ImportRun, wanted: NewSender) -> Sender:
    """Return the sender, not saved. Raises KeyError if its number was not found."""
    found = {one["sid"]: one for one in run.of(wanted.kind)}
    return Sender(
        account=account,
        channel=CHANNEL_OF[wanted.kind],
        address=str(found[wanted.sid]["details"].get("address", "")),
        display_name=wanted.display_name,
        queue_sid=wanted.queue_sid,
    )


def _route_is_known(run: ImportRun, choice: Choice) -> bool:
    if not choice.workspace_sid:
        return not choice.workflow_sid
    if choice.workspace_sid not in {one["sid"] for one in run.of(ResourceKind.WORKSPACE)}:
        return False
    if not choice.workflow_sid:
        return True
    return (choice.workflow_sid, choice.workspace_sid) in {
        (one["sid"], one["parent_sid"]) for one in run.of(ResourceKind.WORKFLOW)
    }


def _sender_words(run: ImportRun, account: Account, wanted: NewSender, workspace: str, queues: set[str]) -> str:
    if not workspace:
        return _("Choose the workspace above first: a sender needs a queue of it.")
    if not wanted.queue_sid:
        return _("Choose the queue that its conversations go to.")
    if wanted.queue_sid not in queues:
        return _("This queue is not in the chosen workspace. Choose another one.")
    try:
        sender_of(account, run, wanted).full_clean(exclude=["account"])
    except KeyError:
        return _("Twilio no longer has this number or address. Refresh the list.")
    except ValidationError as error:
        return _words(error)
    return ""


def _words(error: ValidationError) -> str:
    labels: dict[str, Any] = {
        one.name: one.verbose_name for one in Sender._meta.get_fields() if hasattr(one, "verbose_name")
    }
    found = []
    for name, words in error.message_dict.items():
        label = str(labels.get(name, "")).capitalize()
        found.append(f"{label}: {' '.join(words)}" if label else " ".join(words))
    return " ".join(found)
