"""Telling the host what was said: the signals ``message_received`` and ``message_updated``, and the adapter's hook.

A message says itself what is still to be told of it. So it is told once, by whichever worker comes first, and what a
lost job leaves is found by the sweep.
"""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Final

from flex_outbound import signals
from flex_outbound.contacts import adapter_by_type
from flex_outbound.models import ConversationContact, Message
from flex_outbound.models.message import Tell
from flex_outbound.outbox import host, locks

logger = logging.getLogger(__name__)

BATCH: Final = 100


def tell(account_id: int) -> int:
    """Tell the host of an account's messages that it has not heard of. Returns how many."""
    untold = Message.objects.filter(account=account_id).exclude(to_tell="").order_by("pk")
    related = ("conversation__agent", "conversation__account", "interaction", "conversation__interaction__agent")
    with locks.bounded_transaction(read_first=True):
        found = list(locks.lock(untold, skip_locked=True).values_list("pk", "to_tell")[:BATCH])
        if not found:
            return 0
        Message.objects.filter(pk__in=[key for key, _what in found]).update(to_tell="")
        locks.after_commit(partial(_send, dict(found), related))
    return len(found)


def _send(wanted: dict[int, str], related: Sequence[str]) -> None:
    for message in Message.objects.filter(pk__in=wanted).select_related(*related).order_by("said_at", "pk"):
        try:
            with _context(message):
                _send_one(message, wanted[message.pk])
        except Exception as error:
            # The host's context could not be opened. The others are still to be told; its words may quote an address.
            logger.error("The host was not told of message %s: %s", message.pk, type(error).__name__)


def _context(message: Message) -> AbstractContextManager[Any]:
    conversation = message.conversation
    interaction = message.interaction or (conversation.interaction if conversation else None)
    return host.context_of(interaction) if interaction is not None else nullcontext()


def _send_one(message: Message, what: str) -> None:
    conversation = message.conversation
    interaction = message.interaction or (conversation.interaction if conversation else None)
    signal = signals.message_received if what == Tell.RECEIVED else signals.message_updated
    signal.send_robust(
        sender=Message,
        message=message,
        conversation=conversation,
        interaction=interaction,
        message_sid=message.message_sid,
    )
    if what == Tell.RECEIVED and conversation is not None and conversation.agent is not None:
        _notify(message)


def _notify(message: Message) -> None:
    """Ask the adapter of each of the conversation's contacts to notify the agent; what goes wrong there is logged."""
    conversation = message.conversation
    assert conversation is not None
    linked = ConversationContact.objects.filter(conversation=conversation).values_list("contact_type", flat=True)
    kinds: set[Any] = set(linked)
    if not kinds and conversation.interaction is not None:
        # An answer may come before the conversation was linked.
        kinds = {conversation.interaction.contact_type_id} - {None}
    for kind in sorted(kinds):
        adapter = adapter_by_type(kind)
        if adapter is None:
            continue
        try:
            adapter.notify(conversation.agent, message)
        except Exception:
            logger.exception("The adapter could not notify the agent of message %s", message.pk)
