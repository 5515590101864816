"""Texts that were posted and cannot be taken as they came: they come back, and are nowhere else."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Conversation, Draft, Interaction, Message
from flex_outbound.writing import key_of
from tests.integration.pages.strict import read
from tests.integration.pages.talk import converse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]
HERE = {"Sec-Fetch-Site": "same-origin"}
TEXT = "Dear <Ann>,\r\nyour order"
SHOWN = "Dear &lt;Ann&gt;,\nyour order</textarea>"


@pytest.fixture
def form(contact: Contact, agent: User) -> dict[str, Any]:
    """What the plain form posts."""
    return {
        "contact_type": "crm_demo.contact",
        "contact_id": str(contact.pk),
        "channel": "sms",
        "idempotency_key": "k" * 32,
        "next": "/?q=ann",
        "writer": key_of(agent),
        "body": TEXT,
    }


@pytest.fixture
def room(account: Any, contact: Contact, agent: User, senders: Any) -> Conversation:
    """The agent's own open conversation."""
    return converse(account, contact, agent, sender=senders["sms"])


def browser(user: User | None = None, **options: Any) -> Client:
    """Return a browser, in which a user is signed in."""
    client = Client(**options)
    if user is not None:
        client.force_login(user)
    return client


def page_of(response: Any) -> str:
    """Return the page with a text that came back."""
    assert response.status_code == 403
    assert "no-store" in response["Cache-Control"]
    html = response.content.decode().replace("\r\n", "\n")
    read(html)
    assert not Interaction.objects.exists()
    assert not Draft.objects.exists()
    return html


def test_a_session_that_ran_out_gives_the_text_back(form: dict[str, Any], agent: User) -> None:
    html = page_of(browser().post("/flex/send/", form, headers=HERE))
    assert "You are signed out." in html
    assert SHOWN in html
    assert 'name="idempotency_key" value="' + "k" * 32 in html
    # The same form is taken once its user has signed in again.
    assert browser(agent).post("/flex/send/", form, headers=HERE).status_code == 302
    assert Message.objects.get().body == "Dear <Ann>,\nyour order"


def test_an_answer_comes_back_as_well(form: dict[str, Any], room: Conversation) -> None:
    url = f"/flex/conversations/{room.conversation_sid}/answer/"
    html = page_of(browser().post(url, {"body": TEXT, "writer": form["writer"]}, headers=HERE))
    assert f'action="{url}"' in html
    assert SHOWN in html


def test_a_token_of_an_earlier_session_gives_the_text_back_with_a_new_one(form: dict[str, Any], agent: User) -> None:
    client = browser(agent, enforce_csrf_checks=True)
    html = page_of(client.post("/flex/send/", form, headers=HERE))
    assert "This page was open for too long." in html
    assert SHOWN in html
    token = html.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    assert client.post("/flex/send/", form | {"csrfmiddlewaretoken": token}, headers=HERE).status_code == 302


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_another_site_puts_no_text_before_an_agent(form: dict[str, Any], agent: User, headers: dict[str, str]) -> None:
    refused = browser(agent, enforce_csrf_checks=True).post("/flex/send/", form, headers=headers)
    assert refused.status_code == 403
    assert "your order" not in refused.content.decode()
    assert browser().post("/flex/send/", form, headers=headers).status_code in {302, 403}
    assert not Interaction.objects.exists()


def test_an_intranet_without_https_says_so_by_its_origin(form: dict[str, Any]) -> None:
    assert SHOWN in page_of(browser().post("/flex/send/", form, headers={"Origin": "http://testserver"}))


@pytest.mark.parametrize("is_checked", [True, False])
def test_another_user_neither_sends_nor_sees_it(form: dict[str, Any], other_agent: User, is_checked: bool) -> None:
    client = browser(other_agent, enforce_csrf_checks=is_checked)
    html = page_of(client.post("/flex/send/", form, headers=HERE))
    assert "Somebody else has signed in meanwhile. Nothing was sent." in html
    assert "your order" not in html


def test_where_nothing_was_typed_one_signs_in_as_always(form: dict[str, Any]) -> None:
    assert browser().post("/flex/send/", form | {"body": ""}, headers=HERE).status_code == 302


# -- colleagues --------------------------------------------------------------------------------------------------------


@pytest.fixture
def writing(contact: Contact, other_agent: User) -> Draft:
    """Let a colleague write to the contact."""
    kind = ContentType.objects.get_for_model(Contact)
    values = {"place": "sms", "values": {"body": "Theirs"}, "updated_at": timezone.now()}
    return Draft.objects.create(contact_type=kind, contact_id=str(contact.pk), user=other_agent, **values)


def test_a_second_message_is_asked_about(form: dict[str, Any], agent: User, writing: Draft) -> None:
    client = browser(agent)
    asked = client.post("/flex/send/", form)
    html = asked.content.decode().replace("\r\n", "\n")
    assert asked.status_code == 409
    assert "Bea is writing to this customer. Send your message anyway, or wait" in html
    assert "Theirs" not in html
    assert SHOWN in html
    assert 'name="anyway" value="1"' in html
    assert not Interaction.objects.exists()
    assert client.post("/flex/send/", form | {"anyway": "1"}).status_code == 302


def test_an_answer_is_asked_about_as_well(
    form: dict[str, Any], agent: User, writing: Draft, room: Conversation
) -> None:
    client, url = browser(agent), f"/flex/conversations/{room.conversation_sid}/answer/"
    asked = client.post(url, {"body": TEXT})
    assert asked.status_code == 409
    assert SHOWN in asked.content.decode().replace("\r\n", "\n")
    assert 'name="anyway" value="1"' in asked.content.decode()
    assert client.post(url, {"body": TEXT, "anyway": "1"}).status_code == 302


@pytest.mark.parametrize("case", ["switched off", "silent", "nothing typed"])
def test_else_nobody_is_asked(form: dict[str, Any], agent: User, writing: Draft, settings: Any, case: str) -> None:
    if case == "switched off":
        settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "PRESENCE_OF_WRITERS": False}
    elif case == "silent":
        Draft.objects.update(updated_at=timezone.now() - timedelta(seconds=30))
    else:
        form["body"] = ""
    assert browser(agent).post("/flex/send/", form).status_code == 302


def test_the_api_is_not_held_up(form: dict[str, Any], agent: User, writing: Draft) -> None:
    click = {name: form[name] for name in ("contact_type", "contact_id", "channel", "body")}
    answer = browser(agent).post("/flex/api/interactions/", click, content_type="application/json")
    assert answer.status_code == 202
