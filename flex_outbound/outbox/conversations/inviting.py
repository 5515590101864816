"""Inviting somebody else into an open conversation, handing it over to them, and leaving it.

An invite is an interaction as in ``joining``: committed first, sent once, looked up by its key. Who invites stays until
the other one has accepted, so the customer is never alone in between.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed, InvalidClick
from flex_outbound.models import Closing, Conversation, Interaction, Sender, SenderGroup, Worker
from flex_outbound.models.in_the_way import INVITING
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import closings, effects, joining, locks, presence, readiness, texts
from flex_outbound.outbox.conversations import handing
from flex_outbound.outbox.presence import Agent
from flex_outbound.outbox.readiness import State, There
from flex_outbound.outbox.texts import name_of
from flex_outbound.roles import SUPERVISE_PERMISSION
from flex_outbound.statuses import Status

MOST: Final = 200
"""Colleagues who are shown to choose from."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who can be invited, and what is known of whether they are there in Flex."""

    user: Any
    state: State

    @property
    def name(self) -> str:
        """What they are called."""
        return name_of(self.user)


# -- whom --------------------------------------------------------------------------------------------------------------


def colleagues(conversation: Conversation, user: Any) -> list[Colleague]:
    """Return whom a user can invite to a conversation: the workers of its account who are not in it, by name.

    Whether they are there is shown as far as it is known; looking has Twilio asked.
    """
    sender = conversation.sender
    origin = joining.origin_of(conversation)
    if sender is None or origin is None:
        return []
    inside = {one.agent_id for one in joining.in_it(origin)} | {user.pk}
    workers = [one for one in _workers(conversation)[:MOST] if one.user_id not in inside]
    known: Any = presence.look([_agent(one) for one in workers])
    found = [Colleague(one.user, _state(known.get(one.pk), sender)) for one in workers]
    return sorted(found, key=lambda one: (one.state.there is not There.AVAILABLE, one.name.casefold()))


def _workers(conversation: Conversation) -> Any:
    rows = Worker.objects.filter(account=conversation.account_id, is_active=True, user__is_active=True)
    groups = list(SenderGroup.objects.filter(sender=conversation.sender_id).values_list("group", flat=True))
    if groups and hasattr(get_user_model(), "groups"):
        rows = rows.filter(user__groups__in=groups) | rows.filter(user__is_superuser=True)
    return rows.select_related("user").order_by("friendly_name", "pk").distinct()


def _agent(worker: Worker) -> Agent:
    return Agent(worker.pk, worker.worker_sid, worker.account_id)


def _state(known: Any, sender: Sender) -> State:
    now: Any = known.now if known is not None else None
    return readiness.state_of(known, Channel(sender.channel), sender.task_channel, now)


def _colleague(conversation: Conversation, user: Any, agent_id: str) -> Worker:
    """Return the worker of the user who is to be invited. Raises InvalidClick."""
    if agent_id == str(user.pk):
        words = _("You cannot invite yourself. Choose a colleague.")
        raise InvalidClick(words, code="oneself", field="agent")
    rows = Worker.objects.filter(account=conversation.account_id, is_active=True, user__is_active=True)
    try:
        found = rows.select_related("user").filter(user=get_user_model()._meta.pk.to_python(agent_id)).first()
    except (ValueError, TypeError, OverflowError, ValidationError):
        found = None
    if found is None:
        words = _("This person does not work in this Flex account. Choose somebody else.")
        raise InvalidClick(words, code="unknown_agent", field="agent")
    return found


# -- inviting ----------------------------------------------------------------------------------------------------------


