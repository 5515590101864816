"""The sandbox's own callbacks: registered as one does at Twilio, delivered by hand in the order they were made."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from django.test import Client

from flex_outbound.models import Account
from flex_outbound.sandbox import defaults
from flex_outbound.webhooks.read import FORM
from tests.integration.pipeline.conftest import Sandbox

from .conftest import process_waiting

CONVERSATION_EVENTS = ("onConversationStateUpdated", "onParticipantAdded", "onMessageAdded", "onDeliveryUpdated")
INTERACTION_EVENTS = (
    "onInteractionCreated",
    "onChannelCreated",
    "onChannelCreateFailed",
    "onChannelStatusUpdated",
    "onParticipantJoined",
)
WORKSPACE = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}"


def register(sandbox: Sandbox, account: Account, base: str) -> None:
    """Register the addresses of all three services, with Twilio's overrides behind the ``#``."""
    auth = (defaults.API_KEY_SID, defaults.API_KEY_SECRET)
    root = f"{base}/flex/webhooks/{account.pk}"
    with httpx.Client(base_url=sandbox.url, auth=auth, timeout=5, trust_env=False, verify=False) as twilio:
        asked = [
            twilio.post(WORKSPACE, data={"EventCallbackUrl": f"{root}/taskrouter/#rc=3&rp=all"}),
            twilio.post(
                "/conversations/v1/Configuration/Webhooks",
                data={
                    "PostWebhookUrl": f"{root}/conversations/",
                    "Method": "POST",
                    "Filters": list(CONVERSATION_EVENTS),
                },
            ),
            twilio.post(
                f"/flex-api/v1/Instances/{defaults.FLEX_INSTANCE_SID}/InteractionWebhooks",
                data={
                    "WebhookUrl": f"{root}/interactions/",
                    "WebhookEvents": list(INTERACTION_EVENTS),
                    "WebhookMethod": "POST",
                    "Type": "global",
                },
            ),
        ]
    for answer in asked:
        answer.raise_for_status()


def log(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Return every callback that the sandbox has made, with what came of it."""
    return list(sandbox.http.get("state").json()["callbacks"])


class Delivery:
    """Brings what the sandbox has signed, and is told not to send itself, to the views; then applies it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.done = 0

    def bring(self) -> list[int]:
        """Deliver what is new and return the answers."""
        answers = [self._post(one) for one in self._new()]
        process_waiting()
        return answers

    def _new(self) -> Iterator[dict[str, Any]]:
        made = log(self.sandbox)
        news, self.done = made[self.done :], len(made)
        yield from news

    def _post(self, one: dict[str, Any]) -> int:
        headers = {"X-Twilio-Signature": one["signature"]}
        path = urlsplit(one["url"]).path
        return Client().post(path, urlencode(one["form"]), content_type=FORM, headers=headers).status_code
