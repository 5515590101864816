"""The second check: may what was clicked still be sent? Asked between the claim and the request.

Between click and request a contact may change or go, an agent lose a right or leave, a customer unsubscribe, a template
be withdrawn. An interaction is sent to the address that the agent saw, or nowhere.
"""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError

from flex_outbound import addresses
from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.contacts import ContactAdapter, adapter_by_type, find_contact, id_of
from flex_outbound.gateway.base import ContactDetails, Joined
from flex_outbound.models import Interaction
from flex_outbound.outbox import barriers, consent, host, readiness, templates
from flex_outbound.outbox.addressing import usable_addresses
from flex_outbound.outbox.barriers import CONSENT_UNKNOWN
from flex_outbound.outbox.contact_details import details_of
from flex_outbound.outbox.preflight import Rejection, may_send, to_store, unsubscribed

logger = logging.getLogger(__name__)

_JOINED: Final = ("interaction_sid", "channel_sid", "conversation_sid")

_NOT_THEIRS: Final = Rejection("agent_not_allowed")


@dataclass(frozen=True, slots=True)
class Checked:
    """What the second check found. ``rejection``: why it is not sent, None where it may go.

    ``contact``: what Flex is told of the contact; None where there is none, or the host's code raised an error, which
    is logged: then it is sent as it was clicked, for it was checked once. ``joins``: the channel that the agent is
    invited to, None where a new one is to be opened.
    """

    rejection: Rejection | None = None
    contact: ContactDetails | None = None
    joins: Joined | None = None


def recheck(interactions: Sequence[Interaction]) -> dict[UUID, Checked]:
    """Check claimed interactions once more; returns for each, by its key, what was found.

    It costs one query for each agent, one for each agent and kind of contact, and one each where the ledger may say no,
    where a template was chosen, and where agents are invited. A manager's test of a sender has no contact. What no
    agent began sends nothing to anybody, and is never refused for the contact's sake.
    """
    # What speaks against the customer or the agent goes before a template that does not go.
    found: dict[UUID, Rejection | ContactDetails] = dict(_unsubscribed(interactions))
    joined = _joined(interactions)
    _ask_host([one for one in interactions if one.pk not in found and not one.is_test], found)
    unfit = templates.recheck_first(interactions)
    checked = {}
    for one in interactions:
        answer, joins = found.get(one.pk), joined.get(one.continues_id)
        if one.continues_id is not None and joins is None:
            rejection: Rejection | None = Rejection("closed")
        elif isinstance(answer, Rejection):
            rejection = answer
        else:
            rejection = unfit.get(one.pk) or readiness.barrier_of(one)
        contact = answer if isinstance(answer, ContactDetails) else None
        checked[one.pk] = Checked(rejection, contact, joins)
    return checked


def _unsubscribed(interactions: Sequence[Interaction]) -> dict[UUID, Rejection]:
    """Return those with a recipient who has unsubscribed, in one query where the ledger may say so."""
    doubtful = [one for one in interactions if _writes(one) and getattr(one, "may_be_refused", True)]
    ledger = consent.read(address for one in doubtful for address in one.recipients)
    found = {one.pk: unsubscribed(one, ledger) for one in doubtful} if ledger else {}
    return {key: rejection for key, rejection in found.items() if rejection is not None}


def _writes(interaction: Interaction) -> bool:
    """Tell whether an interaction may send something to the customer: an invite does not, nor what no agent began."""
    return interaction.continues_id is None and interaction.initiated_by == InitiatedBy.AGENT


def _joined(interactions: Sequence[Interaction]) -> dict[Any, Joined]:
    """Return the channels that agents are invited to, by the key of the interaction that opened each."""
    keys = [one.continues_id for one in interactions if one.continues_id is not None]
    found = Interaction.objects.filter(pk__in=keys).values_list("pk", *_JOINED) if keys else ()
    return {pk: Joined(*sids) for pk, *sids in found if all(sids)}


# -- what the host project says ----------------------------------------------------------------------------------------


