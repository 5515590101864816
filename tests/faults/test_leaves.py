"""A process is killed or stopped at an exact place on the way of an agent who leaves: they are out, and nobody else is.

The conversation goes on with who is in it.
"""

import time
from pathlib import Path

import pytest

from tests.acceptance.crm import Crm
from tests.faults import leaves
from tests.faults.leaves import BUSY, CELLS, Cell, LeaveScene
from tests.faults.report import Report
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack
from tests.faults.stage import Verdicts, happen, patiently, tell

pytestmark = [pytest.mark.faults, pytest.mark.services]
CHILDREN = 16
SECOND = "nothing second"


@pytest.fixture(scope="module")
def matrix(report: Report, logs: Path) -> Verdicts:
    """Let everything happen on one stack, and say what became wrong in each cell by its key."""
    began = time.monotonic()
    with (
        FaultStack(workers=1, pool=("--pool", "prefork", "--concurrency", str(CHILDREN)), contacts=len(CELLS)) as stack,
        Sandbox(stack.sandbox_url) as sandbox,
        Crm(stack.crm_url, "agent") as crm,
        Crm(stack.crm_url, "bea") as colleague,
    ):
        sandbox.post("options", {"enforce_limits": False})
        scene = LeaveScene(stack, sandbox, crm, colleague)
        scene.open_rooms()
        happen(scene, leaves.ALL)
        patiently(scene, BUSY, "the ends of all who leave")
        flex = sandbox.account()
        verdicts = {cell.key: leaves.harm_of(scene, cell, flex) for cell in CELLS}
        made = [len(flex[what]) for what in ("interactions", "conversations")]
        verdicts[SECOND] = [] if made == [len(CELLS)] * 2 else [f"interactions and conversations: {made}"]
        tell(scene, verdicts, "agents who leave", began, report, logs / "leaves.log")
    return verdicts


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.key)
def test_an_agent_leaves_once(cell: Cell, matrix: Verdicts) -> None:
    assert matrix.get(cell.key, ["not run"]) == []


def test_no_second_interaction_or_conversation_is_made(matrix: Verdicts) -> None:
    assert matrix.get(SECOND, ["not run"]) == []
