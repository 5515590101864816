"""POST: a click is committed and answered; the same click is one row; nobody else's row is given away."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction, Sender
from flex_outbound.outbox import jobs
from tests.integration.api.conftest import LIST, MakeRow, Post, make_user, signed_in


def test_a_click_is_accepted_and_says_where_to_poll(post: Post, client: Client, senders: dict[str, Sender]) -> None:
    answer = post(body="Hello Ann")

    assert answer.status_code == 202
    data = answer.json()
    row = Interaction.objects.get()
    assert data["id"] == str(row.pk)
    assert (data["status"], data["is_final"], data["channel"]) == ("queued", False, "sms")
    assert (data["address"], data["sender"]) == ("+14155550123", senders["sms"].pk)
    assert data["interaction_sid"] is data["task_sid"] is data["conversation_sid"] is data["flex_url"] is None
    assert data["task_status"] is data["channel_status"] is None
    assert data["message"] == {
        "status": "waiting",
        "status_label": "Waiting for the conversation",
        "error_message": "",
        "message_sid": None,
    }
    assert data["status_url"] == f"{LIST}{row.pk}/" == answer["Location"]
    assert client.get(answer["Location"]).json() == data


def test_a_click_without_text_has_no_message(post: Post) -> None:
    assert post().json()["message"] is None


def test_the_answer_holds_neither_the_text_nor_the_worker(post: Post) -> None:
    answer = post(body="Secret words")

    assert b"Secret words" not in answer.content
    assert Interaction.objects.get().worker_sid.encode() not in answer.content


def test_the_broker_is_woken_after_commit(
    post: Post, woken: list[tuple[str, str]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert post().status_code == 202
        assert woken == []
    assert woken == [("dispatch", str(Interaction.objects.get().account_id))]


def test_a_broker_that_is_down_costs_the_agent_nothing(
    post: Post, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    def refuse(job: jobs.Job, row_id: str, delay: float) -> None:
        raise ConnectionError

    jobs.connect(refuse)
    with django_capture_on_commit_callbacks(execute=True):
        assert post().status_code == 202
    assert Interaction.objects.get().status == "queued"


def test_a_form_is_as_good_as_json(client: Client, payload: dict[str, Any]) -> None:
    template = {"content_sid": "HX" + "a" * 32, "content_variables": '{"1": "Ada"}'}
    answer = client.post(LIST, {**payload, **template, "sender": ""})

    assert answer.status_code == 202
    assert Interaction.objects.get().message.content_variables == {"1": "Ada"}


def test_copies_of_an_email_come_as_a_list_in_json_and_in_a_form(client: Client, payload: dict[str, Any]) -> None:
    copies = {"to": ["c@example.com"], "cc": ["a@example.com", "b@example.com"]}
    copies["bcc"] = ["A@EXAMPLE.COM", "d@example.com"]
    email = {**payload, "channel": "email", "subject": "Offer", **copies}
    assert client.post(LIST, email, content_type="application/json").status_code == 202
    again = client.post(LIST, email)

    assert again.status_code == 202
    row = Interaction.objects.get()
    # Nobody is named twice: who sees the others comes first.
    assert (row.to, row.cc, row.bcc) == (["c@example.com"], ["a@example.com", "b@example.com"], ["d@example.com"])


def test_the_contact_id_may_be_a_number(post: Post, contact: Contact) -> None:
    assert post(contact_id=contact.pk).status_code == 202


def test_the_same_key_and_payload_is_the_same_row(post: Post) -> None:
    first = post(idempotency_key="k1", body="Hi")
    second = post(idempotency_key="k1", body="Hi")

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert Interaction.objects.count() == 1


def test_the_key_may_come_as_a_header(post: Post) -> None:
    first = post(headers={"Idempotency-Key": "k1"})

    assert post(idempotency_key="k1").json()["id"] == first.json()["id"]
    assert Interaction.objects.get().idempotency_key == "k1"


def test_two_different_keys_in_one_request_are_refused(post: Post) -> None:
    answer = post(headers={"Idempotency-Key": "k1"}, idempotency_key="k2")

    assert answer.status_code == 400
    assert list(answer.json()) == ["idempotency_key"]


def test_the_same_key_with_another_payload_conflicts(post: Post) -> None:
    first = post(idempotency_key="k1", body="Hi").json()
    answer = post(idempotency_key="k1", body="Something else", address="+14155550123")

    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_reused"
    assert answer.json()["interaction"] == {
        "id": first["id"],
        "status": "queued",
        "status_url": first["status_url"],
    }


def test_a_double_click_is_one_row(post: Post) -> None:
    assert post().json()["id"] == post().json()["id"]


def test_another_agents_open_conversation_is_told_but_not_given_away(post: Post, colleague: User) -> None:
    theirs = post().json()["id"]
    answer = signed_in(colleague).post(LIST, _payload(theirs), content_type="application/json")

    assert answer.status_code == 409
    assert answer.json()["code"] == "already_open"
    assert "Ada" in answer.json()["detail"]
    assert "interaction" not in answer.json()
    assert theirs not in answer.content.decode()


def test_who_may_see_all_is_told_which_row_is_in_the_way(post: Post, account: Account) -> None:
    theirs = post().json()["id"]
    lead = make_user("lea", "add_interaction", "view_interaction", account=account)
    answer = signed_in(lead).post(LIST, _payload(theirs), content_type="application/json")

    assert answer.json()["interaction"]["id"] == theirs


def _payload(pk: str) -> dict[str, Any]:
    row = Interaction.objects.get(pk=pk)
    return {"contact_type": "crm_demo.contact", "contact_id": row.contact_id, "channel": row.channel}


def test_a_user_without_the_permission_may_not_click(account: Account, payload: dict[str, Any]) -> None:
    answer = signed_in(make_user("eve", account=account)).post(LIST, payload, content_type="application/json")

    assert answer.status_code == 403
    assert answer.json()["code"] == "no_permission"
    assert answer.json()["detail"]


def test_a_user_who_is_no_worker_may_not_click(senders: dict[str, Sender], payload: dict[str, Any]) -> None:
    answer = signed_in(make_user("eve", "add_interaction")).post(LIST, payload, content_type="application/json")

    assert answer.status_code == 403
    assert answer.json()["code"] == "no_worker"


def test_a_contact_that_asked_not_to_be_messaged_is_left_in_peace(post: Post, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(do_not_contact=True)
    answer = post()

    assert answer.status_code == 403
    assert answer.json() == {"detail": "This customer has asked not to be messaged.", "code": "not_allowed"}


@pytest.mark.usefixtures("agent")
def test_the_session_needs_the_csrf_token(agent: User, payload: dict[str, Any], make_row: MakeRow) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(agent)
    row = make_row()
    for url in (LIST, f"{LIST}{row.pk}/retry/", f"{LIST}{row.pk}/cancel/"):
        assert browser.post(url, payload, content_type="application/json").status_code == 403
    assert Interaction.objects.count() == 1

    browser.cookies["csrftoken"] = token = "a" * 32
    answer = browser.post(LIST, json.dumps(payload), content_type="application/json", headers={"X-CSRFToken": token})
    assert answer.status_code == 202
