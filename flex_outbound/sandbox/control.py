"""The control API under ``/_sandbox/``: reads and changes everything, and plays the agent and the customer.

It asks for no credentials and is meant for the machine it runs on. The guard of the gate keeps other sites out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flex_outbound.sandbox import approvals, jsontext, talking, worker_control
from flex_outbound.sandbox.asking import Refusal, as_object, find_interaction, find_task
from flex_outbound.sandbox.desk_summary import summary
from flex_outbound.sandbox.errors import TwilioError
from flex_outbound.sandbox.faults import Fault
from flex_outbound.sandbox.flex import absence
from flex_outbound.sandbox.records import Conversation, Task
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.taskrouter.lifecycle import Lifecycle
from flex_outbound.sandbox.world import World

Work = Callable[[SandboxState, Request, Any], object]


def _endpoint(work: Work) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body = jsontext.parse(await request.body() or b"{}")
            return JSONResponse(work(request.app.state.sandbox, request, body))
        except TwilioError as error:
            return JSONResponse(error.body(), error.status)
        except Refusal as error:
            return JSONResponse({"error": str(error)}, error.status)
        except (ValueError, OverflowError, RecursionError, re.error) as error:  # the last three: of a fault's pattern
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


def routes() -> list[Route]:
    """Return the routes of the control API."""
    table: list[tuple[str, str, Work]] = [
        ("GET", "/health", lambda state, request, body: {"status": "ok"}),
        ("GET", "/state", _state),
        ("GET", "/desk", _desk),
        ("POST", "/reset", _reset),
        ("GET", "/faults", _faults),
        ("POST", "/faults", _add_faults),
        ("DELETE", "/faults", _clear_faults),
        ("GET", "/options", lambda state, request, body: state.options.as_dict()),
        ("POST", "/options", _change_options),
        ("GET", "/requests", _requests),
        ("POST", "/tasks/{task}/{move}", _move_task),
        ("POST", "/workers/{worker}", _change_worker),
        ("POST", "/interactions/{interaction}/resume", _resume),
        ("POST", "/messages", talking.customer_says),
        ("POST", "/messages/{message}", talking.change_message),
        ("DELETE", "/messages/{message}", talking.delete_message),
        ("POST", "/blocks", talking.customer_blocks),
        ("POST", "/replies", talking.agent_says),
        ("POST", "/receipts", talking.give_receipts),
        ("POST", "/accounts/{account}", _change_account),
        ("POST", "/templates", approvals.add_template),
        ("POST", "/templates/{template}", approvals.change_template),
        ("DELETE", "/templates/{template}", approvals.delete_template),
    ]
    return [Route(f"/_sandbox{path}", _endpoint(work), methods=[method]) for method, path, work in table]


def _desk(state: SandboxState, request: Request, body: Any) -> object:
    return summary(state, request.query_params.getlist("thread"))


def _reset(state: SandboxState, request: Request, body: Any) -> object:
    state.reset()
    return {"status": "ok"}


def _faults(state: SandboxState, request: Request, body: Any) -> object:
    return {"faults": [fault.as_dict() for fault in state.faults.all]}


def _add_faults(state: SandboxState, request: Request, body: Any) -> object:
    wanted = body if isinstance(body, list) else [body]
    if not all(isinstance(one, dict) for one in wanted):
        raise Refusal("a fault is a JSON object")
    added: list[Fault] = [state.faults.add(one) for one in wanted]
    return {"faults": [fault.as_dict() for fault in added]}


def _clear_faults(state: SandboxState, request: Request, body: Any) -> object:
    wanted = request.query_params.get("id")
    state.faults.clear(int(wanted) if wanted else None)
    return _faults(state, request, body)


def _change_options(state: SandboxState, request: Request, body: Any) -> object:
    state.options.change(as_object(body))
    return state.options.as_dict()


def _requests(state: SandboxState, request: Request, body: Any) -> object:
    last = int(request.query_params.get("last", "100"))
    return {"requests": [asdict(record) for record in list(state.requests)[-last:]]}


def _change_account(state: SandboxState, request: Request, body: Any) -> object:
    world = state.worlds.get(request.path_params["account"])
    if world is None:
        raise Refusal("no such account", 404)
    suspended = as_object(body).get("suspended")
    if not isinstance(suspended, bool):
        raise Refusal("suspended must be true or false")
    world.suspended = suspended
    return {"sid": world.account_sid, "suspended": world.suspended}


def _move_task(state: SandboxState, request: Request, body: Any) -> object:
    world, workspace, task = find_task(state, request.path_params["task"])
    moves = Lifecycle(state, world, workspace)
    known: dict[str, Callable[[Task], None]] = {
        "reserve": moves.reserve,
        "accept": moves.accept,
        "reject": moves.reject,
        "wrapup": moves.wrap_up,
        "complete": moves.complete,
        "cancel": moves.cancel,
        "timeout": moves.time_out,
        "delete": moves.delete,
        "leave": partial(absence.leave, state, world, workspace),
        "pause": partial(absence.pause, state, world, workspace),
    }
    move = request.path_params["move"]
    if move not in known:
        raise Refusal(f"a task can {', '.join(known)}", 404)
    if move == "accept":
        # The caller need not wait for the reservation. A task that has one is not changed.
        moves.reserve(task)
    known[move](task)
    return {"sid": task.sid, "status": task.status}


def _resume(state: SandboxState, request: Request, body: Any) -> object:
    world, interaction = find_interaction(state, request.path_params["interaction"])
    return {"sid": interaction.sid, "task_sid": absence.resume(state, world, interaction)}


def _change_worker(state: SandboxState, request: Request, body: Any) -> object:
    return worker_control.change(state, request.path_params["worker"], as_object(body))


def _state(state: SandboxState, request: Request, body: Any) -> object:
    return {
        "options": state.options.as_dict(),
        "accounts": {sid: world_as_dict(world) for sid, world in state.worlds.items()},
        "callbacks": [record.as_dict() for record in state.callbacks.log],
        "faults": [fault.as_dict() for fault in state.faults.all],
        "counters": dict(state.counters),
        "requests": len(state.requests),
    }


def world_as_dict(world: World) -> dict[str, Any]:
    """Return the account as JSON-ready data, lists instead of maps, secrets left out."""
    tasks = [task_as_dict(task) for workspace in world.workspaces.values() for task in workspace.tasks.values()]
    return {
        "suspended": world.suspended,
        "interactions": [_plain(one) for one in world.interactions.values()],
        "tasks": tasks,
        "conversations": [conversation_as_dict(one) for one in world.conversations.values()],
        "interaction_webhooks": [_plain(one) for one in world.interaction_webhooks.values()],
        "opted_out": sorted(world.opted_out),
    }


def task_as_dict(task: Task) -> dict[str, Any]:
    """Return the task as JSON-ready data; ``data`` has its attributes parsed."""
    return {
        "sid": task.sid,
        "status": task.status,
        "reason": task.reason,
        "attributes": task.attributes,
        "data": task.data,
        "worker_sid": task.routing_target,
        "queue_sid": task.queue.sid,
        "queue": task.queue.name,
        "workflow_sid": task.workflow.sid,
        "task_channel": task.task_channel.name,
        "priority": task.priority,
        "interaction_sid": task.interaction_sid,
        "channel_sid": task.channel_sid,
        "created": task.created.isoformat(),
        "reservations": [
            {"sid": one.sid, "status": one.status, "worker_sid": one.worker.sid, "worker": one.worker.name}
            for one in task.reservations.values()
        ],
    }


def conversation_as_dict(conversation: Conversation) -> dict[str, Any]:
    """Return the conversation as JSON-ready data with its participants and messages as lists."""
    plain: dict[str, Any] = _plain(conversation)
    plain["participants"] = list(plain["participants"].values())
    plain["messages"] = list(plain["messages"].values())
    for message in plain["messages"]:
        message["receipts"] = list(message["receipts"].values())
    return plain


def _plain(record: Any) -> Any:
    return json.loads(json.dumps(asdict(record), default=str))
