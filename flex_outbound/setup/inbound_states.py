"""What answers a customer who writes to a sender first: what Twilio shows, compared with what this app needs. Pure."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.gateway.address_configurations import (
    DEFAULT,
    STUDIO,
    WEBHOOK,
    AddressConfiguration,
    AutoCreation,
    Unreadable,
)
from flex_outbound.gateway.callbacks import POST
from flex_outbound.models import Sender, Source
from flex_outbound.problems import Problem
from flex_outbound.setup.comparing import EVENTS, presentable, same_address

EVENTS_OF_ONE: Final = EVENTS[Source.CONVERSATIONS]
"""The events that Twilio tells of a conversation that a customer began: those of all conversations."""

CHANNELS: Final = frozenset({"sms", "whatsapp", "email", "messenger"})
"""The channels whose addresses Twilio configures, and on which customers write first."""


class Answering(StrEnum):
    """Who answers. ``LACKING``: this site, but with events missing, or with another method than POST."""

    OFF = "off"
    OURS = "ours"
    LACKING = "lacking"
    OTHERS = "others"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FirstMessages:
    """One sender. ``expected``: our address. ``answers``: what answers today, in words, without secrets.

    ``configuration``: as Twilio shows it, None where there is none. ``lacking``: events that are missing. ``problem``:
    why nothing can be said, or what has to be done before it can be switched on. ``was_lost``: it was switched on here,
    and somebody changed it at Twilio.
    """

    sender: Sender
    state: Answering
    expected: str
    answers: str = ""
    configuration: AddressConfiguration | None = None
    lacking: tuple[str, ...] = ()
    problem: Problem | None = None
    was_lost: bool = False

    @property
    def digest(self) -> str:
        """A digest of what the page showed: who acts on it says so with it. The address may hold secrets."""
        found = self.configuration
        shown = [found.sid, found.auto_creation.as_json() if found.auto_creation else None] if found else []
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def is_on(self) -> bool:
        """True where this site hears of a customer who writes first."""
        return self.state in (Answering.OURS, Answering.LACKING)

    @property
    def can_be_switched_on(self) -> bool:
        """True where ``switch_on`` would change something."""
        return self.problem is None and self.state not in (Answering.OURS, Answering.UNKNOWN)

    @property
    def afterwards(self) -> str:
        """What answers once it was given back, in words."""
        previous = previous_of(self.sender)
        return _nothing() if previous is None else words_of(previous)


def assess(sender: Sender, found: AddressConfiguration | None, expected: str, also: Collection[str]) -> FirstMessages:
    """Return who answers for a sender. ``found``: its configuration. ``also``: other addresses of our view."""
    blank = FirstMessages(sender, Answering.OFF, expected, _nothing(), found)
    if Channel(sender.channel).has_identity:
        return replace(blank, problem=_no_address())
    if found is None:
        return blank if sender.channel != Channel.EMAIL else replace(blank, problem=_not_connected())
    auto = found.auto_creation
    if auto is None:
        return replace(blank, state=Answering.UNKNOWN, answers="", problem=_unreadable())
    if not auto.enabled or auto.type == DEFAULT:
        return replace(blank, answers=words_of(auto))
    if auto.type == WEBHOOK and any(same_address(auto.webhook_url, url) for url in (expected, *also)):
        lacking = tuple(name for name in EVENTS_OF_ONE if name not in auto.webhook_filters)
        is_right = not lacking and auto.webhook_method == POST
        state = Answering.OURS if is_right else Answering.LACKING
        return replace(blank, state=state, answers=_("This site."), lacking=lacking)
    return replace(blank, state=Answering.OTHERS, answers=words_of(auto))


def words_of(auto: AutoCreation) -> str:
    """Return in words what answers by a configuration, without passwords and queries of addresses."""
    if not auto.enabled:
        return _nothing()
    if auto.type == STUDIO:
        return _("Studio flow %(sid)s.") % {"sid": auto.studio_flow_sid or "?"}
    if auto.type == WEBHOOK:
        return presentable(auto.webhook_url) or _("A webhook without an address.")
    if auto.type == DEFAULT:
        return _("Conversations opens a conversation, and no agent gets a task.")
    return auto.type


def configuration_of(sender: Sender, listed: Iterable[AddressConfiguration]) -> AddressConfiguration | None:
    """Return the configuration of a sender's address among those of an account."""
    mine = (one for one in listed if one.type == sender.channel and addresses.same(one.address, sender.address))
    return next(mine, None)


def wanted_of(row: FirstMessages, service_sid: str) -> AutoCreation:
    """Return what Twilio is to do once it is switched on; events that somebody chose beside ours are kept."""
    before = row.configuration.auto_creation if row.configuration and row.state is Answering.LACKING else None
    kept = before.webhook_filters if before else ()
    filters = tuple(dict.fromkeys((*kept, *EVENTS_OF_ONE)))
    return AutoCreation(True, WEBHOOK, row.expected, POST, filters, service_sid=service_sid)


def given_back(previous: AutoCreation, now: AutoCreation, default_service_sid: str) -> AutoCreation:
    """Return what to write so that Twilio does what it did before.

    Twilio keeps what is not written, so what ``previous`` left to Twilio's defaults is written out where it matters.
    """
    service = previous.service_sid or (default_service_sid if now.service_sid else "")
    wanted = replace(previous, service_sid=service)
    if previous.type != WEBHOOK:
        return wanted
    filters, method = previous.webhook_filters or ("onMessageAdded",), previous.webhook_method or "GET"
    return replace(wanted, webhook_filters=filters, webhook_method=method)


def previous_of(sender: Sender) -> AutoCreation | None:
    """Return what answered before it was switched on, None where nothing was configured or nothing is known."""
    try:
        return AutoCreation.read(sender.previous_auto_creation) if sender.previous_auto_creation else None
    except Unreadable:
        return None


def does_the_same(one: AutoCreation, other: AutoCreation) -> bool:
    """Tell whether two configurations make Twilio call the same: settings of another type mean nothing."""
    return _effect(one) == _effect(other)


def _effect(auto: AutoCreation) -> tuple[object, ...]:
    if not auto.enabled:
        return (False,)
    if auto.type == STUDIO:
        return (True, STUDIO, auto.studio_flow_sid)
    if auto.type == WEBHOOK:
        return (True, WEBHOOK, auto.webhook_url, auto.webhook_method, frozenset(auto.webhook_filters))
    return (True, auto.type)


def _nothing() -> str:
    return _("Nothing in Conversations.")


def _not_connected() -> Problem:
    return Problem(
        _("This address is not connected to Conversations, so no customer's email comes in there."),
        _("Connect it in Twilio's console, under Flex › Channel management › Email, then come back."),
    )


def _no_address() -> Problem:
    return Problem(
        _("Chats have no address at Twilio, so nobody can write to one first."),
        _("Nothing needs to be done here: who begins a chat is for the website."),
    )


def _unreadable() -> Problem:
    return Problem(
        _("Twilio shows a configuration that this app cannot read, so it could not be given back."),
        _("Look at it in Twilio's console, under Conversations › Addresses."),
    )
