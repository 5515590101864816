"""A process is killed or stopped on the way of a message whose answer is waited for, or on that of the answer.

The customer gets the message once, and their answer brings somebody once, into the same conversation.
"""

import time
from pathlib import Path

import pytest

from tests.acceptance.crm import Crm
from tests.benchmarks.servers import wait_for as wait_until
from tests.faults import waits
from tests.faults.report import Report
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack
from tests.faults.waits import CELLS, Cell, WaitScene

pytestmark = [pytest.mark.faults, pytest.mark.services]
CHILDREN = 20
END_SECONDS = 90.0
BUSY = """
SELECT (SELECT count(*) FROM flex_outbound_interaction WHERE status IN ('queued', 'sending', 'unconfirmed', 'waiting'))
     + (SELECT count(*) FROM flex_outbound_message WHERE status IN ('waiting', 'sending', 'unconfirmed'))
"""
Verdicts = dict[str, list[str]]


@pytest.fixture(scope="module")
def matrix(report: Report, logs: Path) -> Verdicts:
    """Let everything happen on one stack, and say what became wrong in each cell by its key."""
    began = time.monotonic()
    with (
        FaultStack(workers=1, pool=("--pool", "prefork", "--concurrency", str(CHILDREN)), contacts=len(CELLS)) as stack,
        Sandbox(stack.sandbox_url) as sandbox,
        Crm(stack.crm_url, "agent") as crm,
    ):
        sandbox.post("options", {"enforce_limits": False})
        scene = WaitScene(stack, sandbox, crm)
        verdicts = _run(scene)
        wrong = {key: what for key, what in verdicts.items() if what}
        if wrong or scene.failed:
            (logs / "waits.log").write_text(stack.logs())
        report.notes += [f"{key}: {', '.join(what)}" for key, what in wrong.items()] + scene.failed
    done = len(verdicts) - len(wrong)
    seconds = time.monotonic() - began
    report.notes.append(f"answers that are waited for: {done} of {len(verdicts)} as it should be, in {seconds:.0f} s")
    return verdicts


def _run(scene: WaitScene) -> Verdicts:
    for accident in waits.ALL:
        try:
            accident(scene)
        except (pytest.fail.Exception, TimeoutError, AssertionError, OSError) as error:
            scene.failed.append(f"The accident {accident.__name__} could not be brought about: {error}")
            scene.stack.release_all()
    try:
        scene.until_sent([cell for cell in CELLS if cell not in scene.answered], END_SECONDS)
        scene.answer(CELLS)
        wait_until(lambda: scene.stack.query(BUSY) == [(0,)], "the ends of all", END_SECONDS)
    except (pytest.fail.Exception, TimeoutError) as error:
        scene.failed.append(f"Waited in vain: {error}")
    flex = scene.sandbox.account()
    return {cell.key: waits.harm_of(scene, cell, flex) for cell in CELLS}


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.key)
def test_the_answer_brings_somebody_once(cell: Cell, matrix: Verdicts) -> None:
    assert matrix.get(cell.key, ["not run"]) == []
