"""The sandbox alone: ``sandbox_alone SANDBOX_URL N K`` sends the SDK's bytes over K plain connections."""

import base64
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from flex_outbound.sandbox import defaults
from tests.benchmarks.scripts.raw_sdk import payload

_BASIC = base64.b64encode(f"{defaults.API_KEY_SID}:{defaults.API_KEY_SECRET}".encode()).decode()
HEADERS = {"Authorization": f"Basic {_BASIC}", "Content-Type": "application/x-www-form-urlencoded"}
_own = threading.local()


def connect(url: str) -> HTTPConnection:
    """Return the calling thread's connection."""
    if not hasattr(_own, "connection"):
        parts = urlsplit(url)
        _own.connection = HTTPConnection(parts.hostname or "", parts.port)
    return _own.connection  # type: ignore[no-any-return]


def body(index: int) -> bytes:
    """Return the form of one interaction."""
    channel, routing = payload(index)
    return urlencode({"Channel": json.dumps(channel), "Routing": json.dumps(routing)}).encode()


def main() -> None:
    """Build all bodies, warm the connections, measure, print."""
    url, count, k = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

    def send(data: bytes) -> int:
        connection = connect(url)
        connection.request("POST", "/flex-api/v1/Interactions", data, HEADERS)
        response = connection.getresponse()
        response.read()
        return response.status

    bodies = [body(index) for index in range(count)]
    with ThreadPoolExecutor(k) as pool:
        list(pool.map(send, [body(9999 - index) for index in range(2 * k)]))
        start = time.perf_counter()
        statuses = list(pool.map(send, bodies))
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "created": statuses.count(201), "rate": statuses.count(201) / seconds}))


if __name__ == "__main__":
    main()
