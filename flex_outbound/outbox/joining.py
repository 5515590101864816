"""Coming into a conversation that exists: taken up where it was left, or taken over from a colleague.

The agent is invited to the conversation's channel, with a task of their own. That is an interaction as every other:
committed first, sent once, looked up by its key where the answer is lost. No second conversation comes of it.
https://www.twilio.com/docs/flex/developer/conversations/interactions-api/invites-subresource
"""

import hashlib
import uuid
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from flex_outbound import roles
from flex_outbound.contacts import adapter_by_type, find_contact
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed
from flex_outbound.models import Conversation, ConversationContact, Interaction, Sender
from flex_outbound.models.in_the_way import INVITING
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import answers, effects, locks, preflight, texts
from flex_outbound.outbox.barriers import CONSENT_UNKNOWN, NO_CONSENT
from flex_outbound.outbox.consent import OPTED_OUT
from flex_outbound.outbox.preflight import Setup
from flex_outbound.phases import CLOSED_CHANNEL
from flex_outbound.statuses import OPEN
from flex_outbound.twilio_statuses import ConversationState

OF_MESSAGES: Final = frozenset({"not_allowed", OPTED_OUT, NO_CONSENT, CONSENT_UNKNOWN})
"""Reasons that speak against a message, and not against coming into a conversation."""


def origin_of(conversation: Conversation) -> Interaction | None:
    """Return the interaction with which a conversation began; None where it was not opened from here.

    Only that names the channel at Twilio: from a conversation nothing leads to it.
    """
    known = Interaction.objects.filter(
        conversation_sid=conversation.conversation_sid,
        account=conversation.account_id,
        continues=None,
        interaction_sid__isnull=False,
        channel_sid__isnull=False,
    )
    return known.select_related("sender").order_by("created_at").first()


def in_it(origin: Interaction) -> InteractionQuerySet:
    """Return the interactions, by whomever, whose agents are in the conversation, or are being invited."""
    same = Interaction.objects.filter(Q(pk=origin.pk) | Q(continues=origin.pk))
    return same.filter(Q(status__in=sorted(OPEN)) | INVITING).select_related("agent", "message", "contact_type")


def join(
    conversation: Conversation, user: Any, *, idempotency_key: str = "", offered_by: Any | None = None
) -> Interaction:
    """Commit that a user comes into a conversation and return the interaction, or the one of the same click.

    A conversation in which nobody is, or which was the user's own, may be taken up by every agent who may use its
    sender. That of another agent takes the permission ``flex_outbound.supervise``, or ``offered_by``: its agent, who
    hands it over. Other agents who were in it leave once the user is in it; with ``offered_by`` only that one does.

    Raises ClickNotAllowed (permission, worker, sender, contact, not offered), ClickConflict: ``conversation_closed``,
    ``not_joinable`` (it was not opened from here), ``already_in`` (the user is in it), ``being_joined`` (somebody is
    being invited), ``idempotency_key_reused``.
    """
    key = texts.idempotency_key(idempotency_key) or uuid.uuid4().hex
    sender = sender_for(conversation, user)
    origin = origin_of(conversation)
    earlier = same_click(user, key, origin)
    if earlier is not None:
        return earlier
    check_contact(conversation, user)
    origin = joinable(conversation, origin)
    there = list(in_it(origin))
    _check_agents(there, user, offered_by)
    is_beside = any(not is_own(one.agent_id, user) for one in there)
    row = build(conversation, origin, sender, user, idempotency_key=key, fingerprint=_fingerprint(origin))
    row.is_beside = row.takes_over = is_beside
    if offered_by is not None:
        # Of several who are in it, only who hands it over leaves.
        row.invited_from = next((one.pk for one in there if is_own(one.agent_id, offered_by)), None)
    return _commit(row)


def joinable(conversation: Conversation, origin: Interaction | None) -> Interaction:
    """Return the interaction with which a conversation began, if somebody can be invited to it.

    ``origin``: as ``origin_of`` returns it. Raises ClickConflict: ``conversation_closed``, ``not_joinable``.
    """
    is_over = origin is not None and origin.channel_status in CLOSED_CHANNEL
    if is_over or conversation.state == ConversationState.CLOSED:
        # A channel that is closed never opens again.
        words = _("This conversation has ended. Begin a new one.")
        raise ClickConflict(words, code="conversation_closed", interaction=conversation.interaction)
    if origin is None:
        words = _(
            "This conversation was not opened from here, so nobody can be invited to it. Close it and begin anew."
        )
        raise ClickConflict(words, code="not_joinable", interaction=None)
    return origin


def sender_for(conversation: Conversation, user: Any) -> Sender:
    """Return a conversation's sender as the user's own. Raises ClickNotAllowed for who may not use it."""
    setup = Setup.load(user)
    if setup.reason:
        raise ClickNotAllowed(setup.reason_text, code=setup.reason)
    for sender in setup.senders:
        if sender.pk == conversation.sender_id:
            return sender
    words = _("You may not use the sender of this conversation. Ask your manager for it.")
    raise ClickNotAllowed(words, code="no_sender")


