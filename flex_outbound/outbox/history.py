"""What is kept beside the status: the attempts.

Twilio's own statuses, the SIDs on the contact, an account's trouble.
"""

import logging

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from flex_outbound.contacts import adapter_for
from flex_outbound.exceptions import GatewayError
from flex_outbound.models import Account, DispatchAttempt, Interaction, Outcome, Sender
from flex_outbound.outbox import locks
from flex_outbound.statuses import TASK_ORDER

logger = logging.getLogger(__name__)


def finish_attempt(row: Interaction, outcome: Outcome, error: GatewayError | None = None) -> None:
    """Write what an attempt came to; Twilio's words are cut to 500 characters."""
    DispatchAttempt.objects.filter(interaction=row, number=row.attempt).update(
        outcome=outcome,
        finished_at=Now(),
        http_status=error.http_status if error else None,
        error_code=error.code if error else None,
        error_detail=error.detail[:500] if error else "",
    )


def store_on_contact(row: Interaction) -> None:
    """Write the SIDs onto the contact through its adapter. What goes wrong in the host's code is logged and no more."""
    model = ContentType.objects.get_for_id(row.contact_type_id).model_class()
    # A manager's test of a sender has no contact.
    if model is None or model is Sender:
        return
    sids = {
        "last_interaction_sid": row.interaction_sid,
        "last_task_sid": row.task_sid,
        "last_conversation_sid": row.conversation_sid,
    }
    try:
        with transaction.atomic():
            adapter_for(model).store_sids(row.contact_id, sids)
    except Exception:
        logger.exception("The SIDs of interaction %s could not be stored on its contact", row.pk)


def note_task_status(row: Interaction, status: str) -> bool:
    """Keep TaskRouter's status if it is a step forward; out-of-order news changes nothing."""
    if status not in TASK_ORDER or TASK_ORDER[status] <= TASK_ORDER.get(row.task_status, -1):
        return False
    changed = Interaction.objects.filter(pk=row.pk, task_status=row.task_status).update(
        task_status=status, version=F("version") + 1, updated_at=Now()
    )
    row.task_status = status if changed else row.task_status
    return changed == 1


def note_channel_status(row: Interaction, status: str) -> bool:
    """Keep the channel's status; ``closed`` and ``failed`` are final."""
    if not status or status == row.channel_status or row.channel_status in {"closed", "failed"}:
        return False
    changed = Interaction.objects.filter(pk=row.pk, channel_status=row.channel_status).update(
        channel_status=status, version=F("version") + 1, updated_at=Now()
    )
    row.channel_status = status if changed else row.channel_status
    return changed == 1


def note_conversation(row: Interaction, conversation_sid: str) -> bool:
    """Add a conversation SID that was not in the first answer; one that is there stays."""
    with locks.short():
        changed = Interaction.objects.filter(pk=row.pk, conversation_sid=None).update(
            conversation_sid=conversation_sid, version=F("version") + 1, updated_at=Now()
        )
        if changed:
            row.conversation_sid = conversation_sid
            store_on_contact(row)
    return changed == 1


def record_problem(account: Account, error: GatewayError) -> None:
    """Show the admin on the account what is wrong with the setup, in Twilio's own words."""
    Account.objects.filter(pk=account.pk).update(
        problem_code=error.code, problem_text=error.detail[:500], problem_at=Now()
    )
    logger.error(
        "Twilio refuses account %s (error %s): check its credentials and SIDs in the admin",
        account.account_sid,
        error.code,
    )


def clear_problem(account: Account) -> None:
    """Take the trouble off an account that works again."""
    if account.problem_at is not None:
        Account.objects.filter(pk=account.pk).update(problem_code=None, problem_text="", problem_at=None)
