"""Who may be written to: the one writer and the one reader of the ledger.

``append`` adds entries and says which one counts from now on. ``read`` answers for many addresses with one query.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from django.db import IntegrityError
from django.db.models import Aggregate, BooleanField, Case, Exists, JSONField, OuterRef, Subquery, Value, When
from django.db.models.functions import JSONObject
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from flex_outbound import addresses, signals
from flex_outbound.channels import Channel
from flex_outbound.models import ConsentEvent, ConsentSource, ConsentState
from flex_outbound.models.consent import MAX_REASON, REFUSING
from flex_outbound.models.digests import digests_of, is_digest
from flex_outbound.models.setup import forget_setup
from flex_outbound.outbox import locks

logger = logging.getLogger(__name__)

OPTED_OUT: Final = "opted_out"
"""The reason of a failure: Twilio said it, or our ledger."""

_TRIES: Final = 10
"""Of several writers of an address that nobody has written about, one wins; the others begin again, and wait."""

_KEY_LENGTH: Final = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be added. ``address``: in any form, or a digest of an erased one.

    ``account_id`` None: of all accounts; ``sender_address`` "": for every sender. ``happened_at`` None: now.
    """

    channel: str
    address: str = field(repr=False)
    state: str
    source: str
    account_id: int | None = None
    sender_address: str = ""
    user: Any = field(default=None, repr=False)
    reason: str = field(default="", repr=False)
    message_sid: str = ""
    happened_at: datetime | None = None


class _Scope(NamedTuple):
    """What an entry counts for."""

    address_key: str
    channel: str
    sender_address: str
    account_id: int | None


# -- writing -----------------------------------------------------------------------------------------------------------


def append(entries: Sequence[Entry], *, once: bool = False) -> list[ConsentEvent]:
    """Add entries in one transaction, and return those that are new.

    An entry about a message is added once for each address. The newest of an address, channel, account and sender
    counts, also where an older one comes later; see ``_rank``. ``once``: leave out what the ledger says already, with
    the same time, and send no signals. Raises ``locks.UNAVAILABLE``.
    """
    if not entries:
        return []
    for left in reversed(range(_TRIES)):
        try:
            with locks.bounded_transaction(savepoint=True, read_first=True):
                return _append(entries, once=once)
        except IntegrityError:
            # Somebody else has written about the same address; the next try finds what they wrote.
            if not left:
                raise
    raise AssertionError("unreachable")


def _append(entries: Sequence[Entry], *, once: bool) -> list[ConsentEvent]:
    rows = _without_known([_row(one) for one in entries], once=once)
    if not rows:
        return []
    keys = sorted({row.address_key for row in rows})
    there = ConsentEvent.objects.filter(address_key__in=keys)
    # All of an address, in one order: who has waited for another writer must not find that nothing counts any more.
    is_known = bool(locks.lock(there.order_by("pk").values_list("pk", flat=True)))
    newest = {_scope(row): row for row in there.filter(is_newest=True)} if is_known else {}
    replaced = []
    for scope, group in _grouped(rows).items():
        best = max(reversed(group), key=_rank)
        before = newest.get(scope)
        if before is None or _rank(best) >= _rank(before):
            best.is_newest = True
            replaced += [before.pk] if before is not None else []
    ConsentEvent.objects.filter(pk__in=replaced).update(is_newest=False)
    made = ConsentEvent.objects.bulk_create(rows)
    # Who imports a file knows what is in it.
    _after(made, is_told=not once)
    return made


def _row(entry: Entry) -> ConsentEvent:
    now = timezone.now()
    at = min(entry.happened_at or now, now)
    return ConsentEvent(
        account_id=entry.account_id,
        channel=entry.channel,
        address="" if is_digest(entry.address) else addresses.plain(entry.address)[:_KEY_LENGTH],
        address_key=entry.address if is_digest(entry.address) else key_of(entry.address),
        sender_address=entry.sender_address,
        state=entry.state,
        source=entry.source,
        user=entry.user,
        reason=entry.reason[:MAX_REASON],
        message_sid=entry.message_sid,
        happened_at=at.replace(microsecond=0),
    )


