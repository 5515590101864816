"""What Twilio's callbacks tell, in words for managers, by event type (vocabulary)."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

EVENTS: Final[dict[str, Promise]] = {
    "onChannelCreateFailed": _("Channel could not be created"),
    "onChannelCreated": _("Channel created"),
    "onChannelStatusUpdated": _("Channel status changed"),
    "onConversationAdded": _("Conversation created"),
    "onConversationRemoved": _("Conversation deleted"),
    "onConversationStateUpdated": _("Conversation state changed"),
    "onDeliveryUpdated": _("Delivery receipt"),
    "onInteractionCreated": _("Interaction created"),
    "onMessageAdded": _("Message added"),
    "onParticipantAdded": _("Participant added"),
    "onParticipantJoined": _("Participant joined"),
    "reservation.accepted": _("Task accepted by the agent"),
    "reservation.canceled": _("Task offer withdrawn"),
    "reservation.completed": _("Task completed by the agent"),
    "reservation.created": _("Task offered to the agent"),
    "reservation.rejected": _("Task declined by the agent"),
    "reservation.rescinded": _("Task offer withdrawn: another agent was faster"),
    "reservation.timeout": _("Task not accepted in time"),
    "reservation.wrapup": _("Agent wraps up"),
    "task-queue.entered": _("Task entered a queue"),
    "task-queue.moved": _("Task moved to another queue"),
    "task-queue.timeout": _("Task left the queue: nobody took it in time"),
    "task.canceled": _("Task canceled"),
    "task.completed": _("Task completed"),
    "task.created": _("Task created"),
    "task.deleted": _("Task deleted"),
    "task.system-deleted": _("Task deleted by Twilio"),
    "task.updated": _("Task changed"),
    "task.wrapup": _("Task in wrap-up"),
    "workflow.entered": _("Task entered the workflow"),
    "workflow.skipped": _("Workflow step skipped"),
    "workflow.target-matched": _("Workflow found a queue"),
    "workflow.timeout": _("Task left the workflow: nobody took it in time"),
}
"""https://www.twilio.com/docs/taskrouter/api/event/reference, and the webhooks of Conversations and Interactions."""


def event_label(event_type: str) -> str:
    """Return what an event type means in a few words; one that is not known as Twilio calls it."""
    return str(EVENTS.get(event_type, event_type))