def _ask_host(interactions: Sequence[Interaction], found: dict[UUID, Rejection | ContactDetails]) -> None:
    """Ask for the agents' rights and the contacts' adapters, and add what they say to ``found``."""
    groups: dict[tuple[int | None, Any, str], list[Interaction]] = {}
    for one in interactions:
        groups.setdefault((one.contact_type_id, one.agent_id, one.initiated_by), []).append(one)
    rights: dict[Any, bool] = {}
    opener = host.opener()
    for (type_id, _agent_id, initiated_by), group in groups.items():
        # Without an agent their account is gone, what they clicked is not: there is nobody left to ask for.
        agent = group[0].agent if initiated_by == InitiatedBy.AGENT else None
        adapter = adapter_by_type(type_id)
        try:
            with opener(group[0].account, group[0].agent) if opener is not None else nullcontext():
                if agent is not None and not rights.setdefault(agent.pk, may_send(agent)):
                    found.update((one.pk, _NOT_THEIRS) for one in group)
                    continue
                _ask_adapter(group, agent, adapter, found)
        except Exception:
            logger.exception("The contacts of %d interactions cannot be read; they are sent as clicked", len(group))
            if adapter is not None and barriers.asks_host(adapter):
                found.update((one.pk, Rejection(CONSENT_UNKNOWN)) for one in group if _writes(one))


def _ask_adapter(
    group: Sequence[Interaction],
    agent: Any | None,
    adapter: ContactAdapter | None,
    found: dict[UUID, Rejection | ContactDetails],
) -> None:
    """Check interactions of one agent and kind of contact. Raises what the host's code raises."""
    contacts = _contacts(adapter, agent, {one.contact_id for one in group}) if adapter is not None else {}
    for one in group:
        contact = contacts.get(one.contact_id)
        rejection = _rejection(one, adapter, contact) if one.initiated_by == InitiatedBy.AGENT else None
        if rejection is not None:
            found[one.pk] = rejection
        elif adapter is not None and contact is not None:
            found[one.pk] = details_of(one, adapter, contact)


def _contacts(adapter: ContactAdapter, agent: Any | None, keys: set[str]) -> dict[str, Any]:
    """Return by their ids the contacts that an agent may still see; all of them where there is no agent."""
    visible = adapter.get_queryset(agent) if agent is not None else adapter.model._default_manager.all()
    try:
        return {id_of(adapter, contact): contact for contact in visible.filter(pk__in=sorted(keys))}
    except (ValueError, TypeError, OverflowError, ValidationError):
        # One id that does not fit the key's type must not hide the others.
        found = {key: find_contact(adapter, agent, key) for key in keys}
        return {key: contact for key, contact in found.items() if contact is not None}


def _rejection(interaction: Interaction, adapter: ContactAdapter | None, contact: Any) -> Rejection | None:
    """Return why what an agent clicked is not sent, None where it may go as far as host and contact say."""
    worker = interaction.worker
    # Without an agent their account is gone, and with it whose worker it was: what they clicked is sent.
    is_theirs = worker is not None and worker.is_active and worker.user_id == interaction.agent_id
    if interaction.agent_id is not None and not is_theirs:
        return _NOT_THEIRS
    if interaction.contact_type_id is None:
        # Nobody has said whose the conversation is.
        return None
    if adapter is None or contact is None:
        reason = "contact_gone" if adapter is None else host.why_absent(adapter, interaction)
        return Rejection(reason)
    if interaction.continues_id is not None:
        # Nothing is sent to anybody: the agent comes into a conversation that exists, whatever the address is now.
        return None
    channel = Channel(interaction.channel)
    barrier = barriers.host_barrier(adapter, contact, channel, interaction.address, interaction.sender_address)
    if barrier:
        return Rejection(barrier)
    try:
        usable, _problem = usable_addresses(adapter, contact, channel)
        if not any(addresses.same(interaction.address, one.value) for one in usable):
            return Rejection("address_changed")
        agent = interaction.agent
        allowed = adapter.can_message(agent, contact, channel) if agent is not None else True
        return None if allowed is True else Rejection("not_allowed", to_store(allowed))
    except Exception:
        logger.exception("The contact of interaction %s cannot be checked; it is sent as clicked", interaction.pk)
        return None
