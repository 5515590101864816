"""What a person decides about an interaction: send again, cancel or discard it, or link the task that exists."""

from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound.channels import InitiatedBy
from flex_outbound.exceptions import ClickConflict, InvalidClick
from flex_outbound.models import Conversation, Interaction, Message, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import (
    closings,
    lifecycle,
    likeness,
    locks,
    offering,
    opening_now,
    owners,
    sender_tests,
    starting,
    waiting,
)
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.conversations import handing
from flex_outbound.outbox.enqueue import Click, enqueue, foreign_sender
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.outbox.retried import already_retried, note_retry
from flex_outbound.sids import SidKind, is_sid
from flex_outbound.statuses import FINAL, Event, Status


def retry(interaction: Interaction, user: Any, idempotency_key: str = "") -> Interaction:
    """Send again: what failed or was canceled as a new interaction, one in review as itself. Returns what is sent.

    The key of a new one defaults to one made from the old, so that two clicks on Retry are one. Raises
    ClickConflict(``already_retried``) where another request sent it again before, ClickConflict(``not_retryable``) in
    any other state and after a failure that would only be repeated, and what ``enqueue`` raises.
    """
    if interaction.status == Status.REVIEW:
        _check_sender(interaction, user)
        lifecycle.apply([(interaction, Change(Event.SEND_AGAIN))])
        return _fresh(interaction)
    if interaction.status not in {Status.FAILED, Status.CANCELED}:
        raise ClickConflict(
            _("Only what failed, was canceled or needs a decision can be sent again."),
            code="not_retryable",
            interaction=interaction,
        )
    key = idempotency_key or f"retry-{interaction.key}"
    if interaction.retried_as_id is not None:
        return _earlier_retry(interaction, user, key)
    if interaction.is_erased or interaction.lacks_text:
        words = _("Its text is not kept any more. Write the message again.")
        raise ClickConflict(words, code="not_retryable", interaction=interaction)
    if not interaction.may_retry:
        raise ClickConflict(interaction.error_message, code="not_retryable", interaction=interaction)
    if interaction.initiated_by != InitiatedBy.AGENT:
        return _for_customer_again(interaction, key)
    if interaction.is_test:
        return sender_tests.again(interaction, user, key)
    if interaction.continues_id is not None or interaction.media_channel_sid:
        may_open = opening_now.again if interaction.continues_id is None else _invite_again
        made = may_open(interaction, user, key)
        note_retry(interaction, made)
        return made
    return enqueue(_same_click(interaction, user, key), interaction)


def _earlier_retry(interaction: Interaction, user: Any, key: str) -> Interaction:
    """Return what this very request made before. Raises ClickConflict where another one made it."""
    made = Interaction.objects.select_related("agent", "message").filter(retries=interaction.pk)
    if interaction.initiated_by != InitiatedBy.AGENT:
        key = starting.retry_key(interaction, key)
    earlier = made.filter(idempotency_key=key).filter(Q(agent=user) | ~Q(initiated_by=InitiatedBy.AGENT)).first()
    if earlier is None:
        raise already_retried(interaction)
    return earlier


def _check_sender(interaction: Interaction, user: Any) -> None:
    """Refuse agents who may not use the sender any more; who decides for others carries out what was allowed then."""
    if interaction.sender_id is None or interaction.agent_id != user.pk or interaction.is_test:
        return
    if not Sender.objects.filter(pk=interaction.sender_id).open_to(user).exists():
        raise foreign_sender()


def confirm(interaction: Interaction, user: Any, task_sid: str) -> Interaction:
    """Take a person's word that the interaction was opened, as the task ``task_sid`` (WT…); Twilio is asked in a job.

    Raises InvalidClick for a malformed SID, ClickConflict(``not_confirmable``) where no decision is asked for.
    """
    if not is_sid(task_sid, SidKind.TASK):
        raise InvalidClick(
            _("Enter the task's SID as Flex shows it: WT and 32 characters."), code="invalid_sid", field="task_sid"
        )
    with locks.bounded_transaction():
        waiting = Interaction.objects.filter(pk=interaction.pk, status=Status.REVIEW)
        is_named = waiting.update(named_task_sid=task_sid, next_at=Now(), version=F("version") + 1, updated_at=Now())
        if is_named:
            request_after_commit(Job.LOOKUP, interaction.account_id)
    if not is_named:
        # Raised out here: within, it would break the transaction of a host that has one open around the request.
        raise ClickConflict(
            _("This interaction is no longer awaiting review."), code="not_confirmable", interaction=_fresh(interaction)
        )
    return _fresh(interaction)


