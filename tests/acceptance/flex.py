"""What Flex really did: the sandbox's control API, and its desk and phone without the page around them."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import requests

from flex_outbound.sandbox import defaults
from tests.processes import Person, Stack

SECONDS = 5.0
INTERACTIONS = "/v1/Interactions$"
Record = dict[str, Any]


class Flex:
    """The sandbox, from the side that Twilio's customers do not see."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def __enter__(self) -> "Flex":
        return self

    def __exit__(self, *_error: object) -> None:
        self.http.close()

    def get(self, path: str) -> Record:
        """Ask the control API."""
        answer = self.http.get(f"{self.url}/_sandbox/{path}", timeout=SECONDS)
        answer.raise_for_status()
        found: Record = answer.json()
        return found

    def post(self, path: str, data: Record) -> Record:
        """Tell the control API."""
        answer = self.http.post(f"{self.url}/_sandbox/{path}", json=data, timeout=SECONDS)
        answer.raise_for_status()
        found: Record = answer.json()
        return found

    def account(self) -> Record:
        """Return the first account with everything in it."""
        found: Record = self.get("state")["accounts"][defaults.ACCOUNT_SID]
        return found

    def task(self, sid: str) -> Record:
        """Return the one task of that SID."""
        [task] = [one for one in self.account()["tasks"] if one["sid"] == sid]
        return dict(task)

    def conversation(self, sid: str) -> Record:
        """Return the one conversation of that SID."""
        [conversation] = [one for one in self.account()["conversations"] if one["sid"] == sid]
        return dict(conversation)

    def tasks_of(self, contact: Person) -> list[Record]:
        """Return every task that was ever made for a contact, on any channel, ended ones too."""
        tasks = self.account()["tasks"]
        return [one for one in tasks if _bare(one["data"]["customerAddress"]) in (contact.phone, contact.email)]

    def posts_for(self, contact: Person) -> int:
        """Return how often it was asked to open something for a contact, whatever came of it."""
        asked = [dict(one["form"]) for one in self.get("requests?last=5000")["requests"] if _opens(one)]
        return sum(contact.phone in form["Channel"] or contact.email in form["Channel"] for form in asked)

    def misbehave(self, contact: Person, fault: str, **how: Any) -> None:
        """Do ``fault`` to the next request that opens something for this contact."""
        match = {"method": "POST", "path": INTERACTIONS, "body": contact.phone.removeprefix("+")}
        self.post("faults", {"match": match, "fault": fault, **how})

    def behave(self) -> None:
        """Take every fault back."""
        self.http.delete(f"{self.url}/_sandbox/faults", timeout=SECONDS).raise_for_status()

    def close_conversation(self, sid: str) -> None:
        """Close a conversation, as a program of somebody's does; again while the limit is reached."""
        url, key = f"{self.url}/conversations/v1/Conversations/{sid}", (defaults.API_KEY_SID, defaults.API_KEY_SECRET)
        for _try in range(100):
            answer = self.http.post(url, {"State": "closed"}, auth=key, timeout=SECONDS)
            if answer.status_code != 429:
                break
            time.sleep(0.1)
        answer.raise_for_status()

    def register_conversations_callback(self, url: str, events: Sequence[str] = ()) -> None:
        """Set the webhook of Conversations; with "" it calls nobody."""
        answer = self.http.post(
            f"{self.url}/conversations/v1/Configuration/Webhooks",
            {"PostWebhookUrl": url, "Filters": events, "Method": "POST"},
            auth=(defaults.API_KEY_SID, defaults.API_KEY_SECRET),
            timeout=SECONDS,
        )
        answer.raise_for_status()

    def register_callback(self, url: str) -> None:
        """Set the workspace's EventCallbackUrl, as one does in Twilio's console."""
        answer = self.http.post(
            f"{self.url}/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}",
            {"EventCallbackUrl": url},
            auth=(defaults.API_KEY_SID, defaults.API_KEY_SECRET),
            timeout=SECONDS,
        )
        answer.raise_for_status()


@contextlib.contextmanager
def calling_back(stack: Stack, flex: Flex) -> Iterator[str]:
    """Let TaskRouter call the CRM for a while; gives the address that it calls."""
    url = callback_url(stack)
    flex.register_callback(url)
    yield url
    flex.register_callback("")


def callback_url(stack: Stack, source: str = "taskrouter") -> str:
    """Return where TaskRouter, or another service of Twilio's, is to call."""
    [(pk,)] = stack.query("SELECT id FROM flex_outbound_account WHERE account_sid = %s", defaults.ACCOUNT_SID)
    return f"{stack.crm_url}/flex/webhooks/{pk}/{source}/"


def _bare(address: str) -> str:
    return address.removeprefix("whatsapp:")


def _opens(request: Record) -> bool:
    return bool(request["method"] == "POST" and request["path"] == "/v1/Interactions")
