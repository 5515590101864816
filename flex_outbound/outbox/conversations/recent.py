"""Conversations of which no callback told: Twilio's newest are looked through, and the unknown ones become rows.

Conversations does not call twice. Where web server or database were down when a customer wrote first, nothing else
here would know of it before their next message. What is found is read as after a callback (``reading``), and then
somebody is brought into it (``inbound``). Only accounts are looked through in which customers who write first get an
agent.
https://www.twilio.com/docs/conversations/api/conversation-resource#read-multiple-conversation-resources
"""

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway.base import Gateway, Participant
from flex_outbound.models import Account, Conversation, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import alerts, ratelimit
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.conversations import opening
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.twilio_statuses import ConversationState

logger = logging.getLogger(__name__)

EVERY: Final = 300.0
"""Seconds between two looks at an account: for so long a customer may wait of whom no callback told."""

CALLBACKS_FIRST: Final = timedelta(seconds=60)
"""Younger conversations are left to their callbacks, and to the program that is still adding the customer."""

CLOCKS_DIFFER: Final = timedelta(seconds=120)
"""So much of what was looked through is looked through again: the times are Twilio's, and its list may lag."""

LONGEST: Final = timedelta(days=1)
"""How far back an account is looked through after an outage."""

AGAIN: Final = 60.0
"""Seconds after which Twilio is asked again where it did not answer."""

LEASE: Final = 300.0
"""Seconds until another worker may look through the same account. Each page of the list renews it."""

SOON: Final = 1.0
"""Seconds for which a job waits for its next request. A later job would begin the list anew."""

PATIENCE: Final = 30.0
"""Seconds after which a job gives way where others always take the next request."""

WORKS_FOR: Final = 60.0
"""Seconds after which a job leaves the rest to the next one."""

MOST_ERRORS: Final = 3
"""Conversations about which Twilio did not answer, after which a job leaves the rest to a later one."""

_ANSWERED: Final = Sender.objects.filter(account=OuterRef("pk"), is_active=True, opens_on_inbound=True)
_IS_ON: Final = Q(Exists(_ANSWERED), is_active=True)
_IS_DUE: Final = Q(_IS_ON, conversations_next_at=None) | Q(conversations_next_at__lte=Now())


class Later(Exception):
    """The rest is for a later job, in ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(slots=True)
class _Look:
    """One look through an account's conversations, the oldest first. ``until``: how far it has come."""

    account: Account
    gateway: Gateway
    until: datetime
    found: int = 0
    errors: int = 0


def due() -> list[int]:
    """Return the accounts whose newest conversations are to be looked through."""
    return list(Account.objects.filter(_IS_DUE).order_by("pk").values_list("pk", flat=True))


def look_through(account_id: int) -> int:
    """Make rows of an account's newest conversations that are not known. Returns how many may be of its senders.

    Of several workers one does. Raises nothing of Twilio's. The first look only notes from when on: who wrote before
    it was switched on is not called back.
    """
    if not Account.objects.filter(_IS_DUE, pk=account_id).update(conversations_next_at=from_now(LEASE)):
        return 0
    account: Any = Account.objects.annotate(now=Now(), is_on=Exists(_ANSWERED)).get(pk=account_id)
    if not (account.is_active and account.is_on):
        Account.objects.filter(pk=account_id).update(conversations_next_at=None, conversations_until=None)
        return 0
    known = account.conversations_until
    if known is None:
        _rest(account, account.now, EVERY)
        return 0
    begin = max(known - CLOCKS_DIFFER, account.now - LONGEST)
    if known < begin:
        logger.warning("Account %s was not listed for more than a day; what began before is left", account.account_sid)
    try:
        look = _Look(account, gateway_for(account), known)
    except ConfigurationError as error:
        alerts.record_configuration(account, error)
        _rest(account, known, EVERY)
        return 0
    pause = _look(look, begin, account.now - CALLBACKS_FIRST)
    _rest(account, look.until, pause)
    if look.found:
        request(Job.CONVERSATION, account_id)
    return look.found


def _look(look: _Look, begin: datetime, end: datetime) -> float:
    """Look through what began within this time; returns after how many seconds the next look is due."""
    try:
        unknown = _unknown(look, begin, end)
        _take_up_all(look, unknown)
    except Later as later:
        # The sweep asks for the next job: a request from here might come before this one has made way.
        return later.seconds
    except GatewayError as error:
        logger.warning("Account %s could not be asked for its conversations", look.account.account_sid)
        alerts.note_access(look.account, error)
        return AGAIN
    if look.errors:
        return AGAIN
    look.until = max(look.until, end)
    return EVERY


def _rest(account: Account, until: datetime, seconds: float) -> None:
    Account.objects.filter(pk=account.pk).update(conversations_until=until, conversations_next_at=from_now(seconds))


def _unknown(look: _Look, begin: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Return time and SID of the open conversations that have no row here, the oldest first.

    The list is asked for without a state: one may be inactive after a while, and its customer waits all the same.
    """
    listed = look.gateway.list_conversations(begin, partial(_next_page, look.account))
    begun = {one.conversation_sid: one.created_at or begin for one in listed if one.state != ConversationState.CLOSED}
    known = _known(begun)
    return sorted((at, sid) for sid, at in begun.items() if at <= end and key_of(sid) not in known)


def _known(sids: Collection[str]) -> set[Any]:
    keys = [key_of(sid) for sid in sids]
    # In parts: SQLite takes some thousand values in a query.
    parts = [keys[start : start + 500] for start in range(0, len(keys), 500)]
    return {pk for part in parts for pk in Conversation.objects.filter(pk__in=part).values_list("pk", flat=True)}


def _take_up_all(look: _Look, unknown: Sequence[tuple[datetime, str]]) -> None:
    """Make rows of conversations, and note how far that is done: up to the first about which Twilio did not answer."""
    end = time.monotonic() + WORKS_FOR
    for created, sid in unknown:
        if time.monotonic() > end:
            raise Later(0.0)
        _spend(look.account)
        try:
            look.found += _take_up(look.account, sid, look.gateway.list_participants(sid) or ())
        except GatewayError as error:
            logger.info("Conversation %s could not be looked at: %s", sid, type(error).__name__)
            look.errors += 1
            if look.errors >= MOST_ERRORS:
                raise
        if not look.errors:
            look.until = max(look.until, created)


def _take_up(account: Account, sid: str, people: Sequence[Participant]) -> bool:
    """Make a row of a conversation with a customer; returns whether it is still to be read whose it is.

    One with a business's address that is none of ours is marked as foreign at once. Of one in which nobody has an
    address, as of a chat, nothing says that it is ours: no row is made, as none is after its callbacks.
    """
    customers = [one for one in people if one.address]
    if not customers:
        return False
    ours = [one for one in customers if opening.sender_of(account.pk, one.proxy_address) is not None]
    row = opening.of_stranger(account.pk, sid, (ours or customers)[0].address[:256])
    if not ours and any(one.proxy_address for one in customers):
        row.is_foreign, row.address, row.next_at = True, "", None
    opening.save_new(row)
    return not row.is_foreign


def _next_page(account: Account) -> None:
    _spend(account)
    Account.objects.filter(pk=account.pk).update(conversations_next_at=from_now(LEASE))


def _spend(account: Account) -> None:
    """Take a request from the limit, waiting for one that is soon free. Raises Later."""
    end = time.monotonic() + PATIENCE
    while wait := ratelimit.take(Budget.CONVERSATIONS, account.account_sid):
        if wait > SOON or time.monotonic() > end:
            raise Later(wait)
        time.sleep(wait)
