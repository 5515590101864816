"""Rows in any state, and what the metrics say of them."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db.models.functions import Now
from prometheus_client import Metric

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.metrics.process import REGISTRY
from flex_outbound.models import Account, Interaction, Sender


def sample(families: Iterable[Metric], name: str, **labels: str) -> float | None:
    """Return one value by the name and labels that Prometheus would see, None where there is none."""
    for family in families:
        for one in family.samples:
            if one.name == f"flex_outbound_{name}" and one.labels == labels:
                return one.value
    return None


def counted(name: str, **labels: str) -> float:
    """Return what this process has counted so far."""
    return REGISTRY.get_sample_value(f"flex_outbound_{name}", labels) or 0.0


@pytest.fixture
def row(account: Account, senders: dict[Channel, Sender], contact: Contact) -> Callable[..., Interaction]:
    """Make a row that is due now: queued, by SMS, unless told otherwise. ``age``, ``late``: seconds."""
    made: list[Interaction] = []

    def make(age: float = 0, late: float = 0, channel: Channel = Channel.SMS, **values: Any) -> Interaction:
        number = len(made)
        values.setdefault("created_at", Now() - timedelta(seconds=age))
        values.setdefault("next_at", Now() - timedelta(seconds=late))
        if values.get("status") in {"created", "active", "closed"}:
            sids = {"interaction_sid": f"KD{number:032x}", "task_sid": f"WT{number:032x}", "opened_at": Now()}
            values = {**sids, **values}
        made.append(
            Interaction.objects.create(
                contact_type=ContentType.objects.get_for_model(contact),
                contact_id=str(contact.pk),
                channel=channel,
                address=f"+1415555{number:04d}",
                account=account,
                sender=senders[channel],
                sender_address=senders[channel].address,
                worker_sid="WK" + "0" * 32,
                idempotency_key=str(number),
                fingerprint="0" * 64,
                **values,
            )
        )
        return made[-1]

    return make
