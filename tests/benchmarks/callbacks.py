"""Registering callbacks at the sandbox as one does at Twilio, for everything that docs/webhooks.md asks for."""

import base64
import urllib.request
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from flex_outbound.sandbox import defaults

TASKROUTER: Final = (
    "task.created,task.updated,task.canceled,task.wrapup,task.completed,task.deleted,task.system-deleted,"
    "reservation.created,reservation.accepted,reservation.rejected,reservation.timeout,reservation.canceled,"
    "reservation.rescinded,reservation.wrapup,reservation.completed,workflow.timeout"
)
CONVERSATIONS: Final = ["onConversationStateUpdated", "onParticipantAdded", "onMessageAdded", "onDeliveryUpdated"]
INTERACTIONS: Final = [
    "onInteractionCreated",
    "onChannelCreated",
    "onChannelCreateFailed",
    "onChannelStatusUpdated",
    "onParticipantJoined",
]
_BASIC: Final = base64.b64encode(f"{defaults.API_KEY_SID}:{defaults.API_KEY_SECRET}".encode()).decode()


def register(sandbox: str, web: str, account: int = 1) -> None:
    """Have the sandbox call a web server with the events of all three services; raises urllib's HTTPError."""
    root = f"{web}/flex/webhooks/{account}"
    _post(
        f"{sandbox}/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}",
        {"EventCallbackUrl": f"{root}/taskrouter/", "EventsFilter": TASKROUTER},
    )
    _post(
        f"{sandbox}/conversations/v1/Configuration/Webhooks",
        {"PostWebhookUrl": f"{root}/conversations/", "Method": "POST", "Filters": CONVERSATIONS},
    )
    _post(
        f"{sandbox}/flex-api/v1/Instances/{defaults.FLEX_INSTANCE_SID}/InteractionWebhooks",
        {
            "WebhookUrl": f"{root}/interactions/",
            "WebhookEvents": INTERACTIONS,
            "WebhookMethod": "POST",
            "Type": "global",
        },
    )


def _post(url: str, form: Mapping[str, object]) -> None:
    request = urllib.request.Request(url, urlencode(form, doseq=True).encode(), {"Authorization": f"Basic {_BASIC}"})
    with urllib.request.urlopen(request) as answer:
        answer.read()
