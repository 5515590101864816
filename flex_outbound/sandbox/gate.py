"""The entry of every request: finds the product by path or Host header, then applies delay, faults and request log."""

from __future__ import annotations

import asyncio
import json
import random
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flex_outbound.sandbox import connection
from flex_outbound.sandbox.errors import TwilioError
from flex_outbound.sandbox.faults import AFTER, BEFORE, WORK, Fault
from flex_outbound.sandbox.guard import Guard
from flex_outbound.sandbox.hostile import Spoiler
from flex_outbound.sandbox.state import RequestRecord, SandboxState, credentials
from flex_outbound.sandbox.world import LARGEST_MEDIA

PRODUCTS = ("flex-api", "taskrouter", "conversations", "content", "messaging", "api", "accounts", "mcs")
FILES = "mcs"
"""The product whose requests are files, and neither forms nor JSON."""

DIRECT = "media"
"""Where the temporary addresses of files lead, without credentials."""
BROKEN_BODY = b'{"sid": "KD'
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
CONTROL = "_sandbox"
OPEN = ("", "_desk", CONTROL)
"""The first parts of the paths that need no credentials: the desk, its files, and the control API."""


def twilio_path(host: str, path: str) -> str:
    """Return ``path`` with the product in front where ``host`` is Twilio's own, else unchanged.

    ``flex-api.twilio.com`` and ``flex-api.{edge}.{region}.twilio.com`` both lead to ``/flex-api``.
    """
    name = host.partition(":")[0].lower()
    if name.endswith(".twilio.com") and name.partition(".")[0] in (*PRODUCTS, DIRECT):
        return f"/{name.partition('.')[0]}{path}"
    return path


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, state: SandboxState, guard: Guard) -> None:
        self.app = app
        self.guard = guard
        self.state = state
        self._spoiler = Spoiler()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request. Delay and faults apply only to Twilio's products."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = twilio_path(headers.get("host", ""), scope["path"])
        scope = {**scope, "path": path, "raw_path": path.encode()}
        # The path of OPTIONS may be a mere asterisk.
        product = path.removeprefix("/").partition("/")[0]
        if product not in PRODUCTS:
            refusal = self.guard.refusal(headers, product == CONTROL) if product in OPEN else ""
            answer = JSONResponse({"error": refusal}, 403) if refusal else self.app
            await answer(scope, receive, send)
            return
        body = await _read(receive)
        await self._twilio(scope, body, product, headers, send)

    async def _twilio(self, scope: Scope, body: bytes, product: str, headers: dict[str, str], send: Send) -> None:
        record = _record(scope, body, product, headers)
        self.state.requests.append(record)
        self.state.counters[f"{record.method} {product}{record.path}"] += 1
        text = _text(body, product)
        acting = self.state.faults.take((*BEFORE, *WORK, *AFTER), record.method, product, record.path, text)
        record.faults = [fault.kind for fault in acting]
        delay = self._latency() / 2
        await _sleep(delay + _delays(acting, after=False))
        if _has(acting, "drop_before"):
            await connection.drop(scope)
            return
        early = next((fault for fault in acting if fault.kind == "status" and not fault.after), None)
        answer = _error(early) if early else await self._work(scope, body, acting)
        await _sleep(delay + _delays(acting, after=True))
        if _has(acting, "drop_after"):
            await connection.drop(scope)
            return
        if record.method == "POST" and record.path.endswith("/Interactions") and answer[0] < 300:
            self._spoiler.remember(answer[2])
        answer = _spoiled(answer, acting, self._spoiler)
        record.status = answer[0]
        await _send(send, answer)

    def _latency(self) -> float:
        options = self.state.options
        jitter = random.uniform(0, options.latency_jitter_ms)  # noqa: S311 - not a secret
        return (options.latency_ms + jitter) / 1000

    async def _work(self, scope: Scope, body: bytes, acting: list[Fault]) -> Answer:
        scope["state"] = {**scope.get("state", {}), "faults": acting}
        collected: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Message) -> None:
            collected.append(message)

        await self.app(scope, receive, collect)
        start = collected[0]
        return start["status"], start["headers"], b"".join(one.get("body", b"") for one in collected[1:])


async def _read(receive: Receive) -> bytes:
    """Return the whole body; of one that is larger than any file only so much that it is seen to be too large."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")[: LARGEST_MEDIA + 1 - len(body)]
        more = message.get("more_body", False)
    return bytes(body)


def _text(body: bytes, product: str) -> str:
    return "" if product == FILES else body.decode("utf-8", "replace")


async def _sleep(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


async def _send(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer[0], "headers": answer[1]})
    await send({"type": "http.response.body", "body": answer[2]})


def _record(scope: Scope, body: bytes, product: str, headers: dict[str, str]) -> RequestRecord:
    return RequestRecord(
        product=product,
        method=scope["method"],
        path=scope["path"].removeprefix(f"/{product}"),
        query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
        form=parse_qsl(_text(body, product), keep_blank_values=True),
        user=credentials(headers.get("authorization", ""))[0],
    )


def _has(acting: list[Fault], kind: str) -> bool:
    return any(fault.kind == kind for fault in acting)


def _delays(acting: list[Fault], after: bool) -> float:
    return sum(fault.ms for fault in acting if fault.kind == "delay" and fault.after is after) / 1000


def _error(fault: Fault) -> Answer:
    error = TwilioError(fault.status, fault.code, fault.message or "An internal server error has occurred")
    # The newer form of error (RFC 9457), for which the SDK raises an unrelated exception.
    problem = {"type": error.body()["more_info"], "title": error.message, "detail": error.message}
    body = json.dumps(error.body() | problem if fault.problem else error.body()).encode()
    kind = b"application/problem+json" if fault.problem else b"application/json"
    return fault.status, [(b"content-type", kind), _length(body)], body


def _spoiled(answer: Answer, acting: list[Fault], spoiler: Spoiler) -> Answer:
    late = next((fault for fault in acting if fault.kind == "status" and fault.after), None)
    if late:
        return _error(late)
    if _has(acting, "malformed"):
        return answer[0], [(b"content-type", b"application/json"), _length(BROKEN_BODY)], BROKEN_BODY
    hostile = next((fault for fault in acting if fault.kind == "hostile"), None)
    if hostile:
        body = spoiler.spoil(answer[2], hostile.shape)
        return answer[0], [(b"content-type", b"application/json"), _length(body)], body
    return answer


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
