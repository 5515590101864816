"""Every way in which a request can end without an answer, or with half of one."""

import socket
import ssl
import time

import pytest
import requests
from twilio.base.exceptions import TwilioException
from urllib3 import exceptions as urllib3

from flex_outbound.exceptions import ConfigurationError, NotAccepted, OutcomeUnknown
from flex_outbound.gateway.classify import classify
from flex_outbound.gateway.client import TwilioGateway, connect

from .conftest import KEY, Reply, Wire, connection_to, failure, sid


@pytest.mark.parametrize(
    "reply",
    [
        Reply(201, b""),
        Reply(201, b"not JSON"),
        Reply(201, b"{broken"),
        Reply(201, b"[]"),
        Reply(201, b"null"),
        Reply(204, b""),
        Reply(201, {}),
        Reply(201, {"sid": "WT" + "a" * 32}),
        Reply(201, {"sid": 5}),
        Reply(201, b'{"a":' * 20_000),
        Reply(201, {"sid": sid("KD")}, how="half"),
        Reply(201, how="reset"),
        Reply(201, how="hangup"),
    ],
    ids=range(13),
)
def test_after_sending_anything_but_a_whole_answer_is_an_unknown_outcome(
    wire: Wire, gateway: TwilioGateway, reply: Reply
) -> None:
    wire.replies = [reply]
    error = failure(gateway)
    assert isinstance(error, OutcomeUnknown)
    assert error.reason == "outcome_unknown"
    assert len(wire.requests) == 1, "never repeated"


def test_a_stale_connection_is_an_unknown_outcome_too(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(200, {"friendly_name": "Flex"}), Reply(how="reset")]
    gateway.fetch_workspace()
    assert isinstance(failure(gateway), OutcomeUnknown)
    assert wire.connections == 1


def test_a_slow_answer_is_an_unknown_outcome(wire: Wire) -> None:
    wire.replies = [Reply(201, delay=0.6)]
    error = failure(TwilioGateway(connection_to(wire.url, timeout=(1, 0.1))))
    assert isinstance(error, OutcomeUnknown)
    assert (error.http_status, error.detail) == (None, "ReadTimeout")


def test_a_refused_connection_was_never_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = failure(TwilioGateway(connection_to(f"http://127.0.0.1:{free.getsockname()[1]}")))
    assert isinstance(error, NotAccepted)
    assert (error.reason, error.code, error.http_status, error.retry_after) == ("never_sent", None, None, None)


def test_a_name_that_does_not_resolve_was_never_sent() -> None:
    error = failure(TwilioGateway(connection_to("http://no-such-host.invalid")))
    assert isinstance(error, NotAccepted)
    assert error.reason == "never_sent"


def test_a_connection_that_does_not_come_about_was_never_sent() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            time.sleep(0.05)
            error = failure(TwilioGateway(connection_to(f"http://127.0.0.1:{port}", timeout=(0.15, 0.15))))
        finally:
            for one in waiting:
                one.close()
    assert isinstance(error, NotAccepted)
    assert (error.reason, error.detail) == ("never_sent", "ConnectTimeout")


@pytest.mark.parametrize("url", ["http://", "ftp://example.com", "http://[::bad", "example.com", "http://a/?b"])
def test_an_address_that_is_none_names_its_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="API_BASE_URL"):
        connect(connection_to(url))


def test_a_next_page_elsewhere_gets_no_credentials(wire: Wire, gateway: TwilioGateway) -> None:
    page = {"tasks": [], "meta": {"key": "tasks", "next_page_url": "https://twilio.com.evil.example/v1/?Page=1"}}
    wire.replies = [Reply(200, page)]
    with pytest.raises(NotAccepted):
        gateway.find_tasks([KEY])


def test_a_proxy_that_cannot_be_reached_was_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert isinstance(failure(TwilioGateway(connection_to("http://example.invalid"))), NotAccepted)


def test_a_proxy_that_refuses_the_tunnel_sent_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", wire.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    error = failure(TwilioGateway(connection_to("https://example.invalid")))
    assert isinstance(error, NotAccepted)
    assert (error.reason, wire.requests) == ("never_sent", [])


@pytest.mark.parametrize("how", ["reset", "hangup"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_connection_that_breaks_behind_a_proxy_is_an_unknown_outcome(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, how: str, is_first: bool
) -> None:
    monkeypatch.setenv("HTTP_PROXY", wire.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    gateway = TwilioGateway(connection_to("http://example.invalid"))
    if not is_first:
        wire.replies = [Reply(200, {"friendly_name": "Flex"})]
        gateway.fetch_workspace()
    wire.replies.append(Reply(how=how))
    error = failure(gateway)
    assert isinstance(error, OutcomeUnknown), "the proxy may have passed the request on"
    assert wire.requests[-1].path.endswith("/v1/Interactions")


@pytest.mark.parametrize(
    "error",
    [
        requests.ReadTimeout(),
        requests.ConnectionError(urllib3.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))),
        requests.exceptions.ChunkedEncodingError(),
        requests.exceptions.ContentDecodingError(),
        requests.exceptions.SSLError("decryption failed or bad record mac"),
        requests.exceptions.RetryError(),
        requests.exceptions.InvalidJSONError(),
        urllib3.HTTPError(),
        OSError(),
        TwilioException("Page Records can not be deserialized"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_proves_nothing_is_unknown(error: Exception) -> None:
    assert isinstance(classify(error), OutcomeUnknown)


def test_an_untrusted_certificate_was_never_sent_and_needs_an_admin() -> None:
    wrapped = urllib3.MaxRetryError(None, "/", urllib3.SSLError(ssl.SSLCertVerificationError("self-signed")))  # type: ignore[arg-type]
    error = classify(requests.exceptions.SSLError(wrapped))
    assert isinstance(error, NotAccepted)
    assert error.reason == "not_set_up"
