"""What somebody does with content templates in Twilio's console, and WhatsApp with their approvals: a control API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from flex_outbound.sandbox.asking import Refusal, as_object
from flex_outbound.sandbox.content import STATUSES
from flex_outbound.sandbox.defaults import Template
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.world import World

TEXTS = ("name", "language", "category", "rejection_reason", "status")


def add_template(state: SandboxState, request: Request, body: Any) -> object:
    """Make a template: ``types`` as the Content API has them, the first of which is the one that may be approved.

    Optional: ``account``, ``variables``, ``name``, ``language``, ``category``, ``status``, ``rejection_reason``.
    """
    given = as_object(body)
    world = state.worlds.get(str(given.get("account") or next(iter(state.worlds))))
    types = given.get("types")
    if world is None:
        raise Refusal("no such account", 404)
    if not isinstance(types, dict) or not types or not all(isinstance(one, dict) for one in types.values()):
        raise Refusal("types must be an object of objects")
    texts = {"name": "", "language": "en", "category": "UTILITY", "rejection_reason": "", "status": "approved"}
    kind, parts = next(iter(types.items()))
    template = Template(
        sid=new_sid("HX"),
        body=str(parts.get("body") or parts.get("title") or parts.get("label") or ""),
        variables=_variables(given),
        kind=kind,
        parts=parts,
        more={name: one for name, one in types.items() if name != kind},
        **(texts | _texts(given)),
    )
    world.templates[template.sid] = template
    return {"sid": template.sid, "status": template.status}


def change_template(state: SandboxState, request: Request, body: Any) -> object:
    """Change a template's approval (``status``, ``category``, ``rejection_reason``), its name, or its samples."""
    world, template = _find(state, request)
    given = as_object(body)
    changes: dict[str, Any] = dict(_texts(given))
    if "variables" in given:
        changes["variables"] = _variables(given)
    world.templates[template.sid] = template._replace(**changes)
    return {"sid": template.sid, "status": world.templates[template.sid].status}


def delete_template(state: SandboxState, request: Request, body: Any) -> object:
    """Delete a template."""
    world, template = _find(state, request)
    del world.templates[template.sid]
    return {"sid": template.sid}


def _find(state: SandboxState, request: Request) -> tuple[World, Template]:
    sid = request.path_params["template"]
    for world in state.worlds.values():
        if sid in world.templates:
            return world, world.templates[sid]
    raise Refusal("no such template", 404)


def _texts(given: dict[str, Any]) -> dict[str, str]:
    found = {name: given[name] for name in TEXTS if name in given}
    if not all(isinstance(text, str) for text in found.values()):
        raise Refusal(f"{', '.join(TEXTS)} are texts")
    if found.get("status", "approved") not in STATUSES:
        raise Refusal(f"a status is one of {', '.join(STATUSES)}")
    return found


def _variables(given: dict[str, Any]) -> dict[str, str]:
    found = given.get("variables", {})
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise Refusal("variables is an object of texts")
    return found
