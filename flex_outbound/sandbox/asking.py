"""What the handlers of the control API share: refusals, fields of a request, and finding what it names."""

from __future__ import annotations

from typing import Any

from flex_outbound.sandbox.records import Conversation, Interaction, Message, Task
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.world import Workspace, World


class Refusal(Exception):
    """An invalid request to the control API; becomes HTTP ``status`` with the message."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def as_object(body: Any) -> dict[str, Any]:
    """Return the body of a request; raises ``Refusal`` unless it is an object."""
    if not isinstance(body, dict):
        raise Refusal("the body must be a JSON object")
    return body


def text_of(body: dict[str, Any], *names: str) -> str | None:
    """Return the first of the fields ``names`` that is there, None for none; raises ``Refusal`` unless it is a text."""
    for name in names:
        value = body.get(name)
        if value is not None:
            if not isinstance(value, str):
                raise Refusal(f"{name} must be a text")
            return value
    return None


def flag_of(body: dict[str, Any], name: str) -> bool:
    """Return the field ``name``, false where it is absent; raises ``Refusal`` unless it is true or false."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise Refusal(f"{name} must be true or false")
    return value


def find_task(state: SandboxState, sid: str) -> tuple[World, Workspace, Task]:
    """Return the task ``sid`` with its surroundings; raises ``Refusal`` (404) if no account has it."""
    for world in state.worlds.values():
        found = world.task(sid)
        if found:
            return world, *found
    raise Refusal("no such task", 404)


def find_interaction(state: SandboxState, sid: str) -> tuple[World, Interaction]:
    """Return the interaction ``sid`` with its account; raises ``Refusal`` (404) if no account has it."""
    for world in state.worlds.values():
        if sid in world.interactions:
            return world, world.interactions[sid]
    raise Refusal("no such interaction", 404)


def find_conversation(state: SandboxState, sid: str) -> tuple[World, Conversation]:
    """Return the conversation ``sid`` with its account; raises ``Refusal`` (404) if no account has it."""
    for world in state.worlds.values():
        conversation = world.conversation(sid)
        if conversation:
            return world, conversation
    raise Refusal("no such conversation", 404)


def find_message(state: SandboxState, sid: str) -> tuple[World, Conversation, Message]:
    """Return the message ``sid`` with its surroundings; raises ``Refusal`` (404) if no account has it."""
    for world in state.worlds.values():
        for conversation in world.conversations.values():
            if sid in conversation.messages:
                return world, conversation, conversation.messages[sid]
    raise Refusal("no such message", 404)