def check_contact(conversation: Conversation, user: Any) -> None:
    """Raise ClickNotAllowed where the contact of a conversation is not the user's to talk with."""
    barrier = answers.barrier_of(user, conversation)
    # What the host's rules say of messages is asked when one is written.
    if barrier is not None and barrier.reason not in OF_MESSAGES:
        raise ClickNotAllowed(preflight.words_of(barrier), code=barrier.reason)


def _check_agents(there: list[Interaction], user: Any, offered_by: Any | None) -> None:
    mine = next((one for one in there if is_own(one.agent_id, user)), None)
    if mine is not None and mine.status in OPEN:
        words = _("You are in this conversation already. Open it in Flex.")
        raise ClickConflict(words, code="already_in", interaction=mine)
    others = [one for one in there if not is_own(one.agent_id, user)]
    offered = any(is_own(one.agent_id, offered_by) for one in others)
    if others and not (offered or user.has_perm(roles.SUPERVISE_PERMISSION)):
        words = _("This conversation is another agent's. Ask them to hand it over.")
        raise ClickNotAllowed(words, code="not_own")


def build(
    conversation: Conversation, origin: Interaction, sender: Sender, user: Any | None, **values: Any
) -> Interaction:
    """Return the interaction that invites a user, or whom Flex chooses (None), not saved yet. ``values``: columns.

    ``sender``: as ``sender_for`` returns it for the user. The task of an invite has none of the first task's
    attributes, so what the first interaction gave is given again.
    """
    link = _contact(conversation, origin)
    is_same = link == (origin.contact_type_id, origin.contact_id)
    worker = {"worker_id": sender.own_worker_id, "worker_sid": sender.own_worker_sid} if user is not None else {}  # type: ignore[attr-defined]
    return Interaction(
        contact_type_id=link[0],
        contact_id=link[1],
        contact_name=origin.contact_name if is_same or user is None else _name_of(link, user),
        channel=conversation.channel,
        address=conversation.address,
        subject=origin.subject if is_same else "",
        attributes=origin.attributes,
        account_id=conversation.account_id,
        sender=sender,
        sender_address=conversation.sender_address,
        agent=user,
        continues=origin,
        **worker,
        **values,
    )


def _contact(conversation: Conversation, origin: Interaction) -> tuple[int | None, str]:
    """Return whose the conversation is now; a merge may have moved it since it began."""
    links = ConversationContact.objects.filter(conversation=conversation).order_by("pk")
    found = list(links.values_list("contact_type_id", "contact_id"))
    first = (origin.contact_type_id, origin.contact_id)
    return first if first in found or not found else found[0]


def _name_of(link: tuple[int | None, str], user: Any) -> str:
    """Return what the contact is called to whom the conversation belongs now, "" where the user may not see it."""
    adapter = adapter_by_type(link[0])
    contact = find_contact(adapter, user, link[1]) if adapter is not None else None
    name = adapter.get_name(contact) if adapter is not None and contact is not None else ""
    return name[:255].replace("\x00", "")


def _fingerprint(origin: Interaction) -> str:
    return hashlib.sha256(f"join {origin.key}".encode()).hexdigest()


def same_click(user: Any, key: str, origin: Interaction | None) -> Interaction | None:
    """Return what this very click made before. Raises ClickConflict where its key made something else.

    ``origin``: as ``origin_of`` returns it.
    """
    found = Interaction.objects.select_related("agent", "message", "contact_type")
    earlier = found.filter(agent=user, idempotency_key=key).first()
    if earlier is not None and (origin is None or earlier.continues_id != origin.pk):
        words = _("This key was used for another message. Use a new key for a new message.")
        raise ClickConflict(words, code="idempotency_key_reused", interaction=earlier)
    return earlier


def _commit(interaction: Interaction) -> Interaction:
    try:
        with transaction.atomic(using=locks.alias()):
            effects.queue(interaction)
    except IntegrityError:
        return _in_the_way(interaction)
    return interaction


def _in_the_way(interaction: Interaction) -> Interaction:
    """Return what a second click of the same agent made first. Raises ClickConflict where another one did."""
    origin = interaction.continues
    assert origin is not None
    earlier = same_click(interaction.agent, interaction.idempotency_key, origin)
    other = earlier or in_it(origin).filter(INVITING).first()
    if other is not None and is_own(other.agent_id, interaction.agent):
        return other
    if other is None:
        words = _("This contact is being messaged right now. Try again in a moment.")
        raise ClickConflict(words, code="already_open", interaction=None)
    words = _("Somebody is being invited to this conversation right now. Try again in a moment.")
    raise ClickConflict(words, code="being_joined", interaction=other)
