"""The addresses of the host's contacts that a channel can use."""

from typing import Any

from flex_outbound import addresses, channels
from flex_outbound.channels import Address, AddressError, Channel
from flex_outbound.contacts import ContactAdapter


def usable_addresses(
    adapter: ContactAdapter, contact: Any, channel: Channel
) -> tuple[list[Address], AddressError | None]:
    """Return the contact's normalised addresses, each once in whatever form, and the first error of an unusable one.

    A text that is plainly a list of addresses counts as that many.
    """
    region = adapter.get_default_region(contact) if channel.is_phone else None
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
