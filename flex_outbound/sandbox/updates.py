"""Checks of updates as a whole: what refuses one of several changes comes before the first of them is made."""

from __future__ import annotations

from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.records import Task
from flex_outbound.sandbox.taskrouter.lifecycle import illegal
from flex_outbound.sandbox.wire import Call
from flex_outbound.sandbox.world import Workspace

FROM = {
    "wrapping": ("assigned",),
    "completed": ("assigned", "wrapping"),
    "canceled": ("pending", "reserved", "assigned"),
}
"""The statuses that a request may give a task, and from which."""


def check_status(call: Call, task: Task) -> None:
    """Raise 20001 where the form's ``AssignmentStatus`` cannot follow the present one of ``task``."""
    status = call.form.get("AssignmentStatus", task.status)
    if status == task.status:
        return
    if status not in FROM:
        raise bad_request(20001, "Invalid AssignmentStatus: it can be set to wrapping, completed or canceled")
    if task.status not in FROM[status]:
        raise illegal(task, " or ".join(FROM[status]))


def check_activity(call: Call, workspace: Workspace) -> None:
    """Raise 20001 where the form's ``ActivitySid`` is unknown."""
    sid = call.form.get("ActivitySid")
    if sid and sid not in workspace.activities:
        raise bad_request(20001, f"Activity {sid} was not found")
