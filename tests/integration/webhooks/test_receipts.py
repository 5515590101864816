"""Twilio reaches us, and that is seen even where nothing of what it tells is about us."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import DatabaseError
from django.db.models import F

from flex_outbound.models import Account, Source, WebhookEvent
from flex_outbound.models.event import WebhookReceipt
from flex_outbound.sandbox import defaults
from flex_outbound.webhooks import receipts
from flex_outbound.webhooks.read import FORM

from .address import send, sign
from .conftest import PUBLIC

EVENT = {
    "EventType": "task.created",
    "AccountSid": defaults.ACCOUNT_SID,
    "WorkspaceSid": defaults.WORKSPACE_SID,
    "TaskSid": "WT" + "0" * 32,
}


def post(account: Account, signature: str = "", **changes: str) -> int:
    path = f"/flex/webhooks/{account.pk}/taskrouter/"
    form = EVENT | changes
    headers = {"X-Twilio-Signature": signature or sign(PUBLIC + path, form)}
    answer: Any = send(path, urlencode(form), FORM, headers)
    return int(answer.status_code)


@pytest.fixture(autouse=True)
def public(settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"PUBLIC_BASE_URL": PUBLIC}


@pytest.mark.django_db
def test_a_callback_about_somebody_else_is_noted_and_not_kept(account: Account) -> None:
    assert post(account) == 204
    receipt = WebhookReceipt.objects.get()
    assert (receipt.account, receipt.source, receipt.event_type) == (account, Source.TASKROUTER, "task.created")
    assert not WebhookEvent.objects.exists()


@pytest.mark.django_db
def test_a_forged_one_is_not_noted(account: Account) -> None:
    assert post(account, signature="Zm9yZ2Vk") == 403
    assert not WebhookReceipt.objects.exists()


@pytest.mark.django_db
def test_the_next_one_moves_the_note_but_not_at_once(account: Account) -> None:
    post(account)
    WebhookReceipt.objects.update(last_at=F("last_at") - timedelta(hours=1))
    before = WebhookReceipt.objects.get()
    post(account, EventType="task.updated")
    assert WebhookReceipt.objects.get().last_at == before.last_at
    receipts.pauses.clear()
    post(account, EventType="task.completed")
    after = WebhookReceipt.objects.get()
    assert after.last_at > before.last_at
    assert after.event_type == "task.completed"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["x" * 5000, "a\nb", "ünlaut"])
def test_a_name_that_is_none_changes_nothing(account: Account, name: str) -> None:
    assert post(account, EventType=name) == 204
    assert len(WebhookReceipt.objects.get().event_type) <= receipts.LONGEST_TYPE


@pytest.mark.django_db
def test_a_note_that_cannot_be_written_costs_nothing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise DatabaseError("full")

    monkeypatch.setattr(receipts, "_write", broken)
    assert post(account) == 204
