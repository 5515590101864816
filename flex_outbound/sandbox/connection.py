"""The TCP connection under a request, for the faults that happen to connections.

uvicorn hands every protocol instance the application's state and puts a copy of it into each request's scope;
the transport travels there, which needs no private attribute of uvicorn's.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

KEY = "transport"


class Protocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it; requests find their connection in the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep the transport where requests can find it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, KEY: transport}


async def drop(scope: Scope) -> None:
    """Reset the request's TCP connection: the client gets no byte of an answer."""
    transport: asyncio.Transport = scope["state"][KEY]
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        # No lingering: close() then sends RST instead of FIN, as a crashed peer or a firewall does.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    # Two turns of the loop let uvicorn notice the loss; then it does not look for an answer any more.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
