"""The answer: checked, committed as a message, then a job is asked for. Nothing here talks to Twilio.

What ``enqueue`` is for a click, this is for what an agent writes into a conversation of their own that is open.
"""

import hashlib
import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter, adapter_by_type, find_contact
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed, InvalidClick
from flex_outbound.models import Attachment, Conversation, ConversationContact, Message, Sender, Worker
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import (
    barriers,
    consent,
    files,
    host,
    likeness,
    locks,
    preflight,
    signatures,
    templates,
    texts,
    window,
)
from flex_outbound.outbox.consent import NOTHING, OPTED_OUT, Ledger
from flex_outbound.outbox.conversations.authors import customers_of
from flex_outbound.outbox.files import File
from flex_outbound.outbox.jobs import Job, request_after_commit
from flex_outbound.outbox.preflight import Rejection, Setup
from flex_outbound.problems import ANSWER, COPY
from flex_outbound.sids import SidKind, is_sid
from flex_outbound.twilio_statuses import Party

logger = logging.getLogger(__name__)

_KEYS: Final = uuid.UUID("3f1c7a52-9d0e-5b7c-8a44-0b6f1d2e9c31")
"""The namespace of keys that are made of a user and an idempotency key."""

_DIGITS: Final = 10
"""Hexadecimal digits of each part of a fingerprint: six parts fill the column."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an agent answers. ``conversation``: the agent's own, as ``own_conversation`` returns it.

    ``idempotency_key``: the same key of the same user means the same answer; empty: every call is one of its own.
    """

    user: Any
    conversation: Conversation
    body: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    content_sid: str = ""
    content_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    file: File | None = field(default=None, repr=False)
    idempotency_key: str = ""


def own_conversation(user: Any, conversation_sid: str) -> Conversation | None:
    """Return a conversation of the user's own by its SID, closed ones included; None for anybody else's.

    A user without a row has none: without an agent are those whose agent was deleted.
    """
    if user.pk is None or not is_sid(conversation_sid, SidKind.CONVERSATION):
        return None
    found = Conversation.objects.ours().filter(pk=key_of(conversation_sid), agent_id=user.pk)
    return found.select_related("interaction").first()


def own_message(user: Any, pk: int) -> Message | None:
    """Return a message that the user wrote here, with its conversation; None for any other."""
    if user.pk is None:
        return None
    found = Message.objects.filter(pk=pk, agent_id=user.pk, key__isnull=False)
    return found.select_related("conversation", "interaction", "attachment").defer("attachment__data").first()


def answer(reply: Reply) -> Message:
    """Commit an answer and return its message, new or the one that the same request made before.

    Raises InvalidClick (a field is wrong), ClickNotAllowed (permission, worker, sender, contact, policy), ClickConflict
    (the conversation has ended, or the key came with another content).
    """
    texts.idempotency_key(reply.idempotency_key)
    earlier = _earlier(reply)
    if earlier is not None:
        # What was taken once stays taken, also when the conversation has ended since.
        return earlier
    message, file = checked(reply)
    return _commit(reply, message, file)


def checked(reply: Reply) -> tuple[Message, File | None]:
    """Return the message of an answer, not saved yet, and its file. Raises as ``answer`` does."""
    setup = Setup.load(reply.user)
    if setup.reason:
        raise ClickNotAllowed(setup.reason_text, code=setup.reason)
    conversation = reply.conversation
    if not conversation.is_open:
        words = preflight.words_of(Rejection("closed"), ANSWER)
        raise ClickConflict(words, code="conversation_closed", interaction=conversation.interaction)
    sender = next((one for one in setup.senders if one.pk == conversation.sender_id), None)
    if sender is None:
        raise ClickNotAllowed(preflight.words_of(Rejection("sender_misconfigured"), ANSWER), code="no_sender")
    barrier = unsubscribed(conversation, setup) or barrier_of(reply.user, conversation)
    if barrier is not None:
        raise ClickNotAllowed(preflight.words_of(barrier), code=barrier.reason)
    message, file = _message(reply, sender)
    window.check(conversation, message)
    return message, file


