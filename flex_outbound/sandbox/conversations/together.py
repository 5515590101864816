"""ConversationWithParticipants: a conversation and up to ten participants in one request.

https://www.twilio.com/docs/conversations/api/conversation-with-participants-resource
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from flex_outbound.sandbox.conversations import participants
from flex_outbound.sandbox.conversations.changes import refuse_bound
from flex_outbound.sandbox.conversations.common import REST, changes_of
from flex_outbound.sandbox.conversations.resources import show, wanted_conversation
from flex_outbound.sandbox.errors import bad_request, conflict
from flex_outbound.sandbox.records import Participant
from flex_outbound.sandbox.wire import Call, Form, Reply, json_object

MOST = 10
FIELDS = {
    "identity": "Identity",
    "attributes": "Attributes",
    "role_sid": "RoleSid",
    "address": "MessagingBinding.Address",
    "proxy_address": "MessagingBinding.ProxyAddress",
    "projected_address": "MessagingBinding.ProjectedAddress",
}


def create_together(call: Call) -> Reply:
    """POST ConversationWithParticipants: the fields of a conversation, and ``Participant`` (JSON, repeated).

    All or nothing: every participant is checked before the conversation is entered. More than ten: 50426.
    """
    call.state.limits.spend(call.world.account_sid, REST)
    given = call.form.all("Participant")
    if len(given) > MOST:
        raise bad_request(50426, f"A conversation can be created with at most {MOST} participants")
    conversation, people = wanted_conversation(call), [_participant(call, text) for text in given]
    _refuse_repeated(people)
    for one in people:
        refuse_bound(call.world, one.address or "", one.proxy or "")
    changes = changes_of(call)
    changes.open(conversation)
    for one in people:
        changes.add(conversation, one)
    return Reply(show(call, conversation), 201)


def _participant(call: Call, text: str) -> Participant:
    """Return the participant in ``text``: Twilio writes the binding inside it, or flat as in a form."""
    data = json_object(text, "Participant", 20001)
    binding = data.pop("messaging_binding", None)
    data |= binding if isinstance(binding, dict) else {}
    pairs = [(FIELDS[name], value) for name, value in data.items() if name in FIELDS and isinstance(value, str)]
    if len(pairs) < len(data):
        raise bad_request(20001, f"Invalid Participant: it may have {', '.join(FIELDS)}, all texts")
    return participants.wanted_participant(replace(call, form=Form(urlencode(pairs))))


def _refuse_repeated(people: list[Participant]) -> None:
    keys = [one.identity or (one.address, one.proxy) for one in people]
    if len(set(keys)) < len(keys):
        raise conflict(50433, "Participant already exists")
