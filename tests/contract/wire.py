"""Requests as any client of Twilio would send them, to the sandbox."""

import json
import time
from typing import Any

import requests

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer

CUSTOMERS = {"sms": "+14155550142", "whatsapp": "whatsapp:+14155550142", "email": "ann@example.com"}
SENDERS = {"sms": defaults.SMS_SENDER, "whatsapp": defaults.WHATSAPP_SENDER, "email": defaults.EMAIL_SENDER}
SECONDS = 5.0


class Wire:
    """One account's way to the sandbox."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self.url = sandbox.url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.auth = (defaults.API_KEY_SID, defaults.API_KEY_SECRET)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def ask(self, method: str, product: str, path: str, form: dict[str, str] | None = None) -> Any:
        """Return the JSON of an answer, which must be a success; None for an empty one."""
        answer = self.http.request(method, f"{self.url}/{product}{path}", data=form, timeout=SECONDS)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def open(self, channel: str = "sms") -> dict[str, Any]:
        """Start an interaction, and return it once its task is with the agent."""
        made: dict[str, Any] = self.ask("POST", "flex-api", "/v1/Interactions", interaction_form(channel))
        task = f"/v1/Workspaces/{defaults.WORKSPACE_SID}/Tasks/{made['routing']['properties']['sid']}"
        deadline = time.monotonic() + SECONDS
        while self.ask("GET", "taskrouter", task)["assignment_status"] == "pending":
            assert time.monotonic() < deadline, "the task was not reserved"
            time.sleep(0.01)
        return made


def interaction_form(channel: str) -> dict[str, str]:
    """Return the form that starts an interaction, as Twilio's documentation writes it."""
    customer, sender = CUSTOMERS[channel], SENDERS[channel]
    properties = {"type": channel}
    participant = {"address": customer, "type": channel}
    if channel == "email":
        properties |= {"from": sender, "from_name": "Support"}
        participant |= {"level": "to", "name": "Ann"}
    else:
        participant |= {"proxy_address": sender}
    routing = {
        "workspace_sid": defaults.WORKSPACE_SID,
        "workflow_sid": defaults.WORKFLOW_SID,
        "queue_sid": defaults.QUEUES["Outbound"],
        "worker_sid": defaults.WORKERS["agent"],
        "attributes": {"customerName": "Ann", "customerAddress": customer},
    }
    opened = {"type": channel, "initiated_by": "agent", "properties": properties, "participants": [participant]}
    return {"Channel": json.dumps(opened), "Routing": json.dumps({"properties": routing})}
