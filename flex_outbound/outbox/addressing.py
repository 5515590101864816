"""The addresses of the host's contacts that a channel can use, and the channels that are shown because of them."""

from collections.abc import Collection
from typing import Any, Final, Protocol

from flex_outbound import addresses, channels
from flex_outbound.channels import ALWAYS_SHOWN, Address, AddressError, Channel
from flex_outbound.contacts import ContactAdapter

REGIONLESS: Final = (Channel.EMAIL, Channel.MESSENGER)
"""Channels whose addresses are read without a country."""


def usable_addresses(
    adapter: ContactAdapter, contact: Any, channel: Channel
) -> tuple[list[Address], AddressError | None]:
    """Return the contact's normalised addresses, each once in whatever form, and the first error of an unusable one.

    A text that is plainly a list of addresses counts as that many.
    """
    region = None if channel in REGIONLESS else adapter.get_default_region(contact)
    found: dict[str, Address] = {}
    problem: AddressError | None = None
    for raw in adapter.get_addresses(contact, channel):
        given = raw if isinstance(raw, Address) else Address(raw)
        if isinstance(given.value, str):
            try:
                read = channels.read_all(channel, given.value, str(region) if region else None)
            except AddressError:
                read = ()
            for key, value in read:
                found.setdefault(key, Address(value, given.label))
            if read:
                continue
        # One of them is not usable, or it is an object: each by itself.
        for written in channels.split(channel, given.value, region):
            try:
                value = channels.normalize(channel, written, region)
            except AddressError as error:
                problem = problem or error
                continue
            found.setdefault(addresses.key(value), Address(value, given.label))
    return list(found.values()), problem


class Senders(Protocol):
    """What a user can send with, as ``preflight.Setup`` is. ``reason``: why nothing, "" where something."""

    reason: str

    def senders_for(self, channel: Channel) -> Collection[Any]:
        """Return the senders of one channel."""


def further_channels(setup: Senders) -> list[Channel]:
    """Return the channels, beside those that are always shown, for which a user has a sender."""
    found = () if setup.reason else (one for one in Channel if one not in ALWAYS_SHOWN)
    return [one for one in found if setup.senders_for(one)]


def channels_of(setup: Senders, adapter: ContactAdapter, contact: Any) -> list[Channel]:
    """Return the channels that are shown for a contact. It asks nobody where the user has no further senders."""
    return [*ALWAYS_SHOWN, *(one for one in further_channels(setup) if usable_addresses(adapter, contact, one)[0])]


def lack_of(channel: Channel) -> str:
    """Return the reason why a contact without any address cannot be reached on a channel."""
    if channel.is_phone:
        return "no_number"
    return "no_email" if channel is Channel.EMAIL else "no_address"