def invite(
    conversation: Conversation, user: Any, *, agent: str = "", hand_over: bool = False, idempotency_key: str = ""
) -> Interaction:
    """Have a colleague invited to an open conversation, or whom Flex chooses. Returns the interaction that does it.

    ``agent``: the key of the colleague's user; "": Flex chooses by the workflow of the sender. ``hand_over``: who
    invites leaves once the other one has accepted; of somebody else's conversation, its agent does. The conversation is
    the user's own, or they have the permission ``flex_outbound.supervise``.

    Raises InvalidClick (``oneself``, ``unknown_agent``), ClickNotAllowed (``not_own``, and what an answer raises),
    ClickConflict: ``conversation_closed``, ``not_joinable``, ``already_in``, ``being_joined``,
    ``colleague_not_allowed``, ``worker_offline``, ``worker_full``, ``worker_channel_off``, ``idempotency_key_reused``.
    """
    key = _key(user, texts.idempotency_key(idempotency_key))
    current = handing.fresh(conversation)
    found = joining.origin_of(current)
    mark = hashlib.sha256(f"invite {found and found.key} {agent} {hand_over}".encode()).hexdigest()
    earlier = _earlier(key, mark)
    if earlier is not None:
        return earlier
    worker = _colleague(current, user, agent) if agent else None
    handing.check(current, user)
    origin = joining.joinable(current, found)
    there = list(joining.in_it(origin))
    host = _host(current, there, user)
    _check_agents(there, worker)
    sender = _sender(current, worker, user)
    colleague = worker.user if worker is not None else None
    row = joining.build(current, origin, sender, colleague, idempotency_key=key, fingerprint=mark)
    row.initiated_by = InitiatedBy.AGENT if worker is not None else InitiatedBy.CUSTOMER
    row.invited_from, row.is_beside = host.pk, bool(there)
    row.takes_over = hand_over and bool(there)
    return _commit(row)


def _key(user: Any, key: str) -> str:
    """Return the key of an invite: the row is the colleague's, so a key of who invites must not meet one of theirs."""
    digest = hashlib.sha256(f"{user.pk} {key}".encode()).hexdigest() if key else uuid.uuid4().hex
    return f"invite-{digest}"[:64]


def _earlier(key: str, mark: str) -> Interaction | None:
    """Return what this very request made before. Raises ClickConflict where its key made something else."""
    found = Interaction.objects.select_related("agent", "message", "contact_type")
    earlier = found.filter(idempotency_key=key, continues__isnull=False).first()
    if earlier is not None and earlier.fingerprint != mark:
        words = _("This key was used for another invite. Use a new key.")
        raise ClickConflict(words, code="idempotency_key_reused", interaction=earlier)
    return earlier


def _host(conversation: Conversation, there: Sequence[Interaction], user: Any) -> Interaction:
    """Return the interaction from whose conversation somebody is invited: the user's own, else the newest in it.

    Raises ClickNotAllowed where it is not the user's and they may not do this for others.
    """
    mine = next((one for one in there if is_own(one.agent_id, user) and one.status == Status.ACTIVE), None)
    if mine is not None:
        return mine
    newest = conversation.interaction
    if newest is None or not user.has_perm(SUPERVISE_PERMISSION):
        words = _("You are not in this conversation, so you cannot invite somebody to it. Ask its agent.")
        raise ClickNotAllowed(words, code="not_own")
    return newest


def _check_agents(there: Sequence[Interaction], worker: Worker | None) -> None:
    if worker is not None:
        name = {"name": name_of(worker.user)}
        inside = next((one for one in there if is_own(one.agent_id, worker.user) and one.status == Status.ACTIVE), None)
        if inside is not None:
            words = _("%(name)s is in this conversation already.") % name
            raise ClickConflict(words, code="already_in", interaction=inside)
    invited = next((one for one in there if is_inviting(one)), None)
    if invited is not None:
        raise _being_joined(invited)


def is_inviting(interaction: Interaction) -> bool:
    """Tell whether an interaction of ``joining.in_it`` invites somebody, who has not accepted yet."""
    return interaction.continues_id is not None and interaction.status != Status.ACTIVE


def _being_joined(invited: Interaction) -> ClickConflict:
    name = name_of(invited.agent) or _("Somebody")
    words = _("%(name)s is being invited to this conversation right now. Wait for their answer.") % {"name": name}
    return ClickConflict(words, code="being_joined", interaction=invited)


