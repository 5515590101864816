"""The users of a service, and the conversations of each. Who joins a conversation by identity becomes one.

https://www.twilio.com/docs/conversations/api/user-resource,
https://www.twilio.com/docs/conversations/api/user-conversation-resource
"""

from __future__ import annotations

from flex_outbound.sandbox.conversations import timers
from flex_outbound.sandbox.conversations.common import REST, changes_of, listing, role_of, root_of, service_of
from flex_outbound.sandbox.conversations.participants import read_reading
from flex_outbound.sandbox.errors import bad_request, conflict
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Conversation, Participant, User
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, json_object, now

LEVELS = ("default", "muted")
Membership = tuple[Conversation, Participant]


def _one(call: Call) -> User:
    return call.found(service_of(call).user(call.params["user"]))


def list_users(call: Call) -> Reply:
    """GET Users."""
    return listing(call, "users", service_of(call).users.values(), lambda one: show(call, one), 50)


def create_user(call: Call) -> Reply:
    """POST Users: Identity (unique in the service), FriendlyName, Attributes, RoleSid."""
    service, identity = service_of(call), call.form.required("Identity")
    if service.user(identity):
        raise conflict(20409, f"User {identity} exists already")
    user = User(new_sid("US"), identity, service.defaults["DefaultChatServiceRoleSid"])
    _change(call, user)
    user.updated = user.created
    service.users[user.sid] = user
    return Reply(show(call, user), 201)


def _change(call: Call, user: User) -> None:
    attributes, role = call.form.get("Attributes") or user.attributes, role_of(call, "RoleSid")
    json_object(attributes, "Attributes", 20001)
    user.name = call.form.get("FriendlyName", user.name or "") or None
    user.role_sid = role.sid if role else user.role_sid
    user.attributes, user.updated = attributes, now()


def fetch_user(call: Call) -> Reply:
    """GET one user, by SID or by identity."""
    return Reply(show(call, _one(call)))


def update_user(call: Call) -> Reply:
    """POST one user: FriendlyName, Attributes, RoleSid."""
    user = _one(call)
    _change(call, user)
    return Reply(show(call, user))


def delete_user(call: Call) -> Reply:
    """DELETE one user, who leaves every conversation."""
    user = _one(call)
    for conversation, participant in _memberships(call, user):
        changes_of(call).remove(conversation, participant)
    del service_of(call).users[user.sid]
    return Reply(None, 204)


def show(call: Call, user: User) -> JSON:
    """Return ``user`` as Twilio writes it. Nobody is online: there is no client to be online with."""
    url = f"{root_of(call)}/Users/{user.sid}"
    return {
        "sid": user.sid,
        "account_sid": call.world.account_sid,
        "chat_service_sid": service_of(call).sid,
        "role_sid": user.role_sid,
        "identity": user.identity,
        "friendly_name": user.name,
        "attributes": user.attributes,
        "is_online": False if service_of(call).reachable else None,
        "is_notifiable": False if service_of(call).reachable else None,
        "date_created": iso(user.created),
        "date_updated": iso(user.updated),
        "url": url,
        "links": {"user_conversations": f"{url}/Conversations"},
    }


def _memberships(call: Call, user: User) -> list[Membership]:
    service, found = service_of(call).sid, list[Membership]()
    for sid in call.world.addresses.get(user.identity, {}):
        conversation = call.world.conversations[sid]
        members = (one for one in conversation.participants.values() if one.identity == user.identity)
        found += [(conversation, one) for one in members if conversation.service_sid == service]
    return found


def _membership(call: Call) -> tuple[User, Conversation, Participant]:
    user, wanted = _one(call), call.params["conversation"]
    found = (pair for pair in _memberships(call, user) if wanted in (pair[0].sid, pair[0].unique_name))
    return user, *call.found(next(found, None))


def list_user_conversations(call: Call) -> Reply:
    """GET the conversations that a user is in."""
    user = _one(call)
    return listing(call, "conversations", _memberships(call, user), lambda pair: _show_one(call, user, *pair), 50)


def fetch_user_conversation(call: Call) -> Reply:
    """GET one conversation of a user."""
    return Reply(_show_one(call, *_membership(call)))


def update_user_conversation(call: Call) -> Reply:
    """POST one conversation of a user: NotificationLevel, LastReadMessageIndex, LastReadTimestamp."""
    call.state.limits.spend(call.world.account_sid, REST)
    user, conversation, participant = _membership(call)
    level = call.form.get("NotificationLevel") or participant.notification_level
    if level not in LEVELS:
        raise bad_request(20001, f"Invalid NotificationLevel: it must be one of {', '.join(LEVELS)}")
    read_reading(call, participant)
    participant.notification_level, participant.updated = level, now()
    return Reply(_show_one(call, user, conversation, participant))


def delete_user_conversation(call: Call) -> Reply:
    """DELETE one conversation of a user: the user leaves it."""
    _user, conversation, participant = _membership(call)
    changes_of(call).remove(conversation, participant)
    return Reply(None, 204)


def _show_one(call: Call, user: User, conversation: Conversation, participant: Participant) -> JSON:
    root, read = root_of(call), participant.read_index
    unread = len(conversation.messages) if read is None else sum(m.index > read for m in conversation.messages.values())
    return {
        "account_sid": call.world.account_sid,
        "chat_service_sid": conversation.service_sid,
        "conversation_sid": conversation.sid,
        "unread_messages_count": unread,
        "last_read_message_index": read,
        "participant_sid": participant.sid,
        "user_sid": user.sid,
        "friendly_name": conversation.friendly_name,
        "unique_name": conversation.unique_name,
        "conversation_state": conversation.state,
        "timers": timers.show(conversation),
        "attributes": conversation.attributes,
        "date_created": iso(conversation.created),
        "date_updated": iso(conversation.updated),
        "created_by": "system",
        "notification_level": participant.notification_level,
        "url": f"{root}/Users/{user.sid}/Conversations/{conversation.sid}",
        "links": {
            "participant": f"{root}/Conversations/{conversation.sid}/Participants/{participant.sid}",
            "conversation": f"{root}/Conversations/{conversation.sid}",
        },
    }
