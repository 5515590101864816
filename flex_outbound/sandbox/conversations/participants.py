"""The Participants of a conversation.

https://www.twilio.com/docs/conversations/api/conversation-participant-resource
"""

from __future__ import annotations

from flex_outbound.sandbox.conversations.common import REST, changes_of, conversation_of
from flex_outbound.sandbox.conversations.resources import binding
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.flex.checks import check_pair
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Conversation, Participant
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, json_object, now, page, resource_url


def create_participant(call: Call) -> Reply:
    """POST Participants: an ``Identity``, or a messaging binding whose pair is in no open conversation (50416)."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    identity = call.form.get("Identity")
    address = call.form.get("MessagingBinding.Address")
    proxy = call.form.get("MessagingBinding.ProxyAddress")
    attributes = call.form.get("Attributes") or "{}"
    json_object(attributes, "Attributes", 20001)
    if not identity and not (address and proxy):
        raise bad_request(50400, "Identity, or MessagingBinding.Address and ProxyAddress, is required")
    kind = "whatsapp" if address.startswith("whatsapp:") else "sms"
    if address:
        check_pair(call, kind, address, proxy)
    participant = Participant(
        new_sid("MB"),
        identity=identity or None,
        type=kind if address else None,
        address=address or None,
        proxy=proxy or None,
        attributes=attributes,
    )
    return Reply(show(call, conversation, changes_of(call).add(conversation, participant)), 201)


def list_participants(call: Call) -> Reply:
    """GET the participants of a conversation."""
    conversation = conversation_of(call)
    people = conversation.participants.values()
    return page(call, "participants", people, lambda one: show(call, conversation, one))


def fetch_participant(call: Call) -> Reply:
    """GET one participant."""
    conversation = conversation_of(call)
    return Reply(show(call, conversation, call.find(conversation.participants, "participant")))


def update_participant(call: Call) -> Reply:
    """POST one participant: Attributes, Identity."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    participant = call.find(conversation.participants, "participant")
    if "Attributes" in call.form:
        json_object(call.form.get("Attributes"), "Attributes", 20001)
        participant.attributes = call.form.get("Attributes")
    participant.identity = call.form.get("Identity", participant.identity or "") or None
    participant.updated = now()
    return Reply(show(call, conversation, participant))


def delete_participant(call: Call) -> Reply:
    """DELETE one participant, which frees the pair of addresses."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    changes_of(call).remove(conversation, call.find(conversation.participants, "participant"))
    return Reply(None, 204)


def show(call: Call, conversation: Conversation, participant: Participant) -> JSON:
    """Return ``participant`` as Twilio writes it."""
    path = f"/v1/Conversations/{conversation.sid}/Participants/{participant.sid}"
    return {
        "sid": participant.sid,
        "account_sid": call.world.account_sid,
        "conversation_sid": conversation.sid,
        "identity": participant.identity,
        "attributes": participant.attributes,
        "messaging_binding": binding(participant),
        "role_sid": None,
        "last_read_message_index": None,
        "last_read_timestamp": None,
        "date_created": iso(participant.created),
        "date_updated": iso(participant.updated),
        "url": resource_url("conversations", path),
    }
