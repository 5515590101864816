"""Keeping a callback: SIDs and states only, once."""

import hashlib
import json
from collections.abc import Mapping

from django.db import transaction

from flex_outbound.models import Account, Source, WebhookEvent
from flex_outbound.outbox.wakeup import Job, wake_after_commit

_KEPT = {
    "AccountSid",
    "EventType",
    "ReservationSid",
    "ResourceSid",
    "ResourceType",
    "TaskAssignmentStatus",
    "TaskCanceledReason",
    "TaskSid",
    "Timestamp",
    "TimestampMs",
    "WorkerSid",
    "WorkspaceSid",
}
_KEPT_ATTRIBUTES = {
    "conversationSid",
    "flexChannelInviteSid",
    "flexInteractionChannelSid",
    "flexInteractionSid",
    "flexOutboundAttempt",
    "flexOutboundKey",
}


def store(account: Account, source: Source, params: Mapping[str, str]) -> bool:
    """Keep a verified callback and ask for its processing. Returns False for one that is kept already."""
    values = {
        "event_type": params.get("EventType", "")[:64],
        "payload": _kept(params),
    }
    with transaction.atomic():
        event, new = WebhookEvent.objects.get_or_create(
            account=account, source=source, event_id=_event_id(params), defaults=values
        )
        if new:
            wake_after_commit(Job.EVENT, event.pk)
    return new


def _event_id(params: Mapping[str, str]) -> str:
    """Twilio's event SID; where it is not sent, a digest of everything that was."""
    sid = params.get("Sid", "")
    if sid.startswith("EV"):
        return sid[:64]
    return hashlib.sha256(json.dumps(sorted(params.items())).encode()).hexdigest()


def _kept(params: Mapping[str, str]) -> dict[str, str]:
    """Leave names, addresses and texts out: what comes from a customer stays at Twilio."""
    payload = {name: value[:200] for name, value in params.items() if name in _KEPT}
    try:
        attributes = json.loads(params.get("TaskAttributes", ""))
        kept = {name: attributes[name] for name in _KEPT_ATTRIBUTES & set(attributes)}
    except (ValueError, TypeError):
        kept = {}
    return {**payload, "TaskAttributes": json.dumps(kept)}
