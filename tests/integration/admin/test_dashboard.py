"""The dashboard: figures as tiles, tables and charts, for whoever may see interactions."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from flex_outbound.models import Account, FiguresMark, Interaction
from flex_outbound.reports import rollup
from tests.integration.admin.conftest import INTERACTIONS, staff
from tests.integration.conftest import Click
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

DASHBOARD = INTERACTIONS + "dashboard/"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def shown(client: Client, **asked: Any) -> str:
    html = client.get(DASHBOARD, asked).content.decode()
    assert read(html).faults == []
    return html


def drawn(html: str) -> dict[str, Any]:
    """Return the charts' data by name."""
    found = re.search(r'<script id="flex-figures" type="application/json">(.*?)</script>', html, re.S)
    assert found
    return {chart["id"]: chart for chart in json.loads(found[1])}


def tiles(html: str) -> list[str]:
    return re.findall(r'flex-tile__value">(?:<a [^>]*>)?([^<]*)<', html)


def test_the_figures_of_a_month(admin_client: Client, click: Click, agent: User) -> None:
    for number in range(3):
        click(NOW - number * DAY, 2.0)
    click(NOW - 5 * DAY, None, "failed", error_reason="worker_unavailable", channel="email")
    click(NOW - 50 * DAY, 9.0)
    click(NOW, None, "queued")
    html = shown(admin_client)
    assert tiles(html)[:4] == ["5", "3", "1", "1"]
    charts = drawn(html)
    assert charts["days"]["series"][0]["values"].count(0) == 26
    assert sum(charts["days"]["series"][0]["values"]) == 5
    assert charts["reasons"]["labels"] == ["Agent was not available"]
    assert charts["channels"]["labels"] == ["SMS", "Email"]
    assert charts["agents"]["labels"] == ["Agent"]
    assert charts["waits"]["series"][0]["values"][-1] == pytest.approx(2.0, rel=0.03)
    assert tiles(shown(admin_client, days="90"))[0] == "6"


@pytest.mark.parametrize("rolled", [False, True])
def test_what_was_not_delivered_has_a_tile_that_leads_to_it(admin_client: Client, click: Click, rolled: bool) -> None:
    lost = {"delivery_status": "failed", "error_reason": "opted_out", "error_code": 21610}
    click(NOW - DAY, 2.0, "closed", **lost)
    click(NOW - DAY, 2.0, "active", **lost)
    click(NOW - DAY, 2.0, "failed", **lost)
    click(NOW - DAY, 2.0, "closed", delivery_status="delivered")
    while rolled and rollup.roll_up():
        pass
    html = shown(admin_client)
    assert tiles(html)[:5] == ["4", "4", "1", "0", "2"]
    assert drawn(html)["reasons"]["series"][0]["values"] == [3]
    (link,) = re.findall(r'flex-tile__value"><a href="([^"]+)"', html)
    listed = admin_client.get(link.replace("&amp;", "&")).content.decode()
    assert listed.count('<span class="flex-badge flex-badge--bad">Not delivered</span>') == 2
    assert "2 interactions" in listed


@pytest.mark.parametrize("rolled", [False, True])
def test_the_figures_add_up_or_say_why_not(admin_client: Client, click: Click, rolled: bool) -> None:
    for at in (NOW - DAY, NOW - 2 * DAY):
        click(at, 2.0)
        click(at, 2.0, "failed", error_reason="workflow_timeout")
        click(at, None, "failed")
        click(at, None, "canceled")
        click(at, None, "queued")
    while rolled and rollup.roll_up():
        pass
    html = shown(admin_client)
    assert tiles(html)[:3] == ["10", "4", "4"]
    words = re.sub(r"<[^>]+>", "", html)
    assert (
        "10 clicks = 4 opened in Flex + 2 failed before they were opened + 2 canceled + 2 without an outcome yet. "
        "2 of those that were opened failed afterwards, and count as both."
    ) in words
    assert "flex-sum" not in shown(admin_client, days="1", channel="email")


def test_a_receipt_that_comes_late_changes_the_day(admin_client: Client, click: Click) -> None:
    row = click(NOW - DAY, 2.0)
    while rollup.roll_up():
        pass
    Interaction.objects.update(delivery_status="failed", error_reason="not_delivered", updated_at=NOW)
    FiguresMark.objects.update(checked_at=NOW - timedelta(hours=1))
    assert rollup.roll_up() == 1
    assert tiles(shown(admin_client))[4] == "1"
    assert row.pk


def test_each_chart_has_its_figures_in_a_table_that_leads_to_the_rows(
    admin_client: Client, click: Click, agent: User
) -> None:
    click(NOW, None, "failed", error_reason="worker_unavailable")
    html = shown(admin_client, channel="sms")
    assert html.count("<canvas") == html.count('class="flex-chart__table"') == len(drawn(html)) == 5
    links = [link.replace("&amp;", "&") for link in re.findall(rf'href="({INTERACTIONS}\?[^"]+)"', html)]
    assert any(f"agent={agent.pk}" in link for link in links)
    assert any("reason=worker_unavailable" in link for link in links)
    assert all("channel__exact=sms" in link for link in links)
    today = NOW.date().isoformat()
    assert f"{INTERACTIONS}?since={today}&until={today}&channel__exact=sms" in links
    for link in links:
        response = admin_client.get(link)
        assert response.status_code == 200
    assert response.content.decode().count('class="field-created_at') == 1


