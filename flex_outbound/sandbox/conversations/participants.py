"""The Participants of a conversation.

https://www.twilio.com/docs/conversations/api/conversation-participant-resource
"""

from __future__ import annotations

from flex_outbound.sandbox.conversations.changes import refuse_bound
from flex_outbound.sandbox.conversations.common import (
    REST,
    changes_of,
    conversation_of,
    listing,
    role_of,
    root_of,
    service_fields,
    stamp,
)
from flex_outbound.sandbox.conversations.resources import binding
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.flex.checks import E164, FORMS, bound_fault, check_pair
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Conversation, Participant
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, json_object, parse_date


def create_participant(call: Call) -> Reply:
    """POST Participants: an ``Identity``, or a messaging binding whose pair is in no open conversation (50416)."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    participant = wanted_participant(call)
    if call.fault("open_conversation"):
        raise bound_fault(call)
    return Reply(show(call, conversation, changes_of(call).add(conversation, participant)), 201)


def wanted_participant(call: Call) -> Participant:
    """Return the participant that a form describes, not added yet; raises ``TwilioError``."""
    identity = call.form.get("Identity")
    address = call.form.get("MessagingBinding.Address")
    proxy = call.form.get("MessagingBinding.ProxyAddress")
    attributes = call.form.get("Attributes") or "{}"
    json_object(attributes, "Attributes", 20001)
    if not identity and not (address and proxy):
        raise bad_request(50400, "Identity, or MessagingBinding.Address and ProxyAddress, is required")
    prefix = address.partition(":")[0]
    kind = prefix if prefix in FORMS else "sms"
    if address:
        check_pair(call, kind, address, proxy)
    role = role_of(call, "RoleSid")
    participant = Participant(
        new_sid("MB"),
        identity=identity or None,
        type=kind if address else None,
        address=address or None,
        proxy=proxy or None,
        attributes=attributes,
        projected=_projected(call, identity),
        role_sid=role.sid if role else None,
    )
    stamp(call, participant, is_new=True)
    return participant


def _projected(call: Call, identity: str) -> str | None:
    """Return the number by which an agent appears in a group text; raises 50400, 50408 or 21606."""
    number = call.form.get("MessagingBinding.ProjectedAddress")
    if not number:
        return None
    if not identity or call.form.get("MessagingBinding.Address"):
        raise bad_request(50400, "MessagingBinding.ProjectedAddress is for a participant with an Identity only")
    if not E164.match(number):
        raise bad_request(50408, "Invalid messaging binding projected address")
    if not call.world.owns("sms", number):
        raise bad_request(21606, f"{number} is not a sender of this account that can use sms")
    return number


def list_participants(call: Call) -> Reply:
    """GET the participants of a conversation."""
    conversation = conversation_of(call)
    people = conversation.participants.values()
    return listing(call, "participants", people, lambda one: show(call, conversation, one), 100)


def fetch_participant(call: Call) -> Reply:
    """GET one participant."""
    conversation = conversation_of(call)
    return Reply(show(call, conversation, call.find(conversation.participants, "participant")))


def update_participant(call: Call) -> Reply:
    """POST one participant with the fields of its creation, and what it has read."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    participant = call.find(conversation.participants, "participant")
    attributes = call.form.get("Attributes") or participant.attributes
    json_object(attributes, "Attributes", 20001)
    identity = call.form.get("Identity", participant.identity or "") or None
    role, projected = role_of(call, "RoleSid"), _projected(call, identity or "")
    read_reading(call, participant)
    _change_proxy(call, conversation, participant)
    participant.attributes, participant.identity = attributes, identity
    participant.projected = projected or participant.projected
    participant.role_sid = role.sid if role else participant.role_sid
    # Joining again enters the new identity and the new pair of addresses into the indexes.
    call.world.join(conversation, participant)
    stamp(call, participant)
    return Reply(show(call, conversation, participant))


def read_reading(call: Call, participant: Participant) -> None:
    """Note what the participant has read: LastReadMessageIndex and LastReadTimestamp; raises 20001."""
    if "LastReadTimestamp" in call.form:
        moment = call.form.get("LastReadTimestamp")
        participant.read_at = iso(parse_date(moment)) if moment else None
    if call.form.get("LastReadMessageIndex"):
        participant.read_index = call.form.integer("LastReadMessageIndex", 0)


def _change_proxy(call: Call, conversation: Conversation, participant: Participant) -> None:
    """Give a customer another of the account's senders; raises 50400, 50416 and what creating one raises."""
    proxy = call.form.get("MessagingBinding.ProxyAddress")
    if not proxy or proxy == participant.proxy:
        return
    if participant.address is None or participant.type not in FORMS:
        raise bad_request(50400, "The participant has no messaging binding with a proxy address")
    check_pair(call, participant.type, participant.address, proxy)
    refuse_bound(call.world, participant.address, proxy)
    call.world.release(conversation, participant)
    participant.proxy = proxy


def delete_participant(call: Call) -> Reply:
    """DELETE one participant, which frees the pair of addresses."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    changes_of(call).remove(conversation, call.find(conversation.participants, "participant"))
    return Reply(None, 204)


def show(call: Call, conversation: Conversation, participant: Participant) -> JSON:
    """Return ``participant`` as Twilio writes it."""
    return {
        "sid": participant.sid,
        "account_sid": call.world.account_sid,
        **service_fields(call),
        "conversation_sid": conversation.sid,
        "identity": participant.identity,
        "attributes": participant.attributes,
        "messaging_binding": binding(participant),
        "role_sid": participant.role_sid,
        "last_read_message_index": participant.read_index,
        "last_read_timestamp": participant.read_at,
        "date_created": iso(participant.created),
        "date_updated": iso(participant.updated),
        "url": f"{root_of(call)}/Conversations/{conversation.sid}/Participants/{participant.sid}",
    }
