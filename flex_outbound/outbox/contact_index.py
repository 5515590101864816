"""The index of the host's contacts by address: what of a contact is in it, and how it is filled and kept up.

It is a copy. What the host's database says counts, and whatever a signal missed, such as a bulk update, is mended when
the whole index is made again.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from flex_outbound import addresses, channels
from flex_outbound.channels import Address, AddressError, Channel
from flex_outbound.contacts import ContactAdapter, content_type_of, id_of, read_id
from flex_outbound.models import AddressIndex, ContactAddress, Interaction
from flex_outbound.outbox import locks
from flex_outbound.statuses import FINAL

logger = logging.getLogger(__name__)

MAX_KEY: Final = 256
BATCH: Final = 500


class NothingVisible(Exception):
    """A model's rows are hidden where there is no request, so that nothing can be said about which are gone."""


@dataclass(slots=True)
class Counts:
    """What was done: contacts that were read, addresses added and removed, and those that are unusable.

    ``failed``: contacts whose adapter raised an error; their addresses stay as they were. ``open_ids``: the ids of
    contacts with an interaction that has not ended, where that was asked for.
    """

    contacts: int = 0
    added: int = 0
    removed: int = 0
    skipped: int = 0
    failed: int = 0
    open_ids: list[str] = field(default_factory=list)

    def add(self, other: "Counts") -> None:
        """Count in what another step has done."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


Progress = Callable[[Counts], None]


def key_of(address: str) -> str:
    """Return an address as the index keeps it."""
    return addresses.key(address)[:MAX_KEY]


def keys_of(adapter: ContactAdapter, contact: Any) -> tuple[set[str], int]:
    """Return the keys of all of a contact's addresses, and how many of its addresses are unusable.

    Whether an address takes a channel does not matter here: a landline may write by WhatsApp, and an adapter may return
    a number for each channel that it does not know. Raises what the adapter raises.
    """
    found: set[str] = set()
    good: set[str] = set()
    bad: set[str] = set()
    region = adapter.get_default_region(contact)
    for channel in Channel:
        kind = channel.reading
        for raw in adapter.get_addresses(contact, channel):
            value = raw.value if isinstance(raw, Address) else raw
            for written in channels.split(kind, value, region):
                try:
                    found.add(key_of(channels.normalize(kind, written, region)))
                    good.add(str(written))
                except AddressError:
                    bad.add(str(written))
    return found, len(bad - good)


def index(
    adapter: ContactAdapter, contacts: Sequence[Any], gone: Iterable[str] = (), *, asks_for_open: bool = False
) -> Counts:
    """Write the addresses of some contacts into the index: two queries, and more only where something changed.

    ``gone``: ids of contacts that there are no more; nothing of theirs is kept. ``asks_for_open``: also note which of
    those that are in the index have an interaction that has not ended; it costs no query.
    """
    counts = Counts()
    wanted: dict[str, set[str]] = {one: set() for one in gone}
    for contact in contacts:
        counts.contacts += 1
        try:
            wanted[id_of(adapter, contact)], skipped = keys_of(adapter, contact)
        except Exception as error:
            # Its words may quote an address.
            logger.error("The adapter of %s raised %s for a contact.", adapter.model._meta.label, type(error).__name__)
            counts.failed += 1
        else:
            counts.skipped += skipped
    kind = content_type_of(adapter)
    there = ContactAddress.objects.filter(contact_type=kind, contact_id__in=list(wanted))
    there = there.only("address_key", "is_learned", "contact_id")
    rows: list[Any] = list(there.annotate(has_open=_has_open()) if asks_for_open else there)
    if asks_for_open:
        counts.open_ids = sorted({row.contact_id for row in rows if row.has_open})
    _write(kind, rows, wanted, frozenset(gone), counts)
    return counts


def _has_open() -> Exists:
    same = {name: OuterRef(name) for name in ("contact_type", "contact_id")}
    return Exists(Interaction.objects.filter(**same).exclude(status__in=sorted(FINAL)))


def _write(
    kind: ContentType, rows: Iterable[Any], wanted: dict[str, set[str]], gone: frozenset[str], counts: Counts
) -> None:
    kept: set[tuple[str, str]] = set()
    old, recorded = [], []
    for row in rows:
        is_wanted = row.address_key in wanted[row.contact_id]
        if not is_wanted and (not row.is_learned or row.contact_id in gone):
            old.append(row.pk)
            continue
        kept.add((row.contact_id, row.address_key))
        recorded += [row.pk] if is_wanted and row.is_learned else []
    new = [
        ContactAddress(contact_type=kind, contact_id=contact_id, address_key=key)
        for contact_id, keys in wanted.items()
        for key in sorted(keys)
        if (contact_id, key) not in kept
    ]
    if not (old or new or recorded):
        return
    with locks.bounded_transaction(savepoint=True):
        # What is in the contact's record goes with the record, however it was learned.
        ContactAddress.objects.filter(pk__in=recorded).update(is_learned=False)
        ContactAddress.objects.filter(pk__in=old).delete()
        ContactAddress.objects.bulk_create(new, ignore_conflicts=True)
    counts.added += len(new)
    counts.removed += len(old)


def read_again(adapter: ContactAdapter, keys: Sequence[Any]) -> Counts:
    """Index the contacts with these primary keys as they are now; those that are not there any more leave the index."""
    counts = Counts()
    pk = adapter.model._meta.pk
    for some in _in_batches(keys, BATCH):
        found = list(adapter.get_indexed().filter(pk__in=some))
        there = {id_of(adapter, one) for one in found}
        gone = {str(pk.to_python(one)) for one in some} - there
        counts.add(index(adapter, found, gone, asks_for_open=True))
    return counts


def build(
    adapter: ContactAdapter, *, batch: int = BATCH, restart: bool = False, progress: Progress | None = None
) -> Counts:
    """Index all contacts of a model, in batches by primary key; goes on where it was interrupted.

    ``restart``: begin with the first contact all the same. ``progress``: called after each batch. Raises
    NothingVisible, and what the host's database raises.
    """
    _refuse_hidden(adapter)
    kind = content_type_of(adapter)
    state, _made = AddressIndex.objects.get_or_create(contact_type=kind)
    if restart or state.finished_at is not None:
        state.after, state.indexed = "", 0
    counts, show = Counts(), progress or (lambda _counts: None)
    for contacts in _all(adapter, state.after, batch):
        counts.add(index(adapter, contacts))
        state.indexed += len(contacts)
        _save(state, after=id_of(adapter, contacts[-1]))
        show(counts)
    for ids in _gone(adapter, kind, batch):
        counts.add(index(adapter, (), gone=ids))
        show(counts)
    _save(state, after="", is_finished=True)
    return counts


def _save(state: AddressIndex, *, after: str, is_finished: bool = False) -> None:
    state.after = after
    finished: Any = Now() if is_finished else None
    rows = AddressIndex.objects.filter(pk=state.pk)
    rows.update(after=after, indexed=state.indexed, finished_at=finished, updated_at=Now())


def _refuse_hidden(adapter: ContactAdapter) -> None:
    """Raise NothingVisible where not one contact is shown, although there are some."""
    if not adapter.get_indexed().exists() and adapter.model._base_manager.exists():
        raise NothingVisible


def _all(adapter: ContactAdapter, after: str, batch: int) -> Iterator[list[Any]]:
    pk = adapter.model._meta.pk
    contacts = adapter.get_indexed().order_by("pk")
    # Where the type of the key has changed since, nothing stands for the last one: all of them.
    begin = read_id(adapter, after) if after else None
    rest = contacts if begin is None else contacts.filter(pk__gt=begin)
    while found := list(rest[:batch]):
        yield found
        rest = contacts.filter(pk__gt=getattr(found[-1], pk.attname))


def _gone(adapter: ContactAdapter, kind: ContentType, batch: int) -> Iterator[set[str]]:
    """Yield the ids of contacts that are in the index and nowhere else."""
    entries = ContactAddress.objects.filter(contact_type=kind).order_by("pk").values_list("pk", "contact_id")
    after = 0
    while rows := list(entries.filter(pk__gt=after)[:batch]):
        after = rows[-1][0]
        by_key: dict[Any, str] = {}
        unreadable: set[str] = set()
        for _row, contact_id in rows:
            key = read_id(adapter, contact_id)
            if key is None:
                unreadable.add(contact_id)
            else:
                by_key[key] = contact_id
        there = set(adapter.get_indexed().filter(pk__in=list(by_key)).values_list("pk", flat=True))
        missing = {contact_id for key, contact_id in by_key.items() if key not in there} | unreadable
        if missing:
            yield missing


def _in_batches(keys: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def contacts_with(address: str) -> models.QuerySet[ContactAddress]:
    """Return the entries of an address, in any of its forms."""
    return ContactAddress.objects.filter(address_key=key_of(address)).order_by("pk")


def progress_of(adapter: ContactAdapter) -> int:
    """Return how many contacts of a model an interrupted run has indexed, 0 where none was interrupted."""
    found = AddressIndex.objects.filter(contact_type=content_type_of(adapter), finished_at=None).first()
    return found.indexed if found else 0


def age_of(adapter: ContactAdapter) -> tuple[datetime | None, int]:
    """Return when the index of a model was last made as a whole, None if never, and how many contacts it had then."""
    found = AddressIndex.objects.filter(contact_type=content_type_of(adapter)).first()
    return (found.finished_at, found.indexed) if found else (None, 0)
