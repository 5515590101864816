"""What waits for an answer, and is asked for again: by the same click, with the same text, by the customer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from crm_demo.models import Contact
from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Interaction
from flex_outbound.outbox import opening_now

from .conftest import Clicker, Sandbox
from .pages import signed_in
from .test_waiting import said, wait

__all__ = ["wait"]

pytestmark = pytest.mark.django_db(transaction=True)


class TestTheSameClick:
    """Two requests to open it that have one key."""

    def test_both_at_once_get_the_same_one(self, wait: Clicker, agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
        row = wait()
        same = Interaction.objects.get(pk=row.pk)
        real: Callable[..., Interaction] = opening_now._checked
        first: list[Interaction] = []

        def late(*args: Any) -> Interaction:
            made = real(*args)
            monkeypatch.setattr(opening_now, "_checked", real)
            first.append(opening_now.open_now(same, agent, "once"))
            return made

        monkeypatch.setattr(opening_now, "_checked", late)
        assert [opening_now.open_now(row, agent, "once")] == first
        assert Interaction.objects.exclude(pk=row.pk).get() == first[0]


class TestTheSameText:
    """A reminder is no second click by mistake."""

    def test_at_once_it_is_the_same_click(self, wait: Clicker, sandbox: Sandbox) -> None:
        row = wait()
        assert wait() == row
        assert said(sandbox) == [["May we call you?"]]

    @pytest.mark.parametrize("later", [timedelta(minutes=6), timedelta(days=5)])
    def test_later_it_is_told_that_it_is_not_sent(
        self, later: timedelta, wait: Clicker, agent: User, contact: Contact, sandbox: Sandbox
    ) -> None:
        row = wait()
        Interaction.objects.update(created_at=F("created_at") - later)
        with pytest.raises(ClickConflict) as refused:
            wait()
        assert (refused.value.code, refused.value.interaction) == ("already_open", row)
        payload = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms"}
        payload |= {"body": "May we call you?", "opens_on_answer": "true"}
        answer = signed_in(agent).post("/flex/api/interactions/", payload)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (409, "already_open")
        assert told["open_conversation"]["choices"] == ["open_now", "add", "end"]

    def test_with_the_same_key_it_stays_the_same_click(self, wait: Clicker) -> None:
        row = wait(idempotency_key="once")
        Interaction.objects.update(created_at=F("created_at") - timedelta(days=5))
        assert wait(idempotency_key="once") == row
