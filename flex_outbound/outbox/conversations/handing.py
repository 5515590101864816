"""What agents do about an open conversation: ask for it, hand it over, keep it, take it, close it.

Whatever a page showed, each is decided by the rows as they are now: of two people who press a button at the same moment
one is told. Inviting an agent into a conversation is ``joining``'s; nothing here talks to Twilio.
"""

import logging
from datetime import timedelta
from typing import Any, Final

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from flex_outbound.contacts import adapter_by_type
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed
from flex_outbound.models import Conversation, ConversationContact, Interaction
from flex_outbound.models.conversation import key_of
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import closings, joining, locks
from flex_outbound.outbox.answers import barrier_of
from flex_outbound.outbox.conversations import linking
from flex_outbound.outbox.conversations.holding import RELATED, Held, Standing, Whose, held
from flex_outbound.outbox.preflight import Setup, words_of
from flex_outbound.outbox.texts import name_of
from flex_outbound.roles import SUPERVISE_PERMISSION
from flex_outbound.sids import SidKind, is_sid
from flex_outbound.statuses import FINAL

logger = logging.getLogger(__name__)

ASKED_FOR: Final = timedelta(minutes=30)
"""How long a request to hand over waits for its answer before somebody else may ask."""


def find(user: Any, conversation_sid: str) -> Conversation | None:
    """Return a conversation about which a user may do something, closed ones included; None for any other.

    It is the user's own, or the user sees one of its contacts; of one that is nobody's, a contact with its address.
    """
    if user.pk is None or not is_sid(conversation_sid, SidKind.CONVERSATION):
        return None
    rows = Conversation.objects.ours().select_related(*RELATED)
    found = rows.filter(pk=key_of(conversation_sid)).first()
    return found if found is not None and may_see(user, found) else None


def may_see(user: Any, conversation: Conversation) -> bool:
    """Tell whether a user may know more of a conversation than that it is in the way."""
    if is_own(conversation.agent_id, user):
        return True
    if next(linking.contacts_of(conversation, user), None) is not None:
        return True
    is_linked = ConversationContact.objects.filter(conversation=conversation).exists()
    return not is_linked and bool(linking.suggestions(conversation, user))


def is_joinable(conversation: Conversation) -> bool:
    """Tell whether an agent can be invited: only what one of our interactions has opened is known well enough."""
    interaction = conversation.interaction
    return interaction is not None and bool(interaction.interaction_sid and interaction.channel_sid)


def may_take(user: Any, conversation: Conversation, found: Held) -> bool:
    """Tell whether a user may take a conversation: nobody's, one that is paused, and with the permission any."""
    if not conversation.is_open or not is_joinable(conversation):
        return False
    if found.whose is Whose.COLLEAGUE:
        return found.standing is Standing.PAUSED or bool(user.has_perm(SUPERVISE_PERMISSION))
    return found.is_in_the_way


# -- asking for it -----------------------------------------------------------------------------------------------------


def ask(conversation: Conversation, user: Any) -> Conversation:
    """Ask the agent who has a conversation to hand it over. Asking twice is asking once.

    Raises ClickNotAllowed, and ClickConflict (``conversation_closed``, ``not_theirs``, ``asked_already``).
    """
    check(conversation, user)
    found = held(conversation, user)
    if found.whose is not Whose.COLLEAGUE or found.user is None:
        raise _conflict(_("Nobody else has this conversation any more. Look again."), "not_theirs", conversation)
    if not is_joinable(conversation):
        raise _conflict(
            _("Only a conversation that was opened from here can be handed over here. Ask them in Flex."),
            "not_joinable",
            conversation,
        )
    rows = Conversation.objects.open().filter(pk=conversation.pk)
    free = Q(asked_by=None) | Q(asked_at__lt=Now() - ASKED_FOR)
    is_new = rows.filter(free).update(asked_by=user, asked_at=Now(), updated_at=Now())
    current = fresh(conversation)
    if not is_new and not is_own(current.asked_by_id, user):
        other = {"name": name_of(current.asked_by) or pgettext("who does something", "somebody else")}
        words = capfirst(_("%(name)s has asked for this conversation already.") % other)
        raise _conflict(words, "asked_already", current)
    if is_new:
        locks.after_commit(lambda: _notify(current, found.user, user))
    return current


