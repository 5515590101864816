"""The matrix of a task's attributes: every place of a change's way against what can happen there."""

import json
from dataclasses import dataclass
from typing import Any, Final

import requests

from flex_outbound.sandbox import defaults
from tests.faults.requests import HELD as ALL_HELD
from tests.faults.requests import RequestScene
from tests.faults.scene import LOST, REFUSED
from tests.processes import wait_for

POINTS: Final = ("update_read", "update_posted")
HELD: Final = [fault for fault in ALL_HELD if fault != "kill_web"]
CHANGED: Final = "faultsCell"
STORM: Final = 6
"""Refusals with 412 in a row: more than one job tries."""

OPEN: Final = """
SELECT contact_name, id, task_sid FROM flex_outbound_interaction
WHERE contact_name LIKE 'update-%%' AND status = 'active' AND task_sid IS NOT NULL
"""
STATE: Final = """
SELECT u.state FROM flex_outbound_taskupdate u JOIN flex_outbound_interaction i ON i.id = u.interaction_id
WHERE i.contact_name = %s
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happens to a change at one place."""

    fault: str
    point: str

    @property
    def key(self) -> str:
        """Its name."""
        return f"update-{self.fault}-{self.point}"


HELD_CHANGES: Final = [Change(fault, point) for fault in HELD for point in POINTS]
LOST_CHANGES: Final = [Change(fault, "lost") for fault in ("timeout", "reset", "500", "malformed")]
REFUSED_CHANGES: Final = [Change(fault, "refused") for fault in ("reset", "500", "429")]
OVERTAKEN: Final = [Change("overtaken", point) for point in ("update_claimed", *POINTS)]
OTHERS: Final = Change("others", "update_read")
REFUSALS: Final = Change("412", "storm")
CHANGES: Final = [
    *(*HELD_CHANGES, *LOST_CHANGES, *REFUSED_CHANGES, *OVERTAKEN),
    *(OTHERS, REFUSALS, Change("none", "quiet")),
]


class Tasks:
    """An interaction for each change, whose tasks nobody takes."""

    def __init__(self, scene: RequestScene) -> None:
        self.scene = scene
        self.tasks: dict[str, tuple[str, str]] = {}

    def ask(self) -> None:
        """Ask for them all."""
        for number, cell in enumerate(CHANGES, 1):
            wanted = {"address": f"+1415400{number:04}", "name": cell.key, "key": cell.key}
            assert self.scene.post("/faults/requests/", wanted) == 202

    def wait(self) -> None:
        """Wait until they are open."""

        def are_open() -> bool:
            self.tasks = {name: (str(pk), sid) for name, pk, sid in self.scene.stack.query(OPEN)}
            return len(self.tasks) == len(CHANGES)

        wait_for(are_open, "the tasks that are to be changed", 60.0)

    def change(self, cell: Change, value: int = 1) -> None:
        """Change the cell's task."""
        pk, _task_sid = self.tasks[cell.key]
        wanted = {CHANGED: {"key": cell.key, "value": value}}
        assert self.scene.post(f"/faults/interactions/{pk}/attributes/", wanted) == 202

    def arm(self, cell: Change, fault: str, **how: Any) -> None:
        """Do ``fault`` to the next change of the cell's task."""
        self.scene.sandbox.arm("", fault, path=f"/Tasks/{self.tasks[cell.key][1]}$", **how)

    def change_elsewhere(self, cell: Change) -> None:
        """Let another program change the cell's task at Twilio."""
        sid = self.tasks[cell.key][1]
        before = self.scene.sandbox.task(sid)["data"]
        answer = requests.post(
            f"{self.scene.sandbox.url}/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}/Tasks/{sid}",
            {"Attributes": json.dumps(before | {"others": cell.key})},
            auth=(defaults.API_KEY_SID, defaults.API_KEY_SECRET),
            proxies={"http": ""},
            timeout=10,
        )
        answer.raise_for_status()

    def state(self, cell: Change) -> str:
        """Return how far the change is."""
        return "".join(state for (state,) in self.scene.stack.query(STATE, cell.key))


def lost_changes(tasks: Tasks) -> None:
    """The change fails, or its answer is lost; 412 again and again; and one to which nothing happens."""
    for cell in LOST_CHANGES:
        tasks.arm(cell, **LOST[cell.fault])
    for cell in REFUSED_CHANGES:
        tasks.arm(cell, **REFUSED[cell.fault])
    tasks.arm(REFUSALS, "status", status=412, code=20001, times=STORM)
    for cell in (*LOST_CHANGES, *REFUSED_CHANGES, REFUSALS, CHANGES[-1]):
        tasks.change(cell)


def overtaken(tasks: Tasks) -> None:
    """A newer change is made and written while the older one is held; another program's change is."""
    scene, cells = tasks.scene, [*OVERTAKEN, OTHERS]
    scene.bring(cells, tasks.change)
    for cell in OVERTAKEN:
        tasks.change(cell, 2)
    tasks.change_elsewhere(OTHERS)
    wait_for(lambda: {tasks.state(cell) for cell in OVERTAKEN} == {"written"}, "what overtakes", 30.0)
    scene.release(cells)


def harm_of(tasks: Tasks, cell: Change, flex: dict[str, Any]) -> list[str]:
    """Return what became wrong with a change; empty is as it should be. ``flex``: the account at the sandbox."""
    [data] = [one["data"] for one in flex["tasks"] if one["sid"] == tasks.tasks[cell.key][1]]
    wanted = {"key": cell.key, "value": 2 if cell in OVERTAKEN else 1}
    found = [] if data.get(CHANGED) == wanted else [f"the task has {data.get(CHANGED)}"]
    if cell == OTHERS and data.get("others") != cell.key:
        found.append("what another program wrote is lost")
    if data.get("customerName") != cell.key or "flexOutboundKey" not in data:
        found.append("what was there is lost")
    if tasks.state(cell) != "written":
        found.append(f"stuck: {tasks.state(cell)}")
    return found