def _message(reply: Reply, sender: Sender) -> tuple[Message, File | None]:
    channel = Channel(reply.conversation.channel)
    body = texts.body(reply.body)
    template = texts.template(reply.content_sid, reply.content_variables, channel)
    if template and (body or reply.file):
        words = _("Send either a text or a template, not both.") if body else _("A template takes no file.")
        raise InvalidClick(words, code="text_and_template" if body else "file_and_template", field="content_sid")
    templates.check(template, reply.content_variables, templates.place_of(reply.conversation))
    file = _file(reply, channel, body) if reply.file is not None else None
    if not (body or template or file):
        raise InvalidClick(_("There is nothing to send yet. Write a text first."), code="empty", field="body")
    whole, signature = signatures.signed(body, sender, reply.user)
    message = Message(
        account_id=reply.conversation.account_id,
        conversation=reply.conversation,
        key=_key_of(reply) or uuid.uuid4(),
        fingerprint="".join(_fingerprint(reply).values()),
        party=Party.AGENT,
        agent=reply.user,
        body=whole,
        signature=signature,
        subject=texts.subject(reply.subject, channel),
        content_sid=template,
        content_variables=dict(reply.content_variables),
        has_media=file is not None,
        next_at=Now(),
    )
    return message, file


def _file(reply: Reply, channel: Channel, body: str) -> File:
    assert reply.file is not None
    limits = limits_of(reply.conversation)
    if limits is None:
        raise InvalidClick(files.why_none(channel), code="no_files", field=files.FIELD)
    return files.checked(reply.file, limits, body)


def limits_of(conversation: Conversation) -> files.Limits | None:
    """Return what files an agent may send into a conversation, None for none."""
    if conversation.channel not in Channel.values:
        return None
    return files.limits_of(Channel(conversation.channel), conversation.sender_address, conversation.address)


def _commit(reply: Reply, message: Message, file: File | None) -> Message:
    try:
        with transaction.atomic(using=locks.alias()):
            # First the conversation, in the order of who records: on MariaDB an insert locks it for reading, and two
            # that then want to write it would wait for each other.
            Conversation.objects.filter(pk=reply.conversation.pk).update(updated_at=Now())
            message.save(force_insert=True)
            if message.content_sid:
                templates.note_use(reply.user, message.content_sid, reply.conversation.account_id)
            if file is not None:
                Attachment.objects.create(
                    message=message,
                    content_type=file.content_type,
                    filename=file.name,
                    size=len(file.data),
                    data=file.data,
                )
            request_after_commit(Job.MESSAGE, message.account_id)
    except IntegrityError:
        # A second click came first.
        earlier = _earlier(reply)
        if earlier is None:
            raise
        return earlier
    return message


# -- the same answer twice ---------------------------------------------------------------------------------------------


def _key_of(reply: Reply) -> uuid.UUID | None:
    """Return the message's key, which is the same for the same user and idempotency key; None without one."""
    if not reply.idempotency_key:
        return None
    return uuid.uuid5(_KEYS, f"{reply.user.pk} {reply.idempotency_key}")


def _earlier(reply: Reply) -> Message | None:
    """Return the message that this very request made before. Raises ClickConflict where its key made another."""
    key = _key_of(reply)
    if key is None:
        return None
    found = Message.objects.filter(key=key).select_related("conversation", "attachment").defer("attachment__data")
    message = found.first()
    if message is None:
        return None
    wanted = _fingerprint(reply)
    parts = [message.fingerprint[start : start + _DIGITS] for start in range(0, _DIGITS * len(wanted), _DIGITS)]
    names = [name for (name, part), kept in zip(wanted.items(), parts, strict=True) if part != kept]
    if names:
        raise ClickConflict(likeness.reused_words(names), code="idempotency_key_reused", interaction=None, fields=names)
    return message


def _fingerprint(reply: Reply) -> dict[str, str]:
    """Return a digest of each field of an answer's content."""
    file = reply.file
    content = {
        "conversation_sid": reply.conversation.conversation_sid,
        "body": texts.plain(reply.body),
        "subject": reply.subject.strip(),
        "content_sid": reply.content_sid,
        "content_variables": dict(reply.content_variables),
        files.FIELD: [file.name, hashlib.sha256(file.data).hexdigest()] if file else [],
    }
    return {name: _digest(value) for name, value in content.items()}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGITS]


# -- whether it may go -------------------------------------------------------------------------------------------------


def asked_of(conversations: Sequence[Conversation], setup: Setup) -> frozenset[str]:
    """Return the customers of conversations about whom the ledger is to be asked; nobody where it refuses nobody."""
    doubtful = [one for one in conversations if one.channel in setup.refusing]
    return frozenset(address for one in doubtful for address in customers_of(one) if address)


def ledger_of(conversations: Sequence[Conversation], setup: Setup, known: Ledger = NOTHING) -> Ledger:
    """Return what the ledger says of the customers of conversations, in one query, or in none.

    ``known``: what was read of it already; it is returned where it was asked about all of them.
    """
    asked = asked_of(conversations, setup)
    return known if known.covers(asked) else consent.read(asked)


