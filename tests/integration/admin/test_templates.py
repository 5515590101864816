"""The list of templates in the admin, *Sync now*, and what a manager chooses for each."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Account, Template
from flex_outbound.sandbox import defaults
from tests.integration.pipeline.conftest import Sandbox, sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]

pytestmark = pytest.mark.django_db
LIST = "/admin/flex_outbound/template/"
CARD = next(one for one in defaults.CONTENT_TEMPLATES if one.name == "order_status")


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def synced(account: Account, sandbox: Sandbox, manager: Client) -> Template:
    """One template, after *Sync now*."""
    manager.post(f"{LIST}sync/")
    return Template.objects.get(content_sid=CARD.sid)


def test_sync_now_reads_and_says_so(account: Account, sandbox: Sandbox, manager: Client) -> None:
    assert "not read from Twilio yet" in manager.get(LIST).content.decode()
    page: Any = manager.post(f"{LIST}sync/", follow=True)
    html = page.content.decode()
    assert "Sandbox: 12 templates (12 new, 0 changed, 0 gone)." in html
    assert "Sync now" in html
    logged = LogEntry.objects.values_list("user__username", "content_type__model", "change_message")
    assert list(logged) == [("root", "account", "Sandbox: 12 templates (12 new, 0 changed, 0 gone).")]
    for one in defaults.CONTENT_TEMPLATES:
        assert one.name in html
    for words in ("Approved", "In review", "Rejected", "Paused", "Not submitted", "The template asks for sensitive"):
        assert words in html


def test_twilio_that_cannot_be_read_changes_nothing(account: Account, sandbox: Sandbox, manager: Client) -> None:
    sandbox.fault("status", method="GET", path="/v2/ContentAndApprovals$", status=401, code=20003)
    html = manager.post(f"{LIST}sync/", follow=True).content.decode()
    assert "Sandbox: nothing was changed." in html
    assert not Template.objects.exists()


def test_only_who_may_change_templates_syncs(account: Account, client: Client) -> None:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.post(f"{LIST}sync/").status_code == 403
    client.force_login(User.objects.create_superuser("root"))
    assert client.get(f"{LIST}sync/").status_code == 405


def test_the_page_shows_all_and_keeps_what_is_chosen(synced: Template, manager: Client) -> None:
    html = manager.get(f"{LIST}{synced.pk}/change/").content.decode()
    assert "Follow it" in html
    assert "Sample: 4711" in html
    given = {"is_active": "", "source_1": "full_name", "source_2": ""}
    assert manager.post(f"{LIST}{synced.pk}/change/", given).status_code == 302
    synced.refresh_from_db()
    assert (synced.is_active, synced.sources, synced.name) == (False, {"1": "full_name"}, CARD.name)
    assert 'value="full_name"' in manager.get(f"{LIST}{synced.pk}/change/").content.decode()


@pytest.mark.parametrize("field", ["no_such_field", "_meta", "__class__", "full_name.upper", "objects"])
def test_a_field_that_no_contact_has_is_refused(field: str, synced: Template, manager: Client) -> None:
    page = manager.post(f"{LIST}{synced.pk}/change/", {"is_active": "on", "source_1": field})
    assert "No kind of contact has" in page.content.decode()
    synced.refresh_from_db()
    assert synced.sources == {}


def test_a_property_of_the_contact_is_taken(synced: Template, manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Contact, "greeting", property(lambda contact: contact.full_name), raising=False)
    assert manager.post(f"{LIST}{synced.pk}/change/", {"source_1": "greeting"}).status_code == 302


def test_templates_are_neither_added_nor_deleted_here(synced: Template, manager: Client) -> None:
    assert manager.get(f"{LIST}add/").status_code == 403
    assert manager.post(f"{LIST}{synced.pk}/delete/", {"post": "yes"}).status_code == 403


def test_nothing_that_twilio_says_is_markup(synced: Template, manager: Client) -> None:
    evil = "<script>alert(1)</script>"
    Template.objects.update(
        name=evil, language=evil[:16], category=evil, rejection_reason=evil, types={evil: {"body": evil}}, variables={}
    )
    for page in (LIST, f"{LIST}{synced.pk}/change/"):
        assert evil not in manager.get(page).content.decode()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", {"Approved", "In review", "Not submitted", "Marketing", "Utility", "German"}),
        ("de", {"Genehmigt", "In Prüfung", "Nicht eingereicht", "Marketing", "Service", "Deutsch"}),
    ],
)
@pytest.mark.parametrize("facets", ["", "_facets=True&"])
def test_the_filters_speak_as_the_list_does(
    synced: Template, manager: Client, language: str, words: set[str], facets: str
) -> None:
    Template.objects.create(account=synced.account, content_sid="HX" + "0" * 32, name="a_new_one")
    html = manager.get(f"{LIST}?{facets}", headers={"accept-language": language}).content.decode()
    shown = {re.sub(r" \(\d+\)$", "", one.strip()) for one in re.findall(r'href="\?[^"]*">([^<]+)</a>', html)}
    assert words <= shown
    assert shown.isdisjoint({"approved", "pending", "MARKETING", "UTILITY", "de", "en", ""})
    narrowed = manager.get(f"{LIST}?category=MARKETING", headers={"accept-language": language}).content.decode()
    assert "spring_offer" in narrowed
    assert "order_status" not in narrowed
