"""Whatever is sent to any address of the sandbox: an answer of Twilio's kind, and never a server error."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import socket
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flex_outbound.sandbox import control, defaults, routes
from flex_outbound.sandbox.app import create_app
from flex_outbound.sandbox.guard import Guard
from flex_outbound.sandbox.openapi.table import find
from flex_outbound.sandbox.options import Options
from flex_outbound.sandbox.server import SandboxServer
from flex_outbound.sandbox.state import SandboxState

from .conftest import Control, channel_of, routing_of

T = TypeVar("T")
MANY = settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SPACE = f"/v1/Workspaces/{defaults.WORKSPACE_SID}"
DEEP = 3_000
TEXTS = [
    *("", " ", "0", "-1", "--5", "+5", "²", "٣", "1e9", "NaN", "null", "true", "9" * 25, "9" * 5000, "5\n", "\x00"),
    *("\ufeff", "\ufffd", "💥", "é" * 300, "a" * 5_000, "' OR 1==1 --", "../../x", "%s{0}${x}"),
    *("[" * DEEP, "{" * DEEP, "(" * DEEP, '{"a":' * DEEP, "[" * DEEP + "]" * DEEP, "(" * DEEP + "a==1" + ")" * DEEP),
    *("[]", '""', "5", '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud83d"}', '{"\\udc00": 1}', '{"a": ' + "9" * 5000 + "}"),
    *("a == ²", "a[99999999999999999999] == 1", f"a == {'9' * 5000}", "a IN [[1]]", "a == 'x", 'a == "\\'),
    *("NOT", "a.b.", "a-b"),
    *("2026-13-01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00Z", "P1D"),
    *("nowhere", "http://", "http://[", "http://a:b", "http://[::1]:99999/", "https://nobody.invalid/#rc=x&rp=all"),
    *(json.dumps({name: "x"}) for name in ("properties", "participants", "customers", "routing", "status")),
]  # fmt: skip
NAMES = ["PageSize", "Page", "PageToken", "Attributes", "Channel", "Routing", "Status", "nonsense", "Filters", ""]
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | JSONS.map(json.dumps)
OFFERED = [
    (product, method, path)
    for product, table in routes.TABLES.items()
    for path, handlers in table
    for method in handlers
]
QUICK = {"reserve_delay_ms": 0, "channel_setup_ms": 0, "delivery_ms": 0, "enforce_limits": False}
INTERACTIONS = "/flex-api/v1/Interactions"
START = {"Channel": json.dumps(channel_of()), "Routing": json.dumps(routing_of())}
ERROR = {"code", "message", "more_info", "status"}


class Inside:
    """The application without a network, for tens of thousands of requests. What it raises comes through."""

    def __init__(self) -> None:
        options = Options()
        options.change(QUICK)
        self.state = SandboxState(options)
        self.app = create_app(self.state, Guard())
        # A thread of its own: Playwright keeps an event loop on the tests'.
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        user = f"{defaults.ACCOUNT_SID}:{defaults.AUTH_TOKEN}".encode()
        self.headers = [(b"host", b"127.0.0.1"), (b"authorization", b"Basic " + base64.b64encode(user))]

    def ask(self, method: str, path: str, query: str = "", body: str = "") -> tuple[int, Any]:
        """Return status and JSON of the answer to an encoded query and body."""
        return self.run(self._ask(method, path, query, body))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what ``work`` returns on the application's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def form(self, path: str, **fields: str) -> Any:
        """Return the JSON of the answer to a form that is taken."""
        status, answer = self.ask("POST", path, body=urlencode(fields))
        assert status < 300, (path, answer)
        return answer

    async def _ask(self, method: str, path: str, query: str, body: str) -> tuple[int, Any]:
        scope = {"type": "http", "method": method, "path": unquote(path), "root_path": "", "headers": self.headers}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body.encode(), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app({**scope, "query_string": query.encode()}, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"] or "null")

    def close(self) -> None:
        """Drop the callbacks that are under way."""
        self.run(self.state.callbacks.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def inside() -> Iterator[Inside]:
    """A fresh sandbox without limits and network."""
    inside = Inside()
    yield inside
    inside.close()


def begin(inside: Inside) -> dict[str, str]:
    """Forget everything, and return a SID that exists for each name in the paths of the sandbox."""
    inside.run(forget(inside.state))
    made = inside.form(INTERACTIONS, **START)
    task = made["routing"]["properties"]["sid"]
    talk = json.loads(made["routing"]["properties"]["attributes"])["conversationSid"]
    instance = f"/flex-api/v1/Instances/{defaults.FLEX_INSTANCE_SID}/InteractionWebhooks"
    hook = {"WebhookUrl": "http://127.0.0.1:9/", "WebhookEvents": "onParticipantUpdated"}
    inside.ask("POST", f"/_sandbox/tasks/{task}/accept")
    [reservation] = inside.ask("GET", f"/taskrouter{SPACE}/Tasks/{task}/Reservations")[1]["reservations"]
    message = inside.form(f"/conversations/v1/Conversations/{talk}/Messages", Body="Hello")["sid"]
    return {
        "interaction": made["sid"],
        "channel": made["channel"]["sid"],
        "task": task,
        "reservation": reservation["sid"],
        "workspace": defaults.WORKSPACE_SID,
        "worker": defaults.WORKERS["agent"],
        "conversation": talk,
        "message": message,
        "webhook": inside.form(f"/conversations/v1/Conversations/{talk}/Webhooks", Target="webhook")["sid"],
        "service": defaults.CHAT_SERVICE_SID,
        "instance": defaults.FLEX_INSTANCE_SID,
        "ttid": inside.form(instance, **hook)["ttid"],
        "content": defaults.CONTENT_TEMPLATES[0].sid,
        "account": defaults.ACCOUNT_SID,
        "move": "accept",
    }


async def forget(state: SandboxState) -> None:
    state.reset()


def fill(path: str, values: dict[str, str]) -> str:
    """Return a path of the tables with ``values`` in the place of its names."""
    return re.sub(r"\{(\w+)\}", lambda found: quote(values.get(found[1], "x" * 34), safe=""), path)


def located(inside: Inside, place: str, known: dict[str, str]) -> str:
    """Return a path of the tables with SIDs that exist: the known ones, others from the list that they are in."""
    filled = ""
    for part in place.split("/")[1:]:
        if part.startswith("{") and part.strip("{}") not in known:
            _, answer = failing(inside, "GET", filled, "", "")
            lists = [value for value in answer.values() if isinstance(value, list) and value]
            part = lists[0][0]["sid"] if lists else "x" * 34
        filled += f"/{fill(part, known)}"
    return filled


def published(product: str, method: str, path: str) -> list[str]:
    """Return the parameters that Twilio publishes; what is sent to a path without any, where there are none."""
    rules = find(product, method, path)
    return [*rules.query, *rules.form] if rules else [*NAMES, "WebhookUrl", "WebhookEvents", "WebhookMethod", "Type"]


@pytest.mark.parametrize("product", routes.TABLES)
def test_no_value_of_a_parameter_is_a_server_error(product: str, inside: Inside) -> None:
    """Every hostile value in every parameter of every address, with what is required beside it."""
    wrong = []
    known = begin(inside)
    for _, method, path in [one for one in OFFERED if one[0] == product and "{service}" not in one[2]]:
        names = published(product, method, path) if method != "DELETE" else []
        place = located(inside, f"/{product}{path}", known)
        for name, value in itertools.product(names, TEXTS):
            form = {one: text for one, text in START.items() if one in names} | {name: value}
            query, body = (urlencode({name: value}), "") if method == "GET" else ("", urlencode(form))
            status, answer = failing(inside, method, place, query, body)
            if status >= 500 or (status >= 400 and set(answer) != ERROR):
                wrong.append(f"{method} {path} {name}={value[:30]}: {answer!r:.100}")
            if status < 300 and path == "/v1/Interactions":
                known = begin(inside)

    assert wrong == []


def failing(inside: Inside, method: str, path: str, query: str, body: str) -> tuple[int, Any]:
    """Ask, and return 500 with the error where a server would have answered that."""
    try:
        return inside.ask(method, path, query, body)
    except Exception as error:
        return 500, error


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, str], str, str]:
    """Return a method, a path of the tables, texts for its names, and an encoded query and form."""
    product, method, path = draw(st.sampled_from(OFFERED))
    names = st.sampled_from([*published(product, method, path), *NAMES]) | st.text("Aa.é\x00", max_size=4)
    pairs = st.lists(st.tuples(names, WORDS), max_size=4)
    replaced = st.dictionaries(st.sampled_from(["task", "conversation", "sid", "message"]), WORDS, max_size=1)
    return method, f"/{product}{path}", draw(replaced), urlencode(draw(pairs)), urlencode(draw(pairs))


def test_no_request_is_a_server_error(inside: Inside) -> None:
    """Hostile values, invented ones too, side by side in path, query and form."""
    known = begin(inside)

    @MANY
    @given(requests())
    def ask(request: tuple[str, str, dict[str, str], str, str]) -> None:
        method, path, replaced, query, form = request
        status, answer = inside.ask(method, fill(path, known | replaced), query, form)
        assert status < 400 or set(answer) == ERROR
        if status == 204:
            known.update(begin(inside))

    ask()


def test_no_shape_of_an_interaction_is_a_server_error_or_leaves_something_behind(inside: Inside) -> None:
    """Hostile values within ``Channel`` and ``Routing``, one place after the other."""
    values = [None, True, 0, -1, 1.5, 10**400, "", "²", "x", "\ud83d", "\x00", [], [[]], {}, {"a": "x"}, [{"a": 1}]]
    channels = [channel_of(), channel_of("email", "ann@example.org"), channel_of("whatsapp", "whatsapp:+15558675310")]
    attributes = {"customers": {"name": "Ann"}, "conversations": {}, "customerName": "Ann", "customerAddress": "x"}
    for channel in channels:
        good = {"Channel": channel, "Routing": routing_of(attributes, priority=1, timeout=60)}
        for part, place, value in [
            (part, place, v) for part, whole in good.items() for place in places(whole) for v in values
        ]:
            form = {name: json.dumps(whole) for name, whole in good.items()}
            form[part] = json.dumps(changed(good[part], place, value))
            status, _ = inside.ask("POST", INTERACTIONS, body=urlencode(form))
            world = inside.state.worlds[defaults.ACCOUNT_SID]
            assert status < 500
            assert status < 300 or not (world.conversations or world.bindings or world.interactions), (place, value)
            inside.run(forget(inside.state))


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value within ``value``."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in inner:
        yield from places(child, (*at, name))


def changed(whole: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return ``whole`` with ``value`` in one place."""
    if not place:
        return value
    copied = dict(whole) if isinstance(whole, dict) else list(whole)
    copied[place[0]] = changed(whole[place[0]], place[1:], value)
    return copied


