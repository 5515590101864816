"""What customers have said against messages: in the ledger here, and in the project's own.

Nobody can overrule it. ``preflight`` and ``answers`` ask at the click and once more before something is sent.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from flex_outbound import addresses
from flex_outbound.channels import Address, Channel
from flex_outbound.contacts import ContactAdapter
from flex_outbound.models import Interaction, Sender
from flex_outbound.outbox import consent
from flex_outbound.outbox.addressing import usable_addresses
from flex_outbound.outbox.consent import OPTED_OUT, Ledger

logger = logging.getLogger(__name__)

NO_CONSENT: Final = "no_consent"
CONSENT_UNKNOWN: Final = "consent_unknown"
"""Reasons of the project's own ledger."""


def ledger_of(
    contacts: Iterable[tuple[ContactAdapter, Any]], among: Collection[Channel], others: Iterable[str] = ()
) -> Ledger:
    """Return what the ledger says of the addresses that contacts have on some channels, and of ``others``.

    Without a channel it asks nothing.
    """
    if not among:
        return consent.NOTHING
    return consent.read({*addresses_on(contacts, among), *others})


def addresses_on(contacts: Iterable[tuple[ContactAdapter, Any]], among: Collection[Channel]) -> list[str]:
    """Return the addresses that contacts have on some channels."""
    found = {
        one.value
        for adapter, contact in contacts
        for channel in among
        for one in usable_addresses(adapter, contact, channel)[0]
    }
    return sorted(found)


class Narrowed(NamedTuple):
    """The addresses and senders of a channel that are left; ``reason``: why there are none."""

    addresses: list[Address]
    senders: list[Sender]
    reason: str


def narrow(
    ledger: Ledger,
    adapter: ContactAdapter,
    contact: Any,
    channel: Channel,
    usable: Sequence[Address],
    senders: Sequence[Sender],
) -> Narrowed:
    """Leave out the addresses to which, and the senders from which, the customer wants no message.

    A list of contacts that does not know its senders narrows nothing: its links lead to a page that does.
    """
    if not all(senders):
        return Narrowed(list(usable), list(senders), "")
    barriers = {
        (address.value, id(sender)): between(ledger, adapter, contact, channel, address.value, sender)
        for address in usable
        for sender in senders
    }
    free = {pair for pair, reason in barriers.items() if not reason}
    return Narrowed(
        [one for one in usable if any(one.value == address for address, _sender in free)],
        [one for one in senders if any(id(one) == sender for _address, sender in free)],
        "" if free else next(iter(barriers.values()), ""),
    )


def between(
    ledger: Ledger, adapter: ContactAdapter, contact: Any, channel: Channel, address: str, sender: Sender
) -> str:
    """Return why nothing may go from a sender to an address, "" where it may."""
    if ledger.refuses(channel.value, address, sender.address, sender.account_id):
        return OPTED_OUT
    return host_barrier(adapter, contact, channel, address, sender.address)


def asks_host(adapter: ContactAdapter) -> bool:
    """Tell whether the project has a ledger of its own for these contacts."""
    return type(adapter).has_consent is not ContactAdapter.has_consent


def host_barrier(adapter: ContactAdapter, contact: Any, channel: Channel, address: str, sender_address: str) -> str:
    """Return why the project's own ledger says no: a reason, "" where it does not. An error of it is a no as well.

    Who has such a ledger must not write to people whom it does not know about.
    """
    if not asks_host(adapter):
        return ""
    try:
        said = adapter.has_consent(contact, channel, address, sender_address)
    except Exception as error:
        # Its words may quote the address.
        logger.error("The project's ledger of consent cannot be read (%s); nothing is sent", type(error).__name__)
        return CONSENT_UNKNOWN
    return NO_CONSENT if said is False else ""


def refused_among(ledger: Ledger, interaction: Interaction) -> list[str]:
    """Return the recipients of an interaction who have unsubscribed, the contact first."""
    scope = (interaction.sender_address, interaction.account_id)
    return [one for one in interaction.recipients if ledger.refuses(interaction.channel, one, *scope)]


def is_own(address: str) -> bool:
    """Tell whether an address is one of the business's own senders."""
    wanted = addresses.key(address)
    return any(addresses.key(one) == wanted for one in Sender.objects.values_list("address", flat=True))