def key_of(address: str) -> str:
    """Return what entries of an address are found by, as long as it is not erased."""
    return addresses.key(address)[:_KEY_LENGTH]


def _scope(row: ConsentEvent) -> _Scope:
    return _Scope(row.address_key, row.channel, row.sender_address, row.account_id)


def _grouped(rows: Iterable[ConsentEvent]) -> dict[_Scope, list[ConsentEvent]]:
    groups: dict[_Scope, list[ConsentEvent]] = defaultdict(list)
    for row in rows:
        groups[_scope(row)].append(row)
    return groups


def _rank(row: ConsentEvent) -> tuple[datetime, bool]:
    """Return what the newest entry has most of. Within one second, what a customer's START says counts least.

    Twilio's times are in whole seconds and its callbacks come in any order, so a STOP of the same second may be later.
    """
    return row.happened_at, not (row.source == ConsentSource.KEYWORD and row.state == ConsentState.OPTED_IN)


def _without_known(rows: list[ConsentEvent], *, once: bool) -> list[ConsentEvent]:
    """Leave out entries about messages that are there already and, with ``once``, all that are."""
    sids = sorted({row.message_sid for row in rows if row.message_sid})
    seen: set[Any] = set()
    if sids:
        seen |= set(ConsentEvent.objects.filter(message_sid__in=sids).values_list("message_sid", "address_key"))
    if once:
        keys = sorted({row.address_key for row in rows})
        columns = ("address_key", "channel", "sender_address", "account_id", "state", "happened_at")
        seen |= set(ConsentEvent.objects.filter(address_key__in=keys).values_list(*columns))
    kept = []
    for row in rows:
        names = [(row.message_sid, row.address_key)] if row.message_sid else []
        names += [(*_scope(row), row.state, row.happened_at)] if once else []  # type: ignore[list-item]
        if seen.isdisjoint(names):
            kept.append(row)
        seen.update(names)
    return kept


def _after(made: Sequence[ConsentEvent], *, is_told: bool) -> None:
    if any(row.state == ConsentState.OPTED_OUT for row in made):
        # That there was no refusal at all is kept with what a user can send with.
        forget_setup()
        locks.after_commit(forget_setup)
    if is_told and signals.consent_changed.receivers:
        locks.after_commit(partial(_tell, made))


def _tell(made: Sequence[ConsentEvent]) -> None:
    for row in made:
        signals.consent_changed.send_robust(sender=ConsentEvent, consent=row)


# -- reading -----------------------------------------------------------------------------------------------------------


class _Said(NamedTuple):
    at: datetime
    is_more: bool
    pk: int
    state: str
    sender_key: str
    account_id: int | None


class Ledger:
    """What the ledger says of some addresses. Of others it says nothing."""

    def __init__(self, rows: Iterable[ConsentEvent] = (), asked: Iterable[str] = ()) -> None:
        self._asked = frozenset(map(key_of, asked))
        self._said: dict[tuple[str, str], list[_Said]] = defaultdict(list)
        for row in rows:
            said = _Said(*_rank(row), row.pk, row.state, addresses.key(row.sender_address), row.account_id)
            self._said[row.channel, row.address_key].append(said)

    def __bool__(self) -> bool:
        return bool(self._said)

    def covers(self, wanted: Iterable[str]) -> bool:
        """Tell whether the ledger was asked about all of these addresses."""
        return all(key_of(one) in self._asked for one in wanted if one)

    def state_of(self, channel: str, address: str, sender_address: str, account_id: int | None) -> str:
        """Return one of ``ConsentState``, "" where nothing is known: what the newest entry says that counts here."""
        if not self._said:
            return ""
        key, sender = key_of(address), addresses.key(sender_address)
        found = [said for one in (key, *digests_of(key)) for said in self._said.get((channel, one), ())]
        here = [said for said in found if said.sender_key in ("", sender) and said.account_id in (None, account_id)]
        return max(here).state if here else ""

    def addresses_in(self, state: str) -> set[str]:
        """Return the keys of the addresses of which any entry that counts says so."""
        return {key for (_channel, key), said in self._said.items() if any(one.state == state for one in said)}

    def refuses(self, channel: str, address: str, sender_address: str, account_id: int | None) -> bool:
        """Tell whether the customer of an address does not want messages from a sender."""
        return self.state_of(channel, address, sender_address, account_id) == ConsentState.OPTED_OUT


