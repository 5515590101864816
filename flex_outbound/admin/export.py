"""The history as a CSV file, written while it is read: a page of rows at a time, however many there are.

Each page is a query of its own, so nothing is held open between them: no cursor, no transaction, no memory, and a
connection that breaks off leaves nothing behind.
"""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone

from flex_outbound.contexts import duplicates_of
from flex_outbound.models import Interaction

PAGE: Final = 2000
BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Spreadsheets take a file for UTF-8 by it."""

_DANGEROUS: Final = tuple("=+-@\t\r\n＝＋－＠")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")


def _time(moment: datetime | None) -> str:
    if moment is None:
        return ""
    aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(row: Interaction) -> str:
    return f"{(row.opened_at - row.created_at).total_seconds():.3f}" if row.opened_at else ""


COLUMNS: Final[dict[str, Callable[[Interaction], Any]]] = {
    "id": lambda row: row.pk,
    "clicked_at": lambda row: _time(row.created_at),
    "status": lambda row: row.status,
    "channel": lambda row: row.channel,
    "contact_type": lambda row: f"{row.contact_type.app_label}.{row.contact_type.model}",
    "contact_id": lambda row: row.contact_id,
    "contact_name": lambda row: row.contact_name,
    "address": lambda row: row.address,
    "account": lambda row: row.account.name,
    "sender": lambda row: row.sender.display_name if row.sender else "",
    "sender_address": lambda row: row.sender_address,
    "agent": lambda row: row.agent.get_username() if row.agent else "",
    "worker_sid": lambda row: row.worker_sid,
    "attempts": lambda row: row.attempt,
    "opened_too_often": lambda row: duplicates_of(row)["duplicates"],
    "sent_at": lambda row: _time(row.sent_at),
    "opened_at": lambda row: _time(row.opened_at),
    "seconds_to_flex": _seconds,
    "finished_at": lambda row: _time(row.finished_at),
    "task_status": lambda row: row.task_status,
    "channel_status": lambda row: row.channel_status,
    "error_reason": lambda row: row.error_reason,
    "error_code": lambda row: row.error_code,
    "first_message": lambda row: row.first_message.status if row.first_message else "",
    "interaction_sid": lambda row: row.interaction_sid,
    "channel_sid": lambda row: row.channel_sid,
    "task_sid": lambda row: row.task_sid,
    "conversation_sid": lambda row: row.conversation_sid,
    "invite_sid": lambda row: row.invite_sid,
}
"""The columns in their order. Neither texts nor subjects, and nothing that is secret."""

_RELATED: Final = ("contact_type", "account", "sender", "agent", "message")
_FIELDS: Final = (
    *(field.name for field in Interaction._meta.concrete_fields if field.name not in {"cc", "subject", "fingerprint"}),
    "contact_type__app_label",
    "contact_type__model",
    "account__name",
    "sender__display_name",
    f"agent__{get_user_model().USERNAME_FIELD}",
    "message__status",
    "message__interaction",
)


def lines(rows: QuerySet[Interaction]) -> Iterator[str]:
    """Yield the file, the newest click first, in pieces of ``PAGE`` rows."""
    writer = csv.writer(_Echo())
    yield BOM + writer.writerow(COLUMNS)
    for page in pages(rows):
        yield "".join(writer.writerow([safe(value(row)) for value in COLUMNS.values()]) for row in page)


def safe(value: Any) -> str:
    """Return a cell that no spreadsheet runs: what could be read as a formula gets an apostrophe in front.

    A number stays as it is, with its sign, so that telephone numbers can be used.
    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_DANGEROUS) and not _NUMBER.fullmatch(text) else text


def pages(rows: QuerySet[Interaction]) -> Iterator[list[Interaction]]:
    """Yield all rows, the newest click first, some at a time; what is clicked meanwhile is left out."""
    ordered = rows.select_related(*_RELATED).only(*_FIELDS).order_by("-created_at", "-id")
    after = Q()
    seen: dict[Any, datetime] = {}
    while page := list(ordered.filter(after).exclude(pk__in=list(seen))[:PAGE]):
        yield page
        # A moment later than the last one: SQLite keeps times as text, of which one moment has several.
        edge = page[-1].created_at + timedelta(microseconds=1)
        seen = {pk: at for pk, at in seen.items() if at <= edge}
        seen |= {row.pk: row.created_at for row in page if row.created_at <= edge}
        after = Q(created_at__lte=edge)


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text
