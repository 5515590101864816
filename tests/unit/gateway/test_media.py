"""Files of messages: streamed, bounded, and never asked for elsewhere with our credentials."""

import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from requests.exceptions import InvalidURL

from flex_outbound.exceptions import GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import bounds
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.http import GatewayHttpClient

from .conftest import Reply, Wire, connection_to, sid
from .test_bounds import speaking

PNG = b"\x89PNG\r\n\x1a\n\x00\xff" * 20_000
PATH = f"/mcs/v1/Services/{sid('IS')}/Media"


def fetch(gateway: TwilioGateway) -> bytes:
    with gateway.fetch_media(sid("IS"), sid("ME")) as media:
        return b"".join(media.chunks)


def upload(gateway: TwilioGateway, **changes: Any) -> str:
    values: dict[str, Any] = {"content_type": "image/png", "filename": "cat.png", "data": PNG}
    return gateway.upload_media(sid("IS"), **(values | changes))


def test_a_file_is_streamed_with_our_credentials(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(200, PNG, {"Content-Type": "image/PNG"})]
    with gateway.fetch_media(sid("IS"), sid("ME")) as media:
        parts = list(media.chunks)
    assert (media.content_type, media.size) == ("image/png", len(PNG))
    assert b"".join(parts) == PNG
    assert max(map(len, parts)) <= bounds.CHUNK
    (sent,) = wire.requests
    assert (sent.method, sent.path) == ("GET", f"{PATH}/{sid('ME')}/Content")
    assert sent.headers["Authorization"].startswith("Basic ")
    assert sent.headers["accept-encoding"] == "identity"


def test_files_share_a_connection_and_one_that_is_given_up_is_closed(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(200, PNG) for _ in range(4)]
    assert fetch(gateway) == fetch(gateway) == PNG
    assert wire.connections == 1
    with gateway.fetch_media(sid("IS"), sid("ME")) as media:
        next(media.chunks)
    assert fetch(gateway) == PNG
    assert wire.connections == 2


def test_the_region_of_the_environment_does_not_lead_past_the_base_url(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    gateway = TwilioGateway(connection_to(wire.url))
    wire.replies = [Reply(200, PNG), Reply(201, {"sid": sid("ME")})]
    assert fetch(gateway) == PNG
    assert upload(gateway) == sid("ME")
    assert [one.path for one in wire.requests] == [f"{PATH}/{sid('ME')}/Content", PATH]
    gateway.close()


@pytest.mark.parametrize(
    ("reply", "error", "status"),
    [
        (Reply(404, {"code": 20404, "message": "no"}), Refused, 404),
        (Reply(404, b"<html>"), Refused, 404),
        (Reply(401, {"code": 20003, "message": "no"}), Refused, 401),
        (Reply(429, {"code": 20429}, {"Retry-After": "7"}), NotAccepted, 429),
        (Reply(500, b"down"), OutcomeUnknown, 500),
        (Reply(204, b""), OutcomeUnknown, 204),
        (Reply(206, PNG), OutcomeUnknown, 206),
        (Reply(302, b""), OutcomeUnknown, 302),
        (Reply(200, how="reset"), OutcomeUnknown, None),
    ],
    ids=range(9),
)
def test_a_file_that_is_not_there_is_an_error(
    wire: Wire, gateway: TwilioGateway, reply: Reply, error: type[GatewayError], status: int | None
) -> None:
    wire.replies = [reply]
    with pytest.raises(error) as caught:
        fetch(gateway)
    assert caught.value.http_status == status


def test_a_redirect_is_followed_once_and_without_credentials(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(307, b"", {"Location": f"{wire.url}/storage/1?Signature=abc"}), Reply(200, PNG)]
    assert fetch(gateway) == PNG
    first, second = wire.requests
    assert "Authorization" in first.headers
    assert (second.path, second.query) == ("/storage/1", {"Signature": ["abc"]})
    assert "Authorization" not in second.headers
    assert wire.connections == 1


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        ("/storage/1", 2),
        ("ftp://storage.example/1", 1),
        ("file:///etc/passwd", 1),
        ("http://ada:secret@127.0.0.1/1", 1),
        ("http://[broken/1", 1),
        ("http://", 2),
    ],
)
def test_a_redirect_to_nowhere_or_to_another_is_no_file(
    wire: Wire, gateway: TwilioGateway, location: str, asked: int
) -> None:
    wire.replies = [Reply(302, b"", {"Location": location}) for _ in range(2)] + [Reply(200, PNG)]
    with pytest.raises(OutcomeUnknown):
        fetch(gateway)
    assert len(wire.requests) == asked


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, Refused), (410, Refused), (401, OutcomeUnknown), (403, OutcomeUnknown), (500, OutcomeUnknown)],
)
def test_what_the_storage_says_is_not_about_our_credentials(
    wire: Wire, gateway: TwilioGateway, status: int, error: type[GatewayError]
) -> None:
    wire.replies = [Reply(302, b"", {"Location": "/storage/1"}), Reply(status, b"<Error><Code>AccessDenied</Code>")]
    with pytest.raises(error) as caught:
        fetch(gateway)
    assert caught.value.reason != "not_set_up"


