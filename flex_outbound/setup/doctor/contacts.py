"""Whether the index of the contacts' addresses is filled, and how old it is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound.contacts import ContactAdapter, label_of, registered
from flex_outbound.outbox import contact_index
from flex_outbound.setup.doctor.results import Check, CheckResult, Level

OLD: Final = timedelta(days=7)
"""Signals keep the index up; what changes contacts in bulk is only seen when it is made again."""


def checks() -> list[Check]:
    """Return the check of the index."""
    return [Check("contact_index", check_index, _("See docs/operations.md on the index of contacts."))]


def check_index() -> Iterator[CheckResult]:
    """Check the index of each registered model."""
    adapters = {label_of(model): adapter for model, adapter in registered().items()}
    for label in sorted(adapters):
        yield _of(label, adapters[label])


def _of(label: str, adapter: ContactAdapter) -> CheckResult:
    command = "python manage.py flex_index_contacts"
    finished_at, number = contact_index.age_of(adapter)
    if finished_at is None:
        words = _("%(model)s: not indexed yet, so a customer's message does not find its contact.")
        return CheckResult("contact_index", Level.WARNING, words % {"model": label}, command)
    age = timezone.now() - finished_at
    words = ngettext(
        "%(model)s: %(count)d contact was indexed %(hours)d h ago.",
        "%(model)s: %(count)d contacts were indexed %(hours)d h ago.",
        number,
    ) % {"model": label, "count": number, "hours": max(age.total_seconds(), 0) // 3600}
    if age > OLD:
        remedy = _("Run `%(command)s` regularly, from beat or cron: it sees what was changed in bulk.")
        return CheckResult("contact_index", Level.WARNING, words, remedy % {"command": command})
    return CheckResult("contact_index", Level.OK, words)
