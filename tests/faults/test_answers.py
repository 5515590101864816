"""A process is killed or stopped at an exact place of an answer's way: the customer gets it all the same, and once."""

import time
from pathlib import Path

import pytest

from tests.acceptance.crm import Crm
from tests.faults import answers
from tests.faults.answers import BUSY, CELLS, AnswerScene, Cell
from tests.faults.report import Report
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack
from tests.faults.stage import Verdicts, happen, patiently, tell

pytestmark = [pytest.mark.faults, pytest.mark.services]
CHILDREN = 16


@pytest.fixture(scope="module")
def matrix(report: Report, logs: Path) -> Verdicts:
    """Let everything happen on one stack, and say what became wrong with each answer by its key."""
    began = time.monotonic()
    with (
        FaultStack(workers=1, pool=("--pool", "prefork", "--concurrency", str(CHILDREN)), contacts=len(CELLS)) as stack,
        Sandbox(stack.sandbox_url) as sandbox,
        Crm(stack.crm_url, "agent") as crm,
    ):
        sandbox.post("options", {"enforce_limits": False})
        scene = AnswerScene(stack, sandbox, crm)
        scene.open_rooms()
        happen(scene, answers.ALL)
        patiently(scene, BUSY, "the ends of all answers")
        said = answers.said_at_flex(sandbox)
        verdicts = {cell.key: answers.harm_of(scene, cell, said) for cell in CELLS}
        tell(scene, verdicts, "answers", began, report, logs / "answers.log")
    return verdicts


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.key)
def test_an_answer_is_sent_once(cell: Cell, matrix: Verdicts) -> None:
    assert matrix.get(cell.key, ["not run"]) == []
