"""The click: checked, committed as an interaction, then a job is asked for. Nothing here talks to Twilio."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from flex_outbound import addresses, channels
from flex_outbound.channels import CHANNEL_ENDED, ENDED, AddressError, Channel
from flex_outbound.contacts import ContactAdapter, adapter_by_label, content_type_of, find_contact, id_of
from flex_outbound.exceptions import ClickConflict, ClickNotAllowed, InvalidClick
from flex_outbound.models import IN_THE_WAY, IN_THE_WAY_OF_ALL, Interaction, Message, Sender
from flex_outbound.outbox import (
    already_open,
    barriers,
    effects,
    likeness,
    locks,
    readiness,
    signatures,
    templates,
    texts,
    waiting,
    window,
)
from flex_outbound.outbox.addressing import REGIONLESS, usable_addresses
from flex_outbound.outbox.consent import NOTHING, OPTED_OUT, Ledger
from flex_outbound.outbox.preflight import ChannelOption, Rejection, Setup, ledger_for, option_for, words_of
from flex_outbound.outbox.retried import note_retry

_TRIES = 3  # the interaction in the way may become final between our insert and our look at it
_NOT_ON_OFFER = ("foreign_address", "unknown_sender")


@dataclass(frozen=True, slots=True)
class Click:
    """What an agent asked for. ``contact_type``: ``app_label.model``; ``sender``: primary key, None for the default.

    ``address``: empty for the contact's preferred one, else one of its own in any format. ``to``, ``cc``, ``bcc``: who
    else gets an email.
    ``opens_on_answer``: the message is sent without a task, which is made when the customer answers.
    ``idempotency_key``: the same key of the same user means the same click; empty: every call is a click of its own.
    """

    user: Any
    contact_type: str
    contact_id: str
    channel: str
    address: str = field(default="", repr=False)
    sender: int | None = None
    body: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    to: tuple[str, ...] = field(default=(), repr=False)
    cc: tuple[str, ...] = field(default=(), repr=False)
    bcc: tuple[str, ...] = field(default=(), repr=False)
    content_sid: str = ""
    content_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    opens_on_answer: bool = False
    idempotency_key: str = ""


def enqueue(click: Click, repeats: Interaction | None = None) -> Interaction:
    """Commit a click and return its interaction, new or the one that the same click made before.

    ``repeats``: the interaction that is sent again by it, which is possible once.

    Raises InvalidClick (a field is wrong), ClickNotAllowed (permission, worker, policy), ClickConflict (the key came
    with another payload, another conversation with this address is open, ``repeats`` was sent again before, or the
    agent is surely offline or full in Flex: ``worker_offline``, ``worker_full``, ``worker_channel_off``).
    """
    texts.idempotency_key(click.idempotency_key)
    try:
        interaction, message = checked(click)
    except InvalidClick:
        # What was taken once stays taken, also when the contact has changed since.
        earlier = _earlier(click)
        if earlier is None:
            raise
        return earlier
    assert interaction.sender is not None
    try:
        # Who waits for an answer needs no room yet.
        if not interaction.opens_on_answer:
            readiness.check(interaction.sender, may_wait=True)
    except ClickConflict:
        # A click that was taken, or that another conversation stands in the way of, is answered as such.
        earlier = _in_the_way(click, interaction, message)
        if earlier is None:
            raise
        note_retry(repeats, earlier)
        return earlier
    return commit(click, interaction, message, repeats)


def checked(click: Click) -> tuple[Interaction, Message | None]:
    """Return the interaction and first message of a click, not saved yet. Raises InvalidClick, ClickNotAllowed."""
    setup = Setup.load(click.user)
    if setup.reason:
        raise ClickNotAllowed(setup.reason_text, code=setup.reason)
    return build(click, setup, *_contact(click))


def build(click: Click, setup: Setup, adapter: ContactAdapter, contact: Any) -> tuple[Interaction, Message | None]:
    """Return the interaction and first message of a click, not saved yet. Raises as ``enqueue`` does."""
    channel = _channel(click)
    ledger = _ledger(click, setup, adapter, contact, channel)
    option = option_for(setup, adapter, contact, channel, ledger)
    if not option.enabled:
        _refuse(option, click)
    try:
        interaction = _interaction(click, adapter, contact, option, ledger)
    except InvalidClick as error:
        if error.code not in _NOT_ON_OFFER:
            raise
        raise _not_on_offer(error, click, setup, adapter, contact, channel, ledger) from error
    if ledger or barriers.asks_host(adapter):
        _require_consent(interaction, adapter, contact, ledger)
    message = _first_message(click, interaction)
    waiting.check(interaction, has_message=message is not None)
    window.check(interaction, message)
    interaction.fingerprint = likeness.fingerprint(click, interaction, message)
    return interaction, message


def _earlier(click: Click) -> Interaction | None:
    """Return the interaction that this very request made before. Raises ClickConflict where its key made another."""
    if not click.idempotency_key:
        return None
    interactions = Interaction.objects.select_related("agent", "message")
    interaction = interactions.filter(agent=click.user, idempotency_key=click.idempotency_key).first()
    if interaction is None or likeness.is_same_request(interaction.fingerprint, click):
        return interaction
    raise likeness.reused(click, interaction, None)


def _contact(click: Click) -> tuple[ContactAdapter, Any]:
    try:
        adapter = adapter_by_label(click.contact_type)
    except LookupError as error:
        raise InvalidClick(
            _("This is not a contact type that can be messaged."),
            code="unknown_contact_type",
            field="contact_type",
        ) from error
    contact = find_contact(adapter, click.user, click.contact_id)
    if contact is None:
        raise InvalidClick(
            _("There is no such contact, or you may not see it."), code="unknown_contact", field="contact_id"
        )
    return adapter, contact


def _channel(click: Click) -> Channel:
    if click.channel in ENDED:
        raise InvalidClick(str(ENDED[click.channel]), code=CHANNEL_ENDED, field="channel")
    try:
        return Channel(click.channel)
    except ValueError as error:
        raise InvalidClick(
            _("Choose one of: %(channels)s.") % {"channels": ", ".join(Channel.values)},
            code="unknown_channel",
            field="channel",
        ) from error


def _ledger(click: Click, setup: Setup, adapter: ContactAdapter, contact: Any, channel: Channel) -> Ledger:
    """Return what the ledger says of everybody whom a click may go to.

    A test of a sender may go to one of the business's own addresses, whatever was said there.
    """
    if adapter.model is Sender and barriers.is_own(click.address):
        return NOTHING
    return ledger_for(setup, [(adapter, contact)], [channel], (*click.to, *click.cc, *click.bcc))


def _not_on_offer(
    error: InvalidClick,
    click: Click,
    setup: Setup,
    adapter: ContactAdapter,
    contact: Any,
    channel: Channel,
    ledger: Ledger,
) -> InvalidClick:
    """Return the error of a sender or address that is not on offer: perhaps the customer does not want it."""
    own = usable_addresses(adapter, contact, channel)[0]
    senders = setup.senders_for(channel)
    if error.field == "sender":
        senders = [one for one in senders if one.pk == click.sender]
    else:
        wanted = _normal(click, adapter, contact, channel)
        own = [one for one in own if addresses.same(one.value, wanted)]
    pairs = ((address.value, sender) for address in own for sender in senders)
    reason = next((barriers.between(ledger, adapter, contact, channel, *pair) for pair in pairs), "")
    return InvalidClick(words_of(Rejection(reason)), code=reason, field=error.field) if reason else error


def _require_consent(interaction: Interaction, adapter: ContactAdapter, contact: Any, ledger: Ledger) -> None:
    """Raise InvalidClick where one of the recipients wants no message from this sender."""
    found = barriers.refused_among(ledger, interaction)
    if found:
        words = words_of(Rejection(OPTED_OUT))
        if found[0] != interaction.address:
            words = _("%(address)s has unsubscribed. Take this recipient out.") % {"address": found[0]}
        raise InvalidClick(words, code=OPTED_OUT, field=_field_of(interaction, found[0]))
    channel = Channel(interaction.channel)
    barrier = barriers.host_barrier(adapter, contact, channel, interaction.address, interaction.sender_address)
    if barrier:
        raise InvalidClick(words_of(Rejection(barrier)), code=barrier, field="address")


def _field_of(interaction: Interaction, address: str) -> str:
    return next((name for name in ("to", "cc", "bcc") if address in getattr(interaction, name)), "address")


def _refuse(option: ChannelOption, click: Click) -> None:
    """A channel that the contact cannot take is a matter of the field; a policy is a matter of permission."""
    if option.reason == "not_allowed":
        raise ClickNotAllowed(option.reason_text, code=option.reason)
    if option.reason == "no_sender" and click.sender is not None:
        raise foreign_sender()
    raise InvalidClick(option.reason_text, code=option.reason, field="channel")


def _address(
    click: Click, adapter: ContactAdapter, contact: Any, option: ChannelOption, sender: Sender | None, ledger: Ledger
) -> str:
    if not click.address:
        own = [one.value for one in option.addresses]
        free = (one for one in own if sender is None or not _refuses(ledger, option, one, sender))
        return next(free, own[0])
    wanted = _normal(click, adapter, contact, option.channel)
    for known in option.addresses:
        if addresses.same(known.value, wanted):
            return known.value
    raise InvalidClick(
        _("This is not one of the contact's own addresses. Add it to the contact first."),
        code="foreign_address",
        field="address",
    )


def _normal(click: Click, adapter: ContactAdapter, contact: Any, channel: Channel) -> str:
    region = None if channel in REGIONLESS else adapter.get_default_region(contact)
    try:
        return channels.normalize(channel, click.address, region)
    except AddressError as error:
        raise InvalidClick(str(error), code=error.code, field="address") from error


def _refuses(ledger: Ledger, option: ChannelOption, address: str, sender: Sender) -> bool:
    return ledger.refuses(option.channel.value, address, sender.address, sender.account_id)


def _sender(click: Click, option: ChannelOption) -> Sender:
    for sender in option.senders:
        if sender.pk == click.sender:
            return sender
    raise foreign_sender()


def foreign_sender() -> InvalidClick:
    """Return the error of a sender that a user cannot send with, whatever the reason: it tells nobody what exists."""
    return InvalidClick(
        _(
            "This sender does not exist, is of another channel, or is not yours to use. "
            "Choose another one, or ask your manager for it."
        ),
        code="unknown_sender",
        field="sender",
    )


def _interaction(
    click: Click, adapter: ContactAdapter, contact: Any, option: ChannelOption, ledger: Ledger
) -> Interaction:
    chosen = _sender(click, option) if click.sender is not None else None
    address = _address(click, adapter, contact, option, chosen, ledger)
    free = (one for one in option.senders if not _refuses(ledger, option, address, one))
    sender = chosen or next(free, option.senders[0])
    to, cc, bcc = texts.recipients(address, click.to, click.cc, click.bcc, option.channel)
    return Interaction(
        contact_type=content_type_of(adapter),
        contact_id=id_of(adapter, contact),
        contact_name=adapter.get_name(contact)[:255].replace("\x00", ""),
        channel=option.channel,
        address=address,
        subject=texts.subject(click.subject, option.channel),
        to=to,
        cc=cc,
        bcc=bcc,
        account=sender.account,
        sender=sender,
        sender_address=sender.address,
        agent=click.user,
        worker_id=sender.own_worker_id,  # type: ignore[attr-defined]
        worker_sid=sender.own_worker_sid,  # type: ignore[attr-defined]
        idempotency_key=texts.idempotency_key(click.idempotency_key) or uuid.uuid4().hex,
        opens_on_answer=click.opens_on_answer,
    )


def _first_message(click: Click, interaction: Interaction) -> Message | None:
    body = texts.body(click.body)
    template = texts.template(click.content_sid, click.content_variables, Channel(interaction.channel))
    if not body and not template:
        return None
    if body and template:
        raise InvalidClick(
            _("Send either a text or a template, not both."), code="text_and_template", field="content_sid"
        )
    whole, signature = signatures.signed(body, interaction.sender, click.user)
    place = templates.Place(interaction.account_id, Channel(interaction.channel))
    templates.check(template, click.content_variables, place)
    return Message(
        interaction=interaction,
        agent_id=interaction.agent_id,
        body=whole,
        signature=signature,
        content_sid=template,
        content_variables=dict(click.content_variables),
    )


def commit(
    click: Click, interaction: Interaction, message: Message | None, repeats: Interaction | None = None
) -> Interaction:
    """Commit a click and return its interaction, or the one that the same click made. Raises ClickConflict."""
    guard = already_open.Guard(interaction)
    for _try in range(_TRIES):
        try:
            with transaction.atomic(using=locks.alias()), guard:
                effects.queue(interaction)
                if message is not None:
                    message.save(force_insert=True)
                    if message.content_sid:
                        templates.note_use(click.user, message.content_sid, interaction.account_id)
                note_retry(repeats, interaction)
        except IntegrityError:
            earlier = _in_the_way(click, interaction, message)
            if earlier is not None:
                note_retry(repeats, earlier)
                return earlier
            guard.check(click.user)
        else:
            return interaction
    raise already_open.conflict(None, words=_("This contact is being messaged right now. Try again in a moment."))


def _in_the_way(click: Click, interaction: Interaction, message: Message | None) -> Interaction | None:
    """Return the interaction that this very click made before; raise where another one stands in the way."""
    interactions = Interaction.objects.select_related("agent", "message")
    same_key = interactions.filter(agent=interaction.agent, idempotency_key=interaction.idempotency_key).first()
    if same_key is not None:
        if likeness.is_same_content(same_key, interaction) or likeness.is_same_request(same_key.fingerprint, click):
            return same_key
        raise likeness.reused(click, same_key, (interaction, message))
    other = _other_in_the_way(interaction)
    if other is None:
        return None
    if likeness.is_made_again(other, interaction):
        return other
    raise already_open.conflict(other, words=already_open.words(other, interaction))


def _other_in_the_way(interaction: Interaction) -> Interaction | None:
    """Return the open interaction with the same contact's address, else with the same number of another contact."""
    contact = {"contact_type": interaction.contact_type, "contact_id": interaction.contact_id}
    sender = {"account": interaction.account, "sender_address": interaction.sender_address}
    found = Interaction.objects.select_related("agent", "message", "contact_type").filter(
        Q(IN_THE_WAY, **contact) | Q(IN_THE_WAY_OF_ALL, **sender),
        channel=interaction.channel,
        address_key=addresses.key(interaction.address),
    )
    return min(found[:10], key=lambda one: not already_open.is_same_contact(one, interaction), default=None)
