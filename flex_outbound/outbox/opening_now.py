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
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import continuing, effects, joining, locks, readiness, texts
from flex_outbound.outbox.conversations import handing
from flex_outbound.statuses import Status


def open_now(interaction: Interaction, user: Any, idempotency_key: str = "") -> Interaction:
    """Commit the interaction that opens for a user what waits for an answer; returns it, or that of the same click.

    Raises ClickNotAllowed (permission, worker, sender, contact, ``not_own``), ClickConflict: ``not_waiting``,
    ``conversation_closed``, ``idempotency_key_reused``, ``already_open``, and where the agent is offline or full in
    Flex, as ``enqueue`` does.
    """
    key = texts.idempotency_key(idempotency_key) or uuid.uuid4().hex
    earlier = _same_click(interaction, user, key)
    if earlier is not None:
        return earlier
    if interaction.status != Status.WAITING:
        raise _not_waiting(interaction)
    conversation = _conversation_of(interaction, interaction.conversation_sid)
    row = _checked(interaction, conversation, user, key)
    try:
        with continuing.Wait(row, interaction).inserting():
            effects.queue(row)
    except ClickConflict:
        # Perhaps by the same click, sent twice at once.
        earlier = _same_click(interaction, user, key)
        if earlier is None:
            raise _not_waiting(interaction) from None
        return earlier
    except IntegrityError:
        return _earlier_or_refused(interaction, user, key)
    return row


def again(interaction: Interaction, user: Any, key: str) -> Interaction:
    """Do once more what ``open_now`` did, where ``interaction``, which it made, has failed. Raises what that raises.

    Where the conversation has a channel by now, the agent is invited to that one: Twilio makes no second one.
    """
    conversation = _conversation_of(interaction, interaction.media_channel_sid)
    earlier = _made(user, key).filter(fingerprint=_fingerprint(interaction)).first()
    if earlier is not None:
        return earlier
    if joining.origin_of(conversation) is not None:
        return joining.join(conversation, user, idempotency_key=key)
    row = _checked(interaction, conversation, user, key)
    try:
        with locks.bounded_transaction(savepoint=True):
            effects.queue(row)
    except IntegrityError:
        return _earlier_or_refused(interaction, user, key)
    return row


def _checked(interaction: Interaction, conversation: Conversation, user: Any, key: str) -> Interaction:
    """Return the interaction for a user in a conversation, not saved yet, if they may and can open it now."""
    handing.check_open(conversation)
    if not is_own(interaction.agent_id, user) and not user.has_perm(roles.SUPERVISE_PERMISSION):
        raise ClickNotAllowed(_("Another agent waits for this answer. Ask them to open it."), code="not_own")
    sender = joining.sender_for(conversation, user)
    joining.check_contact(conversation, user)
    readiness.check(sender)
    return _build(interaction, conversation, sender, user, key)


def _earlier_or_refused(interaction: Interaction, user: Any, key: str) -> Interaction:
    """Return what the same click made meanwhile. Raises ClickConflict where something else was in the way."""
    earlier = _same_click(interaction, user, key)
    if earlier is None:
        words = _("This conversation is being opened already. Try again in a moment.")
        raise ClickConflict(words, code="already_open", interaction=None)
    return earlier


def _conversation_of(interaction: Interaction, conversation_sid: str | None) -> Conversation:
    same = Conversation.objects.select_related("sender", "account", "interaction")
    found = same.filter(pk=key_of(conversation_sid or ""), account=interaction.account_id).first()
    if found is None:
        raise _not_waiting(interaction)
    return found


def _not_waiting(interaction: Interaction) -> ClickConflict:
    current = Interaction.objects.select_related("agent", "message").get(pk=interaction.pk)
    words = _("This does not wait for an answer any more. Reload the page to see what has become of it.")
    return ClickConflict(words, code="not_waiting", interaction=current)


def _same_click(interaction: Interaction, user: Any, key: str) -> Interaction | None:
    """Return the interaction that this very click made before. Raises ClickConflict where the key made another."""
    made = _made(user, key).first()
    if made is not None and made.fingerprint != _fingerprint(interaction):
        words = _("This key was used for another message. Use a new key for a new message.")
        raise ClickConflict(words, code="idempotency_key_reused", interaction=made)
    return made


def _made(user: Any, key: str) -> InteractionQuerySet:
    return Interaction.objects.select_related("agent", "message").filter(agent=user, idempotency_key=key)


def _fingerprint(interaction: Interaction) -> str:
    return hashlib.sha256(f"open now {interaction.key}".encode()).hexdigest()


def _build(interaction: Interaction, conversation: Conversation, sender: Sender, user: Any, key: str) -> Interaction:
    names = ("contact_type_id", "contact_id", "contact_name", "channel", "address", "account_id")
    return Interaction(
        sender=sender,
        sender_address=interaction.sender_address,
        agent=user,
        worker_id=sender.own_worker_id,  # type: ignore[attr-defined]
        worker_sid=sender.own_worker_sid,  # type: ignore[attr-defined]
        media_channel_sid=conversation.conversation_sid,
        idempotency_key=key,
        fingerprint=_fingerprint(interaction),
        **{name: getattr(interaction, name) for name in names},
    )
