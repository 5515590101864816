"""Keeps the rows of an account's templates as Twilio shows them: bodies, types, samples and WhatsApp's approvals.

The sweep asks where nobody has for ``TEMPLATES_MAX_AGE``; ``flex_sync`` and the admin's list ask at once.
"""

import logging
from collections import Counter
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from django.db import connections, router
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.conf import conf
from flex_outbound.exceptions import FlexOutboundError, Refused
from flex_outbound.gateway.directory import open_directory
from flex_outbound.gateway.resources import ListedTemplate
from flex_outbound.models import Account, Template
from flex_outbound.outbox import locks
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.gateways import connection_to

logger = logging.getLogger(__name__)

BATCH: Final = 500
AGAIN: Final = 900.0
"""Seconds after which a list that could not be read is asked for again, and for which one process holds the work."""

NOT_SHOWN: Final = (401, 403, 404)
"""Answers for a product that the API key may not read: asking again soon does not help."""

SHOWN: Final = (
    *("name", "language", "types", "variables", "category", "content_type", "whatsapp_status", "rejection_reason"),
)
"""The columns that Twilio fills; the others are the managers'."""


@dataclass(frozen=True, slots=True)
class Synced:
    """How many templates Twilio shows, and how many of them are new, changed, or gone since."""

    total: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0


def due() -> list[int]:
    """Return the accounts whose templates are to be asked for."""
    if conf.templates_max_age is None:
        return []
    found = Account.objects.filter(_is_due(), is_active=True).order_by("pk")
    return list(found.values_list("pk", flat=True)[:100])


def run(account_id: int) -> None:
    """Ask for the templates of an account that is due. Of two workers one does; what goes wrong is logged."""
    mine = Account.objects.filter(_is_due(), pk=account_id, is_active=True)
    if not mine.update(templates_next_at=from_now(AGAIN)):
        return
    account = Account.objects.get(pk=account_id)
    try:
        sync(account)
    except FlexOutboundError as error:
        logger.warning("Templates of %s: %s", account.account_sid, getattr(error, "reason", type(error).__name__))
        if isinstance(error, Refused) and error.http_status in NOT_SHOWN:
            _rest(account)


def sync(account: Account) -> Synced:
    """Read all templates of an account and store them: nothing is changed unless the whole list was read.

    Raises GatewayError or ConfigurationError.
    """
    began = timezone.now()
    with open_directory(connection_to(account)) as directory:
        # A template that moved to another page meanwhile is listed twice.
        listed = {one.sid: one for one in directory.templates()}
    # What is stored is compared with what was read.
    with locks.bounded_transaction(read_first=True):
        counts = _store(account, list(listed.values()), began)
        rows = Template.objects.filter(account=account, gone_at=None, seen_at__lt=began)
        counts["gone"] = rows.update(gone_at=Now())
        Account.objects.filter(pk=account.pk).update(templates_seen_at=began)
    _rest(account)
    return Synced(len(listed), counts["new"], counts["changed"], counts["gone"])


def _is_due() -> Q:
    return Q(templates_next_at=None) | Q(templates_next_at__lte=Now())


def _rest(account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(templates_next_at=from_now(conf.templates_max_age or AGAIN))


def _store(account: Account, listed: list[ListedTemplate], seen_at: datetime) -> Counter[str]:
    """Write the rows in statements for hundreds. Returns how many are new and how many have changed."""
    before = {row.content_sid: row for row in Template.objects.filter(account=account)}
    counts: Counter[str] = Counter()
    rows = [Template(account=account, content_sid=one.sid, seen_at=seen_at, **_values(one)) for one in listed]
    for row in rows:
        known = before.get(row.content_sid)
        if known is None:
            counts["new"] += 1
        elif known.gone_at or any(getattr(known, name) != getattr(row, name) for name in SHOWN):
            counts["changed"] += 1
    using = router.db_for_write(Template)
    names_target = connections[using].features.supports_update_conflicts_with_target
    Template.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        update_fields=[*SHOWN, "seen_at", "gone_at"],
        unique_fields=["account", "content_sid"] if names_target else None,
    )
    return counts


def _values(one: ListedTemplate) -> dict[str, Any]:
    values = {field.name: getattr(one, field.name) for field in fields(one)}
    del values["sid"]
    values["whatsapp_status"] = values.pop("status")
    return values
