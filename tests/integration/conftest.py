"""Clicks of the past, written straight into the table."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType

from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction
from flex_outbound.statuses import FINAL, Status

Click = Callable[..., Interaction]


@pytest.fixture
def click(account: Account, agent: Any) -> Click:
    """Write a click that was opened after ``wait`` seconds (None: never)."""
    contact_type = ContentType.objects.get_for_model(Contact)

    def write(at: datetime, wait: float | None = 1.0, status: str = "closed", **values: Any) -> Interaction:
        key = uuid.uuid4()
        at = at.replace(tzinfo=at.tzinfo or UTC)
        is_final = Status(status) in FINAL
        sids = {"interaction_sid": f"KD{key.hex}", "task_sid": f"WT{key.hex}", "channel_sid": f"UO{key.hex}"}
        given: dict[str, Any] = {
            "agent": agent,
            "channel": "sms",
            "address": "+14155550123",
            "contact_name": "Ann Example",
            "error_reason": "opted_out" if status == "failed" else "",
            "updated_at": at,
            **(sids if wait is not None else {}),
            **values,
        }
        row = Interaction(
            id=key,
            contact_type=contact_type,
            contact_id=key.hex,
            account=account,
            # A number and a sender have one open conversation.
            sender_address="+14155550100" if is_final else f"+1{key.int % 10**10:010}",
            worker_sid="WK" + "a" * 32,
            idempotency_key=key.hex,
            fingerprint="x",
            status=status,
            created_at=at,
            opened_at=None if wait is None else at + timedelta(seconds=wait),
            finished_at=at if is_final else None,
            next_at=None if is_final else at,
            **given,
        )
        row.save(force_insert=True)
        return row

    return write