def cancel(interaction: Interaction, user: Any) -> Interaction:
    """Cancel what has not been sent, or end the wait for an answer: the conversation is closed then, in a job.

    Raises ClickConflict: ``not_cancelable`` where it is too late, ``answered`` where the customer has answered.
    """
    waiting.check_unanswered(interaction)
    if interaction.is_begun_again or not all(
        lifecycle.apply([(interaction, Change(Event.CANCELED, reason="canceled"))])
    ):
        raise ClickConflict(
            _("It is too late to cancel: this was sent already, or has ended."),
            code="not_cancelable",
            interaction=_fresh(interaction),
        )
    return _fresh(interaction)


def close(interaction: Interaction, user: Any) -> Interaction:
    """Have the conversation closed that an interaction left open when it ended, in a job.

    Raises ClickConflict(``not_closable``) where it has not ended, or its conversation is closed.
    """
    with locks.bounded_transaction():
        current = _fresh(interaction)
        may_close = current.may_close and not _goes_on(current)
        if may_close:
            closings.close_left(current)
    if not may_close:
        raise ClickConflict(
            _("This conversation is closed already, or is still going on."), code="not_closable", interaction=current
        )
    return _fresh(interaction)


def _invite_again(interaction: Interaction, user: Any, key: str) -> Interaction:
    """Invite once more where an invite failed, if the user may still take the conversation."""
    origin = owners.origin_of(interaction)
    sid = origin.conversation_sid if origin is not None else None
    conversation = Conversation.objects.filter(pk=key_of(sid)).first() if sid else None
    if conversation is None:
        words = _("This conversation is not kept any more. Begin a new one.")
        raise ClickConflict(words, code="not_retryable", interaction=interaction)
    return handing.take(conversation, user, key)


def _for_customer_again(interaction: Interaction, key: str) -> Interaction:
    """Bring somebody to a customer once more: into the conversation that is there, or by a new request."""
    if interaction.continues_id is None and not (interaction.media_channel_sid and interaction.channel_sid):
        return starting.again(interaction, key)
    with locks.bounded_transaction(savepoint=True):
        made = offering.offer_again(interaction)
        if made is not None:
            note_retry(interaction, made)
    if made is None:
        words = _("Somebody is being invited to this conversation right now. Try again in a moment.")
        raise ClickConflict(words, code="being_joined", interaction=None)
    return made


def _goes_on(interaction: Interaction) -> bool:
    """Tell whether somebody has taken the conversation up since, or is being invited to it."""
    origin = interaction.origin_id
    same = Interaction.objects.filter(Q(pk=origin) | Q(continues=origin)).exclude(pk=interaction.pk)
    return same.exclude(status__in=sorted(FINAL)).exists()


def _fresh(interaction: Interaction) -> Interaction:
    return Interaction.objects.select_related("agent", "message", "contact_type").get(pk=interaction.pk)


def _same_click(interaction: Interaction, user: Any, key: str) -> Click:
    message: Message | None = interaction.first_message
    return Click(
        user=user,
        contact_type=likeness.contact_label(interaction),
        contact_id=interaction.contact_id,
        channel=interaction.channel,
        address=interaction.address,
        sender=interaction.sender_id,
        body=message.typed if message else "",
        subject=interaction.subject,
        to=tuple(interaction.to),
        cc=tuple(interaction.cc),
        bcc=tuple(interaction.bcc),
        content_sid=message.content_sid if message else "",
        content_variables=message.content_variables if message else {},
        opens_on_answer=interaction.opens_on_answer,
        idempotency_key=key,
    )
