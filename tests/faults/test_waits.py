"""A process is killed or stopped on the way of a message whose answer is waited for, or on that of the answer.

The customer gets the message once, and their answer brings somebody once, into the same conversation.
"""

import time
from pathlib import Path

import pytest

from tests.acceptance.crm import Crm
from tests.faults import waits
from tests.faults.report import Report
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack
from tests.faults.stage import END_SECONDS, Verdicts, happen, patiently, tell
from tests.faults.waits import CELLS, Cell, WaitScene

pytestmark = [pytest.mark.faults, pytest.mark.services]
CHILDREN = 20
BUSY = """
SELECT (SELECT count(*) FROM flex_outbound_interaction WHERE status IN ('queued', 'sending', 'unconfirmed', 'waiting'))
     + (SELECT count(*) FROM flex_outbound_message WHERE status IN ('waiting', 'sending', 'unconfirmed'))
"""


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
        tell(scene, verdicts, "answers that are waited for", began, report, logs / "waits.log")
    return verdicts


def _run(scene: WaitScene) -> Verdicts:
    happen(scene, waits.ALL)
    try:
        scene.until_sent([cell for cell in CELLS if cell not in scene.answered], END_SECONDS)
        scene.answer(CELLS)
    except (pytest.fail.Exception, TimeoutError) as error:
        scene.failed.append(f"Waited in vain: {error}")
    patiently(scene, BUSY, "the ends of all")
    flex = scene.sandbox.account()
    return {cell.key: waits.harm_of(scene, cell, flex) for cell in CELLS}


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.key)
def test_the_answer_brings_somebody_once(cell: Cell, matrix: Verdicts) -> None:
    assert matrix.get(cell.key, ["not run"]) == []
