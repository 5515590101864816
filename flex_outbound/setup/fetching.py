"""Reads what an account has at Twilio into an ImportRun. Nothing else in the database changes."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

from flex_outbound.exceptions import FlexOutboundError, GatewayError
from flex_outbound.gateway.directory import open_directory
from flex_outbound.gateway.resources import Directory, ListedResource
from flex_outbound.models import ImportRun, ResourceKind
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.setup import runs

logger = logging.getLogger(__name__)

EVERY: Final = 500
"""How many resources are read between two renewals of the lease; a page of Twilio's has at most 1,000."""

Read = Callable[[Directory, str], Iterator[ListedResource]]

PER_WORKSPACE: Final[dict[ResourceKind, Read]] = {
    ResourceKind.WORKFLOW: lambda directory, workspace: directory.workflows(workspace),
    ResourceKind.TASK_QUEUE: lambda directory, workspace: directory.task_queues(workspace),
    ResourceKind.TASK_CHANNEL: lambda directory, workspace: directory.task_channels(workspace),
    ResourceKind.WORKER: lambda directory, workspace: directory.workers(workspace),
}
PER_ACCOUNT: Final[dict[ResourceKind, Read]] = {
    ResourceKind.PHONE_NUMBER: lambda directory, _workspace: directory.phone_numbers(),
    ResourceKind.WHATSAPP_SENDER: lambda directory, _workspace: directory.whatsapp_senders(),
    ResourceKind.EMAIL_ADDRESS: lambda directory, _workspace: directory.email_addresses(),
    ResourceKind.CONTENT_TEMPLATE: lambda directory, _workspace: directory.content_templates(),
}
NOT_SHOWN: Final = (401, 403, 404)
"""Answers for a product that the API key may not read, or that the account does not use."""


def fetch(run_id: int) -> None:
    """Read everything for a run that waits. If a request fails, the run fails, and nothing of it is stored."""
    run = runs.claim(run_id)
    if run is None:
        return
    try:
        with open_directory(connection_to(run.account)) as directory:
            _read_all(run, directory)
        runs.found(run)
    except runs.Lost:
        logger.warning("Import %s was given up while it read from Twilio", run_id)
    except FlexOutboundError as error:
        logger.warning("Import %s failed (%s)", run_id, getattr(error, "reason", type(error).__name__))
        runs.failed(run, error)


def _read_all(run: ImportRun, directory: Directory) -> None:
    run.found, run.counts, run.skipped = {}, {}, {}
    workspaces = _read(run, ResourceKind.WORKSPACE, directory.workspaces())
    for kind, of_workspace in PER_WORKSPACE.items():
        for workspace in workspaces:
            _read(run, kind, of_workspace(directory, workspace.sid))
    for kind, of_account in PER_ACCOUNT.items():
        try:
            _read(run, kind, of_account(directory, ""))
        except GatewayError as error:
            if error.http_status not in NOT_SHOWN:
                raise
            # A list that was read in part would make the other resources seem deleted.
            run.found.pop(kind, None)
            run.counts.pop(kind, None)
            run.skipped[kind] = {"code": error.code, "said": error.detail[:500], "status": error.http_status}


def _read(run: ImportRun, kind: ResourceKind, records: Iterator[ListedResource]) -> list[ListedResource]:
    run.step = kind.value
    run.counts.setdefault(kind.value, 0)
    runs.progress(run)
    kept: list[ListedResource] = []
    for one in records:
        kept.append(one)
        run.counts[kind.value] += 1
        if len(kept) % EVERY == 0:
            runs.progress(run)
    run.found.setdefault(kind.value, []).extend(_stored(one) for one in kept)
    return kept


def _stored(one: ListedResource) -> dict[str, Any]:
    values = asdict(one)
    del values["account_sid"]
    return values
