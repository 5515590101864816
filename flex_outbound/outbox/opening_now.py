"""Opening what waits for an answer before the answer comes: an interaction in the conversation that is there.

It is an interaction as every other: committed first, sent once, looked up by its key where the answer is lost. Twilio
is told the conversation, so that it makes no second one.
https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
"""

import hashlib
import uuid
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _

from flex_outbound import roles
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed
from flex_outbound.models import Conversation, Interaction, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import effects, joining, lifecycle, locks, readiness, texts, waiting
from flex_outbound.statuses import Status


class _NotWaiting(Exception):
    """The wait has ended meanwhile."""


def open_now(interaction: Interaction, user: Any, idempotency_key: str = "") -> Interaction:
    """Commit the interaction that opens for a user what waits for an answer; returns it, or that of the same click.

    Raises ClickNotAllowed (permission, worker, sender, contact, ``not_own``), ClickConflict: ``not_waiting``,
    ``idempotency_key_reused``, ``already_open``, and where the agent is offline or full in Flex, as ``enqueue`` does.
    """
    key = texts.idempotency_key(idempotency_key) or uuid.uuid4().hex
    earlier = _same_click(interaction, user, key)
    if earlier is not None:
        return earlier
    conversation = _conversation_of(interaction)
    if interaction.agent_id != user.pk and not user.has_perm(roles.SUPERVISE_PERMISSION):
        raise ClickNotAllowed(_("Another agent waits for this answer. Ask them to open it."), code="not_own")
    sender = joining.sender_for(conversation, user)
    joining.check_contact(conversation, user)
    readiness.check(sender)
    row = _build(interaction, sender, user, key)
    try:
        with locks.bounded_transaction():
            if lifecycle.apply([(interaction, waiting.taken_over())]) != [True]:
                raise _NotWaiting
            effects.queue(row)
    except _NotWaiting:
        raise _not_waiting(interaction) from None
    except IntegrityError:
        earlier = _same_click(interaction, user, key)
        if earlier is None:
            words = _("This conversation is being opened already. Try again in a moment.")
            raise ClickConflict(words, code="already_open", interaction=None) from None
        return earlier
    return row


def _conversation_of(interaction: Interaction) -> Conversation:
    found = None
    if interaction.status == Status.WAITING:
        same = Conversation.objects.select_related("sender", "account", "interaction")
        found = same.filter(pk=key_of(interaction.conversation_sid or ""), account=interaction.account_id).first()
    if found is None:
        raise _not_waiting(interaction)
    return found


def _not_waiting(interaction: Interaction) -> ClickConflict:
    current = Interaction.objects.select_related("agent", "message").get(pk=interaction.pk)
    words = _("This does not wait for an answer any more. Reload the page to see what has become of it.")
    return ClickConflict(words, code="not_waiting", interaction=current)


def _same_click(interaction: Interaction, user: Any, key: str) -> Interaction | None:
    """Return the interaction that this very click made before. Raises ClickConflict where the key made another."""
    made = Interaction.objects.select_related("agent", "message").filter(agent=user, idempotency_key=key).first()
    if made is not None and made.fingerprint != _fingerprint(interaction):
        words = _("This key was used for another message. Use a new key for a new message.")
        raise ClickConflict(words, code="idempotency_key_reused", interaction=made)
    return made


def _fingerprint(interaction: Interaction) -> str:
    return hashlib.sha256(f"open now {interaction.key}".encode()).hexdigest()


def _build(interaction: Interaction, sender: Sender, user: Any, key: str) -> Interaction:
    names = ("contact_type_id", "contact_id", "contact_name", "channel", "address", "account_id")
    return Interaction(
        sender=sender,
        sender_address=interaction.sender_address,
        agent=user,
        worker_id=sender.own_worker_id,  # type: ignore[attr-defined]
        worker_sid=sender.own_worker_sid,  # type: ignore[attr-defined]
        media_channel_sid=interaction.conversation_sid,
        idempotency_key=key,
        fingerprint=_fingerprint(interaction),
        **{name: getattr(interaction, name) for name in names},
    )
