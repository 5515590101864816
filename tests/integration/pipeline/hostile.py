"""A Twilio that does its work, and answers anything: the answers are mutated, on the wire."""

import gzip
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from hypothesis import strategies as st
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError, ReadTimeoutError

SIDS = {
    "conversationSid": "CH" + "f" * 32,
    "flexInteractionSid": "KD" + "f" * 32,
    "flexInteractionChannelSid": "UO" + "f" * 32,
    "task": "WT" + "f" * 32,
}
"""What another interaction has."""

_TEXTS: list[Any] = [
    *("", "\ud83d", "\udc00 low", "a\x00b", "x" * 70_000, "../../../v1/Interactions", "9" * 400, "NaN", "<html>"),
    *("2026-13-45T99:99:99Z", "KD" + "z" * 32, "KD" + "a" * 31, "WT" + "A" * 32, "completed", "failed", "{", "[1"),
]
_VALUES: list[Any] = [None, True, False, 0, -1, 1.5, 10**12, 10**400, float("nan"), [], {}, [[]], [None], {"sid": None}]
VALUES = st.one_of(st.sampled_from([*_TEXTS, *_VALUES, *SIDS.values()]), st.text(max_size=40), st.integers())

_STATUSES = [200, 202, 204, 301, 304, 400, 404, 408, 409, 412, 429, 500, 503, 599, 799]
_HUGE = gzip.compress(b"{" + b" " * 40_000_000 + b"}", 1)

Mutation = tuple[Any, ...]
_POSITION = st.integers(0, 60)
MUTATION: st.SearchStrategy[Mutation] = st.one_of(
    st.tuples(st.just("value"), _POSITION, VALUES),
    st.tuples(st.just("drop"), _POSITION),
    st.tuples(st.just("rename"), _POSITION, st.text(max_size=8)),
    st.tuples(st.just("foreign"), st.sampled_from(["task", "interaction", "channel", "conversation", "all"])),
    st.tuples(st.just("cut"), st.floats(0, 1)),
    st.tuples(st.just("bytes"), st.sampled_from([b"", b"[]", b"null", b"\xff\xfe{", b"{" * 5000, b'{"a":' * 3000])),
    st.tuples(st.just("encode"), st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "latin-1"])),
    st.tuples(st.just("header"), st.just("Content-Encoding"), st.sampled_from(["gzip", "br", "deflate", "gzip, gzip"])),
    st.tuples(st.just("header"), st.just("Retry-After"), st.sampled_from(["9" * 9, "-1", "soon", "1e9", "Mon, 99 X"])),
    st.tuples(st.just("gzip"), st.integers(0, 30)),
    st.tuples(st.just("huge")),
    st.tuples(
        st.just("status"), st.sampled_from([200, 202, 204, 301, 304, 400, 404, 408, 409, 429, 500, 503, 599, 799])
    ),
    st.tuples(st.just("raise"), st.sampled_from(["timeout", "reset"])),
)
ANSWER = st.lists(MUTATION, max_size=3)
PLAN = st.lists(ANSWER, min_size=1, max_size=8)
"""The mutations of the first answers; those after them are honest."""


@dataclass
class HostileTwilio:
    """``made``: what was opened, by key. ``log``: each request as (what, key or SID, status)."""

    plan: list[list[Mutation]]
    made: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    messages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    log: list[tuple[str, str, int]] = field(default_factory=list)
    lies: int = 0

    def send(self, method: str, url: str, body: bytes | None) -> HTTPResponse:
        """Answer one request. Raises what urllib3 raises where the plan says so."""
        mutations = self.plan.pop(0) if self.plan else []
        status = next((int(one[1]) for one in mutations if one[0] == "status"), 200)
        parts = urlsplit(url)
        form = dict(parse_qsl((body or b"").decode()))
        is_done = not 400 <= status < 500
        what, name, answer = self._work(method, parts.path, parse_qs(parts.query), form, is_done)
        self.log.append((what, name, status))
        self.lies += bool(mutations) and what in ("search", "events", "conversations", "list messages")
        if not 200 <= status < 300:
            answer = {"code": 20000 + status, "message": "Something about ada@example.com", "status": status}
        return _reply(status, answer, mutations)

    def _work(
        self, method: str, path: str, query: dict[str, list[str]], form: dict[str, str], is_done: bool
    ) -> tuple[str, str, Any]:
        name = path.rstrip("/").split("/")[-1]
        if path.endswith("/v1/Interactions"):
            return self._open(form, is_done)
        if "/Channels/" in path:
            what = "close" if method == "POST" else "channel"
            return what, name, {"sid": name, "status": "active", "error_code": None}
        if path.endswith("/Tasks"):
            keys = re.findall(r"'(\w+)'", query["EvaluateTaskAttributes"][0])
            return "search", ",".join(keys), _page("tasks", [one for key in keys for one in self.made.get(key, [])])
        if "/Tasks/" in path:
            return "task", name, next((one for one in self._tasks() if one["sid"] == name), {"sid": name})
        if path.endswith("/Events"):
            return "events", "", _page("events", [_event(one) for one in self._tasks()])
        if path.endswith("/Participants"):
            binding = {"type": "sms", "address": "+14155550123", "proxy_address": "+18005550100"}
            return "participants", "", _page("participants", [{"sid": "MB" + "1" * 32, "messaging_binding": binding}])
        if path.endswith("/Messages"):
            return self._message(method, path.split("/")[-2], form, is_done)
        return "conversations", "", _page("conversations", [])

    def _open(self, form: dict[str, str], is_done: bool) -> tuple[str, str, Any]:
        attributes = json.loads(form["Routing"])["properties"]["attributes"]
        key = attributes["flexOutboundKey"]
        number = f"{sum(map(len, self.made.values())) + 1:032x}"
        named = {"conversationSid": f"CH{number}", "flexInteractionSid": f"KD{number}"}
        text = json.dumps(attributes | named | {"flexInteractionChannelSid": f"UO{number}"})
        task = {"sid": f"WT{number}", "assignment_status": "assigned", "attributes": text}
        if is_done:
            self.made.setdefault(key, []).append(task)
        channel = {"sid": f"UO{number}", "type": "sms"}
        return "open", key, {"sid": f"KD{number}", "channel": channel, "routing": {"properties": task}}

    def _message(self, method: str, conversation: str, form: dict[str, str], is_done: bool) -> tuple[str, str, Any]:
        sent = self.messages.setdefault(conversation, [])
        if method == "GET":
            return "list messages", conversation, _page("messages", sent)
        message = {"sid": f"IM{len(sent) + 1:032x}", "attributes": form.get("Attributes", "{}"), "index": len(sent)}
        if is_done:
            sent.append(message)
        return "message", conversation, message

    def _tasks(self) -> list[dict[str, Any]]:
        return [task for tasks in self.made.values() for task in tasks]


