"""An answer is bounded as a whole, however slowly it comes and however large it is."""

import gzip
import json
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from flex_outbound.exceptions import NotAccepted, OutcomeUnknown
from flex_outbound.gateway import bounds
from flex_outbound.gateway.client import TwilioGateway

from .conftest import KEY, Reply, Wire, a_request, accepted, connection_to, failure, sid

Speak = Callable[[socket.socket], None]


@contextmanager
def speaking(speak: Speak) -> Iterator[str]:
    """A server that answers each connection's first request as ``speak`` does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        with client:
            try:
                client.recv(65536)
                speak(client)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def drip(client: socket.socket, data: bytes) -> None:
    for byte in data * 100:
        client.sendall(bytes([byte]))
        time.sleep(0.02)


def drip_body(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n")
    drip(client, b'{"sid": "')


def drip_chunks(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(client, b"1\r\n \r\n")


def drip_headers(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 201 Created\r\nX-Slow: ")
    drip(client, b"slow")


def drip_continues(client: socket.socket) -> None:
    drip(client, b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("speak", [drip_body, drip_chunks, drip_headers, drip_continues])
def test_an_answer_that_drips_is_given_up_after_the_timeout(speak: Speak) -> None:
    with speaking(speak) as url:
        gateway = TwilioGateway(connection_to(url, timeout=(1.0, 0.3)))
        began = time.monotonic()
        assert isinstance(failure(gateway), OutcomeUnknown)
        assert time.monotonic() - began < 1.0
        gateway.close()


def test_the_time_left_of_one_answer_is_not_that_of_the_next(wire: Wire) -> None:
    """A connection is used again: its socket must not keep the last bit of a slow answer's time."""
    gateway = TwilioGateway(connection_to(wire.url, timeout=(1.0, 0.6)))
    for _ in range(3):
        wire.replies = [Reply(201, accepted(), delay=0.35)]
        assert gateway.create_interaction(a_request()).task_sid == sid("WT")
    assert wire.connections == 1
    gateway.close()


@pytest.mark.parametrize("is_compressed", [False, True])
def test_an_answer_that_is_too_large_is_not_read(wire: Wire, gateway: TwilioGateway, is_compressed: bool) -> None:
    body = b'{"sid": "' + b"a" * (bounds.MAX_RECEIPT * 30) + b'"}'
    headers = {"Content-Encoding": "gzip"} if is_compressed else {}
    wire.replies = [Reply(201, gzip.compress(body, mtime=0) if is_compressed else body, headers)]
    tracemalloc.start()
    error = failure(gateway)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(error, OutcomeUnknown)
    assert "larger than" in error.detail
    assert is_compressed is False or peak < 5 * bounds.MAX_RECEIPT
    wire.replies = [Reply(201, accepted())]
    assert gateway.create_interaction(a_request()).task_sid == sid("WT")


def test_a_list_may_be_larger(wire: Wire, gateway: TwilioGateway) -> None:
    task = {"sid": sid("WT"), "attributes": json.dumps({"flexOutboundKey": KEY, "x": "y" * 2 * bounds.MAX_RECEIPT})}
    wire.replies = [Reply(200, {"tasks": [task], "meta": {"key": "tasks"}})]
    assert len(gateway.find_tasks([KEY])[KEY]) == 1


def test_a_compressed_answer_is_asked_for_and_read(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(201, gzip.compress(json.dumps(accepted()).encode()), {"Content-Encoding": "gzip"})]
    assert gateway.create_interaction(a_request()).conversation_sid == sid("CH")
    assert wire.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(json.dumps(accepted()).encode(), mtime=0)[:-12]),
        ("deflate", zlib.compress(b"{}")),
        ("br", b"{}"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0)),
    ],
)
def test_what_cannot_be_decompressed_is_an_unknown_outcome(
    wire: Wire, gateway: TwilioGateway, encoding: str, body: bytes
) -> None:
    wire.replies = [Reply(201, body, {"Content-Encoding": encoding})]
    assert isinstance(failure(gateway), OutcomeUnknown)


def test_a_list_without_an_end_is_no_answer(wire: Wire, gateway: TwilioGateway) -> None:
    there = f"https://taskrouter.twilio.com/v1/Workspaces/{sid('WS')}/Tasks?PageToken=PT1"
    page = Reply(200, {"tasks": [], "meta": {"key": "tasks", "next_page_url": there}})
    wire.replies = [page] * 50
    with pytest.raises(OutcomeUnknown):
        gateway.find_tasks([KEY])
    assert len(wire.requests) <= 20


def test_messages_without_an_end_are_not_read_for_ever(wire: Wire, gateway: TwilioGateway) -> None:
    there = f"https://conversations.twilio.com/v1/Conversations/{sid('CH')}/Messages?PageToken=PT1"
    page = Reply(200, {"messages": [], "meta": {"key": "messages", "next_page_url": there}})
    wire.replies = [page] * 50
    assert gateway.find_message(sid("CH"), KEY) is None
    assert len(wire.requests) == 2


def test_a_connection_that_took_too_long_sends_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address of a name is tried for the whole timeout; the request would begin after its lease."""
    connect = socket.socket.connect

    def slowly(self: socket.socket, address: object) -> None:
        time.sleep(0.2)
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", slowly)
    gateway = TwilioGateway(connection_to(wire.url, timeout=(0.1, 1.0)))
    assert isinstance(failure(gateway), NotAccepted)
    assert wire.requests == []
    gateway.close()
