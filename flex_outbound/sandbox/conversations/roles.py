"""The roles of a service. The sandbox keeps them; it does not check what a user may do.

https://www.twilio.com/docs/conversations/api/role-resource
"""

from __future__ import annotations

from flex_outbound.sandbox.conversations.common import listing, root_of, service_of
from flex_outbound.sandbox.errors import bad_request, conflict, missing
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Role
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, now

TYPES = ("conversation", "service")


def list_roles(call: Call) -> Reply:
    """GET Roles."""
    return listing(call, "roles", service_of(call).roles.values(), lambda one: show(call, one), 50)


def create_role(call: Call) -> Reply:
    """POST Roles: FriendlyName (unique in the service), Type, Permission (repeated)."""
    service, name, kind = service_of(call), call.form.required("FriendlyName"), call.form.required("Type")
    if kind not in TYPES:
        raise bad_request(20001, f"Invalid Type: it must be one of {', '.join(TYPES)}")
    if any(one.name == name for one in service.roles.values()):
        raise conflict(20409, f"A role named {name} exists already")
    role = Role(new_sid("RL"), name, kind, _permissions(call))
    service.roles[role.sid] = role
    return Reply(show(call, role), 201)


def _permissions(call: Call) -> list[str]:
    permissions = [one for one in call.form.all("Permission") if one]
    if not permissions:
        raise missing("Permission")
    return permissions


def fetch_role(call: Call) -> Reply:
    """GET one role."""
    return Reply(show(call, call.find(service_of(call).roles, "role")))


def update_role(call: Call) -> Reply:
    """POST one role: Permission (repeated), which replaces all."""
    role = call.find(service_of(call).roles, "role")
    role.permissions, role.updated = _permissions(call), now()
    return Reply(show(call, role))


def delete_role(call: Call) -> Reply:
    """DELETE one role; one that is a default of its service stays (20001)."""
    service = service_of(call)
    role = call.find(service.roles, "role")
    if role.sid in service.defaults.values():
        raise bad_request(20001, f"Role {role.sid} is a default role of service {service.sid}")
    del service.roles[role.sid]
    return Reply(None, 204)


def show(call: Call, role: Role) -> JSON:
    """Return ``role`` as Twilio writes it."""
    return {
        "sid": role.sid,
        "account_sid": call.world.account_sid,
        "chat_service_sid": service_of(call).sid,
        "friendly_name": role.name,
        "type": role.type,
        "permissions": role.permissions,
        "date_created": iso(role.created),
        "date_updated": iso(role.updated),
        "url": f"{root_of(call)}/Roles/{role.sid}",
    }
