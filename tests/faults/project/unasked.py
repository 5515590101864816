"""Holds on the ways of what no agent begins, of customers who write first, and of changed attributes.

What no agent begins is known by the customer's address.
"""

import threading
from collections.abc import Callable
from typing import Any, Final

from flex_outbound.models import Interaction
from flex_outbound.outbox import inbound, jobs, starting, task_attributes
from flex_outbound.outbox.conversations import hearing, recording
from tests.faults import times

CHANGED: Final = "faultsCell"
"""The attribute that the tests change; its value has the cell's key."""

Function = Callable[..., Any]
Name = Callable[[Interaction], str]
_local = threading.local()


def install(holds: Any, name_of: Name) -> None:
    """Put a hold around each of these places. One conversation or change is a batch of its own."""
    inbound.BATCH = task_attributes.BATCH = 1
    inbound.NOT_READ_YET = 0.5
    inbound.LEASE, task_attributes.LEASE = float(times.SETTLE), float(times.LEASE)
    hearing.hear = _hear(hearing.hear)
    recording.save = _heard(holds, recording.save)
    jobs.request = _request(holds, jobs.request)
    inbound._take = _taken(holds, inbound._take)
    inbound._open = _asked(holds, inbound._open)
    starting.note_retry = _saved(holds, name_of, starting.note_retry)
    starting.commit = _committed(holds, name_of, starting.commit)
    task_attributes._write = _changed(holds, task_attributes._write)


def _hear(hear: Function) -> Function:
    """Note whose message a callback brings, for what follows within it."""

    def wrapped(account: Any, event_type: str, params: Any, *arguments: Any) -> Any:
        _local.heard = _local.name = params.get("Author", "") if event_type == "onMessageAdded" else ""
        try:
            return hear(account, event_type, params, *arguments)
        finally:
            _local.heard = _local.name = ""

    return wrapped


def _heard(holds: Any, save: Function) -> Function:
    """Hold a callback when its message is written and not committed."""

    def wrapped(conversation: Any, **options: Any) -> None:
        save(conversation, **options)
        holds.stop_at("heard", getattr(_local, "heard", ""))

    return wrapped


def _request(holds: Any, request: Function) -> Function:
    """Hold what was committed before it asks for its job."""

    def wrapped(*arguments: Any) -> None:
        holds.stop_at("before_job", getattr(_local, "name", ""))
        request(*arguments)

    return wrapped


def _taken(holds: Any, take: Function) -> Function:
    def wrapped(account_id: int) -> Any:
        taken = take(account_id)
        for conversation in taken:
            holds.stop_at("inbound_taken", conversation.address)
        return taken

    return wrapped


def _asked(holds: Any, open_one: Function) -> Function:
    def wrapped(conversation: Any, gateway: Any) -> Any:
        holds.stop_at("inbound_asked", conversation.address)
        return open_one(conversation, gateway)

    return wrapped


def _saved(holds: Any, name_of: Name, note_retry: Function) -> Function:
    """Hold a request when its row is written and not committed."""

    def wrapped(repeats: Any, interaction: Interaction) -> Any:
        holds.stop_at("uncommitted", name_of(interaction))
        return note_retry(repeats, interaction)

    return wrapped


def _committed(holds: Any, name_of: Name, commit: Function) -> Function:
    def wrapped(interaction: Interaction, *arguments: Any, **options: Any) -> Any:
        _local.name = name_of(interaction)
        try:
            made = commit(interaction, *arguments, **options)
        finally:
            _local.name = ""
        holds.stop_at("committed", name_of(interaction))
        return made

    return wrapped


def _changed(holds: Any, write: Function) -> Function:
    def wrapped(row: Any) -> Any:
        holds.stop_at("update_claimed", (row.attributes.get(CHANGED) or {}).get("key", ""))
        return write(row)

    return wrapped
