"""A process is killed or stopped at an exact place of an invite's way: the agent is invited all the same, and once."""

import time
from pathlib import Path

import pytest

from tests.acceptance.crm import Crm
from tests.benchmarks.servers import wait_for as wait_until
from tests.faults import joins
from tests.faults.joins import BUSY, CELLS, INVITED, Cell, JoinScene
from tests.faults.report import Report
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack

pytestmark = [pytest.mark.faults, pytest.mark.services]
CHILDREN = 16
END_SECONDS = 90.0
SECOND = "nothing second"
Verdicts = dict[str, list[str]]


@pytest.fixture(scope="module")
def matrix(report: Report, logs: Path) -> Verdicts:
    """Let everything happen on one stack, and say what became wrong with each invite by its key."""
    began = time.monotonic()
    with (
        FaultStack(workers=1, pool=("--pool", "prefork", "--concurrency", str(CHILDREN)), contacts=len(CELLS)) as stack,
        Sandbox(stack.sandbox_url) as sandbox,
        Crm(stack.crm_url, "agent") as crm,
        Crm(stack.crm_url, "bea") as colleague,
    ):
        sandbox.post("options", {"enforce_limits": False})
        scene = JoinScene(stack, sandbox, crm, colleague)
        scene.open_rooms()
        verdicts = _run(scene)
        wrong = {key: what for key, what in verdicts.items() if what}
        if wrong or scene.failed:
            (logs / "joins.log").write_text(stack.logs())
        report.notes += [f"{key}: {', '.join(what)}" for key, what in wrong.items()] + scene.failed
    done = len(verdicts) - len(wrong)
    report.notes.append(f"invites: {done} of {len(verdicts)} as it should be, in {time.monotonic() - began:.0f} s")
    return verdicts


def _run(scene: JoinScene) -> Verdicts:
    for accident in joins.ALL:
        try:
            accident(scene)
        except (pytest.fail.Exception, TimeoutError, AssertionError, OSError) as error:
            scene.failed.append(f"The accident {accident.__name__} could not be brought about: {error}")
            scene.stack.release_all()
    _patiently(scene, BUSY, "the ends of all invites")
    scene.accept()
    _patiently(scene, f"SELECT count(*) FROM ({INVITED}) AS invited", "all who accepted")
    flex = scene.sandbox.account()
    verdicts = {cell.key: joins.harm_of(scene, cell, flex) for cell in CELLS}
    made = [len(flex[what]) for what in ("interactions", "conversations")]
    verdicts[SECOND] = [] if made == [len(CELLS)] * 2 else [f"interactions and conversations: {made}"]
    return verdicts


def _patiently(scene: JoinScene, question: str, what: str) -> None:
    try:
        wait_until(lambda: scene.stack.query(question) == [(0,)], what, END_SECONDS)
    except TimeoutError:
        scene.failed.append(f"Waited in vain for {what}")


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.key)
def test_an_agent_is_invited_once(cell: Cell, matrix: Verdicts) -> None:
    assert matrix.get(cell.key, ["not run"]) == []


def test_no_second_interaction_or_conversation_is_made(matrix: Verdicts) -> None:
    assert matrix.get(SECOND, ["not run"]) == []
