"""Drafts over the API: kept for their user alone, never overwritten unseen, gone once they were sent."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from crm_demo.models import Contact
from flex_outbound.api.drafts_shapes import DraftConflictShape, DraftsShape, SavedShape
from flex_outbound.contacts import move_history
from flex_outbound.models import Conversation, Draft
from flex_outbound.outbox import drafts
from flex_outbound.twilio_statuses import ConversationState
from tests.integration.api.conftest import Open, Post, Save, signed_in
from tests.integration.api.drafts import address, read
from tests.integration.api.test_schema import assert_same

pytestmark = pytest.mark.usefixtures("known_types")

SIGN_IN, PERMISSIONS, CONTACT, SAVEPOINT = 2, 1, 1, 2


# -- kept and found again ----------------------------------------------------------------------------------------------


def test_a_template_is_kept_with_its_variables(
    save: Save, client: Client, contact: Contact, open_conversation: Open
) -> None:
    room = open_conversation("whatsapp")
    chosen = {"content_sid": "HX" + "0" * 32, "content_variables.1": "Grace", "content_variables.order": "4711"}
    for place in ("whatsapp", room.conversation_sid):
        assert save(place, **chosen).status_code == 200
    assert [one["values"] for one in read(client, contact)["drafts"]] == [chosen, chosen]


def test_variables_without_their_template_are_no_draft(save: Save, client: Client, contact: Contact) -> None:
    assert save("whatsapp", **{"content_variables.1": "Grace"}).json()["version"] == ""
    assert save("whatsapp", body="Hi", **{"content_variables.1": "Grace"}).status_code == 200
    assert read(client, contact)["drafts"][0]["values"] == {"body": "Hi"}
    assert save("whatsapp", **{"content_sid": "HX", "content_variables.1": ["a"]}).json().keys() == {
        "content_variables.1"
    }


def test_what_is_typed_is_found_again_on_any_machine_of_its_user(
    save: Save, agent: User, contact: Contact, colleague: User
) -> None:
    typed = {"subject": "Hi", "body": "<script>alert(1)</script>\n  two", "cc": "half@", "address": "a@example.com"}
    saved = save("email", **typed).json()
    assert saved == {"place": "email", "version": saved["version"], "is_kept": True}
    [draft] = read(signed_in(agent), contact)["drafts"]
    assert draft == {
        "place": "email",
        "channel": "email",
        "is_open": True,
        "version": saved["version"],
        "values": typed,
    }
    assert read(signed_in(colleague), contact)["drafts"] == []


def test_a_page_knows_for_whom_it_was_made(agent: User, colleague: User, contact: Contact) -> None:
    keys = {read(signed_in(one), contact)["user"] for one in (agent, agent, colleague)}
    assert len(keys) == 2
    assert "" not in keys


def test_each_place_has_a_draft_of_its_own(
    save: Save, client: Client, contact: Contact, open_conversation: Open
) -> None:
    room = open_conversation()
    for place in ("sms", "whatsapp", room.conversation_sid):
        assert save(place, body=place).status_code == 200
    shown = {one["place"]: (one["values"]["body"], one["channel"]) for one in read(client, contact)["drafts"]}
    assert shown == {
        "sms": ("sms", "sms"),
        "whatsapp": ("whatsapp", "whatsapp"),
        room.conversation_sid: (room.conversation_sid, "sms"),
    }


def test_an_emptied_form_and_a_discarded_draft_are_gone(save: Save, client: Client, contact: Contact) -> None:
    version = save(body="Hello").json()["version"]
    assert save(body="  ", version=version, address="+14155550123").json()["version"] == ""
    assert not Draft.objects.exists()
    save(body="Again")
    assert client.delete(address(contact, "sms")).status_code == 204
    assert client.delete(address(contact, "sms")).status_code == 204
    assert not Draft.objects.exists()


def test_the_subject_that_an_answer_begins_with_is_no_draft(save: Save, open_conversation: Open) -> None:
    room = open_conversation("email")
    save(room.conversation_sid, subject="Re: Order", body="")
    assert not Draft.objects.exists()
    save(room.conversation_sid, subject="Re: Order", body="Hi", cc="unknown here")
    assert Draft.objects.get().values == {"subject": "Re: Order", "body": "Hi"}


def test_nothing_is_kept_for_another_user(
    save: Save, client: Client, contact: Contact, colleague: User, agent: User
) -> None:
    key = read(client, contact)["user"]
    refused = save(browser=signed_in(colleague), body="Not theirs", user=key)
    assert (refused.status_code, refused.json()["code"]) == (403, "other_user")
    assert not Draft.objects.exists()
    assert save(body="Mine", user=key).status_code == 200


def test_the_answers_are_as_described(save: Save, client: Client, contact: Contact) -> None:
    saved = save(body="One").json()
    assert_same(SavedShape(), saved)
    assert_same(DraftsShape(), read(client, contact))
    assert_same(DraftConflictShape(), save(body="Two").json())


# -- two windows -------------------------------------------------------------------------------------------------------


def test_what_another_window_typed_is_not_overwritten(save: Save) -> None:
    first = save(body="One").json()["version"]
    second = save(body="Two", version=first).json()["version"]
    for known in (first, "", "nonsense"):
        late = save(body="Late", version=known)
        assert (late.status_code, late.json()["code"]) == (409, "draft_changed")
        assert late.json()["draft"]["values"] == {"body": "Two"}
    assert save(body="Chosen", version=late.json()["draft"]["version"]).status_code == 200
    assert Draft.objects.get().values == {"body": "Chosen"}
    assert second < late.json()["draft"]["version"] or second == late.json()["draft"]["version"]


def test_what_another_window_sent_is_not_kept_once_more_unseen(save: Save, client: Client, contact: Contact) -> None:
    version = save(body="One").json()["version"]
    client.delete(address(contact, "sms"))
    late = save(body="One more", version=version)
    assert (late.status_code, late.json()["draft"]) == (409, None)
    assert not Draft.objects.exists()


def test_discarding_takes_only_what_was_seen(save: Save, client: Client, contact: Contact) -> None:
    first = save(body="One").json()["version"]
    save(body="Two", version=first)
    client.delete(f"{address(contact, 'sms')}?version={first.replace('+', '%2B')}")
    assert Draft.objects.get().values == {"body": "Two"}


# -- sent --------------------------------------------------------------------------------------------------------------


def test_a_click_deletes_its_draft_in_the_same_request(save: Save, post: Post) -> None:
    version = save(body="Hello").json()["version"]
    save("whatsapp", body="Other")
    assert post(body="Hello", draft=version).status_code == 202
    assert [one.place for one in Draft.objects.all()] == ["whatsapp"]


def test_an_answer_deletes_its_draft_and_not_the_next_text(save: Save, client: Client, open_conversation: Open) -> None:
    sid = open_conversation().conversation_sid
    url = f"/flex/api/conversations/{sid}/messages/"
    first = save(sid, body="One").json()["version"]
    save(sid, body="The next one", version=first)
    assert client.post(url, {"body": "One", "draft": first}).status_code == 202
    newest = Draft.objects.get()
    assert newest.values == {"body": "The next one"}
    client.post(url, {"body": "The next one", "draft": drafts.version_of(newest.updated_at)})
    assert not Draft.objects.exists()


def test_what_was_refused_is_still_there(save: Save, post: Post) -> None:
    version = save(body="Hello").json()["version"]
    assert post(body="x" * 1601, draft=version).status_code == 400
    assert Draft.objects.get().values == {"body": "Hello"}


def test_a_draft_of_somebody_else_is_not_deleted_by_sending(
    save: Save, post: Post, colleague: User, contact: Contact
) -> None:
    version = save(browser=signed_in(colleague), body="Mine").json()["version"]
    post(body="Hello", draft=version)
    assert Draft.objects.get().user == colleague


def test_a_plain_form_says_so_as_well(save: Save, client: Client, contact: Contact, open_conversation: Open) -> None:
    form = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms", "body": "Hello"}
    assert client.post("/flex/send/", form | {"draft": save(body="Hello").json()["version"]}).status_code == 302
    assert not Draft.objects.exists()
    sid = open_conversation("whatsapp").conversation_sid
    form = {"body": "Hi", "draft": save(sid, body="Hi").json()["version"]}
    assert client.post(f"/flex/conversations/{sid}/answer/", form).status_code == 302
    assert not Draft.objects.exists()


# -- a conversation that ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["closed", "taken"])
def test_the_draft_of_a_conversation_that_ended_is_offered(
    save: Save, client: Client, contact: Contact, open_conversation: Open, colleague: User, end: str
) -> None:
    room = open_conversation()
    save(room.conversation_sid, body="Nearly")
    changes: dict[str, Any] = {"state": ConversationState.CLOSED} if end == "closed" else {"agent": colleague}
    Conversation.objects.update(**changes)
    [draft] = read(client, contact)["drafts"]
    assert (draft["channel"], draft["is_open"], draft["values"]) == ("sms", False, {"body": "Nearly"})
    # Whose page does not know of it yet types on.
    assert save(room.conversation_sid, body="Nearly done", version=draft["version"]).status_code == 200


# -- cost --------------------------------------------------------------------------------------------------------------


def test_fifty_agents_at_one_contact_cost_what_one_costs(
    client: Client, contact: Contact, agent: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    kind = ContentType.objects.get_for_model(Contact)
    own, there, names = 1, 1, 1

    def sit_down(number: int) -> None:
        user = User.objects.create(username=f"agent{number}", first_name="Ana" if not number else f"Agent {number}")
        values = {"place": "sms", "values": {"body": "Hi"}, "updated_at": timezone.now()}
        Draft.objects.create(contact_type=kind, contact_id=str(contact.pk), user=user, **values)

    sit_down(0)
    with django_assert_num_queries(SIGN_IN + PERMISSIONS + CONTACT + own + there + names):
        assert read(client, contact)["writing"] == "Ana is writing to this customer."
    for number in range(1, 50):
        sit_down(number)
    with django_assert_num_queries(SIGN_IN + PERMISSIONS + CONTACT + own + there + names):
        found = read(client, contact)
    assert found["writing"] == "Ana and 49 others are writing to this customer."
    Draft.objects.filter(user__username__gt="agent11").delete()
    assert read(client, contact)["writing"] == "Ana and 3 others are writing to this customer."


def test_keeping_what_is_typed_is_three_statements(
    save: Save, open_conversation: Open, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    version = save(body="One").json()["version"]
    with django_assert_num_queries(SIGN_IN + PERMISSIONS + CONTACT + 1):
        save(body="Two", version=version)
    sid = open_conversation().conversation_sid
    room, insert, number = 1, 1, 1
    with django_assert_num_queries(SIGN_IN + PERMISSIONS + CONTACT + room + SAVEPOINT + insert + number):
        version = save(sid, body="One").json()["version"]
    with django_assert_num_queries(SIGN_IN + PERMISSIONS + CONTACT + room + 1):
        save(sid, body="Two", version=version)


def test_sending_without_a_draft_asks_for_none(post: Post, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(SIGN_IN + PERMISSIONS + 4 + SAVEPOINT):
        assert post(body="Hi", draft="").status_code == 202


# -- contacts that are merged ------------------------------------------------------------------------------------------


def test_the_drafts_of_a_merged_contact_go_along(save: Save, client: Client, contact: Contact) -> None:
    old = Contact.objects.create(full_name="Old", mobile="+14155550188", country="US")
    save(to=old, body="Moved")
    save("whatsapp", to=old, body="Stays")
    save("whatsapp", body="There already")
    move_history(old, contact)
    shown = {one["place"]: one["values"]["body"] for one in read(client, contact)["drafts"]}
    assert shown == {"sms": "Moved", "whatsapp": "There already"}
