"""Rules of Twilio's pages for parameters that its OpenAPI files leave as free text.

https://www.twilio.com/docs/taskrouter/api/event/reference,
https://www.twilio.com/docs/conversations/conversations-webhooks and
https://www.twilio.com/docs/conversations/api/conversation-resource
"""

from __future__ import annotations

from collections.abc import Callable

from flex_outbound.sandbox.openapi.values import date_problem, method_problem, url_problem

PAST = ("onMessageAdded", "onMessageUpdated", "onMessageRemoved", "onConversationAdded", "onConversationUpdated")
CONVERSATION_EVENTS = {
    *PAST,
    *("onConversationRemoved", "onConversationStateUpdated", "onDeliveryUpdated", "onUserAdded", "onUserUpdated"),
    *("onParticipantAdded", "onParticipantUpdated", "onParticipantRemoved"),
    *("onMessageAdd", "onMessageUpdate", "onMessageRemove", "onUserUpdate"),
    *("onConversationAdd", "onConversationUpdate", "onConversationRemove"),
    *("onParticipantAdd", "onParticipantUpdate", "onParticipantRemove"),
}
BY_RESOURCE = {
    "activity": "created updated deleted",
    "reservation": "created accepted rejected timeout canceled rescinded completed failed wrapup",
    "task": (
        "created updated canceled wrapup completed deleted system-deleted transfer-initiated transfer-attempt-failed "
        "transfer-failed transfer-canceled transfer-completed"
    ),
    "task-channel": "created updated deleted",
    "task-queue": "created updated deleted entered timeout moved expression.updated",
    "worker": ("created updated deleted activity.update attributes.update capacity.update channel.availability.update"),
    "workflow": "created updated deleted target-matched entered timeout skipped",
    "workspace": "created updated deleted",
}
TASKROUTER_EVENTS = {f"{resource}.{what}" for resource, names in BY_RESOURCE.items() for what in names.split()}
Check = Callable[[str], str]


def _events(known: set[str]) -> Check:
    """Return the check of one name, or of several with commas between."""

    def check(text: str) -> str:
        unknown = {name.strip() for name in text.split(",")} - known - {""}
        return f"{', '.join(sorted(unknown))[:200]} is no event" if unknown else ""

    return check


CHECKS: dict[tuple[str, str], Check] = {
    ("taskrouter", "EventsFilter"): _events(TASKROUTER_EVENTS),
    ("taskrouter", "EventType"): _events(TASKROUTER_EVENTS),
    ("conversations", "Filters"): _events(CONVERSATION_EVENTS),
    ("conversations", "Configuration.Filters"): _events(CONVERSATION_EVENTS),
    ("conversations", "PreWebhookUrl"): url_problem,
    ("conversations", "PostWebhookUrl"): url_problem,
    ("conversations", "Configuration.Url"): url_problem,
    ("conversations", "Method"): method_problem,
    ("conversations", "StartDate"): date_problem,
    ("conversations", "EndDate"): date_problem,
    ("conversations", "LastReadTimestamp"): date_problem,
}
"""By product and parameter."""