def _sender(conversation: Conversation, worker: Worker | None, user: Any) -> Sender:
    """Return the sender as that of who is invited. Raises ClickConflict where they may not, or cannot, take it."""
    if worker is None:
        return joining.sender_for(conversation, user)
    name = {"name": name_of(worker.user)}
    try:
        sender = joining.sender_for(conversation, worker.user)
        joining.check_contact(conversation, worker.user)
    except ClickNotAllowed as error:
        words = _("%(name)s may not take this conversation: the number or the contact is not theirs to use.") % name
        raise ClickConflict(words, code="colleague_not_allowed", interaction=None) from error
    known: Any = presence.look([_agent(worker)]).get(worker.pk)
    now: Any = known.now if known is not None else None
    state = readiness.refusal_of(known, Channel(sender.channel), sender.task_channel, now)
    if state is not None:
        offline = state.there is There.OFFLINE
        words = _("%(name)s is offline in Flex.") if offline else _("%(name)s has no room for it in Flex.")
        advice = _("Nobody was invited. Choose somebody else, or let Flex choose.")
        raise ClickConflict(f"{words % name} {advice}", code=state.reason, interaction=None)
    return sender


def _commit(row: Interaction) -> Interaction:
    try:
        with transaction.atomic(using=locks.alias()):
            effects.queue(row)
    except IntegrityError:
        return _in_the_way(row)
    return row


def _in_the_way(row: Interaction) -> Interaction:
    """Return what the same request made at the same moment. Raises ClickConflict where another one did."""
    earlier = _earlier(row.idempotency_key, row.fingerprint)
    if earlier is not None:
        return earlier
    assert row.continues is not None
    invited = joining.in_it(row.continues).filter(INVITING).first()
    if invited is not None:
        raise _being_joined(invited)
    words = _("This conversation has changed at this very moment. Try again.")
    raise ClickConflict(words, code="being_joined", interaction=None)


# -- leaving -----------------------------------------------------------------------------------------------------------


def leave(conversation: Conversation, user: Any, *, confirmed: bool = False) -> Conversation:
    """Have a user taken out of a conversation, in a job; it goes on without them. Leaving twice is leaving once.

    ``confirmed``: also where nobody else is in it. Raises ClickConflict: ``conversation_closed``, ``not_in_it``, and
    ``leaves_nobody`` where the customer would be alone and that is not confirmed.
    """
    handing.check_open(conversation)
    origin = joining.origin_of(conversation)
    mine, is_alone = None, False
    with locks.bounded_transaction(read_first=True):
        # Of two who leave at the same moment, the second one is told that the first has left.
        locks.lock(Conversation.objects.filter(pk=conversation.pk)).first()
        there = list(joining.in_it(origin).filter(status=Status.ACTIVE)) if origin is not None else []
        mine = next((one for one in there if is_own(one.agent_id, user)), None)
        if mine is not None:
            is_alone = not [one for one in there if one.pk not in {mine.pk, *_leaving(there)}]
            if confirmed or not is_alone or mine.pk in _leaving(there):
                is_alone = False
                closings.leave(mine)
    # Raised out here: within, it would break the transaction of a host that has one open around the request.
    current = handing.fresh(conversation)
    if mine is None:
        words = _("You are not in this conversation any more.")
        raise ClickConflict(words, code="not_in_it", interaction=current.interaction)
    if is_alone:
        raise ClickConflict(alone_words(current), code="leaves_nobody", interaction=mine)
    return current


def _leaving(there: Sequence[Interaction]) -> set[Any]:
    rows = Closing.objects.filter(kind=Closing.Kind.LEAVE, interaction__in=[one.pk for one in there])
    return set(rows.values_list("interaction", flat=True))


def alone_words(conversation: Conversation) -> str:
    """Return what becomes of the customer when the last agent leaves a conversation."""
    sender = conversation.sender
    if sender is not None and sender.opens_on_inbound:
        then = _("If you leave, the customer's next message goes to whom Flex chooses.")
    else:
        then = _("If you leave, nobody in Flex gets the customer's next message until somebody takes it up here.")
    return " ".join([_("Nobody else is in this conversation."), then])
