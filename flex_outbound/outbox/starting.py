"""Interactions that no agent begins: a form or a program asks for an agent, and Flex chooses who that is.

Committed first and sent by the same pipeline as a click: keyed, looked up where the answer is lost. Nothing is sent to
the customer by it.
https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import IntegrityError
from django.utils.translation import gettext as _

from flex_outbound import addresses, channels
from flex_outbound.channels import AddressError, Channel, InitiatedBy
from flex_outbound.conf import conf
from flex_outbound.contacts import ContactAdapter, adapter_by_type, adapter_for, content_type_of, id_of
from flex_outbound.exceptions import ClickConflict, InvalidClick
from flex_outbound.models import (
    ANSWERING,
    IN_THE_WAY_OF_ALL,
    Account,
    ContactAddress,
    Conversation,
    Interaction,
    Sender,
)
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import already_open, contact_index, continuing, effects, texts
from flex_outbound.outbox.addressing import usable_addresses
from flex_outbound.outbox.retried import note_retry
from flex_outbound.sids import SidKind, is_sid
from flex_outbound.twilio_statuses import ConversationState

MAX_ATTRIBUTES: Final = 16_384
"""Characters of what a caller may give, as JSON. The task gets as much of it as TaskRouter takes."""

MAX_NAME: Final = 255
MAX_DEPTH: Final = 8

RESERVED: Final = frozenset(
    {
        *("channelType", "conversationSid", "conversations", "customerAddress", "customerName", "customers"),
        *("direction", "flexChannelInviteSid", "flexInteractionChannelSid", "flexInteractionSid", "from"),
        *("initiatedBy", "taskCreateSource"),
    }
)
"""Attributes that Flex or this app sets: https://www.twilio.com/docs/flex/developer/insights/enhance-integration"""

OURS: Final = "flexOutbound"
"""What the names of this app's own attributes begin with."""


