"""What customers and Twilio say about being written to: by a keyword, in a receipt, in the answer to a request.

A STOP counts for every sender of the account, because it is said to the business. A START counts for the sender that it
was said to, because Twilio lets only that one write again. What Twilio refused counts for its sender.
"""

from collections.abc import Sequence
from datetime import datetime

from flex_outbound import addresses, keywords
from flex_outbound.channels import Channel
from flex_outbound.models import ConsentSource, ConsentState, Conversation, Interaction, Message
from flex_outbound.outbox import consent
from flex_outbound.outbox.consent import Entry
from flex_outbound.outbox.conversations import keeping
from flex_outbound.outbox.conversations.authors import customers_of, is_surely_address, party_of
from flex_outbound.outbox.conversations.heard import Heard
from flex_outbound.twilio_statuses import Party

_STATES = {keywords.STOP: ConsentState.OPTED_OUT, keywords.START: ConsentState.OPTED_IN}


def hear(conversation: Conversation, heard: Sequence[Heard]) -> None:
    """Note what customers say by a keyword. Messages without one cost nothing.

    ``conversation``: locked. One of which nothing says yet that it is ours waits until it was read.
    """
    entries = [entry for one in heard for entry in _entries(conversation, one)]
    if entries:
        consent.append(entries)


def said_in(conversation: Conversation, heard: Heard) -> str:
    """Return what a message says by a keyword, "" for nothing. Twilio's own word goes first, where it comes."""
    if heard.opt_out:
        return heard.opt_out
    if conversation.channel == Channel.EMAIL:
        return keywords.said_in_email(heard.subject, heard.body)
    return keywords.said_in(heard.body)


def _entries(conversation: Conversation, heard: Heard) -> list[Entry]:
    state = _STATES.get(said_in(conversation, heard))
    is_ours = conversation.channel in Channel.values and bool(conversation.sender_address)
    if state is None or not is_ours or heard.is_removed or keeping.is_forgotten(conversation, heard):
        return []
    return [
        Entry(
            channel=conversation.channel,
            address=address,
            state=state,
            source=ConsentSource.KEYWORD,
            account_id=conversation.account_id,
            sender_address=conversation.sender_address if state is ConsentState.OPTED_IN else "",
            message_sid=heard.message_sid,
            happened_at=heard.said_at,
        )
        for address in _addresses_of(conversation, heard)
    ]


def _addresses_of(conversation: Conversation, heard: Heard) -> list[str]:
    """Return the addresses of who wrote a message, [] where it is no customer.

    A conversation's only customer may write under an id in place of the number that we know.
    """
    party = party_of(heard, conversation)
    is_own = addresses.same(heard.author, conversation.sender_address)
    if is_own or (party != Party.CUSTOMER and not (party == Party.UNKNOWN and is_surely_address(heard.author))):
        return []
    written = [heard.author] if "@" in heard.author or addresses.may_be_address(heard.author) else []
    customers = {addresses.key(one): one for one in customers_of(conversation) if one}
    known = list(customers.values()) if party == Party.CUSTOMER and len(customers) == 1 else []
    return list({addresses.key(one): addresses.plain(one) for one in (*known, *written)}.values())


# -- what Twilio refused -----------------------------------------------------------------------------------------------


def refused(message: Message) -> None:
    """Note that Twilio did not send a message, or did not deliver it, because its customer has unsubscribed."""
    interaction: Interaction | None = message.interaction
    if interaction is not None:
        opened = interaction.sent_at if isinstance(interaction.sent_at, datetime) else None
        said_at = message.said_at if message.message_sid and isinstance(message.said_at, datetime) else opened
        _note_refusal(interaction, message.message_sid or "", said_at)
    elif message.conversation is not None:
        _note_refusal(message.conversation, message.message_sid or "", message.said_at if message.message_sid else None)


def refused_opening(interaction: Interaction) -> None:
    """Note that Twilio did not open an interaction because its customer has unsubscribed."""
    _note_refusal(interaction, "", interaction.sent_at if isinstance(interaction.sent_at, datetime) else None)


def _note_refusal(row: Interaction | Conversation, message_sid: str, at: datetime | None) -> None:
    customers = [row.address] if isinstance(row, Conversation) else row.recipients
    if len(customers) != 1 or not row.address or row.channel not in Channel.values:
        # Of several recipients Twilio does not say which one.
        return
    entry = Entry(
        channel=row.channel,
        address=row.address,
        state=ConsentState.OPTED_OUT,
        source=ConsentSource.RECEIPT,
        account_id=row.account_id,
        sender_address=row.sender_address,
        message_sid=message_sid,
        happened_at=at,
    )
    consent.append([entry])
