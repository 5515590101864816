"""Bounds of one answer as a whole: how long it takes, and how large it is.

The timeouts of sockets begin anew with each byte, so an answer that drips would hold its worker for as long as it
likes. And a compressed answer of a megabyte can be gigabytes.
"""

import io
import time
import zlib
from collections.abc import Iterator
from functools import lru_cache
from http.client import HTTPResponse
from socket import SocketIO, socket
from typing import Any, Final, cast

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ConnectTimeoutError

MAX_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of an answer to a question, decompressed: 1,000 events with the attributes of a task are 8 MB."""

MAX_RECEIPT: Final = 1024 * 1024
"""Bytes of the answer to a request that changes something: it shows one resource."""

MAX_MEDIA: Final = 16 * 1024 * 1024
"""Bytes of a file: no channel takes a larger one."""

MEDIA_SECONDS: Final = 60.0
"""For the whole of a file, from the moment that it begins to come."""

CHUNK: Final = 64 * 1024
SLOWEST: Final = 256 * 1024
"""Bytes per second at which a large body is sent at least. Sockets bound the time of a body as a whole."""

GZIP: Final = {"accept-encoding": "gzip"}
PLAIN: Final = {"accept-encoding": "identity"}
_GZIP: Final = ("gzip", "x-gzip")
_NOT_ENCODED: Final = ("", "identity")


class MalformedReply(ValueError):
    """An answer that cannot be read: too large, broken, or, with 2xx, no JSON object."""


def read_whole(reply: BaseHTTPResponse, most: int) -> bytes:
    """Return the body of an answer, decompressed. Raises MalformedReply, and what urllib3 raises."""
    chunks, length = [], 0
    while chunk := reply.read(most + 1, decode_content=False):
        chunks.append(chunk)
        length += len(chunk)
        if length > most:
            reply.close()
            raise MalformedReply(f"the answer is larger than {most} bytes")
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    encoding = reply.headers.get("Content-Encoding", "").strip().lower()
    if encoding in _NOT_ENCODED or not body:
        return body
    if encoding not in _GZIP:
        raise MalformedReply("the answer has an encoding that was not asked for")
    return _decompressed(body, most)


def length_of(reply: BaseHTTPResponse) -> int | None:
    """Return the bytes that an answer says its body has, None where it does not say."""
    stated = reply.headers.get("Content-Length", "").strip()
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 16 else None


def read_media(reply: BaseHTTPResponse) -> Iterator[bytes]:
    """Yield a file in parts. Raises MalformedReply for one that is too large or encoded, and what urllib3 raises."""
    if reply.headers.get("Content-Encoding", "").strip().lower() not in _NOT_ENCODED:
        raise MalformedReply("the answer has an encoding that was not asked for")
    original = getattr(reply, "_original_response", None)
    if isinstance(original, _TimedResponse):
        original.allow(MEDIA_SECONDS)
    length = 0
    while chunk := reply.read(CHUNK, decode_content=False):
        length += len(chunk)
        if length > MAX_MEDIA:
            reply.close()
            raise MalformedReply(f"the file is larger than {MAX_MEDIA} bytes")
        yield chunk


def discard(reply: BaseHTTPResponse) -> None:
    """Finish with an answer whose body says nothing. A small one is read, so that its connection can be used again."""
    size = length_of(reply)
    if size is not None and size <= CHUNK:
        reply.drain_conn()
    reply.close()


def _decompressed(body: bytes, most: int) -> bytes:
    opener = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        text = opener.decompress(body, most + 1)
    except zlib.error:
        raise MalformedReply("the answer cannot be decompressed") from None
    if len(text) > most:
        raise MalformedReply(f"the answer is larger than {most} bytes")
    if not opener.eof:
        raise MalformedReply("the answer breaks off")
    return text


class _TimedIO(io.RawIOBase):
    """What a socket receives, until a deadline: ``seconds`` from now, however often something comes."""

    def __init__(self, raw: SocketIO, sock: socket, seconds: float) -> None:
        self._raw, self._sock = raw, sock
        self._end = time.monotonic() + seconds
        self._is_first = True

    def readinto(self, buffer: Any) -> int | None:
        """Receive something. Raises TimeoutError after the deadline."""
        # The first time, the socket's own timeout is the whole time.
        if not self._is_first:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        self._is_first = False
        return self._raw.readinto(buffer)

    def allow(self, seconds: float) -> None:
        """Set the deadline anew."""
        self._end = time.monotonic() + seconds
        self._is_first = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the socket's number."""
        return self._raw.fileno()

    def close(self) -> None:
        """Let go of the socket."""
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """An answer, headers included, that has to be there within the socket's timeout."""

    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        seconds = sock.gettimeout()
        self._timed: _TimedIO | None = None
        if seconds is not None:
            raw = cast(SocketIO, self.fp.detach())
            self._timed = _TimedIO(raw, sock, seconds)
            self.fp = io.BufferedReader(self._timed)

    def allow(self, seconds: float) -> None:
        """Give what is left of the answer ``seconds`` from now. Its headers have come."""
        if self._timed is not None:
            self._timed.allow(seconds)


class _Timed:
    """A connection of urllib3's whose connecting, and whose answers, take their timeouts at most."""

    response_class = _TimedResponse
    timeout: float | None
    sock: Any

    def _new_conn(self) -> socket:
        began = time.monotonic()
        made: socket = super()._new_conn()  # type: ignore[misc]
        if self.timeout is not None and time.monotonic() - began > self.timeout:
            # Each of a name's addresses is tried for as long as that. The request would begin too late.
            made.close()
            raise ConnectTimeoutError(self, "Connecting took too long")
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request. What was left of the time for the answer before is not the time to send it."""
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        super().request(*args, **kwargs)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        """Send a part of a request. A file takes longer than connecting does, which is all that urllib3 allows."""
        if isinstance(data, bytes) and len(data) > CHUNK and self.sock is not None and self.timeout is not None:
            self.sock.settimeout(self.timeout + len(data) / SLOWEST)
        super().send(data)  # type: ignore[misc]


@lru_cache(maxsize=8)
def timed(connection: type[Any]) -> type[Any]:
    """Return a class of connections with these bounds."""
    return type(f"Timed{connection.__name__}", (_Timed, connection), {})