_NULL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""A null character as JSON writes it, and not a backslash that somebody typed."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a form or a program asks for.

    ``address``: in any format; may be "" where ``contact`` has one or ``conversation_sid`` is given. ``contact``: an
    instance of a registered model. ``sender``, ``account``: rows; None for the default. ``attributes``: JSON for the
    task. ``scope``: whose ``key`` it is, such as a user's id: the same key of another scope is another request.
    ``user``: who asks over the API, and may follow it.
    """

    channel: str
    address: str = field(default="", repr=False)
    contact: Any = field(default=None, repr=False)
    name: str = field(default="", repr=False)
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    key: str = ""
    sender: Sender | None = None
    account: Account | None = None
    conversation_sid: str = ""
    scope: str = ""
    initiated_by: InitiatedBy = InitiatedBy.API
    user: Any = None


def start(wanted: Start, repeats: Interaction | None = None) -> Interaction:
    """Commit a request and return its interaction, or the one that the same key made before.

    ``repeats``: the interaction that is sent again by it, which is possible once.

    Raises InvalidClick, which names the field; ClickConflict: ``already_open`` (an open conversation with this address
    and sender is there, which does more than wait for an answer), ``conversation_closed``, ``idempotency_key_reused``,
    ``already_retried``.
    """
    key = _key(wanted)
    earlier = _earlier(wanted, key)
    if earlier is not None:
        return earlier
    return commit(build(wanted, key), repeats)


def again(interaction: Interaction, key: str) -> Interaction:
    """Ask once more for what failed or was canceled. Raises what ``start`` raises."""
    adapter = adapter_by_type(interaction.contact_type_id)
    scope = _retry_scope(interaction)
    found = adapter.model._default_manager.filter(pk=interaction.contact_id).first() if adapter is not None else None
    wanted = Start(
        interaction.channel,
        # Of a conversation that was there the address is known, and may be none that people write.
        "" if interaction.media_channel_sid else interaction.address,
        found,
        interaction.contact_name,
        interaction.attributes,
        key,
        interaction.sender,
        interaction.account,
        interaction.media_channel_sid or "",
        scope=scope,
        initiated_by=InitiatedBy(interaction.initiated_by),
        user=interaction.requested_by,
    )
    return start(wanted, interaction)


def retry_key(interaction: Interaction, key: str) -> str:
    """Return the key under which ``again`` keeps what it makes."""
    return _scoped(_retry_scope(interaction), texts.idempotency_key(key))


def _retry_scope(interaction: Interaction) -> str:
    return f"retry {interaction.key}"


def build(wanted: Start, key: str) -> Interaction:
    """Return the interaction of a request, not saved yet. Raises InvalidClick, ClickConflict."""
    channel = _channel(wanted.channel)
    conversation = _conversation(wanted)
    sender = _sender(wanted, channel, conversation)
    adapter = _adapter(wanted.contact)
    address = _address(wanted, channel, adapter, conversation)
    contact_type, contact_id, name = _contact(wanted, adapter, address)
    return Interaction(
        initiated_by=wanted.initiated_by,
        requested_by=wanted.user,
        contact_type_id=contact_type,
        contact_id=contact_id,
        contact_name=_name(wanted.name) or name,
        channel=channel,
        address=address,
        attributes=attributes_of(wanted.attributes),
        account=sender.account,
        sender=sender,
        sender_address=sender.address,
        media_channel_sid=wanted.conversation_sid or None,
        idempotency_key=key,
        fingerprint=_fingerprint(wanted),
    )


def attributes_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a caller gives for the task's attributes. Raises InvalidClick.

    It is an object of JSON, of at most 16,384 characters and eight levels, without names that Flex or this app sets.
    """
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise _wrong(_("Give the attributes as an object of names and values."), "invalid_attributes")
    try:
        text = json.dumps(dict(given), allow_nan=False)
        # PostgreSQL takes no half of a surrogate pair, and UTF-8 has none.
        json.dumps(dict(given), ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise _wrong(_("The attributes are no JSON."), "invalid_attributes") from error
    if len(text) > MAX_ATTRIBUTES:
        words = _("The attributes are %(length)d characters long as JSON; at most %(longest)d are allowed.")
        raise _wrong(words % {"length": len(text), "longest": MAX_ATTRIBUTES}, "too_long")
    if _NULL.search(text):
        raise _wrong(_("This text contains a null character. Remove it."), "null_character")
    if not _is_within(dict(given), MAX_DEPTH):
        raise _wrong(_("The attributes are nested too deeply."), "invalid_attributes")
    taken = sorted(name for name in given if name in RESERVED or name.startswith(OURS))
    if taken:
        words = _("“%(name)s” is set by Flex or by this app. Choose another name for this attribute.")
        raise _wrong(words % {"name": taken[0][:64]}, "reserved_attribute")
    kept: dict[str, Any] = json.loads(text)
    return kept


def _is_within(value: Any, depth: int) -> bool:
    """Tell whether a value is nested at most so deeply."""
    if not isinstance(value, Mapping | list | tuple):
        return True
    inner = value.values() if isinstance(value, Mapping) else value
    return depth > 0 and all(_is_within(one, depth - 1) for one in inner)


def _wrong(words: str, code: str, field: str = "attributes") -> InvalidClick:
    return InvalidClick(words, code=code, field=field)


def _channel(given: str) -> Channel:
    if given in channels.ENDED:
        raise _wrong(str(channels.ENDED[given]), channels.CHANNEL_ENDED, "channel")
    try:
        return Channel(given)
    except ValueError as error:
        words = _("Choose one of: %(channels)s.") % {"channels": ", ".join(Channel.values)}
        raise _wrong(words, "unknown_channel", "channel") from error


def _conversation(wanted: Start) -> Conversation | None:
    """Return the conversation that is named, None where it is not known here: then Twilio says what it is."""
    sid = wanted.conversation_sid
    if not sid:
        return None
    if not is_sid(sid, SidKind.CONVERSATION):
        words = _("Enter the conversation's SID as Twilio shows it: CH and 32 characters.")
        raise _wrong(words, "invalid_sid", "conversation_sid")
    found = Conversation.objects.select_related("sender").filter(pk=key_of(sid)).first()
    if found is None:
        return None
    if wanted.account is not None and found.account_id != wanted.account.pk:
        words = _("There is no such conversation in this account.")
        raise _wrong(words, "unknown_conversation", "conversation_sid")
    if found.state == ConversationState.CLOSED:
        words = _("This conversation has ended. Begin a new one.")
        raise ClickConflict(words, code="conversation_closed", interaction=found.interaction)
    return found


def _sender(wanted: Start, channel: Channel, conversation: Conversation | None) -> Sender:
    """Return the sender that is named, or that of the conversation, or the channel's default."""
    named = wanted.sender or (conversation.sender if conversation is not None else None)
    usable = Sender.objects.filter(is_active=True, account__is_active=True, channel=channel).select_related("account")
    if wanted.account is not None:
        usable = usable.filter(account=wanted.account)
    if conversation is not None:
        usable = usable.filter(account=conversation.account_id)
    if named is not None:
        usable = usable.filter(pk=named.pk)
    found = usable.order_by("-is_default", "pk").first()
    if found is None and named is not None:
        words = _("This sender does not exist, is switched off, or is of another channel or account.")
        raise _wrong(words, "unknown_sender", "sender")
    if found is None:
        words = _("There is no active sender for %(channel)s.") % {"channel": channel.label}
        raise _wrong(words, "no_sender", "channel")
    if not found.account.workspace_sid:
        raise _wrong(_("This account has no Flex workspace yet. Choose it in the admin."), "no_workspace", "sender")
    return found


def _adapter(contact: Any) -> ContactAdapter | None:
    if contact is None:
        return None
    try:
        return adapter_for(type(contact))
    except LookupError as error:
        words = _("This is not a contact type that can be messaged.")
        raise _wrong(words, "unknown_contact_type", "contact") from error


def _address(wanted: Start, channel: Channel, adapter: ContactAdapter | None, conversation: Conversation | None) -> str:
    if conversation is not None and conversation.address and not wanted.address:
        return conversation.address
    if wanted.address:
        own = adapter.get_default_region(wanted.contact) if adapter is not None else conf.default_region
        try:
            return channels.normalize(channel, wanted.address, own)
        except AddressError as error:
            raise _wrong(str(error), error.code, "address") from error
    if adapter is not None:
        usable, problem = usable_addresses(adapter, wanted.contact, channel)
        if usable:
            return usable[0].value
        if problem is not None:
            raise _wrong(str(problem), problem.code, "contact")
    if wanted.conversation_sid:
        return ""
    raise _wrong(_("Give the customer's address."), "required", "address")


def _contact(wanted: Start, adapter: ContactAdapter | None, address: str) -> tuple[int | None, str, str]:
    """Return content type, id and name of the contact: the one that is given, else the only one with this address."""
    if adapter is not None:
        name = adapter.get_name(wanted.contact)[:MAX_NAME].replace("\x00", "")
        return content_type_of(adapter).pk, id_of(adapter, wanted.contact), name
    found = list(ContactAddress.objects.filter(address_key=contact_index.key_of(address))[:2]) if address else []
    if len(found) != 1:
        # Of several nobody knows who asks: the conversation is shown to all of them.
        return None, "", ""
    known = adapter_by_type(found[0].contact_type_id)
    contact = known.model._default_manager.filter(pk=found[0].contact_id).first() if known is not None else None
    if known is None or contact is None:
        return None, "", ""
    return found[0].contact_type_id, found[0].contact_id, known.get_name(contact)[:MAX_NAME].replace("\x00", "")


def _name(given: str) -> str:
    if not isinstance(given, str) or len(given) > MAX_NAME:
        words = _("This is %(length)d characters long; at most %(longest)d are allowed.")
        raise _wrong(words % {"length": len(str(given)), "longest": MAX_NAME}, "too_long", "name")
    if "\x00" in given:
        raise _wrong(_("This text contains a null character. Remove it."), "null_character", "name")
    # PostgreSQL takes no half of a surrogate pair.
    return given.encode(errors="replace").decode().strip()


# -- the same request once ---------------------------------------------------------------------------------------------


def _key(wanted: Start) -> str:
    """Return the key under which a request is kept: one of its own for each caller's scope."""
    given = texts.idempotency_key(wanted.key)
    return _scoped(wanted.scope, given) if given else uuid.uuid4().hex


def _scoped(scope: str, key: str) -> str:
    return hashlib.sha256(f"{scope}\n{key}".encode()).hexdigest()


def _fingerprint(wanted: Start) -> str:
    """Return the digest of what the caller said."""
    contact = wanted.contact
    said = {
        "channel": wanted.channel,
        "address": wanted.address.strip(),
        "contact": [contact._meta.label_lower, str(contact.pk)] if contact is not None else None,
        "name": wanted.name.strip(),
        "attributes": dict(wanted.attributes),
        "sender": wanted.sender.pk if wanted.sender is not None else None,
        "account": wanted.account.pk if wanted.account is not None else None,
        "conversation_sid": wanted.conversation_sid,
    }
    try:
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    except (TypeError, ValueError, RecursionError) as error:
        raise _wrong(_("The attributes are no JSON."), "invalid_attributes") from error


def _earlier(wanted: Start, key: str) -> Interaction | None:
    """Return what this very request made before. Raises ClickConflict where its key made something else."""
    made = Interaction.objects.select_related("agent", "message", "contact_type")
    earlier = made.filter(initiated_by=wanted.initiated_by, idempotency_key=key).first()
    if earlier is not None and earlier.fingerprint != _fingerprint(wanted):
        words = _("This key was used for another request. Use a new key for a new request.")
        raise ClickConflict(words, code="idempotency_key_reused", interaction=earlier)
    return earlier


def commit(row: Interaction, repeats: Interaction | None = None, ends: Interaction | None = None) -> Interaction:
    """Save an interaction and end the wait that it ``ends``; returns it, or what the same request made.

    Raises ClickConflict.
    """
    guard, wait = already_open.Guard(row), continuing.Wait(row, ends)
    for _try in range(3):
        try:
            with wait.inserting(), guard:
                effects.queue(row)
                note_retry(repeats, row)
        except IntegrityError:
            if (earlier := _in_the_way(row, wait)) is not None:
                return earlier
            guard.check(None)
        else:
            return row
    raise already_open.conflict(None)


def _in_the_way(interaction: Interaction, wait: continuing.Wait) -> Interaction | None:
    """Return what the same request made meanwhile. Raises ClickConflict where another one stands in the way."""
    found = Interaction.objects.select_related("agent", "message", "contact_type")
    same_key = {"initiated_by": interaction.initiated_by, "idempotency_key": interaction.idempotency_key}
    earlier = found.filter(**same_key).first()
    if earlier is not None and earlier.fingerprint == interaction.fingerprint:
        return earlier
    if earlier is not None:
        words = _("This key was used for another request. Use a new key for a new request.")
        raise ClickConflict(words, code="idempotency_key_reused", interaction=earlier)
    other = _open_one(interaction)
    if other is not None and not wait.is_ended_for(other):
        raise already_open.conflict(other)
    return None


def _open_one(interaction: Interaction) -> Interaction | None:
    """Return the open interaction of the same conversation, or with the same address and sender."""
    found = Interaction.objects.select_related("agent", "message", "contact_type")
    if interaction.media_channel_sid:
        same = found.filter(ANSWERING, media_channel_sid=interaction.media_channel_sid).first()
        if same is not None:
            return same
    return found.filter(
        IN_THE_WAY_OF_ALL,
        account=interaction.account,
        channel=interaction.channel,
        sender_address=interaction.sender_address,
        address_key=addresses.key(interaction.address),
    ).first()
