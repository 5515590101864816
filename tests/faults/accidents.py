"""What happens in the matrix, one function for each column or group of columns."""

import os
import signal
from collections.abc import Callable

from tests.benchmarks.servers import wait_for as wait_until
from tests.faults.cells import HTTP, POINTS, Cell
from tests.faults.scene import REFUSED, SEARCH, Scene
from tests.processes import wait_for

BYSTANDER = "cell-bystander"
BYSTANDER_SECONDS = 20.0
"""More than the settle time and a few sweeps: what another row takes whose request was never answered."""

Accident = Callable[[Scene], None]
Condition = Callable[[], bool]
SENDING = ("after_claim", "before_post", "answer_lost", "before_write")


def kill_children(scene: Scene) -> None:
    """SIGKILL of the pool's child that is at the place."""
    scene.kill_children(scene.bring("kill_child"))


def kill_worker(scene: Scene) -> None:
    """SIGKILL of the whole worker while it is at all places at once."""
    scene.bring("kill_worker")
    scene.kill_worker()


def stop(scene: Scene) -> None:
    """SIGSTOP until the lease has run out and the row was taken away, then SIGCONT."""
    cells = scene.bring("stop", [point for point in POINTS if point != "callback"])
    stopped = scene.signal(cells, signal.SIGSTOP)
    sending = [cell for cell in cells if cell.point in SENDING]
    wait_for(lambda: all(scene.status(cell.key) != "sending" for cell in sending), "the end of the leases", 20.0)
    scene.release(cells)
    for process in stopped:
        os.kill(process, signal.SIGCONT)


def stop_in_callback(scene: Scene) -> None:
    """SIGSTOP of whoever applies a callback, and so has its row locked: nobody else's row may have to wait for that."""
    [cell] = cells = scene.bring("stop", ["callback"])
    [stopped] = scene.signal(cells, signal.SIGSTOP)
    token, person = scene.next_token()
    scene.sandbox.arm(token, "drop_before")
    scene.click_for(BYSTANDER, person)
    try:
        wait_until(lambda: scene.status(BYSTANDER) in ("created", "active"), BYSTANDER, BYSTANDER_SECONDS)
    except TimeoutError:
        scene.blocked[cell.key] = scene.stack.waiting()
    finally:
        scene.release(cells)
        os.kill(stopped, signal.SIGCONT)


def lost_requests(scene: Scene) -> None:
    """The request fails, or its answer is lost: no process is held for that."""
    for fault in HTTP:
        for point in ("before_post", "answer_lost"):
            cell = Cell(fault, point)
            if not cell.impossible:
                scene.click(cell)


def lost_looks(scene: Scene) -> None:
    """The same happens to the look for a row whose outcome is unknown."""
    for fault in HTTP:
        cell = Cell(fault, "reconcile")
        scene.click(cell)
        scene.until([cell], "unconfirmed")
        number = scene.sandbox.add({"match": SEARCH, **REFUSED[fault]})
        wait_for(lambda number=number: scene.sandbox.hits(number), f"a look that meets {fault}", 15.0)


def callbacks(scene: Scene) -> None:
    """Callbacks come while the row is held: twice, or the last before the first; or long after all is done."""
    twice = _without_locks(scene, "callback_twice")
    order = _without_locks(scene, "callback_order")
    scene.release(_without_locks(scene, "callback_late"))
    for cell in twice:
        scene.until_applied(cell, 1)
    for cell in order:
        scene.until_applied(cell, 1)
        scene.complete(cell)
    scene.until(order, "closed")
    scene.release([*twice, *order])


def _without_locks(scene: Scene, fault: str) -> list[Cell]:
    """Bring rows to their places, but let the one go on that others would have to wait for."""
    cells = scene.bring(fault)
    scene.release(cell for cell in cells if cell.point == "callback")
    return cells


def job_twice(scene: Scene) -> None:
    """The broker delivers the job again, three times, while the first is at the place; and others as well."""
    cells = scene.bring("job_twice")
    scene.deliver(cells, "lookup", wait=False)
    scene.deliver(cells, "dispatch", times=3)
    scene.deliver(cells, "poll", wait=False)
    scene.release(cells)


def forged(scene: Scene) -> None:
    """Somebody calls who does not know the secret."""
    cells = scene.bring("forged")
    for cell in cells:
        scene.forge(cell)
    scene.release(cells)


def broker(scene: Scene) -> None:
    """The broker goes with everything in it, the rows go on without, and it comes back."""
    cells = scene.bring("broker")
    scene.stack.crash(scene.stack.broker)
    scene.release(cells)
    scene.click_for("cell-broker-click")
    scene.until([Cell("broker", "before_write")], "created", "active")
    scene.stack.restart(scene.stack.broker)


def database(scene: Scene) -> None:
    """The database crashes, the rows go on and run into it, and it comes back."""
    cells = scene.bring("database")
    before = scene.worker.log.read_text(errors="replace").count("OperationalError")
    scene.stack.crash(scene.stack.postgres.part)
    scene.release(cells)
    errors = lambda: scene.worker.log.read_text(errors="replace").count("OperationalError") - before  # noqa: E731
    wait_for(lambda: errors() >= len(cells), "workers that miss the database", 15.0)
    scene.stack.restart(scene.stack.postgres.part)


def beyond_settle(scene: Scene) -> None:
    """Flex does the work long after a client may have given it up."""
    token, person = scene.next_token()
    scene.sandbox.arm(token, "delay", ms=14_000)
    scene.click_for("cell-beyond-settle", person)


def stop_behind_fence(scene: Scene) -> None:
    """Stop a worker between its last look at the clock and the socket."""
    scene.stack.order("behind_fence", "cell-beyond-fence")
    scene.click_for("cell-beyond-fence")
    scene.stack.signal_held("behind_fence", "cell-beyond-fence", signal.SIGSTOP)


def go_on_behind_fence(scene: Scene) -> None:
    """Let it go on once another has sent the row."""
    wait_for(lambda: scene.status("cell-beyond-fence") in ("created", "active"), "another to send it", 40.0)
    process = scene.stack.held("behind_fence", "cell-beyond-fence")
    scene.stack.release("behind_fence", "cell-beyond-fence")
    os.kill(process, signal.SIGCONT)


ALL = (
    # While no other row is looked for, or the spoiled look might be another's.
    lost_looks,
    kill_children,
    kill_worker,
    broker,
    database,
    # What takes longest to be over, but not in a worker that is to be killed.
    beyond_settle,
    stop_behind_fence,
    lost_requests,
    callbacks,
    job_twice,
    forged,
    stop,
    stop_in_callback,
    go_on_behind_fence,
)
"""Everything that happens, in its order; the rows' ends are waited for afterwards, all together."""