@pytest.mark.parametrize(
    "url", ["http://storage.example/1", "https://storage.example", "//storage.example/1", "https://a@b.example/1"]
)
def test_twilio_s_redirects_are_followed_only_over_tls(url: str) -> None:
    http = GatewayHttpClient(None, (0.1, 0.1))
    with pytest.raises(InvalidURL):
        http.open(url)


@pytest.mark.parametrize("url", ["https://storage.example/1", "https://twilio.com.evil.example/1"])
def test_credentials_go_to_twilio_alone(url: str) -> None:
    http = GatewayHttpClient(None, (0.1, 0.1))
    with pytest.raises(InvalidURL):
        http.open(url, auth=(sid("SK"), "the-secret"))


def test_a_file_that_says_it_is_too_large_is_not_read(
    wire: Wire, gateway: TwilioGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MAX_MEDIA", len(PNG) - 1)
    wire.replies = [Reply(200, PNG)]
    with pytest.raises(Refused):
        fetch(gateway)
    monkeypatch.setattr(bounds, "MAX_MEDIA", len(PNG))
    wire.replies = [Reply(200, PNG)]
    assert fetch(gateway) == PNG


def in_chunks(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(400):
        client.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
    client.sendall(b"0\r\n\r\n")


def test_a_file_that_does_not_say_its_size_is_cut_off() -> None:
    parts: list[bytes] = []
    with speaking(in_chunks) as url:
        gateway = TwilioGateway(connection_to(url))
        with gateway.fetch_media(sid("IS"), sid("ME")) as media:
            assert media.size is None
            with pytest.raises(OutcomeUnknown):
                parts.extend(media.chunks)
        gateway.close()
    assert sum(map(len, parts)) == bounds.MAX_MEDIA


def dripping(seconds: float) -> Callable[[socket.socket], None]:
    def speak(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            time.sleep(seconds / 20)
            client.sendall(b"x")

    return speak


def test_a_file_may_take_longer_than_another_answer() -> None:
    with speaking(dripping(0.6)) as url:
        gateway = TwilioGateway(connection_to(url, timeout=(1.0, 0.2)))
        assert fetch(gateway) == b"x" * 20
        gateway.close()


def test_a_file_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MEDIA_SECONDS", 0.3)
    with speaking(dripping(5)) as url:
        gateway = TwilioGateway(connection_to(url))
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            fetch(gateway)
        assert time.monotonic() - began < 1.5
        gateway.close()


def test_a_service_that_does_not_begin_is_given_up_after_the_usual_time() -> None:
    with speaking(lambda _client: time.sleep(2)) as url:
        gateway = TwilioGateway(connection_to(url, timeout=(1.0, 0.2)))
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            fetch(gateway)
        assert time.monotonic() - began < 1.0
        gateway.close()


@pytest.mark.parametrize("reply", [Reply(200, PNG, how="half"), Reply(200, PNG, {"Content-Encoding": "gzip"})])
def test_a_file_that_breaks_off_or_is_encoded_is_no_file(wire: Wire, gateway: TwilioGateway, reply: Reply) -> None:
    wire.replies = [reply]
    with gateway.fetch_media(sid("IS"), sid("ME")) as media, pytest.raises(OutcomeUnknown):
        list(media.chunks)


def test_what_the_reader_raises_stays_what_it_is(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(200, PNG)]
    with pytest.raises(ZeroDivisionError), gateway.fetch_media(sid("IS"), sid("ME")):
        raise ZeroDivisionError


def test_a_type_of_several_lines_is_none(wire: Wire) -> None:
    def speak(client: socket.socket) -> None:
        client.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\tset-cookie: x\x00\r\nContent-Length: 0\r\n\r\n"
        )

    with speaking(speak) as url:
        gateway = TwilioGateway(connection_to(url))
        with gateway.fetch_media(sid("IS"), sid("ME")) as media:
            assert not set("\r\n\x00") & set(media.content_type)
        gateway.close()


def test_a_file_is_uploaded_as_it_is(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(201, {"sid": sid("ME")})] * 2
    assert upload(gateway, filename="Käse & Brot.png") == sid("ME")
    assert upload(gateway, filename="", content_type="text/plain; charset=utf-8", data=b"a=b&c=d") == sid("ME")
    first, second = wire.requests
    assert (first.method, first.path, first.query) == ("POST", PATH, {"Filename": ["Käse & Brot.png"]})
    assert (first.headers["Content-Type"], first.body) == ("image/png", PNG)
    assert first.headers["Authorization"].startswith("Basic ")
    assert (second.query, second.body) == ({}, b"a=b&c=d")
    assert second.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "changes",
    [
        {"content_type": ""},
        {"content_type": "png"},
        {"content_type": "image/png\r\nX-Twilio: 1"},
        {"content_type": "image/png\n"},
        {"content_type": "ïmage/png"},
        {"filename": "\ud800.png"},
        {"data": b""},
        {"data": b"x" * (bounds.MAX_MEDIA + 1)},
    ],
    ids=range(8),
)
def test_what_is_no_file_is_not_uploaded(wire: Wire, gateway: TwilioGateway, changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        upload(gateway, **changes)
    assert wire.requests == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(201, {"sid": "ME1"}), OutcomeUnknown),
        (Reply(201, {}), OutcomeUnknown),
        (Reply(201, b""), OutcomeUnknown),
        (Reply(307, {}, {"Location": "/elsewhere"}), OutcomeUnknown),
        (Reply(413, {"code": 413, "message": "too large"}), Refused),
        (Reply(429, {"code": 20429}), NotAccepted),
        (Reply(503, b"down"), OutcomeUnknown),
    ],
    ids=range(7),
)
def test_an_upload_that_failed_is_not_repeated(
    wire: Wire, gateway: TwilioGateway, reply: Reply, error: type[GatewayError]
) -> None:
    wire.replies = [reply, Reply(201, {"sid": sid("ME")})]
    with pytest.raises(error):
        upload(gateway)
    assert len(wire.requests) == 1


def test_a_large_file_may_take_longer_to_send_than_to_connect() -> None:
    """Sockets bound the sending of a body as a whole, by the time that connecting may take."""
    size = 8 * 1024 * 1024

    def read_slowly(client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(0.3)
        began = time.monotonic()
        try:
            while client.recv(1024 * 1024):
                time.sleep(0 if time.monotonic() - began > 0.8 else 0.1)
        except TimeoutError:
            pass  # all has come
        answer = b'{"sid":"' + sid("ME").encode() + b'"}'
        client.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)

    with speaking(read_slowly) as url:
        gateway = TwilioGateway(connection_to(url, timeout=(0.3, 2.0)))
        assert upload(gateway, data=b"x" * size) == sid("ME")
        gateway.close()


def test_nothing_private_is_logged(wire: Wire, gateway: TwilioGateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire.replies = [
        Reply(307, b"", {"Location": "/storage/1?Signature=abc"}),
        Reply(200, PNG),
        Reply(201, {"sid": sid("ME")}),
    ]
    fetch(gateway)
    upload(gateway, filename="Ada's passport.png")
    assert f"POST {PATH}" in caplog.text
    assert not any(private in caplog.text for private in ("passport", "Signature", "the-secret", "Basic"))
