"""The host's contacts in an admin of its own: buttons, history, and nothing of the admin broken."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm_demo.models import Contact
from flex_outbound.models import Account, WebhookEvent
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.admin import urls_own_site

pytestmark = [pytest.mark.urls("tests.integration.admin.urls_own_site"), pytest.mark.usefixtures("senders")]

LIST = "desk:crm_demo_contact_changelist"


@pytest.fixture
def desk(client: Client, agent: Any, worker: Any) -> Client:
    """The agent, who may do anything in the admin."""
    agent.is_staff = agent.is_superuser = True
    agent.save()
    client.force_login(agent)
    return client


class Forms(HTMLParser):
    """Counts forms within forms, and remembers the ids of all, and our links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.depth = self.nested = 0
        self.ids: set[str] = set()
        self.owners: set[str] = set()
        self.links: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.nested += self.depth
            self.depth += 1
            self.ids.add(given.get("id") or "")
        elif given.get("form"):
            self.owners.add(str(given["form"]))
        elif tag == "a" and "flex-outbound__button" in (given.get("class") or ""):
            self.links.add(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "form"


def page(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_no_form_stands_within_another(desk: Client, contact: Contact) -> None:
    for url in (reverse(LIST), reverse("desk:crm_demo_contact_change", args=[contact.pk])):
        assert Forms(page(desk, url)).nested == 0


def test_every_button_of_the_list_works_by_itself(desk: Client, contact: Contact) -> None:
    found = Forms(page(desk, reverse(LIST)))
    assert not found.owners
    assert found.links == {
        f"/flex/compose/crm_demo.contact/{channel}/?id={contact.pk}" for channel in ("sms", "whatsapp", "email")
    }


def test_the_column_stands_where_the_project_put_it(desk: Client, contact: Contact) -> None:
    html = page(desk, reverse(LIST))
    assert html.index("field-full_name") < html.index("field-flex_buttons") < html.index("field-company")
    other = page(desk, reverse("other:crm_demo_contact_changelist"))
    assert other.index("field-__str__") < other.index("field-flex_buttons")


def test_a_pop_up_in_which_a_contact_is_picked_has_no_buttons(desk: Client, contact: Contact) -> None:
    html = page(desk, reverse(LIST) + "?_popup=1")
    assert "Ann Example" in html
    assert "flex-outbound" not in html


def test_a_new_contact_has_no_buttons_yet(desk: Client) -> None:
    assert "<flex-outbound" not in page(desk, reverse("desk:crm_demo_contact_add"))


def test_the_history_stands_on_the_change_form(desk: Client, contact: Contact, agent: Any) -> None:
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    assert f'data-id="{row.pk}"' in page(desk, reverse("desk:crm_demo_contact_change", args=[contact.pk]))


def test_a_template_of_the_projects_own_is_kept(desk: Client, contact: Contact, settings: Any, tmp_path: Any) -> None:
    text = "{% extends 'admin/change_form.html' %}{% block form_top %}Our own words{% endblock %}"
    (tmp_path / "own_change_form.html").write_text(text)
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    html = page(desk, reverse("other:crm_demo_contact_change", args=[contact.pk]))
    assert "Our own words" in html
    assert "<flex-outbound" in html


def test_saving_and_bulk_actions_work_as_ever(desk: Client, contact: Contact) -> None:
    url = reverse(LIST)
    rows = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": str(contact.pk)}
    assert desk.post(url, rows | {"form-0-company": "Other", "_save": "Save"}).status_code == 302
    contact.refresh_from_db()
    assert contact.company == "Other"
    asked = desk.post(url, {"action": "delete_selected", "_selected_action": [str(contact.pk)]})
    assert "Are you sure" in asked.content.decode()


def test_the_list_asks_no_more_of_the_database_for_more_contacts(desk: Client, contact: Contact) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            page(desk, reverse(LIST))
        return len(counted)

    queries()
    few = queries()
    Contact.objects.bulk_create(Contact(full_name=f"C {number}", mobile="+14155550100") for number in range(20))
    assert queries() == few


def test_the_screens_link_to_their_own_site(desk: Client, contact: Contact, agent: Any, account: Account) -> None:
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    event = WebhookEvent.objects.create(
        account=account, source="taskrouter", event_id="EV1", event_type="task.created", payload={}, interaction=row
    )
    html = page(desk, reverse("desk:flex_outbound_interaction_change", args=[row.pk]))
    assert reverse("desk:flex_outbound_webhookevent_change", args=[event.pk]) in html
    assert 'href="/admin/' not in html


def test_registering_twice_changes_nothing() -> None:
    before = set(urls_own_site.site._registry)
    urls_own_site.register_with(urls_own_site.site)
    assert set(urls_own_site.site._registry) == before
