"""What an agent does and how much of it, as TaskRouter shows it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker's activity. ``is_available``: whether it takes tasks; None where Twilio does not say.

    ``since``: when the worker's activity changed last, in whole seconds.
    """

    activity_sid: str
    activity_name: str
    is_available: bool | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerChannel:
    """How many tasks of one task channel a worker has, and may have.

    ``is_available``: whether the worker takes tasks of this channel at all.
    """

    task_channel_sid: str
    unique_name: str
    assigned: int
    capacity: int
    is_available: bool
