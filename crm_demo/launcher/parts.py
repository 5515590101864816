"""The four parts of the demo: how each is started, and how to see that it is up."""

import http.client
import socket
import sys
from collections.abc import Callable

from crm_demo.launcher.part import Part
from crm_demo.launcher.plan import HOST, Plan

PROBE_SECONDS = 1.0


def parts_of(plan: Plan) -> list[Part]:
    """Return the parts in the order in which they are started. They end in the reverse order."""
    return [_broker(plan), _sandbox(plan), _worker(plan), _web(plan)]


def _python(*arguments: object) -> list[str]:
    return [sys.executable, "-m", *map(str, arguments)]


def _broker(plan: Plan) -> Part:
    command = _python("crm_demo.launcher.broker", "--port", plan.broker_port, "--data", plan.var / "broker")
    return Part("broker", command, plan.logs / "broker.log", lambda part: _pongs(plan.broker_port))


def _sandbox(plan: Plan) -> Part:
    address = ("--host", HOST, "--port", plan.sandbox_port, "--latency-ms", plan.latency_ms)
    command = _python("flex_outbound.sandbox", *address)
    return Part("sandbox", command, plan.logs / "sandbox.log", answers(plan.sandbox_port, "/"))


def _worker(plan: Plan) -> Part:
    # Threads, because most of a job is waiting for HTTP. Four of them leave SQLite's only writer free most of the
    # time, in one process that also runs the schedule.
    command = _python("celery", "--app", "crm_demo", "worker", "--beat", "--pool", "threads", "--concurrency", 4)
    schedule = ("--schedule-filename", plan.var / "beat-schedule")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO")
    log = plan.logs / "worker.log"
    return Part("worker", [*command, *map(str, (*schedule, *quiet))], log, says(" ready."))


def _web(plan: Plan) -> Part:
    command = _python("gunicorn", "--config", "python:crm_demo.launcher.gunicorn", "crm_demo.wsgi")
    bind = ["--bind", f"{HOST}:{plan.web_port}"]
    return Part("web server", command + bind, plan.logs / "web.log", answers(plan.web_port, "/accounts/login/"))


def _pongs(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), PROBE_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def answers(port: int, path: str) -> Callable[[Part], bool]:
    """Return a probe that is true once a web server on ``port`` answers at ``path``."""

    def probe(part: Part) -> bool:
        connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe


def says(words: str) -> Callable[[Part], bool]:
    """Return a probe that is true once the part has written ``words`` into its log."""
    return lambda part: part.log.exists() and words in part.log.read_text(errors="replace")
