"""Runs the sandbox: in the foreground for people, in a thread for tests."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import uvicorn

from flex_outbound.sandbox.app import create_app
from flex_outbound.sandbox.connection import Protocol
from flex_outbound.sandbox.guard import Guard
from flex_outbound.sandbox.options import Options
from flex_outbound.sandbox.state import SandboxState

START_SECONDS = 10.0
STOP_SECONDS = 5.0


class _Server(uvicorn.Server):
    """uvicorn's server with an event for "ready" and an exit that does not wait for slow requests."""

    def __init__(self, config: uvicorn.Config, state: SandboxState, announce: bool) -> None:
        super().__init__(config)
        self.sandbox = state
        self.announce = announce
        self.ready = threading.Event()
        self.port = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, note the port that was taken, and set ``ready``."""
        await super().startup(sockets)
        self.port = int(self.servers[0].sockets[0].getsockname()[1])
        self.ready.set()
        if self.announce:
            where = f"http://{self.config.host}:{self.port}"
            sys.stdout.write(f"Flex sandbox on {where} (desk at {where}/, control at {where}/_sandbox/)\n")
            sys.stdout.flush()


def _server(
    state: SandboxState,
    host: str,
    port: int,
    allowed_hosts: Sequence[str],
    access_log: bool = False,
    announce: bool = False,
) -> _Server:
    config = uvicorn.Config(
        create_app(state, Guard(host, allowed_hosts)),
        host=host,
        port=port,
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_level="info" if access_log else "warning",
        access_log=access_log,
        server_header=False,
        date_header=True,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
        backlog=2048,
    )
    return _Server(config, state, announce)


def run(options: Options, host: str, port: int, access_log: bool = False, allowed_hosts: Sequence[str] = ()) -> None:
    """Serve until SIGINT or SIGTERM; prints the address once it listens. A taken port ends the process.

    ``allowed_hosts``: more names of this machine, under which desk and control API may be asked.
    """
    server = _server(SandboxState(options), host, port, allowed_hosts, access_log, announce=True)
    try:
        server.run()
    except KeyboardInterrupt:
        # uvicorn sends the signal again after its clean shutdown. In the foreground, that ends the command.
        return


class SandboxServer:
    """A sandbox in a thread: ``with SandboxServer() as sandbox: ... sandbox.url ...``.

    Takes ``host``, ``port`` (0 for any free one), ``allowed_hosts`` (more names under which desk and control API may
    be asked) and options by name, e.g. ``latency_ms=300``; raises
    ``ValueError`` for an unknown option and ``RuntimeError`` if it does not start. ``state`` may be read
    from the test's thread. To change it, use the control API, which runs on the server's loop.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, allowed_hosts: Sequence[str] = (), **options: object
    ) -> None:
        chosen = Options()
        chosen.change(options)
        self.state = SandboxState(chosen)
        self._server = _server(self.state, host, port, allowed_hosts)
        self._thread = threading.Thread(target=self._serve, name="flex-sandbox", daemon=True)
        self.host = host

    def _serve(self) -> None:
        # Where uvicorn cannot listen it exits, which here ends only the thread. start() then raises.
        with contextlib.suppress(SystemExit):
            self._server.run()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    @property
    def url(self) -> str:
        """The address for ``API_BASE_URL``, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it answers."""
        self._thread.start()
        give_up = time.monotonic() + START_SECONDS
        while not self._server.ready.wait(0.02):
            if not self._thread.is_alive() or time.monotonic() > give_up:
                raise RuntimeError(f"the sandbox did not start on {self.host}:{self._server.config.port}")
        return self

    def stop(self) -> None:
        """Stop it and wait for its thread."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
