"""The pages about customers whom the CRM does not know: who may see them, and what linking does."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound.models import Conversation, ConversationContact
from tests.integration.contacts.conftest import MakeConversation, conversation, linker, links  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/flex/unmatched/"


@pytest.fixture
def browser(client: Client, linker: User) -> Client:  # noqa: F811
    client.force_login(linker)
    return client


def page_of(row: Conversation) -> str:
    return f"{LIST}{row.conversation_sid}/"


def text_of(browser: Client, url: str) -> str:
    response = browser.get(url)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode()


def post(browser: Client, row: Conversation, act: str, contact: Any = None, **more: str) -> Any:
    given = {"contact_type": "crm_demo.contact"} | ({"contact_id": str(contact.pk)} if contact else {})
    return browser.post(f"{page_of(row)}{act}/", given | more)


def test_the_newest_stands_first_with_what_tells_it_apart(browser: Client, conversation: MakeConversation) -> None:  # noqa: F811
    old = conversation("+14155550101", last_at=timezone.now() - timezone.timedelta(hours=1))  # type: ignore[attr-defined]
    conversation("+14155550102", customer_name="Eve <b>", last_text="<script>alert(1)</script>")
    shown = text_of(browser, LIST)
    assert shown.index("+14155550102") < shown.index("+14155550101")
    assert "My parcel is lost" in shown
    assert "SMS line" in shown
    assert page_of(old) in shown
    assert "<script>alert" not in shown
    assert "Eve &lt;b&gt;" in shown


def test_linked_and_foreign_ones_are_not_listed(browser: Client, conversation: MakeConversation) -> None:  # noqa: F811
    Contact.objects.create(full_name="Bob", mobile="+14155550177")
    conversation()
    conversation("+14155550101", is_foreign=True)
    conversation("+14155550102", last_at=None)
    assert "There are none." in text_of(browser, LIST)
    assert "the conversation stands here until you say whose it is." in text_of(browser, LIST)


def test_a_page_costs_the_same_however_many_there_are(browser: Client, conversation: MakeConversation) -> None:  # noqa: F811
    conversation()
    with CaptureQueriesContext(connection) as one:
        text_of(browser, LIST)
    for number in range(30):
        conversation(f"+141555502{number:02}")
    with CaptureQueriesContext(connection) as many:
        shown = text_of(browser, LIST)
    # One of them is for the badge in the navigation.
    assert len(many) == len(one) <= 5
    assert shown.count('data-testid="flex-unmatched-row"') == 25
    assert "?page=2" in shown
    assert text_of(browser, f"{LIST}?page=2").count('data-testid="flex-unmatched-row"') == 6
    for odd in ("0", "-1", "x", "9999", "%00", "9" * 30):
        text_of(browser, f"{LIST}?page={odd}")


def test_without_the_permission_nothing_is_shown(client: Client, agent: User, conversation: MakeConversation) -> None:  # noqa: F811
    row, bob = conversation(), Contact.objects.create(full_name="Bob", mobile="+14155550100")
    assert client.get(LIST).status_code == 302
    client.force_login(agent)
    assert client.get(LIST).status_code == 403
    assert client.get(page_of(row)).status_code == 403
    assert post(client, row, "link", bob).status_code == 403
    assert links(row) == set()


def test_nothing_changes_by_a_link_or_a_forged_form(linker: User, conversation: MakeConversation) -> None:  # noqa: F811
    row, bob = conversation(), Contact.objects.create(full_name="Bob", mobile="+14155550100")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(linker)
    for act in ("link", "unlink", "create"):
        assert strict.get(f"{page_of(row)}{act}/").status_code == 405
        assert post(strict, row, act, bob).status_code == 403
    assert links(row) == set()


@pytest.mark.parametrize("wanted", ["Bob", "(415) 555-0100", "bob@example.com", "id"])
def test_a_contact_is_found_by_name_number_address_and_id(
    browser: Client,
    conversation: MakeConversation,  # noqa: F811
    wanted: str,
) -> None:
    row, bob = (
        conversation(),
        Contact.objects.create(full_name="Bob Stone", mobile="+14155550100", email="bob@example.com"),
    )
    Contact.objects.create(full_name="Ann Other", mobile="+14155550101")
    shown = text_of(browser, f"{page_of(row)}?q={str(bob.pk) if wanted == 'id' else wanted}")
    assert "Bob Stone" in shown
    assert "Ann Other" not in shown


def test_hidden_contacts_are_neither_found_nor_linked(browser: Client, conversation: MakeConversation) -> None:  # noqa: F811
    row = conversation()
    bob = Contact.objects.create(full_name="Bob Stone", mobile="+14155550177", restricted=True)
    for query in ("", "?q=Bob", "?q=%2B14155550177", f"?q={bob.pk}"):
        assert "Bob Stone" not in text_of(browser, page_of(row) + query)
    assert post(browser, row, "link", bob).status_code == 404
    assert links(row) == set()


def test_linking_takes_it_off_the_list_and_notes_who_did_it(
    browser: Client,
    conversation: MakeConversation,  # noqa: F811
    linker: User,  # noqa: F811
) -> None:
    row, bob = conversation(), Contact.objects.create(full_name="Bob Stone", mobile="+14155550100")
    response = post(browser, row, "link", bob)
    assert response.status_code == 302
    assert ConversationContact.objects.get().linked_by == linker
    assert "There are none." in text_of(browser, LIST)
    assert list(Conversation.objects.for_contact(bob)) == [row]
    assert "Bob Stone" in text_of(browser, response["Location"])


def test_a_wrong_link_is_removed_by_who_made_it(
    browser: Client,
    conversation: MakeConversation,  # noqa: F811
) -> None:
    row, bob = conversation(), Contact.objects.create(full_name="Bob Stone", mobile="+14155550100")
    post(browser, row, "link", bob)
    assert "is linked with Bob Stone" in text_of(browser, page_of(row))
    post(browser, row, "unlink", bob)
    assert links(row) == set()
    assert "+14155550177" in text_of(browser, LIST)


def test_a_contact_that_has_the_address_by_now_is_suggested(browser: Client, conversation: MakeConversation) -> None:  # noqa: F811
    row = conversation()
    Contact.objects.create(full_name="Bob Stone", mobile="+14155550177")
    shown = text_of(browser, page_of(row))
    assert "Bob Stone" in shown
    assert "These contacts have the customer" in shown
    assert links(row) == set()


def test_a_contact_is_created_and_linked(
    browser: Client,
    conversation: MakeConversation,  # noqa: F811
    linker: User,  # noqa: F811
) -> None:
    row = conversation(customer_name="Zoe")
    response = post(browser, row, "create")
    form = urlsplit(response["Location"])
    assert form.path == "/contacts/new/"
    given = {name: values[0] for name, values in parse_qs(form.query).items()}
    assert given == {"full_name": "Zoe", "mobile": "+14155550177", "next": page_of(row)}
    shown = text_of_host(browser, response["Location"])
    assert 'value="+14155550177"' in shown
    saved = browser.post(form.path, given | {"full_name": "Zoe Zimmer"})
    assert saved["Location"] == page_of(row)
    assert "Zoe Zimmer" in text_of(browser, saved["Location"])
    zoe = Contact.objects.get(full_name="Zoe Zimmer")
    assert links(row) == {str(zoe.pk)}
    assert ConversationContact.objects.get().linked_by == linker


def text_of_host(browser: Client, url: str) -> str:
    response = browser.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_a_contact_that_is_created_for_another_reason_is_not_linked(
    browser: Client,
    conversation: MakeConversation,  # noqa: F811
) -> None:
    row = conversation()
    Contact.objects.create(full_name="Bob Stone", mobile="+14155550177")
    post(browser, row, "create")
    Contact.objects.create(full_name="Eve", mobile="+14155550100")
    assert links(row) == set()
    Conversation.objects.update(expected_at=timezone.now() - timezone.timedelta(hours=2))  # type: ignore[attr-defined]
    Contact.objects.create(full_name="Late", mobile="+14155550177")
    assert links(row) == set()


def test_the_form_goes_back_to_this_site_alone(browser: Client) -> None:
    answer = browser.post("/contacts/new/", {"full_name": "Zoe", "next": "https://evil.example/"})
    assert answer["Location"] == Contact.objects.get().get_absolute_url()


def test_an_adapter_without_a_form_offers_none(
    browser: Client,
    conversation: MakeConversation,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CrmContact, "get_create_url", lambda *args: None)
    row = conversation()
    assert "flex-create" not in text_of(browser, page_of(row))
    assert post(browser, row, "create").status_code == 404


@pytest.mark.parametrize("sid", ["CH" + "0" * 32, "CHx", "IM" + "0" * 32, "%00", "CH" + "0" * 31, "x" * 500])
def test_what_is_no_conversation_is_not_found(browser: Client, sid: str) -> None:
    assert browser.get(f"{LIST}{sid}/").status_code == 404


def test_others_conversations_need_the_permission_to_view_them(
    browser: Client,
    conversation: MakeConversation,  # noqa: F811
    other_agent: User,
) -> None:
    Contact.objects.create(full_name="Bob", mobile="+14155550177")
    row = conversation(agent=other_agent)
    assert browser.get(page_of(row)).status_code == 404
