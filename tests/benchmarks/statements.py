"""What each step of the hot path asks of the database: statements, and the transactions around them.

The steps go through the public addresses and through the jobs that those ask for, one after the other in this process.
``tests/integration/test_statements.py`` holds the numbers, ``make bench`` prints them.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from flex_outbound.conf import conf
from flex_outbound.models import Account, Interaction
from flex_outbound.outbox import jobs, sweep
from flex_outbound.outbox.jobs import Job
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.signing import signature

CLICK: Final = "/flex/api/interactions/"
LIST: Final = "/?per_page=100"
BATCH: Final = 16
CONTACTS: Final = 2 + BATCH
"""How many contacts the steps need: one to warm the caches, one to count, and a batch."""

_CONTROL: Final = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class Cost(NamedTuple):
    """``statements`` without those that begin and end transactions; ``transactions``: how many were begun."""

    statements: float
    transactions: float

    def exceeds(self, other: "Cost") -> bool:
        """Tell whether it is more than another one, in either number."""
        return self.statements > other.statements or self.transactions > other.transactions


class HotPath:
    """The steps, with the browser of an agent and Twilio's side of the callbacks.

    ``contacts``: primary keys, at least CONTACTS, of people who can be reached by SMS. A sandbox must answer.
    """

    def __init__(self, client: Client, account: Account, contacts: Sequence[int]) -> None:
        self.client = client
        self.contacts = contacts
        self._url = f"/flex/webhooks/{account.pk}/taskrouter/"
        self._asked: list[tuple[Job, str]] = []

    def measure(self) -> dict[str, Cost]:
        """Return the cost of every step by name; raises RuntimeError where a step did not do what it should."""
        with self._listening():
            self._one(self.contacts[0])
            found = self._one(self.contacts[1])
            found |= self._batch(self.contacts[2:CONTACTS])
        self._get(LIST)
        found["list page of 100 contacts"] = self._count(lambda: self._get(LIST))
        return found

    def _one(self, contact: int) -> dict[str, Cost]:
        found = {"click": self._count(lambda: self._click(contact))}
        found["dispatch"] = self._count(self._work)
        row = Interaction.objects.latest("created_at")
        if row.status != "created":
            raise RuntimeError(f"the interaction was not opened: {row.status} {row.error_reason}")
        path = f"{CLICK}{row.pk}/"
        tag = self.client.get(path)["ETag"]
        found["poll, 304"] = self._count(lambda: self._get(path, 304, {"If-None-Match": tag}))
        news = ("reservation.accepted", "assigned")
        found["callback with news"] = self._count(lambda: self._call(row, *news))
        found["callback with news, its job"] = self._count(self._work)
        row.refresh_from_db()
        if row.task_status != "assigned":
            raise RuntimeError(f"the callback was not applied: {row.task_status}")
        found["callback without news"] = self._count(lambda: self._call(row, "task.created", "pending"))
        found["callback without news, its job"] = self._count(self._work)
        return found

    def _batch(self, contacts: Sequence[int]) -> dict[str, Cost]:
        for contact in contacts:
            self._click(contact)
        statements, transactions = self._count(self._work)
        if Interaction.objects.filter(status="queued").exists():
            raise RuntimeError("the batch was not sent")
        each = Cost(statements / len(contacts), transactions / len(contacts))
        return {f"dispatch, each of {len(contacts)}": each}

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Keep what the broker would be asked for."""
        before = jobs.connect(self._keep)
        try:
            yield
        finally:
            jobs.connect(before)

    def _keep(self, job: Job, argument: str, *delay: float) -> None:
        # What is to run later, such as asking Twilio how it goes, is not part of the step.
        if not any(delay):
            self._asked.append((job, argument))

    def _work(self) -> None:
        """Do every job that was asked for, as a worker would; one that was asked for twice, once."""
        asked, self._asked = self._asked, []
        for job, argument in dict.fromkeys(asked):
            sweep.run(job, argument)

    def _count(self, step: Callable[[], object]) -> Cost:
        with CaptureQueriesContext(connection) as captured:
            step()
        asked = [query["sql"] for query in captured]
        statements = sum(not sql.startswith(_CONTROL) for sql in asked)
        return Cost(statements, sum(sql.startswith("BEGIN") for sql in asked))

    def _click(self, contact: int) -> None:
        body = {"contact_type": "crm_demo.contact", "contact_id": str(contact), "channel": "sms"}
        _expect(self.client.post(CLICK, body, content_type="application/json"), 202)

    def _get(self, path: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        _expect(self.client.get(path, headers=headers), status)

    def _call(self, row: Interaction, event: str, status: str) -> None:
        attributes = {"flexOutboundKey": row.key, "flexOutboundAttempt": 1, "conversationSid": row.conversation_sid}
        form = {
            "AccountSid": defaults.ACCOUNT_SID,
            "WorkspaceSid": defaults.WORKSPACE_SID,
            "EventType": event,
            "TaskSid": str(row.task_sid),
            "TaskAssignmentStatus": status,
            "TaskAttributes": json.dumps(attributes),
            "TimestampMs": str(time.time_ns() // 1_000_000),
        }
        signed = signature(defaults.AUTH_TOKEN, f"{conf.public_base_url}{self._url}", form)
        kind = "application/x-www-form-urlencoded"
        headers = {"X-Twilio-Signature": signed}
        _expect(self.client.post(self._url, urlencode(form), content_type=kind, headers=headers), 204)


def _expect(answer: Any, status: int) -> None:
    if answer.status_code != status:
        raise RuntimeError(f"{answer.request['PATH_INFO']} answered {answer.status_code}")
