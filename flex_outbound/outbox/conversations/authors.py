"""Who wrote a message: by participant first, by address second, else unknown. Never guessed.

An address that is no number, as the id of a WhatsApp user who hides it, is a customer's like any other.
"""

import re
from collections.abc import Iterable
from typing import Final

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.gateway.base import Participant
from flex_outbound.models import Conversation, Interaction, Worker
from flex_outbound.models.conversation import as_participants
from flex_outbound.outbox.conversations.heard import Heard
from flex_outbound.twilio_statuses import Party

_ENCODED: Final = re.compile(r"(?:_[0-9A-Fa-f]{2})+")


def party_of(heard: Heard, conversation: Conversation) -> str:
    """Return who wrote a message, one of ``Party``."""
    known = as_participants(conversation.participants).get(heard.participant_sid)
    if known in Party.values and known != Party.UNKNOWN:
        return str(known)
    if heard.author == Party.SYSTEM and not heard.participant_sid:
        return Party.SYSTEM.value
    if any(addresses.same(heard.author, one) for one in customers_of(conversation)):
        return Party.CUSTOMER.value
    # A participant with an address is no agent, in whatever form Twilio writes the address.
    is_agent = heard.is_of_sdk and not is_surely_address(heard.author)
    if is_agent or is_worker(heard.author, _workers_of(conversation)):
        return Party.AGENT.value
    return Party.UNKNOWN.value


def party_among(author: str, people: Iterable[Participant], conversation: Conversation) -> str:
    """Return who wrote a message by its author alone, among those who take part."""
    for one in people:
        if is_customer(one.address, one.identity, conversation) and addresses.same(author, one.address or one.identity):
            return Party.CUSTOMER.value
        if one.identity and is_worker(author, [one.identity]):
            return Party.AGENT.value
    return Party.UNKNOWN.value


def is_customer(address: str, identity: str, conversation: Conversation) -> bool:
    """Tell whether who takes part is the customer: by an address or, in a chat, by the customer's own identity."""
    if address or not identity or conversation.channel not in (Channel.CHAT, Channel.WEB):
        return bool(address)
    return any(addresses.same(identity, one) for one in customers_of(conversation))


def customers_of(conversation: Conversation) -> list[str]:
    """Return the addresses by which a conversation knows its customer."""
    interaction: Interaction | None = conversation.interaction
    return [conversation.address, *(interaction.recipients if interaction else ())]


def is_surely_address(author: str) -> bool:
    """Tell whether an author can be no agent, whose identity may look like an email address but not like these."""
    return addresses.is_number(author) or addresses.has_prefix(author)


def is_worker(author: str, names: Iterable[str]) -> bool:
    """Tell whether an author is one of these workers, by friendly name or by what Flex makes of it.

    Flex writes what is no letter or digit of a worker's name as ``_40`` and the like.
    """
    given = {author.casefold(), decoded(author).casefold()}
    return any(name and name.casefold() in given for name in names)


def decoded(author: str) -> str:
    """Return an author with the signs back in place that Flex encodes in an identity."""
    return _ENCODED.sub(lambda found: bytes.fromhex(found[0].replace("_", "")).decode(errors="replace"), author)


def _workers_of(conversation: Conversation) -> list[str]:
    interaction: Interaction | None = conversation.interaction
    worker: Worker | None = interaction.worker if interaction else None
    return [worker.friendly_name] if worker else []