def _notify(conversation: Conversation, agent: Any, asked_by: Any) -> None:
    """Ask the adapters of the conversation's contacts to tell its agent; what goes wrong there is logged."""
    links = ConversationContact.objects.filter(conversation=conversation).values_list("contact_type", flat=True)
    for kind in sorted(set(links)):
        adapter = adapter_by_type(kind)
        try:
            if adapter is not None:
                adapter.notify_handover(agent, conversation, asked_by)
        except Exception as error:
            # Its words may quote the contact.
            name = type(error).__name__
            logger.error("The adapter could not notify the agent of conversation %s (%s)", conversation.pk, name)


def keep(conversation: Conversation, user: Any) -> Conversation:
    """Say that one's own conversation is not handed over. Raises ClickConflict (``not_yours``)."""
    rows = Conversation.objects.filter(pk=conversation.pk, agent=user)
    if not rows.exists():
        raise _conflict(_("This conversation is not yours any more."), "not_yours", fresh(conversation))
    rows.exclude(asked_by=None).update(asked_by=None, asked_at=None, updated_at=Now())
    return fresh(conversation)


def hand_over(conversation: Conversation, user: Any) -> Interaction:
    """Hand one's own conversation over to who asked for it. Returns the interaction that invites them.

    Once they have accepted it in Flex, the user leaves it. Raises ClickConflict (``not_yours``, ``not_asked``,
    ``asker_gone``, ``conversation_closed``).
    """
    current = fresh(conversation)
    check_open(current)
    if not is_own(current.agent_id, user):
        raise _conflict(_("This conversation is not yours any more."), "not_yours", current)
    asker, asked_at = current.asked_by, current.asked_at
    rows = Conversation.objects.filter(pk=current.pk, agent=user, asked_by=asker) if asker else None
    # Only one of two clicks gets on from here.
    if rows is None or not rows.update(asked_by=None, asked_at=None, updated_at=Now()):
        raise _conflict(_("Nobody asks for this conversation any more."), "not_asked", fresh(conversation))
    moment = f"{asked_at:%y%m%d%H%M%S}" if asked_at else ""
    try:
        return joining.join(current, asker, idempotency_key=f"hand-{current.pk.hex}-{moment}", offered_by=user)
    except ClickConflict as error:
        if error.code == "being_joined":
            # It stays asked for, until that is over.
            free = Conversation.objects.filter(pk=current.pk, asked_by=None)
            free.update(asked_by=asker, asked_at=asked_at, updated_at=Now())
        raise
    except ClickNotAllowed as error:
        words = _("%(name)s cannot take this conversation any more, so it stays yours.") % {"name": name_of(asker)}
        raise _conflict(words, "asker_gone", current) from error


# -- taking it, closing it ---------------------------------------------------------------------------------------------


def take(conversation: Conversation, user: Any, idempotency_key: str = "") -> Interaction:
    """Take a conversation that is nobody's, or a colleague's where that is allowed. Returns what invites the user.

    Raises ClickNotAllowed, and ClickConflict (``conversation_closed``, ``already_yours``, ``not_joinable``,
    ``being_joined``).
    """
    current = fresh(conversation)
    check(current, user)
    if idempotency_key:
        # Before anything is refused: by now the conversation may be theirs.
        earlier = joining.same_click(user, idempotency_key, joining.origin_of(current))
        if earlier is not None:
            return earlier
    found = held(current, user)
    if found.whose is Whose.MINE:
        words = _("This conversation is yours already. Open it in Flex, or answer here.")
        raise _conflict(words, "already_yours", current)
    if not is_joinable(current) or found.standing in (Standing.WAITING, Standing.UNKNOWN):
        raise _conflict(_cannot_join(found), "not_joinable", current)
    if not may_take(user, current, found):
        words = _("This conversation is %(name)s's. Ask them to hand it over.")
        raise ClickNotAllowed(
            words % {"name": found.name or pgettext("who does something", "somebody else")}, code="not_supervisor"
        )
    # Nobody is in it any more whom one would have to ask.
    offered_by = None if found.whose is Whose.COLLEAGUE and found.standing is not Standing.PAUSED else found.user
    return joining.join(current, user, idempotency_key=idempotency_key, offered_by=offered_by)


