"""Too many clicks on the plain form: the same count as over the API, and nothing typed is lost."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from flex_outbound import rates
from flex_outbound.models import Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows
from tests.integration.pages.strict import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]

TASK = "WT" + "a" * 32


@pytest.fixture
def tired(client: Client, agent: Any, contact: Any, settings: Settings) -> Client:
    """The browser of an agent who has just clicked as often as the rate allows."""
    cache.clear()
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"click": "1/minute"}}
    client.force_login(agent)
    client.post(
        "/flex/api/interactions/",
        {"contact_type": "crm_demo.contact", "contact_id": contact.pk, "channel": "whatsapp"},
        content_type="application/json",
    )
    return client


@pytest.fixture
def undecided(tired: Client, agent: Any, contact: Any) -> Interaction:
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    rows.ask_for_decision(row, "Flex did not answer.")
    return row


def assert_too_often(response: Any) -> str:
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 60
    html = str(response.content.decode())
    assert "Too many at once. Wait" in html
    assert read(html).faults == []
    return html


def test_a_click_too_many_keeps_what_was_typed(tired: Client, contact: Any) -> None:
    form = {"contact_type": "crm_demo.contact", "contact_id": contact.pk, "channel": "email", "idempotency_key": "k1"}
    typed = {"subject": "Your <order>", "body": "Line 1\r\nLine 2", "cc": "a@example.com", "next": "/?q=grace"}
    html = assert_too_often(tired.post("/flex/send/", form | typed))
    for kept in ("Your &lt;order&gt;", "Line 1\r\nLine 2", "a@example.com", 'value="k1"', 'value="/?q=grace"'):
        assert kept in html
    assert Interaction.objects.count() == 1
    cache.clear()
    assert tired.post("/flex/send/", form | typed)["Location"] == "/?q=grace"


def test_sending_again_is_a_click(tired: Client, undecided: Interaction) -> None:
    html = assert_too_often(tired.post(f"/flex/interactions/{undecided.pk}/retry/", {"idempotency_key": "k2"}))
    assert 'value="k2"' in html
    assert Interaction.objects.get(pk=undecided.pk).status == "review"


def test_naming_a_task_is_a_click(tired: Client, undecided: Interaction) -> None:
    html = assert_too_often(tired.post(f"/flex/interactions/{undecided.pk}/confirm/", {"task_sid": TASK}))
    assert f'value="{TASK}"' in html


def test_dropping_is_not(tired: Client, undecided: Interaction) -> None:
    assert tired.post(f"/flex/interactions/{undecided.pk}/cancel/").status_code == 302


def test_what_was_refused_is_not_counted(tired: Client, undecided: Interaction, settings: Settings) -> None:
    for _time in range(3):
        assert_too_often(tired.post(f"/flex/interactions/{undecided.pk}/retry/"))
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"click": "2/minute"}}
    assert tired.post(f"/flex/interactions/{undecided.pk}/retry/").status_code == 302


def test_nothing_is_allowed_at_a_rate_of_none(tired: Client, undecided: Interaction, settings: Settings) -> None:
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"click": "0/minute"}}
    assert_too_often(tired.post(f"/flex/interactions/{undecided.pk}/retry/"))


def test_reads_of_pages_and_api_are_counted_together(
    client: Client, agent: Any, contact: Any, settings: Settings
) -> None:
    rates.forget_polls()
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"poll": "3/minute"}}
    client.force_login(agent)
    read_here = f"/flex/timeline/crm_demo.contact/?id={contact.pk}"
    assert [client.get(read_here).status_code for _number in range(2)] == [200, 200]
    assert client.get("/flex/api/interactions/").status_code == 200
    for address in (
        read_here,
        "/flex/media/1/ME" + "a" * 32 + "/",
        "/flex/messages/1/text/",
        "/flex/api/interactions/",
    ):
        answer = client.get(address)
        assert answer.status_code == 429, address
        assert 1 <= int(answer["Retry-After"]) <= 60
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"poll": None}}
    assert client.get(read_here).status_code == 200


def test_counts_of_reads_are_bounded_by_the_users_of_one_window(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rates.forget_polls()
    for minute in range(3):
        monkeypatch.setattr(rates.time, "time", lambda now=minute: 1_800_000_000.0 + 60 * now)
        rates.take_poll(agent)
        rates.take_poll(type(agent)(pk=1_000 + minute))
        assert len(rates._polls) == 2
    rates.forget_polls()