NOTHING: Final = Ledger()
"""The ledger where nobody has unsubscribed."""

_AT_ONCE: Final = 1000


def read(asked: Iterable[str]) -> Ledger:
    """Return what the ledger says of these addresses, in one query for up to some hundred of them."""
    given = [one for one in asked if one]
    wanted = _keys(given)
    rows: list[ConsentEvent] = []
    for start in range(0, len(wanted), _AT_ONCE):
        rows += ConsentEvent.objects.filter(is_newest=True, address_key__in=wanted[start : start + _AT_ONCE])
    return Ledger(rows, given)


def _keys(asked: Iterable[str]) -> list[str]:
    """Return what entries of these addresses are found by, erased ones included."""
    keys = {key_of(one) for one in asked if one}
    return sorted(keys | {digest for key in keys for digest in digests_of(key)})


class _JSONArray(Aggregate):
    """Rows as one JSON array. Django has no function for it that all three databases know."""

    output_field = JSONField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return super().as_sql(compiler, connection, function="JSON_GROUP_ARRAY", **more)

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return super().as_sql(compiler, connection, function="JSONB_AGG", **more)

    def as_mysql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return super().as_sql(compiler, connection, function="JSON_ARRAYAGG", **more)


_READ: Final = ("id", "channel", "address_key", "sender_address", "account_id", "state", "source", "happened_at")
"""The columns that a ``Ledger`` is made of."""


def as_column(asked: Iterable[str]) -> Subquery:
    """Return what ``read`` returns as a column of some other query: a ``Ledger`` is made of it by ``from_column``."""
    rows = ConsentEvent.objects.filter(is_newest=True, address_key__in=_keys(asked)).order_by()
    # A value that all rows share lets the query set aggregate them and stay a subquery.
    whole = (
        rows.annotate(all=Value(1)).values("all").annotate(rows=_JSONArray(JSONObject(**{one: one for one in _READ})))
    )
    return Subquery(whole.values("rows"), output_field=JSONField())


def from_column(value: Sequence[Mapping[str, Any]] | None, asked: Iterable[str]) -> Ledger:
    """Return the ledger that a column of ``as_column`` holds. ``asked``: the addresses that it was made for."""
    rows = [dict(one) for one in value or ()]
    for row in rows:
        row["happened_at"] = parse_datetime(row["happened_at"])
    return Ledger([ConsentEvent(**row) for row in rows], asked)


def any_refusal() -> Exists:
    """Return the condition that anybody has unsubscribed on a row's ``channel``: a part of some other query."""
    return Exists(ConsentEvent.objects.filter(REFUSING, channel=OuterRef("channel")))


def may_refuse(channel: str, address_key: str) -> Case:
    """Return whether the ledger may say no to a row's address: then it is read. It is part of a query as well.

    ``channel``, ``address_key``: columns of the row. What was erased is found only by its digest, and an email has
    recipients in other columns, so there any refusal is reason enough. Each has an index of its own.
    """
    refusing = ConsentEvent.objects.filter(REFUSING, channel=OuterRef(channel))
    reasons = (
        Exists(refusing.filter(address_key=OuterRef(address_key))),
        Exists(refusing.filter(address="")),
        Exists(refusing.filter(channel=Channel.EMAIL)),
    )
    return Case(*(When(one, then=True) for one in reasons), default=False, output_field=BooleanField())
