"""(g) How close to Twilio's limit several workers drain a long queue, and how often they are told 429."""

import pytest

from tests.benchmarks.report import Aim, Report, Row, exact, size
from tests.benchmarks.servers import Lab, restart, stop_all

pytestmark = pytest.mark.benchmark

WORKERS = 4
THREADS = 4
LIMIT = 20.0


def test_a_long_queue_drains_at_the_limit(lab: Lab, report: Report) -> None:
    """Hundreds of clicks at once, four workers, the sandbox enforcing 20 interactions per second."""
    count = size(500, 2000, 100)
    sandbox = lab.sandbox()
    env = lab.env(
        DATABASE_URL=lab.postgres().create("limits"),
        CELERY_BROKER_URL=lab.broker().url,
        FLEX_API_BASE_URL=sandbox.url,
        BENCH_LIMITS="on",
    )
    lab.run("prepare", str(count), env=env)
    restart(sandbox, 100, enforce_limits=True)
    processes = [*lab.workers(env, WORKERS, threads=THREADS), lab.beat(env)]
    found = lab.run("drain_limited", str(count), str(WORKERS), env=env)
    stop_all([*processes, sandbox])
    group = report.group(f"(g) {count} clicks at once, {WORKERS} workers, the sandbox enforcing 20/s")
    share = 100 * found["busy"] / found["attempts"]
    group.rows += [
        Row("interactions/s beside Twilio's limit", exact(found["rate"], "/s"), exact(LIMIT, "/s"), Aim("least", 0.95)),
        Row("429s, % of attempts", exact(share, "%"), exact(0.1, "%"), Aim("most", 1.0)),
    ]
    when = ", ".join(f"{seconds:.1f}" for seconds in found["when"][:20]) or "never"
    group.notes.append(f"{found['busy']} of {found['attempts']} attempts were answered with 429 (seconds: {when})")
