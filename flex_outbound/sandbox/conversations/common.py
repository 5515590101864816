"""What the handlers of Conversations share: the conversation of the path, and the changes to it."""

from __future__ import annotations

from flex_outbound.sandbox.conversations.changes import Changes
from flex_outbound.sandbox.records import Conversation
from flex_outbound.sandbox.wire import Call

REST = "conversation_writes"


def conversation_of(call: Call) -> Conversation:
    """Return the conversation that the path names by SID or unique name; raises 20404."""
    return call.found(call.world.conversation(call.params["conversation"]))


def changes_of(call: Call) -> Changes:
    """Return the changes of a REST request. They call webhooks only with ``X-Twilio-Webhook-Enabled: true``."""
    calls_webhooks = call.headers.get("x-twilio-webhook-enabled", "").lower() == "true"
    return Changes(call.state, call.world, calls_webhooks=calls_webhooks, rest=True)