def test_the_control_api_answers_anything_without_a_server_error(inside: Inside) -> None:
    known = begin(inside)
    paths = [(next(iter(route.methods - {"HEAD"})), route.path) for route in control.routes() if route.methods]
    fields = st.sampled_from(
        ["body", "author", "conversation_sid", "address", "proxy_address", "activity", "suspended", "fault", "match",
         "times", "probability", "status", "code", "ms", "latency_ms", "created_status", "reply_shape", "path"]
    )  # fmt: skip
    wild = JSONS | st.sampled_from(TEXTS[:30])
    bodies = st.dictionaries(fields, wild | st.dictionaries(fields, wild, max_size=2), max_size=4).map(json.dumps)

    @MANY
    @given(st.sampled_from(paths), bodies | st.sampled_from(TEXTS), WORDS)
    def ask(where: tuple[str, str], body: str, text: str) -> None:
        method, path = where
        status, _ = inside.ask(method, fill(path, known), urlencode({"last": text, "id": text}), body)
        assert status < 500

    ask()


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "status", "status": 7},
        {"fault": "status", "status": 10**400},
        {"fault": "delay", "ms": 10**400},
        {"fault": "delay", "ms": -1},
        {"fault": "delay", "match": {"path": "a{99999999999}"}},
        {"fault": "delay", "match": {"path": "(" * 5000 + ")" * 5000}},
        {"fault": "delay", "probability": 2},
    ],
)
def test_a_fault_that_could_not_act_is_refused(control: Control, fault: dict[str, Any]) -> None:
    assert control.http.post("/faults", json=fault).status_code == 400


@pytest.mark.parametrize(
    "option", [{"created_status": 7}, {"latency_ms": 10**400}, {"latency_ms": 10**10}, {"created_status": 500}]
)
def test_an_option_that_could_not_act_is_refused(control: Control, option: dict[str, Any]) -> None:
    assert control.http.post("/options", json=option).status_code == 400


@pytest.mark.parametrize("user", ["é", "%%%", "Og==", "gICA", "QTpCOkM=" * 500])
def test_credentials_of_any_kind_are_20003(server: SandboxServer, user: str) -> None:
    headers = {"Authorization": b"Basic " + user.encode("latin-1")}
    answer = httpx.get(f"{server.url}/taskrouter{SPACE}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


@pytest.mark.parametrize("line", ["OPTIONS *", "GET //", "GET /%00", "GET http://127.0.0.1/_sandbox/", "GET /flex-api"])
def test_an_odd_request_line_is_no_server_error(server: SandboxServer, line: str) -> None:
    with socket.create_connection((server.host, server.port), timeout=5) as raw:
        raw.sendall(f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        status = int(raw.recv(100).split()[1])
    assert 200 <= status < 500
