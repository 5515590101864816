"""A host with ATOMIC_REQUESTS: a refusal is answered as without, and leaves written what it should."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Interaction, OpenSearch
from flex_outbound.outbox import offering, opening_now
from flex_outbound.outbox.conversations import handing
from flex_outbound.statuses import Status

from .conftest import Clicker, Sandbox, run_due
from .elsewhere import Twilio
from .pages import live, signed_in
from .test_already_open import click_again
from .test_joining import begun as begun
from .test_joining import left as left
from .test_waiting import wait

__all__ = ["wait"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("indexed", "_atomic_requests")]

API = "/flex/api/interactions/"


@pytest.fixture
def _atomic_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


class TestAlreadyOpen:
    """What is open is read before the transaction is given up."""

    @pytest.mark.parametrize("opens_on_answer", [True, False])
    def test_an_interaction_of_ours(
        self, opens_on_answer: bool, click: Clicker, sandbox: Sandbox, colleague: User, contact: Contact
    ) -> None:
        row = click(opens_on_answer=opens_on_answer, body="May we call you?")
        for seconds in (0, 2.5, 5):
            run_due(seconds)
        row.refresh_from_db()
        answer = click_again(colleague, contact)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (409, "already_open")
        assert told["open_conversation"]["conversation_sid"] == row.conversation_sid
        assert Interaction.objects.get() == row

    def test_what_nobody_is_in(self, left: Interaction, colleague: User, contact: Contact) -> None:
        answer = click_again(colleague, contact)
        assert (answer.status_code, answer.json()["open_conversation"]["standing"]) == (409, "left")

    def test_twilio_is_asked_after_the_refusal(
        self, agent: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
    ) -> None:
        sid = twilio.begin()
        assert live(agent, contact)["open_conversation"]["conversation_sid"] == sid
        twilio.close(sid)
        OpenSearch.objects.update(asked_at=timezone.now() - timedelta(minutes=1))
        assert click_again(agent, contact).status_code == 409
        run_due()
        assert click_again(agent, contact).status_code == 202


def _once(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, act: Callable[[], object]) -> None:
    """Do something after the next call of a function: what another request does at that moment."""
    real = getattr(place, name)

    def late(*args: Any) -> Any:
        made = real(*args)
        monkeypatch.setattr(place, name, real)
        act()
        return made

    monkeypatch.setattr(place, name, late)


class TestRaces:
    """Another request was first, between a look and the change."""

    @pytest.mark.parametrize("url", [f"{API}{{}}/open/", "/flex/interactions/{}/open/"], ids=["api", "form"])
    def test_the_wait_is_over(
        self, url: str, wait: Clicker, agent: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = wait()
        rows = Interaction.objects.filter(pk=row.pk)
        over = {"status": Status.CLOSED, "is_succeeded": True, "next_at": None, "finished_at": timezone.now()}
        _once(monkeypatch, opening_now, "_checked", lambda: rows.update(**over))
        answer = signed_in(agent).post(url.format(row.pk), {"idempotency_key": "x"})
        assert answer.status_code == 409
        assert Interaction.objects.get() == row

    @pytest.mark.parametrize("url", [f"{API}{{}}/open/", "/flex/interactions/{}/open/"], ids=["api", "form"])
    def test_another_is_being_opened_in_it(self, url: str, wait: Clicker, agent: User, sandbox: Sandbox) -> None:
        row = wait()
        other = wait(channel="whatsapp")
        Interaction.objects.filter(pk=other.pk).update(media_channel_sid=row.conversation_sid, status=Status.QUEUED)
        answer = signed_in(agent).post(url.format(row.pk), {"idempotency_key": "x"})
        assert answer.status_code == 409
        row.refresh_from_db()
        assert row.status == Status.WAITING

    def test_somebody_is_invited_to_what_is_to_be_closed(
        self, left: Interaction, colleague: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(handing, "is_invited", lambda interaction: True)
        answer = signed_in(colleague).post(f"/flex/api/conversations/{left.conversation_sid}/close/")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_nobodys")

    @pytest.mark.parametrize("url", [f"{API}{{}}/retry/", "/flex/interactions/{}/retry/"], ids=["api", "form"])
    def test_somebody_else_has_sent_it_again(
        self, url: str, left: Interaction, agent: User, click: Clicker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows, other = Interaction.objects.filter(pk=left.pk), click(channel="whatsapp")
        Interaction.objects.filter(pk=other.pk).update(agent=None)
        rows.update(
            status=Status.FAILED,
            initiated_by="customer",
            media_channel_sid=left.conversation_sid,
            error_reason="task_canceled",
        )
        _once(monkeypatch, offering, "offer_again", lambda: rows.update(retried_as=other))
        answer = signed_in(agent).post(url.format(left.pk), {"idempotency_key": "x"})
        assert answer.status_code == 409
        assert set(Interaction.objects.all()) == {left, other}
