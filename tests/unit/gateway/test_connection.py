"""The way to the server: connections kept, addresses rewritten, nothing private left behind."""

import logging
import os
import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from urllib3 import HTTPConnectionPool

from flex_outbound.channels import Channel
from flex_outbound.exceptions import ConfigurationError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import client
from flex_outbound.gateway.base import Gateway, MessageRequest
from flex_outbound.gateway.client import TwilioGateway, connect
from flex_outbound.gateway.http import GatewayHttpClient

from .conftest import KEY, Reply, Wire, a_request, accepted, connection_to, sid


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    client._begin_anew()
    yield
    for one in client._kept.values():
        one.close()
    client._begin_anew()


def test_five_calls_share_one_connection(wire: Wire) -> None:
    wire.replies = [Reply(200, {"friendly_name": "Flex"}) for _ in range(5)]
    for _ in range(5):
        connect(connection_to(wire.url)).fetch_workspace()
    assert (len(wire.requests), wire.connections) == (5, 1)


def test_threads_share_an_account_s_connections_and_each_account_has_its_own(wire: Wire) -> None:
    mine = connect(connection_to(wire.url))
    others: list[Gateway] = []
    thread = threading.Thread(target=lambda: others.append(connect(connection_to(wire.url))))
    thread.start()
    thread.join()
    assert others == [mine]
    assert connect(connection_to(wire.url, password="another")) is not mine
    assert connect(connection_to(wire.url)) is mine


def test_only_a_handful_is_kept(wire: Wire) -> None:
    first = connect(connection_to(wire.url))
    for number in range(client.MAX_KEPT):
        connect(connection_to(wire.url, password=str(number)))
    assert len(client._kept) == client.MAX_KEPT
    assert connect(connection_to(wire.url)) is not first


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_worker_begins_anew(wire: Wire) -> None:
    before = connect(connection_to(wire.url))
    child = os.fork()
    if child == 0:
        os._exit(int(connect(connection_to(wire.url)) is before))
    assert os.waitpid(child, 0)[1] == 0
    assert connect(connection_to(wire.url)) is before


@pytest.mark.parametrize("changes", [{"password": ""}, {"username": ""}, {"password": "pass…word"}])
def test_credentials_never_come_from_the_environment(changes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", sid("AC"))
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "from-elsewhere")
    with pytest.raises(ConfigurationError):
        connect(connection_to(None, **changes))


