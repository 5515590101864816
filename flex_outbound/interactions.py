"""Interactions by program: for forms, automations and whatever else of a project asks for an agent.

::

    from flex_outbound import interactions

    made = interactions.start(channel="sms", address=number, attributes={"topic": "return"}, key=form_id)
"""

from collections.abc import Mapping
from typing import Any

from flex_outbound.models import Account, Interaction, Sender
from flex_outbound.outbox.starting import Start
from flex_outbound.outbox.starting import start as _start
from flex_outbound.outbox.task_attributes import update_task_attributes

__all__ = ["start", "update_task_attributes"]


def start(
    *,
    channel: str,
    address: str = "",
    contact: Any | None = None,
    name: str = "",
    attributes: Mapping[str, Any] | None = None,
    key: str = "",
    sender: Sender | None = None,
    account: Account | None = None,
    conversation_sid: str = "",
    scope: str = "",
) -> Interaction:
    """Ask for an agent: commit an interaction whose task Flex routes by its workflow, and return it.

    Nothing has been sent when this returns, and nothing is sent to the customer by it. A worker opens it at Twilio with
    ``initiated_by: api``; the interaction's ``status``, its SIDs and the signals tell what became of it.

    ``channel``: a value of ``Channel``. ``address``: the customer's, in any format; it may be left out where
    ``contact``, an instance of a registered model, has one. Without a contact, the only one with this address is taken.
    ``name``: what Flex shows, at most 255 characters; the contact's, where it is left out. ``attributes``: JSON for the
    task, at most 16,384 characters; what is more than TaskRouter takes is shortened there, and named in the attribute
    ``flexOutboundShortened``. ``key``: up to 64 printable characters; the same key, of the same ``scope``, means the
    same request, however often it comes. ``sender``, ``account``: the default ones where left out.
    ``conversation_sid``: a conversation that exists, with its customer in it.

    Raises ``exceptions.InvalidClick`` with the field that is wrong, and ``exceptions.ClickConflict``: ``already_open``
    where a conversation with this address and sender is open, unless it only waits for the customer's answer: then the
    interaction is made in it, and the wait ends; ``conversation_closed``, ``idempotency_key_reused``.

    https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
    """
    return _start(
        Start(channel, address, contact, name, attributes or {}, key, sender, account, conversation_sid, scope=scope)
    )
