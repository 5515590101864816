"""Processes that count together in a folder, and those that answer for them."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.metrics.conftest import sample
from tests.ports import reserve_port

ROOT = Path(__file__).resolve().parents[3]
CALL = "from flex_outbound.metrics.process import {0}; {0}.labels(*{1!r}).{2}"
HOSTS = "from prometheus_client import Counter; Counter('host_requests', 'Not ours').inc()"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Python with a folder to count in; what still runs at the end is ended."""
    running: list[subprocess.Popen[str]] = []
    folder = tmp_path / "metrics"
    folder.mkdir()

    def begin(*arguments: str, **more: str | None) -> "subprocess.Popen[str]":
        wanted = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), **more}
        env = {name: value for name, value in wanted.items() if value is not None}
        process = subprocess.Popen(
            [sys.executable, *arguments], env=env, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def _read(port: int) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_all_processes_of_a_machine_count_together_and_one_answers(start: Start) -> None:
    """Also for those that have ended; and never for what the host counts in the same folder."""
    for source in (
        CALL.format("TWILIO_SECONDS", ("create_interaction",), "observe(0.4)"),
        CALL.format("TWILIO_SECONDS", ("create_interaction",), "observe(4)"),
        CALL.format("CLICKS", ("sms",), "inc()"),
        HOSTS,
    ):
        assert start("-c", source).wait(30) == 0
    port = reserve_port()
    exporter = start("-m", "flex_outbound.metrics.exporter", "--port", str(port))
    text = _read(port)
    families = list(text_string_to_metric_families(text))
    assert sample(families, "twilio_seconds_count", operation="create_interaction") == 2
    assert sample(families, "twilio_seconds_bucket", operation="create_interaction", le="0.5") == 1
    assert sample(families, "clicks_total", channel="sms") == 1
    assert "host_requests" not in text
    exporter.send_signal(signal.SIGTERM)
    assert exporter.wait(10) == 0


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        (None, "must name the folder that the workers write to"),
        ("", "is set and empty"),
        ("/nowhere/to/be/found", "names a folder that does not exist"),
    ],
)
def test_the_exporter_says_what_it_lacks(start: Start, folder: str | None, words: str) -> None:
    process = start("-m", "flex_outbound.metrics.exporter", PROMETHEUS_MULTIPROC_DIR=folder)
    said, _nothing = process.communicate(timeout=30)
    assert process.returncode != 0
    assert words in said
    assert not list(ROOT.glob("counter_*.db"))  # counted in the folder it was started in


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_worker_of_the_example_answers_for_itself(start: Start, tmp_path: Path, pool: str) -> None:
    port = reserve_port()
    worker = start(
        *("-m", "celery", "--app", "crm_site", "worker", "--pool", pool, "--concurrency", "2", "--queues", "flex"),
        DJANGO_SETTINGS_MODULE="crm_site.settings",
        PYTHONPATH=f"{ROOT / 'examples/compose'}{os.pathsep}{ROOT}",
        CELERY_BROKER_URL="memory://",
        METRICS_PORT=str(port),
        CRM_VAR_DIR=str(tmp_path),
    )
    families = list(text_string_to_metric_families(_read(port)))
    assert sample(families, "wakeups_lost_total") == 0
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
