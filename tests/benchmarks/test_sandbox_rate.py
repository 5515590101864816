"""How many interactions a second the sandbox starts with 300 ms of latency, on one core.

Prints what it measures and asserts only that every request was served: ``pytest -m benchmark -s`` on this file.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from flex_outbound.sandbox import defaults
from tests.benchmarks.report import is_long, size

SECONDS = size(2, 5)
LATENCY_MS = 300
AUTH = base64.b64encode(f"{defaults.ACCOUNT_SID}:{defaults.AUTH_TOKEN}".encode())
HEAD = (
    b"POST /flex-api/v1/Interactions HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Basic "
    + AUTH
    + b"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
)


def form(number: int) -> dict[str, str]:
    """Return a good interaction with a customer of its own."""
    people = [{"address": f"+1555{number:07d}", "proxy_address": defaults.SMS_SENDER}]
    properties = {
        "workspace_sid": defaults.WORKSPACE_SID,
        "queue_sid": defaults.QUEUES["Outbound"],
        "worker_sid": defaults.WORKERS["agent"],
        "attributes": {"flexOutboundKey": f"k{number}"},
    }
    channel = {"type": "sms", "initiated_by": "agent", "participants": people}
    return {"Channel": json.dumps(channel), "Routing": json.dumps({"properties": properties})}


@contextmanager
def sandbox() -> Iterator[tuple[str, int]]:
    """Run the sandbox as a process; give its address and its process id."""
    command = [sys.executable, "-m", "flex_outbound.sandbox", "--port", "0", "--no-limits"]
    command += ["--latency-ms", str(LATENCY_MS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found
        yield found[0], process.pid
        process.terminate()


def busy_seconds(pid: int) -> float:
    """Return the processor time that ``pid`` has used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


class Connection:
    """One kept-alive connection; a full HTTP client would be busier than the server that it measures."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def post(self, number: int) -> float:
        """Start interaction ``number``; return how long the answer took."""
        begun = time.perf_counter()
        body = urlencode(form(number)).encode()
        self.writer.write(HEAD % len(body) + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 201 "), head
        length = re.search(rb"content-length: (\d+)", head)
        assert length
        await self.reader.readexactly(int(length[1]))
        return time.perf_counter() - begun


async def offer(url: str, rate: int) -> tuple[list[float], float]:
    """Send ``rate`` interactions a second for a while; return each one's duration and the whole time."""
    address = urlsplit(url)
    free: asyncio.Queue[Connection] = asyncio.Queue()
    # Little's law says how many are under way at once; the rest is room for a hiccup.
    for _ in range(3 * rate * LATENCY_MS // 1000):
        free.put_nowait(Connection(*await asyncio.open_connection(address.hostname, address.port)))

    async def one(number: int) -> float:
        connection = await free.get()
        duration = await connection.post(number)
        free.put_nowait(connection)
        return duration

    begun, sent = time.perf_counter(), []
    for number in range(rate * SECONDS):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        sent.append(asyncio.create_task(one(number)))
    durations = await asyncio.gather(*sent)
    elapsed = time.perf_counter() - begun
    while not free.empty():
        writer = free.get_nowait().writer
        writer.close()
        await writer.wait_closed()
    return durations, elapsed


@pytest.mark.benchmark
@pytest.mark.parametrize("rate", [200, 300] if is_long() else [300])
def test_the_rate_of_the_sandbox(rate: int) -> None:
    with sandbox() as (url, pid):
        durations, elapsed = asyncio.run(offer(url, rate))
        busy = busy_seconds(pid)
    durations.sort()
    middle, late = (durations[int(len(durations) * part)] * 1000 for part in (0.5, 0.99))
    # The last request ends one latency after it was sent, which says nothing about the rate.
    achieved = len(durations) / (elapsed - LATENCY_MS / 1000)
    print(
        f"\noffered {rate}/s, served {achieved:.0f}/s, median {middle:.0f} ms, 99 % {late:.0f} ms, "
        f"server busy {busy / elapsed:.0%} of one core"
    )
    assert len(durations) == rate * SECONDS
