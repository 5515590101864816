"""Whether a click still stands when its turn comes: between click and request a contact may change or go.

A row keeps the address that the agent saw and is sent there or nowhere, never to another one.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter, adapter_for, find_contact
from flex_outbound.models import Interaction
from flex_outbound.outbox.preflight import refusal_of, usable_addresses
from flex_outbound.outbox.sender_tests import is_test

logger = logging.getLogger(__name__)

REASONS: Final = frozenset({"contact_gone", "address_changed", "not_allowed"})


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a click is not sent. ``reason``: one of REASONS; ``words``: for the agent."""

    reason: str
    words: str


def objection_to(row: Interaction) -> Objection | None:
    """Ask the contact's adapter once more, as the click did. Returns None where the click stands.

    An error in the host's code is logged, and the click goes on as it was made: it was checked once.
    """
    try:
        return _ask(row)
    except Exception:
        logger.exception("The contact of interaction %s cannot be looked at; it is sent as it was clicked", row.pk)
        return None


def _ask(row: Interaction) -> Objection | None:
    if is_test(row):
        return None
    model = ContentType.objects.get_for_id(row.contact_type_id).model_class()
    try:
        adapter = adapter_for(model) if model is not None else None
    except LookupError:
        adapter = None
    contact = _find(adapter, row) if adapter is not None else None
    if adapter is None or contact is None:
        words = _("This contact was deleted, or you may not see it any more. Nothing was sent.")
        return Objection("contact_gone", words)
    channel = Channel(row.channel)
    addresses, _trouble = usable_addresses(adapter, contact, channel)
    if row.address not in {address.value for address in addresses}:
        words = _("This is not the contact's address any more. Nothing was sent; press the button again.")
        return Objection("address_changed", words)
    refusal = refusal_of(adapter, row.agent, contact, channel) if row.agent is not None else ""
    return Objection("not_allowed", refusal) if refusal else None


def _find(adapter: ContactAdapter, row: Interaction) -> Any:
    if row.agent is not None:
        return find_contact(adapter, row.agent, row.contact_id)
    # The agent's account is gone, what they clicked is not: there is nobody left to ask for.
    return adapter.model._default_manager.filter(pk=row.contact_id).first()
