"""The processes of the demo: all run or none, and nothing stays behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from crm_demo.launcher.banner import banner
from crm_demo.launcher.guard import InTheWayError, free_port, only_one, require_free
from crm_demo.launcher.part import Part
from crm_demo.launcher.plan import Plan
from crm_demo.launcher.supervisor import PartFailedError, Supervisor
from crm_demo.launcher.terminal import Terminal

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
PARENT = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
{SLEEP}
"""
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


@pytest.fixture
def part(tmp_path: Path) -> Callable[..., Part]:
    def make(name: str, code: str = SLEEP) -> Part:
        log = tmp_path / f"{name}.log"
        return Part(name, [sys.executable, "-c", code], log, lambda part: "up" in part.log.read_text())

    return make


def _is_of(process: psutil.Process, servers: set[psutil.Process]) -> bool:
    """Tell whether a shared server started it: its processes come and go, and killed they take the server along."""
    try:
        return bool(servers.intersection(process.parents()))
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    """Whatever a test started is gone when it ends; servers that other tests share are left alone."""
    before = set(psutil.Process().children(recursive=True))
    yield
    now = [process for process in psutil.Process().children(recursive=True) if process not in before]
    left = [process for process in now if not _is_of(process, before)]
    for process in left:
        process.kill()
    assert not left


def run(parts: list[Part], folder: Path, when_up: Callable[[], None] = lambda: None) -> None:
    Supervisor(parts, os.environ, folder).run(when_up)


@pytest.fixture(autouse=True)
def started_in_a_window() -> Iterator[None]:
    """As from a shell, even where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def signal_soon(number: int) -> Callable[[], None]:
    def send() -> None:
        threading.Timer(0.2, os.kill, (os.getpid(), number)).start()

    return send


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_parts_and_their_children(part: Callable[..., Part], tmp_path: Path, number: int) -> None:
    parts = [part("one"), part("two", PARENT)]
    run(parts, tmp_path, signal_soon(number))
    assert all(each.exit_status is not None for each in parts)


def test_a_part_that_does_not_listen_is_ended_within_five_seconds(part: Callable[..., Part], tmp_path: Path) -> None:
    began = time.monotonic()
    run([part("stubborn", STUBBORN)], tmp_path, signal_soon(signal.SIGTERM))
    assert time.monotonic() - began < 5


def test_a_part_that_dies_ends_the_others_and_shows_its_log(part: Callable[..., Part], tmp_path: Path) -> None:
    dying = part("sandbox", "print('up', flush=True); import time; time.sleep(0.5); raise SystemExit('out of luck')")
    other = part("web server")
    with pytest.raises(PartFailedError) as caught:
        run([other, dying], tmp_path)
    assert "The sandbox ended with status 1" in str(caught.value)
    assert "out of luck" in str(caught.value)
    assert other.exit_status is not None


def test_a_part_that_is_killed_is_named_with_the_signal(part: Callable[..., Part], tmp_path: Path) -> None:
    victim = part("worker")

    def kill() -> None:
        victim.signal(signal.SIGKILL)

    with pytest.raises(PartFailedError, match="The worker was ended by signal 9"):
        run([victim], tmp_path, kill)


def test_a_signal_during_the_start_ends_it(part: Callable[..., Part], tmp_path: Path) -> None:
    never = part("slow", "import time; time.sleep(600)")
    signal_soon(signal.SIGTERM)()
    run([never], tmp_path, lambda: pytest.fail("nothing was up"))


def test_under_nohup_it_outlives_the_window(part: Callable[..., Part], tmp_path: Path) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def hang_up_then_end() -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        signal_soon(signal.SIGTERM)()

    began = time.monotonic()
    run([part("one")], tmp_path, hang_up_then_end)
    assert time.monotonic() - began > 0.2


def test_a_closed_terminal_ends_it_even_where_nobody_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    primary, secondary = os.openpty()
    monkeypatch.setattr("crm_demo.launcher.terminal.STANDARD", (secondary,))
    terminal = Terminal()
    assert not terminal.is_gone
    os.close(primary)
    assert terminal.is_gone
    os.close(secondary)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells children of their parent's death")
def test_a_killed_launcher_leaves_nothing_behind(tmp_path: Path) -> None:
    code = f"""
import os, sys
from pathlib import Path
from crm_demo.launcher.part import Part
from crm_demo.launcher.supervisor import Supervisor
log = Path({str(tmp_path / "part.log")!r})
part = Part("part", [sys.executable, "-c", {SLEEP!r}], log, lambda part: "up" in part.log.read_text())
Supervisor([part], os.environ, Path.cwd()).run(lambda: print("running", flush=True))
"""
    launcher = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert launcher.stdout
    assert launcher.stdout.readline() == b"running\n"
    (child,) = psutil.Process(launcher.pid).children()
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    child.wait(5)


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InTheWayError) as caught:
            require_free({"DEMO_PORT": port, "SANDBOX_PORT": free_port()})
    assert f"Port {port} is already in use" in str(caught.value)
    assert f"DEMO_PORT={port + 100} make demo" in str(caught.value)
    require_free({"DEMO_PORT": port, "SANDBOX_PORT": free_port()})


def test_one_port_cannot_serve_two_parts() -> None:
    port = free_port()
    with pytest.raises(InTheWayError, match="two different ports"):
        require_free({"DEMO_PORT": port, "SANDBOX_PORT": port})


def test_two_demos_do_not_share_their_data(tmp_path: Path) -> None:
    lock = tmp_path / "var" / "demo.lock"
    with only_one(lock), pytest.raises(InTheWayError, match=str(os.getpid())), only_one(lock):
        pytest.fail("both run")
    with only_one(lock):
        pass


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(8100, 8101, 8102, 0, tmp_path, "secret", "salt")


def test_the_parts_are_given_the_demos_own_addresses(plan: Plan) -> None:
    given = {"CELERY_BROKER_URL": "redis://elsewhere", "PUBLIC_BASE_URL": "https://tunnel.example", "PATH": "/bin"}
    environment = plan.environment(given)
    assert environment["CELERY_BROKER_URL"] == "redis://127.0.0.1:8102/0"
    assert environment["FLEX_API_BASE_URL"] == "http://127.0.0.1:8101"
    assert environment["PUBLIC_BASE_URL"] == "https://tunnel.example"
    assert environment["PATH"] == "/bin"
    assert plan.environment({})["PUBLIC_BASE_URL"] == "http://127.0.0.1:8100"


@pytest.mark.parametrize("plain", [True, False])
def test_the_box_is_tidy_and_says_where_everything_is(plan: Plan, plain: bool) -> None:
    text = banner(plan, callbacks=False, plain=plain)
    assert len({len(line) for line in text.splitlines()}) == 1
    for words in ("http://127.0.0.1:8100/", "http://127.0.0.1:8101/", "agent, bea, carlos", "manager", "Ctrl-C"):
        assert words in text
    assert text.isascii() is plain or "…" in text
