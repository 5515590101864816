"""``manage.py demo`` as a whole, with every process for real."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.ports import reserve_port
from tests.services import require_valkey

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60

Demo = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Start demos on free ports with data of their own; end what is left of them."""
    require_valkey()
    started: list[subprocess.Popen[str]] = []

    def start(port: int, sandbox_port: int | None = None) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if name not in {"MAKELEVEL", "DATABASE_URL"}}
        environment |= {
            "CRM_VAR_DIR": str(tmp_path),
            "DEMO_PORT": str(port),
            "DJANGO_SETTINGS_MODULE": "crm_demo.settings",
            "PYTHONUNBUFFERED": "1",
            "SANDBOX_PORT": str(sandbox_port or reserve_port()),
        }
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def wait_until_up(process: subprocess.Popen[str]) -> str:
    """Return what was printed up to the end of the box."""
    assert process.stdout
    said = ""
    deadline = time.monotonic() + START_SECONDS
    for line in process.stdout:
        said += line
        if "╰" in line or (line.startswith("+-") and said.count("+-") > 1):
            return said
        assert time.monotonic() < deadline, said
    pytest.fail(f"the demo ended: {said}")


def running(family: list[psutil.Process]) -> list[psutil.Process]:
    """Return who still runs; what only waits for a careless init to collect it does not."""
    left: list[psutil.Process] = psutil.wait_procs(family, timeout=1)[1]
    return [process for process in left if process.status() != psutil.STATUS_ZOMBIE]


def status_of(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        return int(response.status)


def test_it_starts_answers_and_ends_without_a_trace(demo: Demo) -> None:
    port, sandbox_port = reserve_port(), reserve_port()
    process = demo(port, sandbox_port)
    said = wait_until_up(process)
    assert f"http://127.0.0.1:{port}/" in said
    for path in ("/accounts/login/", "/static/crm_demo/crm.css", "/static/flex_outbound/flex-outbound.js"):
        assert status_of(f"http://127.0.0.1:{port}{path}") == 200
    assert status_of(f"http://127.0.0.1:{sandbox_port}/") == 200
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 5

    second = demo(port, sandbox_port)
    answer, _none = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"Port {port} is already in use" in answer

    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 5
    assert not running(family)


def test_a_part_that_dies_takes_the_demo_down_with_its_name(demo: Demo) -> None:
    process = demo(reserve_port())
    wait_until_up(process)
    family = psutil.Process(process.pid).children(recursive=True)
    (sandbox,) = [child for child in family if "flex_outbound.sandbox" in child.cmdline()]
    sandbox.kill()
    assert process.stdout
    said = process.stdout.read()
    assert process.wait(10) == 1
    assert "The sandbox was ended by signal 9" in said
    assert not running(family)
