"""The CRM's pages as its users see them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm_demo.csp import POLICY
from crm_demo.models import Contact
from flex_outbound.channels import ALWAYS_SHOWN, Channel
from flex_outbound.models import Sender

LIST = "/"


def make_contacts(number: int) -> None:
    Contact.objects.bulk_create(
        Contact(full_name=f"Person {index:03d}", mobile=f"(415) 555-0{index:03d}", country="US", search_text="person")
        for index in range(number)
    )


def page(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


@pytest.mark.parametrize("path", [LIST, "/contacts/1/"])
def test_whoever_is_not_signed_in_is_sent_to_the_sign_in_page(client: Client, db: None, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/accounts/login/?next={path}"


def test_signing_in_leads_to_the_contacts(client: Client, agent: User) -> None:
    response = client.post("/accounts/login/", {"username": "agent", "password": "agent"}, follow=True)
    assert response.redirect_chain == [(LIST, 302)]


def test_a_wrong_password_is_said_aloud(client: Client, agent: User) -> None:
    response = client.post("/accounts/login/", {"username": "agent", "password": "wrong"})
    assert 'role="alert"' in response.content.decode()


def test_signing_out_takes_a_post(client_agent: Client) -> None:
    assert client_agent.get("/accounts/logout/").status_code == 405
    assert client_agent.post("/accounts/logout/").status_code == 302
    assert client_agent.get(LIST).status_code == 302


@pytest.mark.parametrize(("query", "rows"), [("", 25), ("?per_page=100", 100), ("?per_page=7", 25), ("?page=5", 20)])
def test_pages_have_25_rows_or_as_many_as_are_offered(client_agent: Client, query: str, rows: int) -> None:
    make_contacts(120)
    assert page(client_agent, LIST + query).count('class="contacts__name"') == rows


def test_the_number_of_queries_does_not_grow_with_the_rows(
    client_agent: Client, senders: dict[Channel, Sender]
) -> None:
    make_contacts(100)
    page(client_agent, LIST)
    counts = []
    for rows in (25, 100):
        with CaptureQueriesContext(connection) as queries:
            assert page(client_agent, f"{LIST}?per_page={rows}").count('data-testid="flex-sms"') == rows
        counts.append(len(queries))
    assert counts[0] == counts[1] < 12


@pytest.mark.parametrize(
    "words",
    ["ann", "EXAMPLE Ann", "ann@example", "(415) 555-0123", "4155550123", "+1 415 555 0123", "0123", "  ann  "],
)
def test_a_contact_is_found_by(client_agent: Client, contact: Contact, words: str) -> None:
    Contact.objects.create(full_name="Somebody Else", mobile="(212) 555-0177", country="US")
    text = client_agent.get(LIST, {"q": words}).content.decode()
    assert contact.get_absolute_url() in text
    assert "Somebody Else" not in text


def test_letters_beyond_ascii_are_found_in_any_case(client_agent: Client) -> None:
    Contact.objects.create(full_name="Åsa Öberg")
    assert "Åsa" in client_agent.get(LIST, {"q": "åsa ÖBERG"}).content.decode()


@pytest.mark.parametrize("words", ["\x00", "%", "' OR 1=1 --", "()", "٣"])
def test_odd_searches_find_nothing_and_break_nothing(client_agent: Client, words: str) -> None:
    assert client_agent.get(LIST, {"q": words}).status_code == 200


def test_names_are_text_and_never_markup(client_agent: Client, senders: dict[Channel, Sender]) -> None:
    hostile = Contact.objects.create(
        full_name="<script>alert(1)</script>", company="<b>x", notes='"><img src=x>', email="a@example.com"
    )
    for path in (LIST, hostile.get_absolute_url(), f"{LIST}?q=%3Cscript%3E"):
        text = page(client_agent, path)
        assert "<script>alert" not in text
        assert "<b>x" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_a_restricted_contact_exists_for_staff_only(client_agent: Client, contact: Contact, agent: User) -> None:
    Contact.objects.update(restricted=True)
    assert contact.full_name not in page(client_agent, LIST)
    page(client_agent, contact.get_absolute_url(), 404)
    User.objects.filter(pk=agent.pk).update(is_staff=True)
    assert contact.full_name in page(client_agent, LIST)
    page(client_agent, contact.get_absolute_url())


def test_whoever_asked_not_to_be_messaged_has_no_button(
    client_agent: Client, contact: Contact, senders: dict[Channel, Sender]
) -> None:
    Contact.objects.update(do_not_contact=True)
    text = page(client_agent, contact.get_absolute_url())
    assert "This customer has asked not to be messaged." in text
    assert text.count('aria-disabled="true"') == len(ALWAYS_SHOWN)


def test_the_sids_stand_on_the_contact(client_agent: Client, contact: Contact) -> None:
    Contact.objects.update(last_task_sid="WT" + "a" * 32, last_conversation_sid="CH" + "b" * 32)
    text = page(client_agent, contact.get_absolute_url())
    assert "WT" + "a" * 32 in text
    assert "CH" + "b" * 32 in text


@pytest.fixture
def any_page(client_agent: Client, contact: Contact, admin_client: Client) -> Callable[[str], tuple[str, str]]:
    paths = {
        "sign in": (Client(), reverse("login")),
        "list": (client_agent, LIST),
        "detail": (client_agent, contact.get_absolute_url()),
        "missing": (client_agent, "/nowhere/"),
        "admin": (admin_client, "/admin/"),
        "admin form": (admin_client, f"/admin/crm_demo/contact/{contact.pk}/change/"),
    }

    def get(name: str) -> tuple[str, str]:
        client, path = paths[name]
        response = client.get(path)
        return response.content.decode(), response.headers["Content-Security-Policy"]

    return get


@pytest.mark.parametrize("name", ["sign in", "list", "detail", "missing", "admin", "admin form"])
def test_nothing_inline_stands_under_the_strict_policy(any_page: Callable[[str], tuple[str, str]], name: str) -> None:
    text, policy = any_page(name)
    assert policy == POLICY
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text.replace("&quot;", ""))


@pytest.mark.parametrize("path", ["/nowhere/", "/contacts/999999/"])
def test_what_is_not_there_is_said_in_the_crms_own_page(client_agent: Client, path: str) -> None:
    assert "Page not found" in page(client_agent, path, 404)


def test_an_error_has_a_page_that_needs_no_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    # Without a database in this test, the first query of the contacts' page is the error.
    monkeypatch.setattr("crm_demo.views.ContactList.dispatch", lambda *args, **kwargs: 1 / 0)
    assert "Something went wrong" in page(client, LIST, 500)


@pytest.mark.parametrize(
    ("asked", "language", "words", "since"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", ("Kunde seit", "Abmelden", "Unterhaltungen", "Zuständig"), "9. März 2024"),
        ("en-GB,en;q=0.9", "en", ("Customer since", "Sign out", "Conversations", "Owner"), "March 9, 2024"),
        ("fr", "fr", (), "9 mars 2024"),
        ("it", "en", ("Customer since",), "March 9, 2024"),
    ],
)
def test_the_demo_speaks_the_browsers_language(
    client_agent: Client, contact: Contact, asked: str, language: str, words: tuple[str, ...], since: str
) -> None:
    Contact.objects.update(created_at=datetime(2024, 3, 9, 12, tzinfo=UTC))
    answer = client_agent.get(contact.get_absolute_url(), headers={"Accept-Language": asked})
    html = answer.content.decode()
    assert f'<html lang="{language}"' in html
    assert since in html
    assert all(word in html for word in words)
    assert "Accept-Language" in answer["Vary"]
