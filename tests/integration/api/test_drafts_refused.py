"""Drafts that are not kept: places that are not theirs, too much, and texts that the project does not keep."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for
from flex_outbound.models import Account, ConversationContact, Draft
from flex_outbound.outbox import drafts
from tests.integration.api.conftest import Open, Save, make_user, signed_in
from tests.integration.api.drafts import address, read

pytestmark = pytest.mark.usefixtures("known_types")


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["fax", "CH", f"CH{'0' * 32}", f"IM{'0' * 32}", "1", "ch" + "0" * 32, "%00"])
def test_an_unknown_place_is_not_found(save: Save, client: Client, contact: Contact, place: str) -> None:
    assert save(place, body="Hello").status_code == 404
    assert client.delete(address(contact, place)).status_code == 404


def test_a_conversation_of_another_contact_is_no_place(save: Save, open_conversation: Open) -> None:
    room = open_conversation()
    ConversationContact.objects.update(contact_id="4711")
    assert save(room.conversation_sid, body="Hello").status_code == 404


def test_a_contact_that_the_user_may_not_see_is_not_found(
    save: Save, client: Client, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(body="Hello")
    adapter = type(adapter_for(Contact))
    monkeypatch.setattr(adapter, "get_queryset", lambda self, user: Contact.objects.exclude(pk=contact.pk))
    assert client.get(address(contact)).status_code == 404
    assert save(body="More").status_code == 404
    assert client.delete(address(contact, "sms")).status_code == 404
    assert Draft.objects.get().values == {"body": "Hello"}


def test_who_may_not_send_reads_and_keeps_nothing(contact: Contact, save: Save) -> None:
    guest = signed_in(make_user("guest"))
    assert guest.get(address(contact)).status_code == 403
    assert save(browser=guest, body="Hello").status_code == 403
    assert Client().get(address(contact)).status_code in {401, 403}
    assert not Draft.objects.exists()


def test_another_users_draft_cannot_be_named(
    save: Save, client: Client, contact: Contact, colleague: User, open_conversation: Open
) -> None:
    """Who saves or discards at the same place has a draft of their own there."""
    save(browser=signed_in(colleague), body="Theirs")
    client.delete(address(contact, "sms"))
    save(body="Mine")
    assert {one.user: one.values["body"] for one in Draft.objects.all()} == {
        colleague: "Theirs",
        User.objects.get(username="ada"): "Mine",
    }


def test_too_much_is_refused(save: Save) -> None:
    assert save(body="x" * 2**20).status_code == 413
    assert save(body="x" * 20_001).status_code == 400
    assert save(body="ü" * 10_000, cc="x").json()["body"]
    assert save(body="x" * 19_000).status_code == 200
    assert save(body={"a": 1}).status_code == 400
    assert save(body="a\x00b").status_code == 400
    assert len(Draft.objects.get().values["body"]) == 19_000


def test_a_user_has_300_drafts_at_most(
    save: Save, agent: User, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MOST_OF_USER", 3)
    people = [Contact.objects.create(full_name=str(number), mobile=f"+1415555020{number}") for number in range(5)]
    for one in people:
        save(to=one, body=one.full_name)
    assert [one.values["body"] for one in Draft.objects.order_by("pk")] == ["2", "3", "4"]


def test_the_answers_are_throttled_as_reads(save: Save, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": {"poll": "2/minute", "click": None}}
    assert [save("whatsapp", body=str(number)).status_code for number in range(3)] == [200, 409, 429]


def test_a_beacon_of_a_page_that_is_left_needs_its_token(agent: User, contact: Contact) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(agent)
    assert browser.post(address(contact, "sms"), {"body": "Last words"}).status_code == 403
    token = browser.get(address(contact)).json()["token"]
    answer = browser.post(address(contact, "sms"), {"body": "Last words", "csrfmiddlewaretoken": token})
    assert answer.status_code == 200
    assert Draft.objects.get().values == {"body": "Last words"}


# -- texts that are not kept -------------------------------------------------------------------------------------------


def test_where_no_texts_are_kept_a_draft_has_none(
    save: Save, client: Client, account: Account, contact: Contact, open_conversation: Open, colleague: User
) -> None:
    sid = open_conversation().conversation_sid
    account.message_text = "none"
    account.save()
    for place in ("sms", sid, sid):
        assert save(place, body="Secret").json() == {"place": place, "version": "", "is_kept": False}
    assert [one.values for one in Draft.objects.all()] == [{}, {}]
    found = read(client, contact)
    assert found["drafts"] == []
    # Colleagues hear that somebody writes all the same.
    assert read(signed_in(colleague), contact)["writing"] == "Ada is writing to this customer."


def test_what_was_kept_before_is_not_shown_any_more(
    save: Save, client: Client, account: Account, contact: Contact, open_conversation: Open
) -> None:
    save(open_conversation().conversation_sid, body="Answer")
    save(body="Secret")
    account.message_text = "none"
    account.save()
    assert read(client, contact)["drafts"] == []
    account.message_text = "fetch"
    account.save()
    assert len(read(client, contact)["drafts"]) == 2
