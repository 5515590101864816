"""What Flex really has: every interaction that was ever made there, read through the sandbox's control API."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import requests

from flex_outbound.sandbox import defaults
from tests.acceptance.flex import Flex

OVER = ("closed", "failed")
SECONDS = 120.0
EVENTS = (
    "task.created,task.updated,task.canceled,task.wrapup,task.completed,task.deleted,"
    "reservation.created,reservation.accepted,reservation.wrapup,reservation.completed,workflow.timeout"
)


@dataclass(frozen=True, slots=True)
class Made:
    """One interaction. ``key``: the ``flexOutboundKey`` it was made with."""

    key: str
    interaction_sid: str
    channel_sid: str
    task_sid: str
    conversation_sid: str
    is_live: bool

    @property
    def sids(self) -> tuple[str, str, str, str]:
        """What a row should know of it."""
        return self.interaction_sid, self.channel_sid, self.task_sid, self.conversation_sid


class Sandbox(Flex):
    """The sandbox with more patience: at the end of a run its state is long."""

    def state(self) -> dict[str, Any]:
        """Return everything."""
        answer = requests.get(f"{self.url}/_sandbox/state", timeout=SECONDS, proxies={"http": ""})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def made(self) -> dict[str, list[Made]]:
        """Return all interactions by key, the oldest first."""
        return self.made_of(self.state())

    @staticmethod
    def made_of(state: dict[str, Any]) -> dict[str, list[Made]]:
        """Return all interactions of a state that was read before."""
        found: dict[str, list[Made]] = defaultdict(list)
        for one in state["accounts"][defaults.ACCOUNT_SID]["interactions"]:
            made = _read(one)
            found[made.key].append(made)
        return dict(found)

    def arm(self, token: str, fault: str, *, method: str = "POST", path: str = "/v1/Interactions$", **how: Any) -> None:
        """Do ``fault`` to requests, or callbacks, that mention ``token``."""
        self.post("faults", {"match": {"method": method, "path": path, "body": token}, "fault": fault, **how})

    def arm_callback(self, token: str, fault: str, times: int | None = None, **how: Any) -> None:
        """Do ``fault`` to every callback that mentions ``token``, or to the first few."""
        self.post("faults", {"match": {"body": token}, "fault": fault, "times": times, **how})

    def add(self, fault: dict[str, Any]) -> int:
        """Set a fault and return its number."""
        [added] = self.post("faults", fault)["faults"]
        return int(added["id"])

    def hits(self, number: int) -> int:
        """Return how often a fault has acted."""
        return sum(one["hits"] for one in self.get("faults")["faults"] if one["id"] == number)

    def listen(self, url: str, events: str = EVENTS) -> None:
        """Have the workspace call ``url`` with ``events``; unless told otherwise, with those of docs/webhooks.md."""
        answer = self.http.post(
            f"{self.url}/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}",
            {"EventCallbackUrl": url, "EventsFilter": events},
            auth=(defaults.API_KEY_SID, defaults.API_KEY_SECRET),
            timeout=10,
        )
        answer.raise_for_status()


def forged_accepted(callbacks: Iterable[dict[str, Any]]) -> int:
    """Count forged callbacks that were not answered with 403."""
    forged = [one for one in callbacks if "callback_forged" in one["faults"]]
    answers = [attempt["status"] for one in forged for attempt in one["attempts"]]
    return sum(status is not None and status < 300 for status in answers)


def _read(one: dict[str, Any]) -> Made:
    channel = one["channel"]
    [invite] = channel["invites"].values()
    return Made(
        key=one["routing"]["properties"]["attributes"]["flexOutboundKey"],
        interaction_sid=one["sid"],
        channel_sid=channel["sid"],
        task_sid=invite["task_sid"],
        conversation_sid=channel["conversation_sid"],
        is_live=channel["status"] not in OVER,
    )
