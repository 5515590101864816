"""The configuration of Conversations, of the account and of each of its services.

https://www.twilio.com/docs/conversations/api/configuration-resource,
https://www.twilio.com/docs/conversations/api/service-configuration-resource,
https://www.twilio.com/docs/conversations/api/service-notification-resource
"""

from __future__ import annotations

from flex_outbound.sandbox.conversations import timers
from flex_outbound.sandbox.conversations.common import role_of, root_of, service_of, unknown
from flex_outbound.sandbox.records import ChatService
from flex_outbound.sandbox.wire import JSON, Call, Reply, resource_url

TIMERS = {"Inactive": "DefaultInactiveTimer", "Closed": "DefaultClosedTimer"}
ROLES = {
    "default_conversation_creator_role_sid": "DefaultConversationCreatorRoleSid",
    "default_conversation_role_sid": "DefaultConversationRoleSid",
    "default_chat_service_role_sid": "DefaultChatServiceRoleSid",
}
SWITCHES = (
    "LogEnabled",
    "NewMessage.Enabled",
    "NewMessage.BadgeCountEnabled",
    "NewMessage.WithMedia.Enabled",
    "AddedToConversation.Enabled",
    "RemovedFromConversation.Enabled",
)
TEXTS = (
    "NewMessage.Template",
    "NewMessage.Sound",
    "NewMessage.WithMedia.Template",
    "AddedToConversation.Template",
    "AddedToConversation.Sound",
    "RemovedFromConversation.Template",
    "RemovedFromConversation.Sound",
)


def fetch_configuration(call: Call) -> Reply:
    """GET Configuration: the account's default service and timers."""
    sid = call.world.default_service_sid
    url = resource_url("conversations", "/v1/Configuration")
    return Reply(
        {
            "account_sid": call.world.account_sid,
            "default_chat_service_sid": sid,
            "default_messaging_service_sid": None,
            "default_inactive_timer": call.world.default_timers.get("Inactive") or None,
            "default_closed_timer": call.world.default_timers.get("Closed") or None,
            "url": url,
            "links": {
                "service": resource_url("conversations", f"/v1/Services/{sid}/Configuration"),
                "webhooks": f"{url}/Webhooks",
            },
        }
    )


def update_configuration(call: Call) -> Reply:
    """POST Configuration: DefaultChatServiceSid, DefaultInactiveTimer, DefaultClosedTimer.

    The account has no messaging services, so DefaultMessagingServiceSid is unknown (20404).
    """
    form, wanted = call.form, call.form.get("DefaultChatServiceSid")
    if form.get("DefaultMessagingServiceSid"):
        raise unknown("DefaultMessagingServiceSid", form.get("DefaultMessagingServiceSid"))
    if wanted and wanted not in call.world.services:
        raise unknown("DefaultChatServiceSid", wanted)
    given = {kind: form.get(name) for kind, name in TIMERS.items() if name in form}
    for kind, text in given.items():
        timers.read(text, TIMERS[kind], kind)
    call.world.default_timers.update(given)
    call.world.default_service_sid = wanted or call.world.default_service_sid
    return fetch_configuration(call)


def fetch_service_configuration(call: Call) -> Reply:
    """GET the Configuration of one service: its default roles."""
    service, url = service_of(call), f"{root_of(call)}/Configuration"
    return Reply(
        {name: service.defaults.get(field) for name, field in ROLES.items()}
        | {
            "chat_service_sid": service.sid,
            "reachability_enabled": service.reachable,
            "url": url,
            "links": {"notifications": f"{url}/Notifications", "webhooks": f"{url}/Webhooks"},
        }
    )


def update_service_configuration(call: Call) -> Reply:
    """POST the Configuration of one service: its default roles (20404 if unknown), ReachabilityEnabled."""
    service = service_of(call)
    roles = {field: role.sid for field in ROLES.values() if (role := role_of(call, field))}
    reachable = call.form.flag("ReachabilityEnabled")
    service.defaults |= roles
    service.reachable = service.reachable if reachable is None else reachable
    return fetch_service_configuration(call)


def fetch_notifications(call: Call) -> Reply:
    """GET Configuration/Notifications of one service. The sandbox sends none."""
    service = service_of(call)
    with_media = _pushed(service, "NewMessage.WithMedia", "Template")
    new_message = _pushed(service, "NewMessage", "Template", "Sound") | {
        "badge_count_enabled": _is_on(service, "NewMessage.BadgeCountEnabled"),
        "with_media": with_media,
    }
    return Reply(
        {
            "account_sid": call.world.account_sid,
            "chat_service_sid": service.sid,
            "new_message": new_message,
            "added_to_conversation": _pushed(service, "AddedToConversation", "Template", "Sound"),
            "removed_from_conversation": _pushed(service, "RemovedFromConversation", "Template", "Sound"),
            "log_enabled": _is_on(service, "LogEnabled"),
            "url": f"{root_of(call)}/Configuration/Notifications",
        }
    )


def update_notifications(call: Call) -> Reply:
    """POST Configuration/Notifications of one service: kept and shown."""
    service = service_of(call)
    switches = {name: str(call.form.flag(name)).lower() for name in SWITCHES if call.form.get(name)}
    texts = {name: call.form.get(name) for name in TEXTS if name in call.form}
    service.notifications |= switches | texts
    return fetch_notifications(call)


def _is_on(service: ChatService, name: str) -> bool:
    return service.notifications.get(name) == "true"


def _pushed(service: ChatService, event: str, *texts: str) -> JSON:
    shown: JSON = {"enabled": _is_on(service, f"{event}.Enabled")}
    return shown | {name.lower(): service.notifications.get(f"{event}.{name}", "") for name in texts}
