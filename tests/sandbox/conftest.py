"""One sandbox in a thread for the whole suite, reset before each test, and clients to speak to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from twilio.base.instance_resource import InstanceResource
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer

CUSTOMER = "+15558675310"
QUICK = {"reserve_delay_ms": 10, "accept_delay_ms": 10, "channel_setup_ms": 10, "delivery_ms": 10}


class Rewriting(TwilioHttpClient):
    """The SDK's own HTTP client with nothing changed but the host."""

    def __init__(self, base: str, timeout: float = 5) -> None:
        super().__init__(timeout=timeout)
        self.base = base

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(url)
        product = (parts.hostname or "").split(".")[0]
        query = f"?{parts.query}" if parts.query else ""
        return super().request(method, f"{self.base}/{product}{parts.path}{query}", *args, **kwargs)


class Control:
    """The control API in a few words."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=f"{url}/_sandbox", timeout=5)

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, body: object = None) -> Any:
        return self.http.post(path, json=body or {}).raise_for_status().json()

    def options(self, **values: object) -> None:
        self.post("/options", values)

    def fault(self, kind: str, match: dict[str, str] | None = None, **fields: object) -> Any:
        return self.post("/faults", {"fault": kind, "match": match or {}, **fields})["faults"][0]

    def account(self) -> Any:
        return self.get("/state")["accounts"][defaults.ACCOUNT_SID]


def eventually(check: Callable[[], Any], seconds: float = 3) -> Any:
    """Return the first true value of ``check``; fail after ``seconds``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = check()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it never came true")


@pytest.fixture(scope="session")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(**QUICK) as running:
        yield running


@pytest.fixture(scope="session")
def _control(server: SandboxServer) -> Iterator[Control]:
    control = Control(server.url)
    yield control
    control.http.close()


@pytest.fixture(autouse=True)
def control(_control: Control) -> Control:
    _control.post("/reset")
    return _control


@pytest.fixture(scope="session")
def client(server: SandboxServer) -> Iterator[Client]:
    http = Rewriting(server.url)
    yield Client(defaults.API_KEY_SID, defaults.API_KEY_SECRET, defaults.ACCOUNT_SID, http_client=http)
    http.session.close()


@pytest.fixture(scope="session")
def raw(server: SandboxServer) -> Iterator[httpx.Client]:
    auth = (defaults.ACCOUNT_SID, defaults.AUTH_TOKEN)
    with httpx.Client(base_url=server.url, auth=auth, timeout=5) as http:
        yield http


def channel_of(kind: str = "sms", address: str = CUSTOMER, **changes: Any) -> dict[str, Any]:
    """Return a good ``Channel`` of ``kind``; ``changes`` replace its keys."""
    if kind == "email":
        who: dict[str, str] = {"level": "to", "name": "Ann", "address": address}
        properties = {"properties": {"from": defaults.EMAIL_SENDER, "from_name": "Support"}}
    else:
        sender = defaults.WHATSAPP_SENDER if kind == "whatsapp" else defaults.SMS_SENDER
        who, properties = {"address": address, "proxy_address": sender}, {}
    return {"type": kind, "initiated_by": "agent", "participants": [who], **properties, **changes}


def routing_of(attributes: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return a good ``Routing``; a change to None leaves the property out."""
    properties = {
        "workspace_sid": defaults.WORKSPACE_SID,
        "workflow_sid": defaults.WORKFLOW_SID,
        "queue_sid": defaults.QUEUES["Outbound"],
        "worker_sid": defaults.WORKERS["agent"],
        "task_channel_unique_name": "sms",
        "attributes": attributes or {},
        **changes,
    }
    return {"properties": {name: value for name, value in properties.items() if value is not None}}


class Started:
    """An interaction that was created, with its SIDs at hand."""

    def __init__(self, interaction: Any) -> None:
        self.interaction = interaction
        self.properties = interaction.routing["properties"]
        self.attributes = json.loads(self.properties["attributes"])
        self.sid = interaction.sid
        self.task = self.properties["sid"]
        self.channel = interaction.channel["sid"]
        self.conversation = self.attributes.get("conversationSid")


Start = Callable[..., Started]


@pytest.fixture
def start(client: Client) -> Start:
    """Create an interaction: ``start("whatsapp", "whatsapp:+1…", attributes={…}, worker_sid=…)``."""

    def create(
        kind: str = "sms",
        address: str = CUSTOMER,
        attributes: dict[str, Any] | None = None,
        **routing: Any,
    ) -> Started:
        made: InstanceResource = client.flex_api.v1.interaction.create(
            channel=channel_of(kind, address), routing=routing_of(attributes, **routing)
        )
        return Started(made)

    return create


class Receiver:
    """A little web server that keeps what it is sent and answers as told."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                form = dict(parse_qsl(body, keep_blank_values=True))
                call = {"path": self.path, "headers": dict(self.headers), "form": form}
                receiver.calls.append(call | {"method": self.command})
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def of(self, event: str) -> list[dict[str, Any]]:
        return [call for call in self.calls if call["form"].get("EventType") == event]


@pytest.fixture
def receiver(control: Control) -> Iterator[Receiver]:
    running = Receiver()
    yield running
    control.post("/reset")
    running.server.shutdown()
    running.server.server_close()
