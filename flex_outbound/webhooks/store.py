"""Keeping a callback: SIDs and states only, once, and only if it is about us."""

import re
from contextlib import nullcontext
from functools import partial

from django.db import IntegrityError, connections, transaction
from django.db.models.functions import Now

from flex_outbound.models import Account, Interaction, Source, WebhookEvent
from flex_outbound.outbox import callbacks, locks, presence
from flex_outbound.outbox.conversations import hearing
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.webhooks.read import Callback
from flex_outbound.webhooks.verify import happened_at

_EVENT_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}\Z")


def store(account: Account, source: Source, callback: Callback, event_id: str, *, is_signed: bool = True) -> bool:
    """Keep a verified callback and ask for its processing.

    What it tells about a worker is taken up on the way. ``is_signed``: what it says may be believed.

    Returns False for one that is kept already, and for one that is about none of our interactions: in a workspace with
    inbound traffic that is most of them. What says nothing new is kept as applied. Where the SIDs of an interaction
    may be about to be committed, it is kept until they are.
    """
    event_type = callback.params.get("EventType", "")
    if not _EVENT_TYPE.match(event_type):
        return False
    if source == Source.TASKROUTER:
        presence.hear(account.pk, event_type, callback.params, happened_at(callback.params))
        if event_type.startswith("worker."):
            return False
    payload = callbacks.redact_payload(callback.params, is_signed=is_signed)
    event = callbacks.parse(source, event_type, payload)
    interaction = _interaction(account, source, event, callback)
    if interaction is None:
        may_come = callbacks.may_become_ours(account.pk, event)
        # It may have been named between the two questions.
        interaction = callbacks.find_interaction(account.pk, event)
        if interaction is None and not may_come:
            return False
    is_noop = False
    if interaction is not None:
        # Who wrote or joined is known only now that the customer is.
        payload = callbacks.redact_payload(callback.params, interaction, is_signed=is_signed)
        is_noop = callbacks.is_noop(interaction, callbacks.parse(source, event_type, payload))
    stored = WebhookEvent(account=account, source=source, event_id=event_id, event_type=event_type, payload=payload)
    stored.interaction, stored.processed_at = interaction, Now() if is_noop else None
    return _save(stored)


def _interaction(
    account: Account, source: Source, event: callbacks.CallbackEvent, callback: Callback
) -> Interaction | None:
    """Return the interaction that a callback names; what it tells of a conversation is kept on the way."""
    find = partial(callbacks.find_interaction, account.pk, event)
    if source != Source.CONVERSATIONS:
        return find()
    conversation = hearing.hear(account, event.name, callback.params, find)
    newest = conversation.interaction if conversation is not None else None
    # The key of a message may name an earlier interaction in the same conversation.
    return newest if newest is not None and event.key in (None, newest.pk) else find()


def _save(stored: WebhookEvent) -> bool:
    """Insert a callback and ask for its processing; False for one that is kept already."""
    connection = connections[locks.alias()]
    try:
        # A savepoint only where the host has a transaction open that a second callback must not break.
        with transaction.atomic(using=locks.alias()) if connection.in_atomic_block else nullcontext():
            stored.save(force_insert=True)
    except IntegrityError:
        return False
    if stored.processed_at is None:
        request_after_commit(Job.EVENT, stored.account_id)
    return True
