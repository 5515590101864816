"""What every handler of Conversations needs: the conversation of the path, and rooms that are loud or not."""

from __future__ import annotations

from flex_outbound.sandbox.conversations.rooms import Rooms
from flex_outbound.sandbox.records import Conversation
from flex_outbound.sandbox.wire import Call

REST = "conversation_writes"


def conversation_of(call: Call) -> Conversation:
    """Return the conversation that the path names by SID or unique name; raises 20404."""
    return call.found(call.world.conversation(call.params["conversation"]))


def rooms_of(call: Call) -> Rooms:
    """Return the rooms for a REST change: silent unless ``X-Twilio-Webhook-Enabled: true`` came with it."""
    loud = call.headers.get("x-twilio-webhook-enabled", "").lower() == "true"
    return Rooms(call.state, call.world, loud=loud, rest=True)
