"""Calls the registered webhooks: signed, in the background, with Twilio's retries.

https://www.twilio.com/docs/taskrouter/api/event, https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import parse_qs, urlencode

import httpx

from flex_outbound.sandbox import signing
from flex_outbound.sandbox.faults import CALLBACK, Fault, Faults
from flex_outbound.sandbox.options import Options
from flex_outbound.sandbox.wire import iso_ms, now

MAX_LOG = 5_000
MAX_AT_ONCE = 50
CONNECT_SECONDS = 5.0
READ_SECONDS = {"taskrouter": 15.0, "conversations": 5.0, "flex-api": 15.0}
# Conversations never retries; the others once, and only where the connection itself failed.
RETRIES = {"taskrouter": 1, "conversations": 0, "flex-api": 1}
RETRY_COUNTS = ("0", "1", "2", "3", "4", "5")
FORGED = "Zm9yZ2VkIGJ5IHRoZSBzYW5kYm94Li4="


@dataclass(slots=True)
class Attempt:
    """One attempt to deliver a callback: the HTTP status of the answer, or the error."""

    status: int | None
    error: str
    at: str = field(default_factory=lambda: iso_ms(now()))


@dataclass(slots=True)
class CallbackRecord:
    """One callback with its requests and answers, as ``/_sandbox/state`` shows it."""

    product: str
    event: str
    method: str
    url: str
    form: dict[str, str]
    idempotency_token: str
    signature: str
    faults: list[str]
    settings: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    at: str = field(default_factory=lambda: iso_ms(now()))

    def as_dict(self) -> dict[str, object]:
        """Return the record as JSON-ready data."""
        return asdict(self)


class Callbacks:
    """Sends callbacks and keeps the log of them."""

    def __init__(self, options: Options, faults: Faults) -> None:
        self.options = options
        self.faults = faults
        self.log: deque[CallbackRecord] = deque(maxlen=MAX_LOG)
        self._client: httpx.AsyncClient | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)

    def send(
        self, token: str, product: str, event: str, url: str, form: Mapping[str, str], method: str = "POST"
    ) -> None:
        """Call ``url`` with ``form`` in the background, signed with the auth ``token``; never raises.

        ``product`` decides on time-outs and retries; faults that fit URL, product or form act here.
        """
        encoded = urlencode(form)
        acting = self.faults.take(CALLBACK, method, product, url, encoded)
        kinds = [fault.kind for fault in acting]
        where, fields = (url, dict(form)) if method == "POST" else (_with_query(url, encoded), {})
        signed, settings = signing.signed(token, where, fields, self.options.shared_key)
        signed = FORGED if "callback_forged" in kinds else signed
        record = CallbackRecord(product, event, method, where, fields, str(uuid.uuid4()), signed, kinds, settings)
        self.log.append(record)
        if "callback_lost" in kinds:
            return
        for _ in range(2 if "callback_twice" in kinds else 1):
            task = asyncio.get_running_loop().create_task(self._deliver(record, self._delay(acting)))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _delay(self, acting: list[Fault]) -> float:
        late = sum(fault.ms for fault in acting if fault.kind == "callback_late")
        return (late + self.options.callback_delay_ms) / 1000

    async def _deliver(self, record: CallbackRecord, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        overrides = _overrides(record.url)
        wanted = overrides.get("rc", "")
        retries = int(wanted) if wanted in RETRY_COUNTS else RETRIES[record.product]
        policy = overrides.get("rp", "ct").split(",")
        for _ in range(1 + retries):
            async with self._turns:
                attempt, kind = await self._try(record)
            record.attempts.append(attempt)
            if not kind or ("all" not in policy and kind not in policy):
                return

    async def _try(self, record: CallbackRecord) -> tuple[Attempt, str]:
        """Make one attempt; return it with the kind of failure (``ct``, ``rt``, ``4xx``, ``5xx``) or ""."""
        headers = {
            "X-Twilio-Signature": record.signature,
            "I-Twilio-Idempotency-Token": record.idempotency_token,
            "User-Agent": "TwilioProxy/1.1",
        }
        if record.settings:
            headers[signing.SETTINGS_HEADER] = record.settings
        timeout = httpx.Timeout(READ_SECONDS[record.product], connect=CONNECT_SECONDS)
        data = record.form if record.method == "POST" else None
        target = record.url.partition("#")[0]
        try:
            answer = await self._http().request(record.method, target, data=data, headers=headers, timeout=timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Attempt(None, type(error).__name__), "ct"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Attempt(None, type(error).__name__), "rt"
        kind = f"{answer.status_code // 100}xx"
        return Attempt(answer.status_code, ""), kind if kind in ("4xx", "5xx") else ""

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            # The environment's proxies are for the internet. Callbacks of a sandbox go to this machine or network.
            self._client = httpx.AsyncClient(trust_env=False)
        return self._client

    def clear(self) -> None:
        """Drop the log and every callback that is not delivered yet."""
        for task in self._running:
            task.cancel()
        self.log.clear()

    async def close(self) -> None:
        """Cancel callbacks that are not delivered yet, and close the connections."""
        self.clear()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()


def _overrides(url: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(url.partition("#")[2]).items()}


def _with_query(url: str, encoded: str) -> str:
    address, mark, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{encoded}{mark}{fragment}"
