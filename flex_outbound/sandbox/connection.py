"""The TCP connection of a request, for faults that break it.

uvicorn gives every protocol instance the application's state and puts a copy of it into each request's scope. The
transport is kept there, so that no private attribute of uvicorn is needed.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

KEY = "transport"


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1. Requests find their connection in the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep the transport where requests can find it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, KEY: transport}


async def drop(scope: Scope) -> None:
    """Reset the request's TCP connection: the client gets no byte of an answer."""
    transport: asyncio.Transport = scope["state"][KEY]
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        # Without lingering, close() sends RST instead of FIN, as a crashed peer or a firewall does.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    # After two turns of the loop, uvicorn has noticed the reset and does not expect an answer any more.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
