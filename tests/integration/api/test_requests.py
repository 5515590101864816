"""POST api/requests/: a program asks for an agent, is told what is wrong, and follows what becomes of it."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for
from flex_outbound.models import Account, Conversation, Interaction, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import contact_index
from tests.integration.api.conftest import LIST, MakeRow, Post, make_user, signed_in

REQUESTS = "/flex/api/requests/"
FORM = {"topic": "return", "text": "My parcel is broken"}


@pytest.fixture
def program(senders: dict[str, Sender]) -> User:
    """A user that is a program: no worker, and no agent."""
    return make_user("form", "start_interaction")


@pytest.fixture
def ask(program: User) -> Post:
    """Ask for an agent; keywords change the request."""
    browser = signed_in(program)

    def post(headers: dict[str, str] | None = None, **changes: Any) -> Any:
        wanted = {"channel": "sms", "address": "+14155550177", "attributes": FORM, **changes}
        return browser.post(REQUESTS, wanted, content_type="application/json", headers=headers)

    return post


@pytest.fixture
def hidden(contact: Contact) -> Contact:
    """A contact that the program may not see, found by its number."""
    Contact.objects.filter(pk=contact.pk).update(restricted=True, full_name="Hidden Person")
    contact_index.build(adapter_for(Contact))
    return Contact.objects.get(pk=contact.pk)


def test_a_request_is_committed_and_can_be_followed(ask: Post, program: User) -> None:
    answer = ask(name="Ann")

    assert answer.status_code == 202
    row, told = Interaction.objects.get(), answer.json()
    assert (row.initiated_by, row.agent, row.requested_by, row.attributes) == ("api", None, program, FORM)
    assert (told["initiated_by"], told["contact_name"], told["agent"]) == ("api", "Ann", None)
    assert (told["contact_type"], told["contact_id"], told["message"]) == ("", "", None)
    assert told["status_url"] == f"{LIST}{row.pk}/" == answer["Location"]
    browser = signed_in(program)
    followed = browser.get(answer["Location"])
    assert followed.json() == told
    assert browser.get(answer["Location"], headers={"If-None-Match": followed["ETag"]}).status_code == 304
    assert [one["id"] for one in browser.get(LIST).json()["results"]] == [str(row.pk)]


def test_nobody_else_sees_it_and_its_program_decides_nothing(ask: Post, program: User) -> None:
    url = ask().json()["status_url"]
    Interaction.objects.update(status="failed", error_reason="refused", next_at=None, finished_at="2026-01-01T00:00Z")

    assert signed_in(make_user("eve", "start_interaction")).get(url).status_code == 404
    assert signed_in(make_user("bob", "add_interaction")).get(url).status_code == 404
    told = signed_in(program).get(url).json()
    assert (told["can_retry"], told["can_cancel"]) == (False, False)
    assert signed_in(program).post(f"{url}retry/").status_code == 403


def test_who_loses_the_permission_can_still_follow(ask: Post, program: User) -> None:
    url = ask().json()["status_url"]
    program.user_permissions.clear()

    assert signed_in(User.objects.get(pk=program.pk)).get(url).status_code == 200


def test_a_job_is_asked_for_after_commit(
    ask: Post, woken: list[tuple[str, str]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert ask().status_code == 202
    assert woken == [("dispatch", str(Interaction.objects.get().account_id))]


def test_a_form_is_as_good_as_json(program: User) -> None:
    form = {"channel": "sms", "address": "+14155550177", "attributes": json.dumps(FORM), "sender": ""}

    assert signed_in(program).post(REQUESTS, form).status_code == 202
    assert Interaction.objects.get().attributes == FORM


class TestOnce:
    """The same request is one interaction."""

    def test_the_same_key(self, ask: Post) -> None:
        first, second = ask(idempotency_key="k1"), ask(headers={"Idempotency-Key": "k1"})

        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json() == second.json()
        assert Interaction.objects.count() == 1

    def test_the_same_key_of_another_user(self, ask: Post, program: User) -> None:
        first = ask(idempotency_key="k1").json()["id"]
        other = signed_in(make_user("eve", "start_interaction"))
        wanted = {"channel": "sms", "address": "+14155550178", "idempotency_key": "k1"}

        assert other.post(REQUESTS, wanted, content_type="application/json").json()["id"] != first

    def test_the_same_key_with_another_content(self, ask: Post) -> None:
        first = ask(idempotency_key="k1").json()
        answer = ask(idempotency_key="k1", name="Bo")

        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
        assert answer.json()["interaction"]["id"] == first["id"]

    def test_what_is_open_is_in_the_way(self, ask: Post) -> None:
        first = ask().json()
        answer = ask(attributes={"topic": "another"})

        told = answer.json()
        assert (answer.status_code, told["code"]) == (409, "already_open")
        assert told["interaction"]["id"] == first["id"]
        assert told["open_conversation"]["address"] == "+14155550177"
        assert told["open_conversation"]["words"]

    def test_of_an_agents_conversation_no_id_is_told(self, ask: Post, make_row: MakeRow) -> None:
        row = make_row("active", address="+14155550177")
        answer = ask()

        assert (answer.status_code, answer.json()["code"]) == (409, "already_open")
        assert "interaction" not in answer.json()
        assert str(row.pk) not in answer.content.decode()

    def test_a_conversation_that_has_ended(self, ask: Post, account: Account) -> None:
        sid = "CH" + "4" * 32
        Conversation.objects.create(pk=key_of(sid), account=account, channel="sms", state="closed")

        assert ask(conversation_sid=sid).json()["code"] == "conversation_closed"


class TestWhose:
    """The contact: named, found, or hidden from who asks."""

    def test_a_contact_that_is_named(self, ask: Post, contact: Contact) -> None:
        told = ask(contact_type="crm_demo.contact", contact_id=contact.pk, address="").json()

        assert (told["contact_id"], told["address"]) == (str(contact.pk), "+14155550123")

    def test_a_hidden_contact_cannot_be_named(self, ask: Post, hidden: Contact) -> None:
        answer = ask(contact_type="crm_demo.contact", contact_id=hidden.pk)

        assert (answer.status_code, list(answer.json())) == (400, ["contact_id"])

    def test_a_hidden_contact_found_by_its_number_is_not_told(
        self, ask: Post, hidden: Contact, program: User, make_row: MakeRow
    ) -> None:
        answer = ask(address="+14155550123")
        row = Interaction.objects.get()

        assert row.contact_id == str(hidden.pk)
        browser = signed_in(program)
        for content in (answer.content, browser.get(answer["Location"]).content, browser.get(LIST).content):
            assert str(row.pk) in content.decode()
            assert "Hidden Person" not in content.decode()
            assert f'"contact_id":"{hidden.pk}"' not in content.decode()


class TestRefused:
    """Each refusal names its field."""

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"channel": "gopher"}, "channel"),
            ({"channel": None}, "channel"),
            ({"address": ""}, "address"),
            ({"address": "12"}, "address"),
            ({"address": ["+1"]}, "address"),
            ({"address": "\ud800"}, "address"),
            ({"name": "x" * 256}, "name"),
            ({"name": "a\0b"}, "name"),
            ({"attributes": "no JSON"}, "attributes"),
            ({"attributes": ["a"]}, "attributes"),
            ({"attributes": {"a": "\ud800"}}, "attributes"),
            ({"attributes": {"a": "\0"}}, "attributes"),
            ({"attributes": {"a": "x" * 17_000}}, "attributes"),
            ({"attributes": {"flexOutboundKey": "x"}}, "attributes"),
            ({"attributes": "[" * 5000}, "attributes"),
            ({"sender": 999_999}, "sender"),
            ({"sender": "one"}, "sender"),
            ({"account": "AC" + "9" * 32}, "account"),
            ({"account": "x" * 99}, "account"),
            ({"conversation_sid": "CHx"}, "conversation_sid"),
            ({"contact_type": "auth.user", "contact_id": 1}, "contact_type"),
            ({"contact_type": "crm_demo.contact"}, "contact_id"),
            ({"contact_id": "1"}, "contact_type"),
            ({"contact_type": "crm_demo.contact", "contact_id": "x"}, "contact_id"),
            ({"idempotency_key": "a b"}, "idempotency_key"),
        ],
    )
    def test_bad_input(self, ask: Post, changes: dict[str, Any], field: str) -> None:
        answer = ask(**changes)

        assert (answer.status_code, list(answer.json())) == (400, [field])
        assert len(answer.content) < 2_000
        assert not Interaction.objects.exists()

    def test_a_contact_without_an_address_is_named_as_the_field_of_the_request(
        self, ask: Post, contact: Contact
    ) -> None:
        Contact.objects.filter(pk=contact.pk).update(mobile="12")
        answer = ask(contact_type="crm_demo.contact", contact_id=contact.pk, address="")

        assert (answer.status_code, list(answer.json())) == (400, ["contact_id"])

    def test_a_sender_of_another_channel(self, ask: Post, senders: dict[str, Sender]) -> None:
        assert list(ask(sender=senders["email"].pk).json()) == ["sender"]

    def test_a_conversation_of_another_account(self, ask: Post, account: Account) -> None:
        sid = "CH" + "4" * 32
        other = Account.objects.create(name="Other", account_sid="AC" + "9" * 32, workspace_sid="WS" + "9" * 32)
        Conversation.objects.create(pk=key_of(sid), account=other, channel="sms")
        answer = ask(account=account.account_sid, conversation_sid=sid)

        assert (answer.status_code, list(answer.json())) == (400, ["conversation_sid"])

    def test_a_body_of_one_megabyte(self, ask: Post) -> None:
        answer = ask(attributes={"text": "x" * 1_000_000})

        assert (answer.status_code, list(answer.json())) == (400, ["attributes"])
        assert len(answer.content) < 2_000

    def test_a_body_that_is_larger_than_any(self, ask: Post) -> None:
        answer = ask(attributes={"text": "x" * 3_000_000})

        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    def test_who_may_not_ask_is_refused_before_the_body_is_read(self, agent: User) -> None:
        answer = signed_in(agent).post(REQUESTS, "{", content_type="application/json")

        assert (answer.status_code, answer.json()["code"]) == (403, "no_permission")

    def test_nobody_asks_unknown(self, senders: dict[str, Sender]) -> None:
        assert Client().post(REQUESTS, {}, content_type="application/json").status_code in {401, 403}

    def test_the_session_needs_the_csrf_token(self, program: User) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(program)
        wanted = {"channel": "sms", "address": "+14155550177"}
        assert browser.post(REQUESTS, wanted, content_type="application/json").status_code == 403
        assert not Interaction.objects.exists()

    def test_too_many(self, ask: Post, settings: Settings) -> None:
        settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"click": "2/minute"}}
        codes = [ask(idempotency_key="k").status_code for _number in range(3)]

        assert codes == [202, 202, 429]


def test_a_hosts_own_way_to_sign_in(program: User, settings: Settings) -> None:
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["tests.integration.api.authentication.HeaderAuthentication"]
    }
    wanted = {"channel": "sms", "address": "+14155550177"}
    by_header = {"Authorization": "Agent form"}

    answer = Client().post(REQUESTS, wanted, content_type="application/json", headers=by_header)
    assert answer.status_code == 202


@pytest.mark.usefixtures("known_types")
def test_a_request_is_a_handful_of_statements(ask: Post, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    sign_in, permissions, savepoint = 2, 1, 2
    own = 1 + 1 + 1 + 1  # the same key, sender with account, whose address it is, INSERT
    with django_assert_num_queries(sign_in + permissions + own + savepoint):
        assert ask(idempotency_key="k1").status_code == 202


@pytest.mark.usefixtures("known_types")
def test_a_poll_of_what_has_not_changed_is_one_statement(
    ask: Post, program: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    browser = signed_in(program)
    url = ask().json()["status_url"]
    tag = browser.get(url)["ETag"]

    with django_assert_num_queries(2 + 1):
        assert browser.get(url, headers={"If-None-Match": tag}).status_code == 304
