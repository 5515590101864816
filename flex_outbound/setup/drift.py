"""What changed at Twilio since workers and senders were set up, as far as the last import found it; and the fix."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.models import Account, Resource, ResourceKind, Sender, Worker
from flex_outbound.outbox import locks


class Moved(StrEnum):
    """What happened to a worker at Twilio."""

    DELETED = "deleted"
    RENAMED = "renamed"
    QUEUE_GONE = "queue_gone"


REMEDIES: Final = {
    Moved.DELETED: gettext_lazy("deactivate the worker here"),
    Moved.RENAMED: gettext_lazy("use the new name"),
    Moved.QUEUE_GONE: gettext_lazy("use the queue of the sender"),
}


@dataclass(frozen=True, slots=True)
class WorkerDrift:
    """A worker here that differs from the one at Twilio. ``now``: the new name, where that is the difference."""

    worker: Worker
    moved: Moved
    now: str = ""

    @property
    def key(self) -> str:
        """The value that names it in a form."""
        return f"{self.moved}:{self.worker.pk}"

    @property
    def words(self) -> str:
        """What happened, in words."""
        if self.moved is Moved.RENAMED:
            return _("Renamed at Twilio: “%(before)s” is now “%(now)s”.") % {
                "before": self.worker.friendly_name,
                "now": self.now,
            }
        if self.moved is Moved.DELETED:
            return _("Deleted at Twilio.")
        return _("The worker's own queue was deleted at Twilio.")

    @property
    def remedy(self) -> str:
        """What ``fix`` does about it, in words."""
        return str(REMEDIES[self.moved])


def of_workers(account: Account) -> list[WorkerDrift]:
    """Return the differences of workers, in two queries. Workers that no import has found are left out."""
    rows = Resource.objects.filter(account=account, kind__in=[ResourceKind.WORKER, ResourceKind.TASK_QUEUE])
    seen = {sid: (name, gone_at) for sid, name, gone_at in rows.values_list("sid", "name", "gone_at")}
    found: list[WorkerDrift] = []
    for worker in Worker.objects.filter(account=account, is_active=True).select_related("user"):
        name, gone_at = seen.get(worker.worker_sid, (worker.friendly_name, None))
        if gone_at is not None:
            found.append(WorkerDrift(worker, Moved.DELETED))
        elif name != worker.friendly_name:
            found.append(WorkerDrift(worker, Moved.RENAMED, name))
        if seen.get(worker.queue_sid, ("", None))[1] is not None:
            found.append(WorkerDrift(worker, Moved.QUEUE_GONE))
    return found


def senders_without_queue(account: Account) -> list[Sender]:
    """Return the active senders whose queue is marked as gone; one query."""
    gone = Resource.objects.filter(account=account, kind=ResourceKind.TASK_QUEUE).exclude(gone_at=None)
    return list(Sender.objects.filter(account=account, is_active=True, queue_sid__in=gone.values("sid")))


def fix(account: Account, keys: Collection[str]) -> list[Worker]:
    """Fix the selected differences, as far as they still exist. Returns the workers that were changed."""
    changed: dict[int, Worker] = {}
    with locks.bounded_transaction(read_first=True):
        for one in of_workers(account):
            if one.key in keys:
                worker = changed.setdefault(one.worker.pk, one.worker)
                _fix(worker, one)
        Worker.objects.bulk_update(changed.values(), ["friendly_name", "queue_sid", "is_active"], batch_size=500)
    return list(changed.values())


def _fix(worker: Worker, one: WorkerDrift) -> None:
    if one.moved is Moved.DELETED:
        worker.is_active = False
    elif one.moved is Moved.RENAMED:
        worker.friendly_name = one.now
    else:
        worker.queue_sid = ""
