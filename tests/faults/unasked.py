"""What happens to requests, customers who write first and changes of tasks: to all of them in the same accidents."""

import os
import signal
from collections.abc import Callable
from typing import Any, Final

from tests.faults import requests, updates
from tests.faults.requests import WEB, Cell, RequestScene, cells_of
from tests.faults.updates import HELD_CHANGES, Change, Tasks
from tests.processes import wait_for

Accident = Callable[[RequestScene, Tasks], None]
Held = Cell | Change


def bring(scene: RequestScene, tasks: Tasks, fault: str) -> list[Held]:
    """Hold one of each kind at each place; those in the web server one after the other, for it has four threads.

    Customers come before requests, since two callbacks tell of each.
    """
    cells = cells_of(fault)
    web = [one for one in cells if one.point in WEB[one.by]]
    changes = [one for one in HELD_CHANGES if one.fault == fault]
    scene.bring([one for one in cells if one not in web], scene.begin)
    scene.bring(changes, tasks.change)
    for one in sorted(web, key=lambda cell: cell.by, reverse=True):
        scene.bring([one], scene.begin)
    return [*cells, *changes]


def one_by_one(scene: RequestScene, tasks: Tasks) -> None:
    """Questions fail, while no others are asked."""
    requests.one_by_one(scene)
    tasks.wait()


def kill_children(scene: RequestScene, tasks: Tasks) -> None:
    """SIGKILL of the pool's child that is at the place."""
    scene.signal(bring(scene, tasks, "kill_child"), signal.SIGKILL)


def kill_worker(scene: RequestScene, tasks: Tasks) -> None:
    """SIGKILL of the whole worker while it is at all places at once."""
    bring(scene, tasks, "kill_worker")
    scene.stack.crash(scene.worker)
    scene.stack.restart(scene.worker)


def kill_web(scene: RequestScene, tasks: Tasks) -> None:
    """SIGKILL of the web server, with callbacks and requests before and after their commits."""
    bring(scene, tasks, "kill_web")
    scene.stack.crash(scene.stack.web)
    scene.stack.restart(scene.stack.web)
    write_again(scene, "kill_web")


def write_again(scene: RequestScene, fault: str) -> None:
    """Let the customer write again whose callback was held before its commit.

    Conversations calls nobody a second time: where all callbacks of a first message are lost, it takes the next one.
    """
    scene.begin(Cell("customer", fault, "heard"), text="Anybody?")


def stop(scene: RequestScene, tasks: Tasks) -> None:
    """SIGSTOP until the leases have run out and others have done the work, then SIGCONT."""
    cells = bring(scene, tasks, "stop")
    stopped = scene.signal(cells, signal.SIGSTOP)
    begun = [one for one in cells if isinstance(one, Cell) and one.point != "before_lookup"]
    changes = [one for one in cells if isinstance(one, Change)]

    def are_taken_away() -> bool:
        statuses = [status for one in begun for (_id, status, *_rest) in scene.rows(one)]
        states = [tasks.state(one) for one in changes]
        return len(statuses) == len(begun) and "sending" not in statuses and set(states) == {"written"}

    wait_for(are_taken_away, "the end of the leases", 30.0)
    scene.release(cells)
    for process in stopped:
        os.kill(process, signal.SIGCONT)


def broker(scene: RequestScene, tasks: Tasks) -> None:
    """The broker goes with everything in it, the others go on without, and it comes back."""
    cells = bring(scene, tasks, "broker")
    scene.stack.crash(scene.stack.broker)
    scene.release(cells)
    scene.stack.restart(scene.stack.broker)


def database(scene: RequestScene, tasks: Tasks) -> None:
    """The database crashes, the others go on and run into it, and it comes back."""
    cells = bring(scene, tasks, "database")
    before = _errors(scene)
    scene.stack.crash(scene.stack.postgres.part)
    scene.release(cells)
    wait_for(lambda: _errors(scene) > before, "missing the database", 20.0)
    scene.stack.restart(scene.stack.postgres.part)
    write_again(scene, "database")


def _errors(scene: RequestScene) -> int:
    return int(scene.worker.log.read_text(errors="replace").count("OperationalError"))


def job_twice(scene: RequestScene, tasks: Tasks) -> None:
    """The broker delivers the jobs again while the first are at their places."""
    cells = bring(scene, tasks, "job_twice")
    scene.deliver()
    scene.release(cells)


def quick(scene: RequestScene, tasks: Tasks) -> None:
    """All that holds no process."""
    updates.lost_changes(tasks)
    requests.lost_requests(scene)
    requests.twice(scene)
    requests.webhooks(scene)


def overtaken(_scene: RequestScene, tasks: Tasks) -> None:
    """Changes are overtaken by others."""
    updates.overtaken(tasks)


ALL: Final[tuple[Accident, ...]] = (
    *(one_by_one, stop, kill_children, kill_worker, kill_web, broker, database, job_twice),
    *(quick, overtaken),
)
"""Everything that happens, in its order: first the questions, which must be alone, then what takes longest."""


def verdicts(scene: RequestScene, tasks: Tasks) -> dict[str, list[str]]:
    """Return what became wrong in each cell, by its key."""
    flex: dict[str, Any] = scene.sandbox.account()
    found = {cell.key: requests.harm_of(scene, cell, flex) for cell in requests.CELLS}
    return found | {cell.key: updates.harm_of(tasks, cell, flex) for cell in updates.CHANGES}
