"""What no agent began, in the admin: list, filter, page, dashboard and export."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from crm_demo.models import Contact
from flex_outbound import interactions
from flex_outbound.admin import export
from flex_outbound.models import Interaction
from flex_outbound.outbox import decisions
from tests.integration.admin.conftest import INTERACTIONS, page_of
from tests.integration.pages import rows
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def asked(senders: Any) -> Interaction:
    """What a form asked for, of a customer whom nobody knows."""
    given = {"topic": "return", "text": HOSTILE}
    return interactions.start(channel="sms", address="+14155550177", name="Bo", attributes=given, key="form-1")


def test_the_list_says_how_it_began_and_who_has_it(
    admin_client: Client, row: Interaction, asked: Interaction, other_agent: User
) -> None:
    html = admin_client.get(INTERACTIONS).content.decode()
    assert "Waiting for an agent" in html
    assert "Asked for by a form" in html
    assert read(html).faults == []
    rows.open_in_flex(asked)
    rows.change(asked, "active", worker_sid="WK" + "1" * 32, agent=other_agent)
    html = admin_client.get(INTERACTIONS).content.decode()
    assert "Waiting for an agent" not in html
    assert ">bea<" in html


def test_the_list_is_filtered_by_who_began(admin_client: Client, row: Interaction, asked: Interaction) -> None:
    for value, shown in (("api", asked), ("agent", row)):
        html = admin_client.get(INTERACTIONS, {"initiated_by__exact": value}).content.decode()
        assert "By who began it" in html
        assert html.count('class="field-created_at') == 1
        assert str(shown.pk) in html


def test_its_page_shows_what_was_asked_as_text(admin_client: Client, row: Interaction, asked: Interaction) -> None:
    html = admin_client.get(page_of(asked)).content.decode()

    assert HOSTILE not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "Asked for by a form" in html
    assert read(html).faults == []
    assert html.count("Waiting for an agent") == 2  # in its part of the page, and in the timeline
    assert "Asked for by a form" not in admin_client.get(page_of(row)).content.decode()


def test_a_retry_and_what_it_repeats_are_linked(admin_client: Client, asked: Interaction, agent: User) -> None:
    rows.change(asked, "failed", error_reason="workflow_timeout")
    again = decisions.retry(Interaction.objects.get(), agent)

    assert page_of(again) in admin_client.get(page_of(asked)).content.decode()
    assert page_of(asked) in admin_client.get(page_of(again)).content.decode()


def test_the_export_has_it_also_for_who_sees_not_every_contact(
    admin_user: User, other_agent: User, row: Interaction, asked: Interaction, contact: Contact
) -> None:
    Contact.objects.filter(pk=contact.pk).update(restricted=True)
    for user, number in ((admin_user, 2), (other_agent, 1)):
        text = "".join(export.lines(Interaction.objects.all(), user)).removeprefix("\ufeff")
        lines = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(lines) == number
        line = next(one for one in lines if one["id"] == str(asked.pk))
        assert (line["initiated_by"], line["agent"], line["contact_type"], line["contact_id"]) == ("api", "", "", "")
        assert HOSTILE not in text


def test_the_dashboard_counts_it_as_nobodys(admin_client: Client, asked: Interaction) -> None:
    html = admin_client.get(INTERACTIONS + "dashboard/").content.decode()

    assert "Nobody, or deleted users" in html