def unsubscribed(conversation: Conversation, setup: Setup, ledger: Ledger | None = None) -> Rejection | None:
    """Return that one of a conversation's customers has unsubscribed, None where nobody has.

    ``ledger``: as ``ledger_of`` returns it; None: it is read here.
    """
    ledger = ledger_of([conversation], setup) if ledger is None else ledger
    return _refused(ledger, conversation) if ledger else None


def _refused(ledger: Ledger, conversation: Conversation) -> Rejection | None:
    scope = (conversation.sender_address, conversation.account_id)
    customers = [one for one in customers_of(conversation) if one]
    refused = [one for one in customers if ledger.refuses(conversation.channel, one, *scope)]
    if not refused:
        return None
    return Rejection(OPTED_OUT, case="" if addresses.same(refused[0], conversation.address) else COPY)


def barrier_of(user: Any, conversation: Conversation) -> Rejection | None:
    """Return why a user may not answer the contacts of a conversation, None where nothing is in the way.

    The user must see one of them, and none that the user sees may be one whom the host does not allow to be messaged.
    A conversation that belongs to no contact yet has nobody to ask about.
    """
    links = ConversationContact.objects.filter(conversation=conversation).values_list("contact_type", "contact_id")
    linked = list(links)
    seen = [(adapter, contact) for kind, pk in linked for adapter, contact in _visible(user, kind, pk)]
    if linked and not seen:
        return Rejection(_why_absent(conversation))
    for adapter, contact in seen:
        channel = Channel(conversation.channel)
        barrier = barriers.host_barrier(adapter, contact, channel, conversation.address, conversation.sender_address)
        if barrier:
            return Rejection(barrier)
        allowed = adapter.can_message(user, contact, channel)
        if allowed is not True:
            return Rejection("not_allowed", preflight.to_store(allowed))
    return None


def _visible(user: Any, kind: int, contact_id: str) -> list[tuple[ContactAdapter, Any]]:
    adapter = adapter_by_type(kind)
    contact = find_contact(adapter, user, contact_id) if adapter is not None else None
    return [(adapter, contact)] if adapter is not None and contact is not None else []


def _why_absent(conversation: Conversation) -> str:
    interaction = conversation.interaction
    adapter = adapter_by_type(interaction.contact_type_id) if interaction is not None else None
    return host.why_absent(adapter, interaction) if adapter is not None and interaction is not None else "contact_gone"


def refused(messages: Sequence[Message]) -> dict[int, Rejection]:
    """Return, by their keys, the messages whose customer has unsubscribed since they were written.

    One query, and none where those that were claimed say that the ledger refuses none of them.
    """
    doubtful = [one for one in messages if getattr(one, "may_be_refused", True)]
    if not doubtful:
        return {}
    ledger = consent.read(address for one in doubtful for address in _recipients_of(one))
    found: dict[int, Rejection] = {}
    for one in doubtful if ledger else ():
        interaction, conversation = one.interaction, one.conversation
        if interaction is not None:
            rejection = preflight.unsubscribed(interaction, ledger)
        else:
            rejection = _refused(ledger, conversation) if conversation is not None else None
        if rejection is not None:
            found[one.pk] = rejection
    return found


def _recipients_of(message: Message) -> list[str]:
    if message.interaction is not None:
        return message.interaction.recipients
    return customers_of(message.conversation) if message.conversation is not None else []


def recheck(message: Message) -> Rejection | None:
    """Check an answer once more, right before it is sent; None where it may go.

    An error of the host's code refuses nothing and is logged: the answer was checked once. Without an agent their
    account is gone and what they wrote is not.
    """
    conversation, agent = message.conversation, message.agent
    if conversation is None or agent is None:
        return None
    workers = Worker.objects.filter(account=message.account_id, user=agent.pk, is_active=True)
    if not preflight.may_send(agent) or not workers.exists():
        return Rejection("agent_not_allowed")
    if conversation.agent_id != agent.pk:
        return Rejection("not_own")
    if conversation.sender is None or not conversation.sender.is_active or not message.account.is_active:
        return Rejection("sender_misconfigured")
    interaction = conversation.interaction
    try:
        with host.context_of(interaction) if interaction is not None else nullcontext():
            return barrier_of(agent, conversation)
    except Exception:
        logger.exception("The contact of message %s cannot be checked; it is sent as written", message.pk)
        return None
