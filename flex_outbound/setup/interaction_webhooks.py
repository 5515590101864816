"""Of which interactions Twilio tells this site: of every one of the account, or only of those that are opened here.

For the former there is one registration for the account. For the latter Twilio has a second kind of registration: its
name goes with each interaction that is created, and is given to those that are open already.

https://www.twilio.com/docs/flex/developer/conversations/interactions-webhooks
"""

import time
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway import callbacks
from flex_outbound.gateway.callbacks import GLOBAL, INTERACTION, Registration, TwilioCallbacks
from flex_outbound.models import Account, Interaction, Source
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.problems import Problem, explain
from flex_outbound.setup.address import callback_url, callback_urls
from flex_outbound.setup.comparing import EVENTS, Finding, State, compare, same_place
from flex_outbound.statuses import OPEN

SECONDS: Final = 10.0
"""How long one press of the button goes on with interactions that are open: a person waits for the answer."""

ABOUT_ONE: Final = (400, 409, 422)
"""Answers that are about one interaction; after any other, Twilio is not asked for the next."""

BATCH: Final = 20
"""Interactions after which it is written down what Twilio has taken."""


class Scope(StrEnum):
    """Of which interactions Twilio tells this site."""

    ALL = "all"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Included:
    """What came of giving the webhook to open interactions: how many are ``left``, and why, None where time ran out."""

    left: int
    problem: Problem | None = None


def scope_of(account: Account) -> Scope:
    """Return what is chosen for an account."""
    return Scope.OWN if account.interaction_webhook else Scope.ALL


def inspect(account: Account, client: TwilioCallbacks, instance_sid: str) -> Finding:
    """Compare what Twilio has registered with what is chosen. Raises GatewayError."""
    expected, also = _addresses(account)
    everybodys = client.list_interaction_webhooks(instance_sid)
    if scope_of(account) is Scope.ALL:
        return compare(Source.INTERACTIONS, expected, everybodys, also)
    own = client.list_interaction_webhooks(instance_sid, INTERACTION)
    named = [one for one in own if one.place == account.interaction_webhook]
    found = compare(Source.INTERACTIONS, expected, named, also)
    rest = tuple(one.url for one in _ours(account, everybodys))
    return replace(found, state=State.LACKING, others=rest) if rest and found.state == State.RIGHT else found


def register(account: Account, client: TwilioCallbacks, instance_sid: str, found: Finding) -> None:
    """Register our address as it is chosen, or correct it. Raises GatewayError."""
    if scope_of(account) is Scope.OWN:
        _register_own(account, client, instance_sid, found)
        return
    # Events that others chose are kept: the address may be ours while the choice of events is shared.
    events = tuple(dict.fromkeys((*(found.told or ()), *EVENTS[Source.INTERACTIONS])))
    client.register_interaction_webhook(instance_sid, found.place, found.expected, events)


def choose(account: Account, scope: Scope, client: TwilioCallbacks, instance_sid: str) -> None:
    """Have Twilio tell of every interaction, or only of those that are opened here. Raises GatewayError.

    The new registration is made before the former one goes, so that nothing is missed. Other programs' stay.
    """
    expected, also = _addresses(account)
    if scope is Scope.OWN:
        _register_own(account, client, instance_sid, Finding(Source.INTERACTIONS, State.MISSING, expected))
        return
    found = compare(Source.INTERACTIONS, expected, client.list_interaction_webhooks(instance_sid), also)
    if found.can_be_fixed:
        client.register_interaction_webhook(instance_sid, found.place, expected, EVENTS[Source.INTERACTIONS])
    # The one for interactions stays at Twilio: those that are open name it, and those to come do not.
    _remember(account, "")


def _register_own(account: Account, client: TwilioCallbacks, instance_sid: str, found: Finding) -> None:
    there = _ours(account, client.list_interaction_webhooks(instance_sid, INTERACTION))
    # One whose answer was lost is used now.
    place = found.place or next((one.place for one in there), "")
    wanted = EVENTS[Source.INTERACTIONS]
    ttid = client.register_interaction_webhook(instance_sid, place, found.expected, wanted, INTERACTION)
    _remember(account, ttid)
    for one in _ours(account, client.list_interaction_webhooks(instance_sid, GLOBAL)):
        client.delete_interaction_webhook(instance_sid, one.place)


def _remember(account: Account, ttid: str) -> None:
    Account.objects.filter(pk=account.pk).update(interaction_webhook=ttid)
    account.interaction_webhook = ttid


def _addresses(account: Account) -> tuple[str, set[str]]:
    return callback_url(account, Source.INTERACTIONS), callback_urls(account, Source.INTERACTIONS)


def _ours(account: Account, registered: list[Registration]) -> list[Registration]:
    expected, also = _addresses(account)
    return [one for one in registered if any(same_place(one.url, url) for url in (expected, *also))]


# -- interactions that are open already --------------------------------------------------------------------------------


def left_out(account: Account) -> QuerySet[Interaction]:
    """Return the open interactions of which Twilio is not known to tell; none where it tells of every one."""
    if not account.interaction_webhook:
        return Interaction.objects.none()
    # An invite is in an interaction that may have the webhook from before.
    told = Interaction.objects.filter(
        interaction_sid=OuterRef("interaction_sid"), webhook_ttid=account.interaction_webhook
    )
    mine = Interaction.objects.filter(account=account, status__in=sorted(OPEN), interaction_sid__isnull=False)
    return mine.filter(~Exists(told)).order_by("-opened_at", "-pk")


def include_open(account: Account, seconds: float = SECONDS) -> Included:
    """Give the webhook to interactions that are open already, the newest first, for so many seconds.

    What Twilio refuses or does not have is passed over. Raises nothing of Twilio's; no transaction may be open.
    """
    sids = [str(sid) for sid in left_out(account).values_list("interaction_sid", flat=True)]
    problem = None
    if sids:
        try:
            with closing(callbacks.connect(connection_to(account))) as client:
                problem = _include(account, client, sids, time.monotonic() + seconds)
        except ConfigurationError as error:
            problem = explain(error)
    return Included(left_out(account).count(), problem)


def _include(account: Account, client: TwilioCallbacks, sids: list[str], end: float) -> Problem | None:
    done: list[str] = []
    problem = None
    for sid in dict.fromkeys(sids):
        if time.monotonic() >= end:
            break
        try:
            client.name_webhook(sid, account.interaction_webhook)
            done.append(sid)
        except GatewayError as error:
            problem = explain(error)
            if error.http_status not in ABOUT_ONE:
                break
        if len(done) >= BATCH:
            _note(account, done)
            done = []
    _note(account, done)
    return problem


def _note(account: Account, sids: list[str]) -> None:
    named = Interaction.objects.filter(account=account, interaction_sid__in=sids)
    named.update(webhook_ttid=account.interaction_webhook)
