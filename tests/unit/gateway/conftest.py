"""A server on this machine that answers as it is told: the wire under the real SDK."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import GatewayError
from flex_outbound.gateway.base import Connection, InteractionRequest
from flex_outbound.gateway.client import TwilioGateway


def sid(prefix: str, digit: str = "a") -> str:
    return prefix + digit * 32


KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Reply:
    """One answer: JSON, or bytes as they are. ``half`` breaks off; ``reset`` and ``hangup`` say nothing."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    how: str = "full"


@dataclass
class Request:
    """One request as it came. ``client``: host and port of the connection that brought it."""

    method: str
    path: str
    query: dict[str, list[str]]
    form: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    client: tuple[str, int] = ("", 0)


class Wire(ThreadingHTTPServer):
    """Answers with ``replies`` in turn; keeps ``requests``."""

    daemon_threads = True
    request_queue_size = 64  # many threads connect in the same moment

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply] = []
        self.requests: list[Request] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def connections(self) -> int:
        """The connections that brought ``requests``. Whatever else on this machine tries the port does not count."""
        return len({one.client for one in self.requests})

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that went away is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Wire

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        form = {name: values[0] for name, values in fields.items()}
        asked = Request(
            self.command, parts.path, parse_qs(parts.query), form, dict(self.headers), body, self.client_address
        )
        self.server.requests.append(asked)
        self._send(self.server.replies.pop(0) if self.server.replies else Reply(404, {"code": 20404}))

    do_GET = do_POST = do_DELETE = _answer

    def _send(self, reply: Reply) -> None:
        time.sleep(reply.delay)
        if reply.how in ("reset", "hangup"):
            if reply.how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(content) + (100 if reply.how == "half" else 0)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = reply.how == "half"


@contextmanager
def serving(server: Wire) -> Iterator[None]:
    """Run the server in a thread."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def server() -> Iterator[Wire]:
    server = Wire()
    with serving(server):
        yield server


@pytest.fixture
def wire(server: Wire) -> Wire:
    server.replies, server.requests = [], []
    return server


def connection_to(url: str | None, **changes: Any) -> Connection:
    values: dict[str, Any] = {
        "account_sid": sid("AC"),
        "username": sid("SK"),
        "password": "the-secret",
        "workspace_sid": sid("WS"),
        "base_url": url,
        "timeout": (1.0, 2.0),
    }
    return Connection(**(values | changes))


@pytest.fixture
def gateway(wire: Wire) -> Iterator[TwilioGateway]:
    made = TwilioGateway(connection_to(wire.url))
    yield made
    made.close()


PAIRS = {
    Channel.SMS: ("+14155550123", "+18005550100"),
    Channel.WHATSAPP: ("+14155550123", "+18005550100"),
    Channel.EMAIL: ("ada@example.com", "support@acme.example"),
    Channel.CHAT: ("visitor-Aa1", "website"),
    Channel.WEB: ("visitor-Bb2", "shop"),
    Channel.MESSENGER: ("4611686018427387904", "104857600000001"),
}
"""An address of a customer and one of the business, by channel."""


def a_request(channel: Channel = Channel.SMS, **changes: Any) -> InteractionRequest:
    address, sender_address = PAIRS[channel]
    values: dict[str, Any] = {
        "key": KEY,
        "attempt": 1,
        "channel": channel,
        "address": address,
        "sender_address": sender_address,
        "sender_name": "Acme Support",
        "customer_name": "Ada Lovelace",
        "worker_sid": sid("WK"),
        "queue_sid": sid("WQ"),
        "workspace_sid": sid("WS"),
    }
    return InteractionRequest(**(values | changes))


def accepted(**attributes: Any) -> dict[str, Any]:
    """An answer to a new interaction, as recorded."""
    known = {
        "conversationSid": sid("CH"),
        "flexInteractionSid": sid("KD"),
        "flexInteractionChannelSid": sid("UO"),
        "flexChannelInviteSid": sid("KG"),
        "taskCreateSource": "interaction",
    }
    return {
        "sid": sid("KD"),
        "channel": {"type": "sms", "sid": sid("UO")},
        "routing": {
            "reservation": None,
            "properties": {
                "sid": sid("WT"),
                "assignment_status": "pending",
                "attributes": json.dumps(known | attributes),
                "version": 1,
                "ignore_capacity": False,
            },
        },
        "webhook_ttid": None,
    }


def failure(gateway: TwilioGateway) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        gateway.create_interaction(a_request())
    return caught.value
