"""Keeping a callback: SIDs and states only, once, and only if it is about us."""

import re

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from flex_outbound.models import Account, Source, WebhookEvent
from flex_outbound.outbox import callbacks
from flex_outbound.outbox.jobs import Job, wake_after_commit
from flex_outbound.webhooks.read import Callback

_EVENT_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}\Z")


def store(account: Account, source: Source, callback: Callback, event_id: str) -> bool:
    """Keep a verified callback and ask for its processing.

    Returns False for one that is kept already, and for one that is about none of our interactions: in a workspace with
    inbound traffic that is most of them. What says nothing new is kept as applied. Where a row's SIDs may be about to
    be committed, it is kept until they are.
    """
    event_type = callback.params.get("EventType", "")
    if not _EVENT_TYPE.match(event_type):
        return False
    payload = callbacks.keep(callback.params)
    may_come = callbacks.may_become_ours(account.pk, source, payload)
    row = callbacks.row_of(account.pk, payload)
    if row is None and not may_come:
        return False
    if row is not None:
        payload = callbacks.keep(callback.params, row)
    event = WebhookEvent(account=account, source=source, event_id=event_id, event_type=event_type, payload=payload)
    is_old = row is not None and callbacks.is_old(row, source, event_type, payload)
    if is_old:
        event.interaction, event.processed_at = row, Now()
    try:
        with transaction.atomic():
            event.save(force_insert=True)
            if not is_old:
                wake_after_commit(Job.EVENT, event.pk)
    except IntegrityError:
        return False
    return True
