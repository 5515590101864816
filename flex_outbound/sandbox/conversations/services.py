"""The services of Conversations. Flex works in one, which is the account's default one at the start.

https://www.twilio.com/docs/conversations/api/service-resource
"""

from __future__ import annotations

from flex_outbound.sandbox import seed
from flex_outbound.sandbox.conversations.common import changes_of, listing, service_of
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import ChatService
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, resource_url

LINKS = {
    "conversations": "Conversations",
    "users": "Users",
    "roles": "Roles",
    "bindings": "Bindings",
    "configuration": "Configuration",
    "participant_conversations": "ParticipantConversations",
    "conversation_with_participants": "ConversationWithParticipants",
}


def list_services(call: Call) -> Reply:
    """GET Services."""
    return listing(call, "services", call.world.services.values(), lambda one: show(call, one), 100)


def create_service(call: Call) -> Reply:
    """POST Services: FriendlyName."""
    service = seed.chat_service(new_sid("IS"), call.form.required("FriendlyName"))
    call.world.services[service.sid] = service
    return Reply(show(call, service), 201)


def fetch_service(call: Call) -> Reply:
    """GET one service."""
    return Reply(show(call, service_of(call)))


def delete_service(call: Call) -> Reply:
    """DELETE one service with its conversations; the default one and that of Flex stay (20001)."""
    service = service_of(call)
    if service.sid in (call.world.default_service_sid, call.world.chat_service_sid):
        raise bad_request(20001, f"Service {service.sid} is in use and cannot be deleted")
    changes = changes_of(call)
    for conversation in [one for one in call.world.conversations.values() if one.service_sid == service.sid]:
        changes.delete(conversation)
    del call.world.services[service.sid]
    return Reply(None, 204)


def show(call: Call, service: ChatService) -> JSON:
    """Return ``service`` as Twilio writes it."""
    url = resource_url("conversations", f"/v1/Services/{service.sid}")
    return {
        "sid": service.sid,
        "account_sid": call.world.account_sid,
        "friendly_name": service.name,
        "date_created": iso(service.created),
        "date_updated": iso(service.updated),
        "url": url,
        "links": {name: f"{url}/{path}" for name, path in LINKS.items()},
    }


def list_bindings(call: Call) -> Reply:
    """GET Bindings of one service. Without push notifications, there are none."""
    service_of(call)
    return listing(call, "bindings", [], dict, 100)
