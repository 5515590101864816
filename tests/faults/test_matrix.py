"""A process is killed, stopped or starved at an exact place of a click's way: it is opened all the same, and once."""

import time
from pathlib import Path

import pytest

from tests.acceptance.crm import Crm
from tests.benchmarks.servers import wait_for as wait_until
from tests.faults import accidents, ledger
from tests.faults.cells import BEYOND, POSSIBLE, Cell
from tests.faults.report import Report
from tests.faults.sandbox import Sandbox
from tests.faults.scene import Scene
from tests.faults.stack import FaultStack

pytestmark = [pytest.mark.faults, pytest.mark.services]
CHILDREN = 16
"""More than are held at a time, for the others have to go on."""

END_SECONDS = 60.0
BUSY = """
SELECT (SELECT count(*) FROM flex_outbound_interaction WHERE status IN ('queued', 'sending', 'unconfirmed'))
     + (SELECT count(*) FROM flex_outbound_closing WHERE closed_at IS NULL AND next_at IS NOT NULL)
     + (SELECT count(*) FROM flex_outbound_webhookevent WHERE processed_at IS NULL AND error = '')
"""
Verdicts = dict[str, list[str]]


@pytest.fixture(scope="module")
def matrix(report: Report, logs: Path) -> Verdicts:
    """Let everything happen on one stack, and say what became wrong with each click by its key."""
    began = time.monotonic()
    with (
        FaultStack(workers=1, pool=("--pool", "prefork", "--concurrency", str(CHILDREN)), contacts=250) as stack,
        Sandbox(stack.sandbox_url) as sandbox,
        Crm(stack.crm_url, "agent") as crm,
    ):
        scene = Scene(stack, sandbox, crm)
        for accident in accidents.ALL:
            _let_happen(scene, accident.__name__, accident, report)
        verdicts = _verdicts(scene)
        if any(verdicts.values()):
            _keep(scene, verdicts, logs, report)
    report.matrix, report.matrix_seconds = verdicts, time.monotonic() - began
    return verdicts


def _let_happen(scene: Scene, name: str, accident: accidents.Accident, report: Report) -> None:
    """What one accident does to the test itself must not cost all others their verdict."""
    try:
        accident(scene)
    except (pytest.fail.Exception, TimeoutError, AssertionError, OSError) as error:
        scene.failed.append(f"The accident {name} could not be brought about: {error}")
        report.notes.append(scene.failed[-1])
        scene.stack.release_all()


def _verdicts(scene: Scene) -> Verdicts:
    stack, late = scene.stack, "cell-beyond-settle"
    keys = {row.idempotency_key: row.key for row in ledger.ours(stack, "cell-")}
    if late in keys:
        _patiently(lambda: len(scene.sandbox.made().get(keys[late], [])) > 1, "the work that Flex does late")
    _patiently(lambda: stack.query(BUSY) == [(0,)], "the ends of all rows")
    made, closed = scene.sandbox.made(), ledger.closed_duplicates(stack)
    verdicts = {
        row.idempotency_key: ledger.harm_of(row, made.get(row.key, []), closed) for row in ledger.ours(stack, "cell-")
    }
    for key, status in scene.taken.items():
        if status == 202 and key not in verdicts:
            verdicts[key] = ["lost"]
    for key, taken in scene.forged.items():
        verdicts[key] += ["forged accepted"] * taken
    for key in scene.blocked:
        verdicts[key] += ["held others up"]
    for key in verdicts:
        if len(made.get(keys[key], [])) > 1 and key.removeprefix("cell-") not in BEYOND:
            verdicts[key] += ["opened twice"]
    for cell in POSSIBLE:
        if cell.key not in verdicts:
            verdicts[cell.key] = ["not run", *scene.failed]
    return verdicts


def _patiently(condition: accidents.Condition, what: str) -> None:
    """Wait; what does not come in time is what the count is to show."""
    try:
        wait_until(condition, what, END_SECONDS)
    except TimeoutError:
        return


def _keep(scene: Scene, verdicts: Verdicts, logs: Path, report: Report) -> None:
    path = logs / "matrix.log"
    path.write_text(scene.stack.logs())
    wrong = {key: what for key, what in verdicts.items() if what}
    rows = [f"{key}: {', '.join(what)}; {ledger.trace(scene.stack, key)}" for key, what in wrong.items()]
    rows += [f"{key} held up: {one}" for key, waiting in scene.blocked.items() for one in waiting]
    report.notes += [*rows, f"The logs are in {path}."]


@pytest.mark.parametrize("cell", POSSIBLE, ids=lambda cell: cell.key)
def test_a_click_is_opened_once(cell: Cell, matrix: Verdicts) -> None:
    assert matrix.get(cell.key, ["not run"]) == []


@pytest.mark.parametrize("name", ["cell-bystander", "cell-broker-click"])
def test_others_do_not_suffer(name: str, matrix: Verdicts) -> None:
    assert matrix.get(name, ["not run"]) == []


@pytest.mark.parametrize("name", BEYOND)
def test_what_cannot_be_excluded_is_found_and_closed(name: str, matrix: Verdicts) -> None:
    assert matrix.get(f"cell-{name}", ["not run"]) == []
