"""A process is killed or stopped at an exact place of an answer's way: the customer gets it all the same, and once."""

import time
from pathlib import Path

import pytest

from tests.acceptance.crm import Crm
from tests.benchmarks.servers import wait_for as wait_until
from tests.faults import answers
from tests.faults.answers import BUSY, CELLS, AnswerScene, Cell
from tests.faults.report import Report
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack

pytestmark = [pytest.mark.faults, pytest.mark.services]
CHILDREN = 16
END_SECONDS = 90.0
Verdicts = dict[str, list[str]]


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
        for accident in answers.ALL:
            try:
                accident(scene)
            except (pytest.fail.Exception, TimeoutError, AssertionError, OSError) as error:
                scene.failed.append(f"The accident {accident.__name__} could not be brought about: {error}")
                stack.release_all()
        try:
            wait_until(lambda: stack.query(BUSY) == [(0,)], "the ends of all answers", END_SECONDS)
        except TimeoutError:
            scene.failed.append("Some answers came to no end")
        said = answers.said_at_flex(sandbox)
        verdicts = {cell.key: answers.harm_of(scene, cell, said) for cell in CELLS}
        wrong = {key: what for key, what in verdicts.items() if what}
        if wrong:
            (logs / "answers.log").write_text(stack.logs())
            report.notes += [f"{key}: {', '.join(what)}" for key, what in wrong.items()]
        report.notes += scene.failed
    done = len(verdicts) - len(wrong)
    report.notes.append(f"answers: {done} of {len(verdicts)} sent once, in {time.monotonic() - began:.0f} s")
    return verdicts


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.key)
def test_an_answer_is_sent_once(cell: Cell, matrix: Verdicts) -> None:
    assert matrix.get(cell.key, ["not run"]) == []