def _cannot_join(found: Held) -> str:
    if found.standing is Standing.WAITING:
        return _("This conversation waits in Flex for an agent. Take it there.")
    if found.standing is Standing.UNKNOWN:
        return _("It is not known yet who has this conversation. Try again in a moment.")
    return _("This conversation was not opened from here, so nobody can be invited to it from here.")


def close(conversation: Conversation, user: Any) -> Conversation:
    """Have a conversation closed that nobody has, in a job, so that a new one can be begun. Twice is once.

    What was opened from here is closed by its interaction's channel, anything else by its state. Raises
    ClickNotAllowed, and ClickConflict (``not_nobodys``).
    """
    current = fresh(conversation)
    if not current.is_open:
        return current
    check(current, user)
    if not held(current, user).is_in_the_way:
        words = _("Somebody has this conversation, or is about to get it, so it cannot be closed here. Look again.")
        raise _conflict(words, "not_nobodys", current)
    interaction = current.interaction
    with locks.bounded_transaction(savepoint=True):
        if interaction is not None and is_invited(interaction):
            words = _("Somebody has this conversation, or is about to get it, so it cannot be closed here. Look again.")
            raise _conflict(words, "not_nobodys", current)
        if interaction is not None and interaction.interaction_sid and interaction.channel_sid:
            closings.close_left(interaction)
        else:
            closings.close_conversation(current)
        rows = Interaction.objects.filter(pk=interaction.pk) if interaction is not None else None
        if rows is not None:
            rows.update(version=F("version") + 1, updated_at=Now())
    return fresh(current)


def is_invited(interaction: Interaction) -> bool:
    """Tell whether somebody is being invited to the conversation that an interaction was the newest of."""
    invites = Interaction.objects.filter(continues=interaction.origin_id)
    return invites.exclude(status__in=sorted(FINAL)).exclude(pk=interaction.pk).exists()


def is_closing(conversation: Conversation) -> bool:
    """Tell whether a conversation that nobody has is being closed; it costs a query only where one of ours may be."""
    holder = getattr(conversation, "holder", None)
    if holder is not None and holder.close_at is not None:
        return True
    interaction = conversation.interaction
    return interaction is not None and bool(interaction.channel_sid) and closings.is_closing(conversation)


# -- what they share ---------------------------------------------------------------------------------------------------


def fresh(conversation: Conversation) -> Conversation:
    """Return a conversation as it is now, with everything that is read of its relations."""
    return Conversation.objects.select_related(*RELATED).get(pk=conversation.pk)


def check(conversation: Conversation, user: Any) -> None:
    """Refuse who may not send to these contacts from this sender, and what has ended meanwhile."""
    check_open(conversation)
    setup = Setup.load(user)
    if setup.reason:
        raise ClickNotAllowed(setup.reason_text, code=setup.reason)
    if not any(one.pk == conversation.sender_id for one in setup.senders):
        words = _("The number or address of this conversation is not yours to use. Ask your manager for it.")
        raise ClickNotAllowed(words, code="no_sender")
    barrier = barrier_of(user, conversation)
    # What the host's rules say of messages is asked when one is written.
    if barrier is not None and barrier.reason not in joining.OF_MESSAGES:
        raise ClickNotAllowed(words_of(barrier), code=barrier.reason)


def check_open(conversation: Conversation) -> None:
    """Raise ClickConflict (``conversation_closed``) for a conversation that has ended meanwhile."""
    if not conversation.is_open:
        words = _("This conversation has ended meanwhile. Begin a new one.")
        raise _conflict(words, "conversation_closed", conversation)


def _conflict(words: str, code: str, conversation: Conversation) -> ClickConflict:
    return ClickConflict(words, code=code, interaction=conversation.interaction)
