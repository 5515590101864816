"""A process is killed or stopped on the way of a request, of a customer's first message, or of a task's change.

Each customer gets one conversation with somebody in it, each task has the attributes that it was to have in the end.
"""

import time
from pathlib import Path

import pytest

from tests.acceptance.crm import Crm
from tests.benchmarks.servers import wait_for as wait_until
from tests.faults import unasked
from tests.faults.report import Report
from tests.faults.requests import AFTERWARDS, BUSY, CELLS, Cell, RequestScene
from tests.faults.sandbox import Sandbox
from tests.faults.stack import FaultStack
from tests.faults.updates import CHANGES, Change, Tasks

pytestmark = [pytest.mark.faults, pytest.mark.services]
CHILDREN = 24
END_SECONDS = 90.0
SECOND = "nothing second"
Verdicts = dict[str, list[str]]


@pytest.fixture(scope="module")
def matrix(report: Report, logs: Path) -> Verdicts:
    """Let everything happen on one stack, and say what became wrong in each cell by its key."""
    began = time.monotonic()
    with (
        FaultStack(workers=1, pool=("--pool", "prefork", "--concurrency", str(CHILDREN)), contacts=1) as stack,
        Sandbox(stack.sandbox_url) as sandbox,
        Crm(stack.crm_url, "agent") as crm,
    ):
        sandbox.post("options", {"enforce_limits": False})
        scene = RequestScene(stack, sandbox, crm)
        try:
            verdicts = _run(scene)
        finally:
            scene.end()
        wrong = {key: what for key, what in verdicts.items() if what}
        if wrong or scene.failed:
            (logs / "requests.log").write_text(stack.logs())
        report.notes += [f"{key}: {', '.join(what)}" for key, what in wrong.items()] + scene.failed
    for name, cells in (("requests", [one for one in CELLS if one.by == "api"]), ("changes of tasks", CHANGES)):
        report.notes.append(f"{name}: {sum(one.key not in wrong for one in cells)} of {len(cells)} as it should be")
    customers = [one for one in CELLS if one.by == "customer"]
    done = sum(one.key not in wrong for one in customers)
    seconds = time.monotonic() - began
    report.notes.append(f"customers who write first: {done} of {len(customers)}, all three in {seconds:.0f} s")
    return verdicts


def _run(scene: RequestScene) -> Verdicts:
    tasks = Tasks(scene)
    scene.open()
    tasks.ask()
    for accident in unasked.ALL:
        try:
            accident(scene, tasks)
        except (pytest.fail.Exception, TimeoutError, AssertionError, OSError) as error:
            scene.failed.append(f"The accident {accident.__name__} could not be brought about: {error}")
            scene.stack.release_all()
    try:
        wait_until(lambda: scene.stack.query(BUSY) == [(0,)], "the ends of all", END_SECONDS)
    except TimeoutError:
        scene.failed.append("Waited in vain for the ends of all")
    scene.begin(AFTERWARDS)
    verdicts = unasked.verdicts(scene, tasks)
    flex, wanted = scene.sandbox.account(), len(CELLS) + len(CHANGES)
    made = [len(flex[what]) for what in ("interactions", "conversations", "tasks")]
    verdicts[SECOND] = [] if made == [wanted] * 3 else [f"interactions, conversations, tasks: {made}, not {wanted}"]
    return verdicts


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.key)
def test_a_customer_gets_one_conversation(cell: Cell, matrix: Verdicts) -> None:
    assert matrix.get(cell.key, ["not run"]) == []


@pytest.mark.parametrize("cell", CHANGES, ids=lambda cell: cell.key)
def test_a_task_has_the_attributes_that_it_was_to_have(cell: Change, matrix: Verdicts) -> None:
    assert matrix.get(cell.key, ["not run"]) == []


def test_no_second_interaction_conversation_or_task_is_made(matrix: Verdicts) -> None:
    assert matrix.get(SECOND, ["not run"]) == []
