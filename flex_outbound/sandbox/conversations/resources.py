"""The Conversations resource and ParticipantConversations.

https://www.twilio.com/docs/conversations/api/conversation-resource
"""

from __future__ import annotations

from collections.abc import Iterable

from flex_outbound.sandbox.conversations import timers
from flex_outbound.sandbox.conversations.common import (
    REST,
    changes_of,
    conversation_of,
    listing,
    root_of,
    service_of,
    stamp,
    unknown,
)
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Conversation, Participant
from flex_outbound.sandbox.wire import JSON, Call, Form, Reply, iso, json_object, parse_date

STATES = ("active", "inactive", "closed")


def create_conversation(call: Call) -> Reply:
    """POST Conversations: names (50353 if UniqueName is taken), Attributes, State, dates, Timers, Bindings.Email."""
    call.state.limits.spend(call.world.account_sid, REST)
    return Reply(show(call, changes_of(call).open(wanted_conversation(call))), 201)


def wanted_conversation(call: Call) -> Conversation:
    """Return the conversation that a form describes, not entered yet; raises 20001, or 20404 for an unknown service."""
    _refuse_messaging_service(call)
    conversation = Conversation(
        new_sid("CH"),
        friendly_name=call.form.get("FriendlyName") or None,
        unique_name=call.form.get("UniqueName") or None,
        attributes=_attributes(call, "{}"),
        state=_state(call) or "active",
        service_sid=service_of(call).sid,
        email=_email(call.form, None),
    )
    timers.change(call.form, conversation.timers)
    stamp(call, conversation, is_new=True)
    return conversation


def _refuse_messaging_service(call: Call) -> None:
    # The account has no messaging services, so every SID of one is unknown.
    if call.form.get("MessagingServiceSid"):
        raise unknown("MessagingServiceSid", call.form.get("MessagingServiceSid"))


def _email(form: Form, before: dict[str, str] | None) -> dict[str, str] | None:
    given = {"address": form.get("Bindings.Email.Address"), "name": form.get("Bindings.Email.Name")}
    merged = (before or {}) | {name: value for name, value in given.items() if value}
    return merged or None


def _attributes(call: Call, default: str) -> str:
    text = call.form.get("Attributes") or default
    json_object(text, "Attributes", 20001)
    return text


def _state(call: Call) -> str:
    state = call.form.get("State")
    if state and state not in STATES:
        raise bad_request(20001, f"Invalid State: it must be one of {', '.join(STATES)}")
    return state


def list_conversations(call: Call) -> Reply:
    """GET Conversations, newest first, by ``State``, ``StartDate`` and ``EndDate`` if given."""
    state, start, end = (call.query.get(name) for name in ("State", "StartDate", "EndDate"))
    service = service_of(call).sid
    found: Iterable[Conversation] = reversed(list(call.world.conversations.values()))
    found = [one for one in found if one.service_sid == service]
    if state:
        found = [one for one in found if one.state == state]
    if start:
        found = [one for one in found if one.created >= parse_date(start)]
    if end:
        found = [one for one in found if one.created <= parse_date(end)]
    return listing(call, "conversations", found, lambda one: show(call, one), 100)


def fetch_conversation(call: Call) -> Reply:
    """GET one conversation, by SID or unique name."""
    return Reply(show(call, conversation_of(call)))


def update_conversation(call: Call) -> Reply:
    """POST one conversation with the fields of its creation; a closed one stays closed (50377)."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    _refuse_messaging_service(call)
    changes, attributes, state = changes_of(call), _attributes(call, conversation.attributes), _state(call)
    if timers.change(call.form, conversation.timers):
        changes.start_timers(conversation)
    if "UniqueName" in call.form:
        changes.rename(conversation, call.form.get("UniqueName"))
    if state:
        changes.set_state(conversation, state, "API")
    conversation.attributes = attributes
    conversation.friendly_name = call.form.get("FriendlyName", conversation.friendly_name or "") or None
    conversation.email = _email(call.form, conversation.email)
    stamp(call, conversation)
    return Reply(show(call, conversation))


def delete_conversation(call: Call) -> Reply:
    """DELETE one conversation with everything in it."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    changes_of(call).delete(conversation)
    return Reply(None, 204)


def show(call: Call, conversation: Conversation) -> JSON:
    """Return ``conversation`` as Twilio writes it."""
    url = f"{root_of(call)}/Conversations/{conversation.sid}"
    return {
        "sid": conversation.sid,
        "account_sid": call.world.account_sid,
        "chat_service_sid": conversation.service_sid,
        "messaging_service_sid": None,
        "friendly_name": conversation.friendly_name,
        "unique_name": conversation.unique_name,
        "attributes": conversation.attributes,
        "state": conversation.state,
        "date_created": iso(conversation.created),
        "date_updated": iso(conversation.updated),
        "timers": timers.show(conversation),
        "bindings": {"email": conversation.email} if conversation.email else {},
        "url": url,
        "links": {
            "participants": f"{url}/Participants",
            "messages": f"{url}/Messages",
            "webhooks": f"{url}/Webhooks",
            "export": f"{url}/Export",
        },
    }


def list_participant_conversations(call: Call) -> Reply:
    """GET ParticipantConversations of one ``Address`` or ``Identity``: every conversation it is in.

    https://www.twilio.com/docs/conversations/api/participant-conversation-resource
    """
    address, identity = call.query.get("Address"), call.query.get("Identity")
    if not address and not identity:
        raise bad_request(20001, "Address or Identity is required")
    found, service = [], service_of(call)
    for sid in call.world.addresses.get(address or identity, {}):
        conversation = call.world.conversations[sid]
        for one in conversation.participants.values():
            is_theirs = one.address == address if address else one.identity == identity
            if conversation.service_sid == service.sid and is_theirs:
                found.append((conversation, one))
    return listing(call, "conversations", found, lambda pair: _show_pair(call, *pair), 50)


def _show_pair(call: Call, conversation: Conversation, participant: Participant) -> JSON:
    root = f"{root_of(call)}/Conversations/{conversation.sid}"
    user = service_of(call).user(participant.identity) if participant.identity else None
    return {
        "account_sid": call.world.account_sid,
        "chat_service_sid": conversation.service_sid,
        "participant_sid": participant.sid,
        "participant_user_sid": user.sid if user else None,
        "participant_identity": participant.identity,
        "participant_messaging_binding": binding(participant),
        "conversation_sid": conversation.sid,
        "conversation_unique_name": conversation.unique_name,
        "conversation_friendly_name": conversation.friendly_name,
        "conversation_attributes": conversation.attributes,
        "conversation_date_created": iso(conversation.created),
        "conversation_date_updated": iso(conversation.updated),
        "conversation_created_by": "system",
        "conversation_state": conversation.state,
        "conversation_timers": timers.show(conversation),
        "links": {"participant": f"{root}/Participants/{participant.sid}", "conversation": root},
    }


def binding(participant: Participant) -> JSON | None:
    """Return the participant's messaging binding, None for one who has an identity instead."""
    if participant.projected:
        return {"type": "sms", "projected_address": participant.projected}
    if participant.address is None:
        return None
    if participant.type == "email":
        return {"type": "email", "level": participant.level, "address": participant.address}
    return {"type": participant.type, "address": participant.address, "proxy_address": participant.proxy}
