"""Whether a worker can take a task: the activity, and the room in each task channel.

https://www.twilio.com/docs/taskrouter/api/worker and https://www.twilio.com/docs/taskrouter/api/worker-channel
"""

from functools import partial
from typing import Any, Final

from flex_outbound.gateway import results
from flex_outbound.gateway.calls import TwilioCalls, found_or_none, in_path
from flex_outbound.gateway.observe import Operation
from flex_outbound.gateway.words import clean_name
from flex_outbound.gateway.worker_states import WorkerChannel, WorkerState
from flex_outbound.sids import SidKind, sid_or_none

CHANNELS_PER_PAGE: Final = 100
"""A workspace has a handful of task channels."""

MOST: Final = 2**31 - 1


class TwilioWorkers(TwilioCalls):
    """The workers of one account's workspace."""

    def fetch_worker(self, worker_sid: str) -> WorkerState | None:
        """Return a worker's activity, None where Twilio does not have the worker (404)."""
        record = found_or_none(partial(self._fetch, Operation.FETCH_WORKER, self._worker(worker_sid)), missing=(404,))
        if record is None:
            return None
        return WorkerState(
            activity_sid=sid_or_none(record.activity_sid, SidKind.ACTIVITY) or "",
            activity_name=clean_name(record.activity_name or ""),
            is_available=record.available if isinstance(record.available, bool) else None,
            since=results.moment(record.date_status_changed),
        )

    def list_worker_channels(self, worker_sid: str) -> list[WorkerChannel]:
        """Return a worker's task channels, [] where Twilio does not have the worker (404)."""
        listed = self._worker(worker_sid).worker_channels
        read = partial(self._first_page, listed)
        return [_channel(record) for record in found_or_none(read, missing=(404,)) or ()]

    def _first_page(self, listed: Any) -> list[Any]:
        fields: dict[str, Any] = {"page_size": CHANNELS_PER_PAGE}
        return list(self._records(Operation.LIST_WORKER_CHANNELS, listed, pages=1, is_whole=False, **fields))

    def _worker(self, worker_sid: str) -> Any:
        workspace = self._client.taskrouter.v1.workspaces(in_path(self._workspace_sid, SidKind.WORKSPACE))
        return workspace.workers(in_path(worker_sid, SidKind.WORKER))


def _channel(record: Any) -> WorkerChannel:
    return WorkerChannel(
        task_channel_sid=sid_or_none(record.task_channel_sid, SidKind.TASK_CHANNEL) or "",
        unique_name=clean_name(record.task_channel_unique_name or ""),
        assigned=_count(record.assigned_tasks),
        capacity=_count(record.configured_capacity),
        is_available=record.available is not False,
    )


def _count(value: object) -> int:
    return min(max(value, 0), MOST) if isinstance(value, int) and not isinstance(value, bool) else 0
