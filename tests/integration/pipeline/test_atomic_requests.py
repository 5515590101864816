"""A host with ATOMIC_REQUESTS: a refusal is answered as without, and leaves written what it should."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Interaction, OpenSearch

from .conftest import Clicker, Sandbox, run_due
from .elsewhere import Twilio
from .pages import live
from .test_already_open import click_again
from .test_joining import begun as begun
from .test_joining import left as left

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("indexed", "_atomic_requests")]


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
