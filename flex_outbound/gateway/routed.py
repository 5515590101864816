"""Where the project wants a task to go."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a task goes instead of where the sender says; "" and None for what the sender says."""

    queue_sid: str = ""
    workflow_sid: str = ""
    priority: int | None = None
