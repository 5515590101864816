"""What the control API does with a worker: another activity, a full channel, an answer that takes long."""

from __future__ import annotations

from typing import Any

from flex_outbound.sandbox.asking import Refusal
from flex_outbound.sandbox.records import Worker
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.taskrouter.lifecycle import Lifecycle
from flex_outbound.sandbox.taskrouter.worker_parts import set_room
from flex_outbound.sandbox.taskrouter.workers import change_activity
from flex_outbound.sandbox.world import Workspace, World

KNOWN = {"activity", "capacity", "full", "slow_ms"}


def change(state: SandboxState, sid: str, body: dict[str, Any]) -> dict[str, Any]:
    """Change the worker ``sid``; see the documentation of the control API for the fields. Raises ``Refusal``."""
    world, workspace, worker = _find(state, sid)
    if not body or set(body) - KNOWN:
        raise Refusal(f"a worker takes {', '.join(sorted(KNOWN))}")
    capacity = _capacity(worker, body)
    if "slow_ms" in body:
        path = f"/Workers/{sid}(/Channels)?$"
        state.faults.add({"fault": "delay", "ms": body["slow_ms"], "times": None, "match": {"path": path}})
    moves = Lifecycle(state, world, workspace)
    if "activity" in body:
        wanted = str(body["activity"])
        named = (one.sid for one in workspace.activities.values() if one.name == wanted)
        change_activity(state, world, workspace, worker, next(named, wanted))
    for channel in worker.channels.values():
        if channel.task_channel.name in capacity:
            set_room(moves, worker, channel, capacity[channel.task_channel.name])
    return {"sid": sid, "activity": worker.activity.name, **body}


def _find(state: SandboxState, sid: str) -> tuple[World, Workspace, Worker]:
    for world in state.worlds.values():
        for workspace in world.workspaces.values():
            if sid in workspace.workers:
                return world, workspace, workspace.workers[sid]
    raise Refusal("no such worker", 404)


def _capacity(worker: Worker, body: dict[str, Any]) -> dict[str, int]:
    """Return the new capacity by task channel. ``full``: what the worker has in that channel, so that no more fits."""
    wanted = body.get("capacity") or {}
    names = {one.task_channel.name: one for one in worker.channels.values()}
    if not isinstance(wanted, dict) or set(wanted) - set(names):
        raise Refusal("capacity takes the names of task channels")
    if any(isinstance(one, bool) or not isinstance(one, int) or one < 0 for one in wanted.values()):
        raise Refusal("a capacity is a whole number of 0 or more")
    full = body.get("full")
    if full is not None and full not in names:
        raise Refusal("full takes the name of a task channel")
    return {**wanted, **({full: names[full].assigned} if full is not None else {})}
