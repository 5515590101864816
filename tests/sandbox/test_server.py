"""Starting and stopping, in a thread and as a process; the constants that others rely on."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer

ROOT = Path(__file__).parents[2]


def test_the_threaded_server_serves_and_stops() -> None:
    with SandboxServer(latency_ms=1) as sandbox:
        assert httpx.get(f"{sandbox.url}/_sandbox/health").json() == {"status": "ok"}
        assert sandbox.state.options.latency_ms == 1
        port = sandbox.port
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/_sandbox/health")


def test_an_unknown_option_and_a_taken_port_are_errors() -> None:
    with pytest.raises(ValueError, match="speed"):
        SandboxServer(speed=3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(RuntimeError, match="did not start"):
            SandboxServer(port=taken.getsockname()[1]).start()


MODULE = ["-m", "flex_outbound.sandbox"]
COMMAND = ["manage.py", "flex_sandbox"]


@pytest.mark.parametrize(
    ("how", "number"), [(MODULE, signal.SIGTERM), (MODULE, signal.SIGINT), (COMMAND, signal.SIGTERM)]
)
def test_the_process_says_where_it_is_and_leaves_at_once(how: list[str], number: signal.Signals) -> None:
    command = [sys.executable, *how, "--port", "0", "--latency-ms", "5", "--allow-host", "flex.test"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found
        with httpx.Client() as keeping_alive:
            answer = keeping_alive.get(f"{found[0]}/_sandbox/options", headers={"Host": "flex.test"})
            assert answer.json()["latency_ms"] == 5
            asked = time.monotonic()
            process.send_signal(number)
            process.wait(timeout=5)
            assert time.monotonic() - asked < 1


def test_an_answer_is_not_held_back_by_the_network(server: SandboxServer) -> None:
    with httpx.Client(base_url=server.url) as http:
        http.get("/_sandbox/health")
        begun = time.monotonic()
        for _ in range(10):
            http.get("/_sandbox/health")
    # Nagle's algorithm and a delayed acknowledgement would cost 40 ms each time.
    assert time.monotonic() - begun < 0.3


def test_the_constants_have_twilios_shapes() -> None:
    prefixes = {
        "ACCOUNT_SID": "AC",
        "API_KEY_SID": "SK",
        "WORKSPACE_SID": "WS",
        "WORKFLOW_SID": "WW",
        "FLEX_INSTANCE_SID": "GO",
        "CHAT_SERVICE_SID": "IS",
    }
    for name, prefix in prefixes.items():
        for sid in (getattr(defaults, name), getattr(defaults, f"ACCOUNT2_{name.removeprefix('ACCOUNT_')}")):
            assert re.fullmatch(rf"{prefix}[0-9a-f]{{32}}", sid)
    assert list(defaults.TASK_CHANNELS) == ["default", "sms", "chat", "email", "voice"]
    assert set(defaults.WORKERS) == {"agent", "bea", "carlos", "dana", "manager"}
    assert set(defaults.QUEUES) == {"Outbound", "Support", "Everyone"}
    assert not set(defaults.QUEUES.values()) & set(defaults.ACCOUNT2_QUEUES.values())
