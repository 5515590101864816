"""The agent's worker in the sandbox, and what pages know of it."""

from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from flex_outbound.models import Account, Presence, Source
from flex_outbound.sandbox import defaults
from flex_outbound.webhooks.read import Callback
from flex_outbound.webhooks.store import store
from tests.integration.pipeline.conftest import Sandbox

OFFLINE, AVAILABLE, BREAK = (defaults.ACTIVITIES[name] for name in ("Offline", "Available", "Break"))
WORKER = defaults.WORKERS["agent"]


def become(sandbox: Sandbox, **change: Any) -> None:
    """Change the agent's worker in the sandbox."""
    sandbox.http.post(f"workers/{WORKER}", json=change).raise_for_status()


def grow_old(seconds: float) -> None:
    """Let time pass for what is known of agents."""
    shift = timedelta(seconds=seconds)
    names = ("asked_at", "seen_at", "told_at")
    Presence.objects.update(**{name: F(name) - shift for name in names})


def questions(sandbox: Sandbox) -> list[str]:
    """Return the paths of what was asked about workers."""
    asked = sandbox.http.get("requests", params={"last": 1000}).json()["requests"]
    return [one["path"] for one in asked if "/Workers/" in one["path"]]


def tell(account: Account, event: str, at: Any = None, **more: str) -> bool:
    """Let TaskRouter tell about the agent's worker."""
    params = {
        "AccountSid": account.account_sid,
        "WorkspaceSid": account.workspace_sid,
        "EventType": event,
        "WorkerSid": WORKER,
        "WorkerName": "agent",
        "TimestampMs": str(int((at or timezone.now()).timestamp() * 1000)),
    }
    return store(account, Source.TASKROUTER, Callback(params | more, None), f"{event}{timezone.now()}")
