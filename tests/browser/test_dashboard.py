"""The dashboard in a real browser, under the demo's strict policy: an inline style or script fails the test."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.integration.conftest import Click, click

__all__ = ["click"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

DASHBOARD = "/admin/flex_outbound/interaction/dashboard/"
INK = """(canvas) => {
  const context = canvas.getContext("2d");
  const points = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let at = 3; at < points.length; at += 4) inked += points[at] > 0;
  return inked;
}"""


@pytest.fixture
def clicks(click: Click, agent: Any) -> None:
    """Some days of clicks, seen by an administrator."""
    User.objects.filter(pk=agent.pk).update(is_staff=True, is_superuser=True)
    for number in range(12):
        at = datetime.now(UTC) - timedelta(days=number % 6)
        click(at, None if number % 4 == 0 else 1.5, "failed" if number % 4 == 0 else "closed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_charts_are_drawn_with_their_figures_beneath(
    new_page: Callable[..., Page], clicks: None, shoot: Callable[[Page, str], None], width: int, scheme: str
) -> None:
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(DASHBOARD)
    expect(page.locator("canvas").locator("visible=true")).to_have_count(5)
    for number in range(5):
        assert page.locator("canvas").nth(number).evaluate(INK) > 500
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"{scheme}-{width}-dashboard")
    chart = page.get_by_role("region", name="By channel")
    chart.get_by_text("Figures").click()
    expect(chart.get_by_role("row", name="SMS")).to_contain_text("12")
    page.get_by_label("Period").select_option("own")
    expect(page.get_by_label("From:")).to_be_visible()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_have_text("Enter the first day.")


def test_charts_follow_the_switch_of_light_and_dark(new_page: Callable[..., Page], clicks: None) -> None:
    page = new_page(color_scheme="light")
    page.goto(DASHBOARD)
    colour = "Chart.getChart(document.querySelector('[data-chart=reasons] canvas')).data.datasets[0].backgroundColor"
    light = page.evaluate(colour)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"{colour} !== '{light}'")


def test_without_scripts_the_tables_say_it(new_page: Callable[..., Page], clicks: None) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(DASHBOARD)
    expect(page.locator("canvas").locator("visible=true")).to_have_count(0)
    page.get_by_role("region", name="Failed or not delivered, by reason").get_by_text("Figures").click()
    expect(page.get_by_role("row", name="Customer has unsubscribed")).to_contain_text("3")


def test_lines_and_bars_differ_by_more_than_colour(new_page: Callable[..., Page], clicks: None) -> None:
    page = new_page()
    page.goto(DASHBOARD)
    of_chart = "(name) => Chart.getChart(document.querySelector(`[data-chart=${name}] canvas`)).data.datasets"
    dashes = page.evaluate(f"({of_chart})('days').map((one) => one.borderDash.join())")
    points = page.evaluate(f"({of_chart})('days').map((one) => one.pointStyle)")
    fills = page.evaluate(f"({of_chart})('channels').map((one) => typeof one.backgroundColor)")
    assert len(set(dashes)) == len(set(points)) == 3
    assert fills == ["string", "object", "object"]


@pytest.mark.parametrize("scripts", [True, False])
def test_it_prints_with_its_figures_in_light_colours(
    new_page: Callable[..., Page], clicks: None, shoot: Callable[[Page, str], None], scripts: bool
) -> None:
    page = new_page(viewport={"width": 794, "height": 1123}, color_scheme="dark", java_script_enabled=scripts)
    page.goto(DASHBOARD)
    if scripts:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    rows = page.locator(".flex-chart__table").first.get_by_role("row")
    expect(rows.last).to_be_visible()
    expect(page.get_by_role("button", name="Show")).not_to_be_visible()
    expect(page.locator("#nav-sidebar")).not_to_be_visible()
    shoot(page, f"print-{'scripts' if scripts else 'plain'}-dashboard")
    if scripts:
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen")
        expect(rows.last).not_to_be_visible()