def _page(key: str, records: list[Any]) -> dict[str, Any]:
    return {key: records, "meta": {"key": key, "next_page_url": None}}


def _event(task: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps({"task_sid": task["sid"], "task_attributes": task["attributes"]})
    return {"event_type": "task.created", "resource_sid": task["sid"], "event_data": data}


# -- mutating ----------------------------------------------------------------------------------------------------------


def _reply(status: int, answer: Any, mutations: list[Mutation]) -> HTTPResponse:
    headers = {"Content-Type": "application/json"}
    for kind, *how in mutations:
        if kind == "raise":
            raise ProtocolError("reset") if how[0] == "reset" else ReadTimeoutError(None, "", "timed out")  # type: ignore[arg-type]
        if kind in ("value", "drop", "rename"):
            answer = _edited(answer, kind, *how)
        elif kind == "foreign":
            answer = _foreign(answer, how[0])
        elif kind == "header":
            headers[how[0]] = how[1]
    body = json.dumps(answer).encode()
    for kind, *how in mutations:
        body, headers = _spoiled(body, headers, kind, how)
    return HTTPResponse(io.BytesIO(body), headers, status, preload_content=False)


def _spoiled(body: bytes, headers: dict[str, str], kind: str, how: list[Any]) -> tuple[bytes, dict[str, str]]:
    if kind == "cut":
        return body[: int(len(body) * how[0])], headers
    if kind == "bytes":
        return how[0], headers
    if kind == "encode":
        return body.decode("utf-8", "replace").encode(how[0], "replace"), headers
    if kind == "gzip":
        return gzip.compress(body)[: -how[0] or None], {**headers, "Content-Encoding": "gzip"}
    if kind == "huge":
        return _HUGE, {**headers, "Content-Encoding": "gzip"}
    return body, headers


def _edited(answer: Any, kind: str, position: int, value: Any = None) -> Any:
    """Change the node at ``position`` of an answer; JSON that is written as a text is looked into."""
    places = list(_places(answer))
    if not places:
        return value
    path = places[position % len(places)]
    return _changed(answer, path, kind, value)


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = _inner(node)
    for name in inner if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ():
        yield (*path, name)
        yield from _places(inner[name], (*path, name))


def _inner(node: Any) -> Any:
    if isinstance(node, str) and node[:1] == "{":
        try:
            return json.loads(node)
        except ValueError:
            return node
    return node


def _changed(node: Any, path: tuple[Any, ...], kind: str, value: Any) -> Any:
    inner, (name, *rest) = _inner(node), path
    made = dict(inner) if isinstance(inner, dict) else list(inner)
    if rest:
        made[name] = _changed(made[name], tuple(rest), kind, value)
    elif kind == "value":
        made[name] = value
    else:
        old = made.pop(name)
        if kind == "rename" and isinstance(made, dict):
            made[value] = old
    return json.dumps(made) if isinstance(node, str) else made


def _foreign(answer: Any, which: str) -> Any:
    text = json.dumps(answer)
    for prefix, name, sid in (
        ("WT", "task", SIDS["task"]),
        ("KD", "interaction", SIDS["flexInteractionSid"]),
        ("UO", "channel", SIDS["flexInteractionChannelSid"]),
        ("CH", "conversation", SIDS["conversationSid"]),
    ):
        if which in (name, "all"):
            text = re.sub(rf"{prefix}[0-9a-f]{{32}}", sid, text)
    return json.loads(text)