def test_edge_and_region_of_the_environment_do_not_lead_past_the_base_url(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    wire.replies = [Reply(200, {"friendly_name": "Flex"})]
    assert connect(connection_to(wire.url)).fetch_workspace() == "Flex"
    assert wire.requests[0].path.startswith("/taskrouter/v1/")


@pytest.mark.parametrize(
    ("url", "goes"),
    [
        ("https://flex-api.twilio.com/v1/Interactions", "http://box:1/flex-api/v1/Interactions"),
        ("https://taskrouter.dublin.ie1.twilio.com/v1/W?x=1", "http://box:1/taskrouter/v1/W?x=1"),
        ("http://box:1/taskrouter/v1/W", "http://box:1/taskrouter/v1/W"),
        ("https://flex-api.twilio.com.evil.example/v1", None),
        ("https://evil.example/flex-api.twilio.com/", None),
        ("http://flex-api.twilio.com/v1", None),
        ("http://box:12/v1", None),
    ],
)
def test_where_a_request_goes(url: str, goes: str | None) -> None:
    http = GatewayHttpClient("http://box:1/", (1, 1))
    if goes is None:
        with pytest.raises(ValueError):
            http.rewrite(url)
    else:
        assert http.rewrite(url) == goes
    assert GatewayHttpClient(None, (1, 1)).rewrite("https://flex-api.twilio.com/v1") == "https://flex-api.twilio.com/v1"


def test_the_timeout_is_ours_whatever_the_sdk_passes(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    http = GatewayHttpClient(wire.url, (1.5, 2.5))
    seen: list[tuple[object, object]] = []
    urlopen = HTTPConnectionPool.urlopen

    def note(*args: Any, **kwargs: Any) -> Any:
        seen.append((kwargs["timeout"].connect_timeout, kwargs["timeout"].read_timeout))
        return urlopen(*args, **kwargs)

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", note)
    wire.replies = [Reply(200, {}), Reply(200, {})]
    http.request("GET", "https://flex-api.twilio.com/v1/x", timeout=None)
    http.request("GET", "https://flex-api.twilio.com/v1/x", timeout=900)
    assert seen == [(1.5, 2.5)] * 2


def test_many_threads_share_one_gateway_and_each_has_its_own_answer(wire: Wire, gateway: TwilioGateway) -> None:
    busy = Reply(429, {"code": 20429, "message": "slow down"}, {"Retry-After": "7"}, delay=0.02)
    taken = Reply(201, accepted(), delay=0.01)
    wire.replies = [busy, taken] * 20

    def open_one(number: int) -> tuple[object, object, object]:
        try:
            gateway.create_interaction(a_request())
        except NotAccepted as error:
            return error.http_status, error.retry_after, gateway._http.last_status
        return gateway._http.last_status, gateway._http.last_retry_after, gateway._http.last_status

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(open_one, range(40)), key=str)
    assert answers == [(201, None, 201)] * 20 + [(429, 7.0, 429)] * 20
    assert wire.connections <= 8


def test_a_proxy_of_the_environment_is_used(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", wire.url.replace("//", "//ada:secret@"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    wire.replies = [Reply(200, {"friendly_name": "Flex"})]
    assert TwilioGateway(connection_to("http://twilio.invalid:81/box")).fetch_workspace() == "Flex"
    (sent,) = wire.requests
    assert sent.headers["Host"] == "twilio.invalid:81"
    assert sent.headers["Proxy-Authorization"] == "Basic " + b64encode(b"ada:secret").decode()
    assert sent.path == f"/box/taskrouter/v1/Workspaces/{sid('WS')}"


def test_a_server_that_needs_no_proxy_is_called_directly(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    wire.replies = [Reply(200, {"friendly_name": "Flex"})]
    assert TwilioGateway(connection_to(wire.url)).fetch_workspace() == "Flex"


def test_a_redirect_is_not_followed(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [Reply(307, b"", {"Location": f"{wire.url}/elsewhere"})]
    with pytest.raises(OutcomeUnknown):
        gateway.create_interaction(a_request())
    assert len(wire.requests) == 1


def test_nothing_private_is_logged_shown_or_kept(
    wire: Wire, gateway: TwilioGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refusal = {"code": 21211, "message": "+14155550123 is not Ada's", "status": 400}
    wire.replies = [Reply(201, accepted()), Reply(201, {"sid": sid("IM")}), Reply(400, refusal), Reply(how="reset")]
    gateway.create_interaction(a_request())
    gateway.create_message(MessageRequest(KEY, sid("CH"), "ada", body="Meet me at noon"))
    wire.replies.insert(0, Reply(200, {"conversations": [], "meta": {"key": "conversations"}}))
    gateway.find_conversations(Channel.SMS, "+14155550123", "+18005550100")
    shown = [repr(gateway), repr(gateway._http), repr(vars(gateway._http)), repr(connection_to(wire.url))]
    for _ in range(2):
        with pytest.raises((Refused, OutcomeUnknown)) as caught:
            gateway.create_interaction(a_request())
        logging.getLogger("test").error("failed", exc_info=caught.value)
        shown += [repr(caught.value), caught.value.detail]
    text = caplog.text + "".join(shown)
    assert "POST /flex-api/v1/Interactions" in caplog.text
    for private in ("4155550123", "8005550100", "Lovelace", "Meet me", "noon", "the-secret", "Basic"):
        assert private not in text
