"""Everything breaks at random while agents click: the app's way beside the naive one, counted at Flex itself."""

import time
from pathlib import Path

import pytest

from tests.acceptance.test_callbacks import callback_url
from tests.faults import chaos, ledger
from tests.faults.free_time import FreeTime
from tests.faults.report import Report
from tests.faults.sandbox import Sandbox, forged_accepted
from tests.faults.stack import FaultStack

pytestmark = [pytest.mark.faults, pytest.mark.services]
WORKERS = 4
POOL = ("--pool", "threads", "--concurrency", "8")
END_SECONDS = 40.0
"""The deadline after the last click: several times what an unknown outcome takes. Only time in which a
processor is free counts: a row for which no worker had the time is not stuck."""

MOST_SECONDS = {"ours": 300.0, "naive": END_SECONDS}
REST_SECONDS = 120.0
QUIET_SECONDS = chaos.SLOW_MS / 1000 + 1
BUSY = {
    "ours": """
SELECT (SELECT count(*) FROM flex_outbound_interaction WHERE status IN ('queued', 'sending', 'unconfirmed'))
     + (SELECT count(*) FROM flex_outbound_closing WHERE closed_at IS NULL AND next_at IS NOT NULL)
""",
    "naive": "SELECT count(*) FROM faults_naive_click WHERE status <> 'created'",
}
WAYS = {"ours": (chaos.ours, ledger.ours), "naive": (chaos.naive, ledger.naive)}


def _run(name: str, report: Report, logs: Path) -> ledger.Count:
    clicks, (send, read) = chaos.clicks_wanted(), WAYS[name]
    with (
        FaultStack(workers=WORKERS, pool=POOL, contacts=clicks // len(chaos.CHANNELS) + 1) as stack,
        Sandbox(stack.sandbox_url) as sandbox,
    ):
        if name == "ours":
            sandbox.listen(callback_url(stack))
        chaos.misbehave(sandbox)
        run = chaos.run(stack, f"{name}-", send, stack.people(), clicks, chaos.rate_wanted())
        run.settled, run.settled_free = _until_quiet(stack, name, END_SECONDS)
        late = {row.idempotency_key for row in read(stack, run.prefix) if row.status not in ledger.ENDS}
        if late and name == "ours":
            # Too late is counted; all else only at rest, for what still moves looks lost or made up.
            _until_quiet(stack, name, REST_SECONDS)
        # What the sandbox still holds back is done within this time; nothing shows from outside that it is.
        time.sleep(QUIET_SECONDS)
        rows, state = read(stack, run.prefix), sandbox.state()
        count = ledger.count(rows, run, sandbox.made_of(state), ledger.closed_duplicates(stack), late)
        if name == "ours":
            count.recovered = ledger.recoveries(stack, run.prefix)
        count.counts["forged accepted"] += forged_accepted(state["callbacks"])
        report.ways[name] = run, count
        if name == "ours" and count.harm:
            _keep(stack, count, logs, report)
    return count


def _until_quiet(stack: FaultStack, name: str, seconds: float) -> tuple[float, float]:
    """Wait until all rows are at an end; return how long that took, and how much of it a processor was free."""
    began, free = time.monotonic(), FreeTime()
    while stack.query(BUSY[name]) != [(0,)]:
        if free.seconds() >= seconds or time.monotonic() - began >= MOST_SECONDS[name]:
            break
        time.sleep(0.25)
    return time.monotonic() - began, free.seconds()


def _keep(stack: FaultStack, count: ledger.Count, logs: Path, report: Report) -> None:
    path = logs / "chaos.log"
    path.write_text(stack.logs())
    for what, keys in count.harm.items():
        report.notes += [f"{what}: {key}; {ledger.trace(stack, key)}" for key in keys]
    report.notes.append(f"The logs are in {path}.")


def test_nothing_is_lost_doubled_or_stuck(report: Report, logs: Path) -> None:
    count = _run("ours", report, logs)

    run = report.ways["ours"][0]
    assert sorted(run.refused) == [], "the CRM takes every click while it has a database"
    assert count.taken > count.clicked / 2, "most clicks came while there was a database"
    assert count.harm == {}


def test_the_naive_way_for_comparison(report: Report, logs: Path) -> None:
    assert _run("naive", report, logs).taken > 0
