"""What others do at Twilio, of which nobody here has heard."""

import json
from datetime import datetime
from typing import Any

import httpx

from flex_outbound.sandbox import defaults

NUMBER = "+14155550123"


class Twilio:
    """What others do at Twilio: begin conversations, and give agents tasks of them."""

    def __init__(self, url: str) -> None:
        auth = (defaults.ACCOUNT_SID, defaults.AUTH_TOKEN)
        self.http = httpx.Client(base_url=url, auth=auth, timeout=5, verify=False)

    def begin(
        self, address: str = NUMBER, proxy: str = defaults.SMS_SENDER, identity: str = "", at: datetime | None = None
    ) -> str:
        """Begin a conversation that nobody here has heard of, now or as if ``at`` a time; returns its SID."""
        created = {} if at is None else {"DateCreated": at.isoformat()}
        sid = str(self._post("/conversations/v1/Conversations", created)["sid"])
        binding = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        self._post(f"/conversations/v1/Conversations/{sid}/Participants", binding)
        if identity:
            self._post(f"/conversations/v1/Conversations/{sid}/Participants", {"Identity": identity})
        return sid

    def give(self, conversation_sid: str, worker: str) -> str:
        """Give a worker a task of a conversation; returns its SID."""
        attributes = json.dumps({"conversationSid": conversation_sid})
        path = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}/Tasks"
        target = {"RoutingTarget": defaults.WORKERS[worker], "WorkflowSid": defaults.WORKFLOW_SID}
        return str(self._post(path, {"Attributes": attributes, "TaskChannel": "chat", **target})["sid"])

    def close(self, conversation_sid: str) -> None:
        """Close a conversation."""
        self._post(f"/conversations/v1/Conversations/{conversation_sid}", {"State": "closed"})

    def _post(self, path: str, data: dict[str, str]) -> dict[str, Any]:
        return dict(self.http.post(path, data=data).raise_for_status().json())
