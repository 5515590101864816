"""The state of a running sandbox: accounts, options, faults, logs and timers."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec

from flex_outbound.sandbox import seed
from flex_outbound.sandbox.callbacks import Callbacks
from flex_outbound.sandbox.errors import unauthorized
from flex_outbound.sandbox.faults import Faults
from flex_outbound.sandbox.limits import Limits
from flex_outbound.sandbox.options import Options
from flex_outbound.sandbox.wire import iso_ms, now
from flex_outbound.sandbox.world import World

MAX_REQUESTS = 5_000
P = ParamSpec("P")


@dataclass(slots=True)
class RequestRecord:
    """One request to a Twilio product, as ``/_sandbox/requests`` shows it; ``status`` 0 means no answer."""

    product: str
    method: str
    path: str
    query: list[tuple[str, str]]
    form: list[tuple[str, str]]
    user: str
    status: int = 0
    faults: list[str] = field(default_factory=list)
    at: str = field(default_factory=lambda: iso_ms(now()))


class SandboxState:
    """Everything in memory; used from the server's event loop, and read by tests from their own thread."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.faults = Faults()
        self.limits = Limits(self.options)
        self.callbacks = Callbacks(self.options, self.faults)
        self.worlds: dict[str, World] = {}
        self.requests: deque[RequestRecord] = deque(maxlen=MAX_REQUESTS)
        self.counters: Counter[str] = Counter()
        self._starting_options = self.options.as_dict()
        self._generation = 0
        self._populate()

    def _populate(self) -> None:
        worlds = (seed.first_account(), seed.second_account())
        self.worlds = {world.account_sid: world for world in worlds}

    def reset(self) -> None:
        """Return to the initial state. Timers and callbacks that are not done yet are dropped."""
        self._generation += 1
        self.options.change(self._starting_options)
        self.faults.clear()
        self.limits.clear()
        self.callbacks.clear()
        self.requests.clear()
        self.counters.clear()
        self._populate()

    def later(self, milliseconds: int, action: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run ``action`` on the event loop after ``milliseconds``, unless a reset comes first."""
        generation = self._generation

        def due() -> None:
            if generation == self._generation:
                action(*args, **kwargs)

        asyncio.get_running_loop().call_later(milliseconds / 1000, due)

    def authenticate(self, header: str) -> World:
        """Return the account of an ``Authorization`` header; raises 20003 (HTTP 401) if there is none.

        https://www.twilio.com/docs/iam/api/authenticating-with-twilio
        """
        user, secret = credentials(header)
        for world in self.worlds.values():
            expected = world.auth_token if user == world.account_sid else world.api_keys.get(user)
            if expected and hmac.compare_digest(expected.encode(), secret.encode()) and not world.suspended:
                return world
        raise unauthorized()


def credentials(header: str) -> tuple[str, str]:
    """Return user and secret of a Basic ``Authorization`` header, two empty texts for any other."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return "", ""
    user, _, secret = text.partition(":")
    return user, secret