def test_an_account_in_trouble_stands_above_the_figures(admin_client: Client, account: Account) -> None:
    assert 'role="alert"' not in shown(admin_client)
    Account.objects.update(problem_code=20003, problem_text="Authenticate <b>", problem_at=NOW)
    html = shown(admin_client).replace("&#x27;", "'")
    box = html.index('role="alert"')
    assert "does not accept this account's credentials" in html[box:]
    assert f'href="/admin/flex_outbound/account/{account.pk}/change/"' in html[box:]
    lead = shown(staff("lead", "view_interaction"))
    assert "enter the API key" in lead
    assert "/account/" not in lead
    Account.objects.update(is_active=False)
    assert 'role="alert"' not in shown(admin_client)


def test_what_waits_leads_to_its_rows(admin_client: Client, click: Click) -> None:
    click(NOW, None, "queued")
    click(NOW, None, "review")
    click(NOW)
    (link,) = re.findall(r'flex-tile__value"><a href="([^"]+)"', shown(admin_client))
    assert admin_client.get(link).content.decode().count('class="field-created_at') == 2


def test_filters_and_a_period_of_ones_own(admin_client: Client, click: Click, other_agent: User, worker: Any) -> None:
    click(NOW - 10 * DAY)
    click(NOW - 10 * DAY, channel="whatsapp", agent=other_agent)
    day = (NOW - 10 * DAY).date().isoformat()
    assert tiles(shown(admin_client, days="own", since=day, until=day))[0] == "2"
    assert tiles(shown(admin_client, days="own", since=day, until=day, channel="sms"))[0] == "1"
    assert tiles(shown(admin_client, days="30", agent=other_agent.pk))[0] == "1"
    assert tiles(shown(admin_client, account=str(worker.account_id)))[0] == "2"
    assert tiles(shown(admin_client, days="7"))[0] == "0"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"days": "own"}, "Enter the first day."),
        ({"days": "own", "since": "2026-02-02", "until": "2026-02-01"}, "The last day is before the first."),
        ({"days": "own", "since": "2020-01-01", "until": "2026-01-01"}, "Choose at most 366 days."),
        ({"days": "own", "since": "soon"}, "Enter a valid date."),
        ({"days": "12"}, "Select a valid choice."),
        ({"agent": "x"}, "Select a valid choice."),
        ({"channel": "<b>"}, "Select a valid choice."),
        ({"account": "99999999999999999999"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(admin_client: Client, asked: dict[str, str], words: str) -> None:
    html = shown(admin_client, **asked)
    assert words in html
    assert "<b>" not in html
    assert "flex-tile" not in html


def test_a_time_without_clicks_is_said_in_words(admin_client: Client) -> None:
    html = shown(admin_client)
    assert "No interaction in this period matches" in html
    assert "flex-figures" not in html
    assert tiles(html) == ["0", "0", "0", "0", "–", "–"]


def test_names_cannot_break_out_of_the_figures(admin_client: Client, click: Click, agent: User) -> None:
    User.objects.filter(pk=agent.pk).update(first_name="</script><b>x")
    click(NOW)
    html = shown(admin_client)
    assert "<b>x" not in html
    assert drawn(html)["agents"]["labels"] == ["</script><b>x"]


def test_who_left_is_counted_as_such(admin_client: Client, click: Click) -> None:
    click(NOW, agent=None)
    assert drawn(shown(admin_client))["agents"]["labels"] == ["Nobody, or deleted users"]


def test_only_who_may_see_interactions_sees_it(client: Client, click: Click) -> None:
    click(NOW)
    assert tiles(shown(staff("viewer", "view_interaction")))[0] == "1"
    assert staff("nobody", "view_account").get(DASHBOARD).status_code == 403
    assert client.get(DASHBOARD).status_code == 302
    assert staff("second", "view_interaction").post(DASHBOARD).status_code == 405
    assert Interaction.objects.count() == 1


def test_the_ways_to_it(admin_client: Client, click: Click) -> None:
    assert f'href="{DASHBOARD}"' in admin_client.get(INTERACTIONS).content.decode()
    assert f'href="{DASHBOARD}"' in admin_client.get("/admin/flex_outbound/").content.decode()
    assert DASHBOARD not in staff("nobody", "view_account").get("/admin/flex_outbound/").content.decode()


def test_no_more_is_asked_for_more_rows(admin_client: Client, click: Click, django_assert_max_num_queries: Any) -> None:
    for number in range(40):
        click(NOW - timedelta(hours=number), None if number % 5 else 1.0, "failed" if number % 5 else "closed")
    with django_assert_max_num_queries(20):
        admin_client.get(DASHBOARD, {"days": "7"})
