"""The ledger as a CSV file: written while it is read, and taken in whole or not at all.

A file is read twice: first every row is checked, then all are added, a batch at a time in one transaction. So memory
does not grow with it.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TextIO

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from flex_outbound import addresses, channels
from flex_outbound.channels import AddressError, Channel
from flex_outbound.conf import conf
from flex_outbound.models import Account, ConsentEvent, ConsentSource, ConsentState, Sender
from flex_outbound.models.consent import MAX_REASON
from flex_outbound.models.digests import is_digest
from flex_outbound.outbox import consent, locks
from flex_outbound.outbox.consent import Entry
from flex_outbound.spreadsheets import BOM, safe

COLUMNS: Final = ("address", "channel", "sender", "state", "source", "happened_at", "reason", "account")
REQUIRED: Final = ("address", "channel", "state")

BATCH: Final = 1000
MOST_PROBLEMS: Final = 50
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a file. ``line``: its number, as an editor shows it; ``column``: its name, "" for the line."""

    line: int
    column: str
    words: str = field(repr=False)

    def __str__(self) -> str:
        where = _("Line %(line)d, %(column)s") if self.column else _("Line %(line)d")
        return f"{where % {'line': self.line, 'column': self.column}}: {self.words}"


class BadFile(ValueError):
    """A file of which nothing was taken. ``problems``: the first of them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("Nothing was imported.")
        self.problems = problems


@dataclass(slots=True)
class Imported:
    """``rows``: in the file; ``added``: those that the ledger did not have yet."""

    rows: int = 0
    added: int = 0


# -- writing -----------------------------------------------------------------------------------------------------------


def lines() -> Iterator[str]:
    """Yield the ledger as a file, the oldest entry first, in pieces of a batch. Erased addresses are digests."""
    yield BOM + _csv([COLUMNS])
    last = 0
    rows = ConsentEvent.objects.select_related("account").only(
        *("address", "address_key", "channel", "sender_address", "state", "source", "happened_at", "reason"),
        "account__account_sid",
    )
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1].pk
        yield _csv(_cells(row) for row in batch)


def _cells(row: ConsentEvent) -> list[str]:
    account = row.account.account_sid if row.account is not None else ""
    at = row.happened_at.astimezone(timezone.get_default_timezone()).isoformat()
    texts = (row.address or row.address_key, row.channel, row.sender_address, row.state, row.source, at, row.reason)
    return [safe(text) for text in (*texts, account)]


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


# -- reading -----------------------------------------------------------------------------------------------------------


def take(file: TextIO, user: Any = None) -> Imported:
    """Add the entries of a file, all or none. Raises BadFile.

    ``file``: a text that can be read twice, opened with ``newline=""``. ``user``: who is noted with the entries. What
    the ledger has already, with the same time, is left out. No signals are sent.
    """
    problems: list[Problem] = []
    reading = _Reading()
    for _entry in _entries(file, reading, problems, user):
        pass
    if problems:
        raise BadFile(problems[:MOST_PROBLEMS])
    file.seek(0)
    found = Imported()
    with locks.bounded_transaction(savepoint=True, read_first=True):
        for batch in _batches(_entries(file, reading, problems, user)):
            found.rows += len(batch)
            found.added += len(consent.append(batch, once=True))
    return found


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for one in entries:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(slots=True)
class _Reading:
    """What a file may name, and when it is read."""

    accounts: dict[str, int] = field(default_factory=lambda: dict(Account.objects.values_list("account_sid", "pk")))
    now: datetime = field(default_factory=timezone.now)


def _entries(file: TextIO, reading: _Reading, problems: list[Problem], user: Any) -> Iterator[Entry]:
    """Yield the entries of a file, and note what is wrong in the other rows."""
    rows = csv.reader(file, strict=True)
    try:
        names = [name.strip().lstrip(BOM).lower() for name in next(rows, [])]
        problems += _about_columns(names)
        if problems:
            return
        for row in rows:
            if len(problems) >= MOST_PROBLEMS:
                return
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(names):
                words = _("It has %(found)d columns in place of %(wanted)d.")
                problems.append(Problem(rows.line_num, "", words % {"found": len(row), "wanted": len(names)}))
                continue
            entry = _entry(_Row(rows.line_num, dict(zip(names, row, strict=True)), problems), reading, user)
            if entry is not None:
                yield entry
    except UnicodeDecodeError:
        problems.append(Problem(rows.line_num + 1, "", _("The file is not UTF-8. Save it again in this encoding.")))
    except csv.Error:
        problems.append(Problem(rows.line_num, "", _("This is no CSV: a quote is open, or a cell is too long.")))


def _about_columns(names: list[str]) -> list[Problem]:
    found = [Problem(1, name, _("This column is missing.")) for name in REQUIRED if name not in names]
    found += [Problem(1, name, _("There is no such column.")) for name in names if name not in COLUMNS]
    found += [Problem(1, name, _("This column is there twice.")) for name in set(names) if names.count(name) > 1]
    return found


@dataclass(slots=True)
class _Row:
    line: int
    cells: dict[str, str] = field(repr=False)
    problems: list[Problem]
    is_bad: bool = False

    def text(self, name: str) -> str:
        """Return a cell, without the apostrophe that keeps spreadsheets from running it."""
        return self.cells.get(name, "").strip().removeprefix("'").strip()

    def refuse(self, name: str, words: str) -> None:
        self.is_bad = True
        self.problems.append(Problem(self.line, name, words))


def _entry(row: _Row, reading: _Reading, user: Any) -> Entry | None:
    channel = _choice(row, "channel", Channel.values)
    state = _choice(row, "state", ConsentState.values)
    source = _choice(row, "source", ConsentSource.values, ConsentSource.IMPORT.value)
    address = _address(row, channel)
    sender = _sender(row, channel)
    at = _moment(row, reading.now)
    reason = row.text("reason")
    if len(reason) > MAX_REASON or "\0" in reason:
        row.refuse("reason", _("At most %(most)d characters.") % {"most": MAX_REASON})
    account_sid = row.text("account")
    if account_sid and account_sid not in reading.accounts:
        row.refuse("account", _("There is no such account."))
    if row.is_bad:
        return None
    return Entry(
        channel=channel,
        address=address,
        state=state,
        source=source,
        account_id=reading.accounts.get(account_sid),
        sender_address=sender,
        user=user,
        reason=reason,
        happened_at=at or reading.now,
    )


def _choice(row: _Row, name: str, values: list[str], default: str = "") -> str:
    value = row.text(name).lower() or default
    if name == "channel" and value in channels.ENDED:
        row.refuse(name, str(channels.ENDED[value]))
    elif value not in values:
        row.refuse(name, _("Choose one of: %(values)s.") % {"values": ", ".join(values)})
    return value


def _address(row: _Row, channel: str) -> str:
    text = row.text("address")
    if is_digest(text) or channel not in Channel.values:
        return text
    if channel == Channel.WHATSAPP and not addresses.is_number(text) and addresses.may_be_address(text):
        return addresses.plain(text)
    # A landline may have been said to be one later; what counts is the number.
    try:
        return channels.normalize(Channel(channel).reading, text, _region())
    except AddressError as error:
        row.refuse("address", str(error))
        return ""


def _region() -> str:
    return conf.default_region


def _sender(row: _Row, channel: str) -> str:
    text = row.text("sender")
    if not text or channel not in Channel.values:
        return ""
    try:
        return Sender.normalized(Channel(channel), text)
    except AddressError as error:
        row.refuse("sender", str(error))
        return ""


def _moment(row: _Row, now: datetime) -> datetime | None:
    text = row.text("happened_at")
    if not text:
        return None
    try:
        at = parse_datetime(text)
        day = parse_date(text) if at is None else None
    except ValueError:
        at = day = None
    if at is None and day is not None:
        at = datetime(day.year, day.month, day.day)
    if at is None:
        row.refuse("happened_at", _("Write the time as 2026-01-31T09:30:00+01:00."))
        return None
    at = at if timezone.is_aware(at) else timezone.make_aware(at)
    if at > now + _CLOCKS_DIFFER:
        row.refuse("happened_at", _("This time has not come yet."))
    return at
