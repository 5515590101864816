"""The list of interactions in a real browser: readable without scrolling aside, on a desk and on a phone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from flex_outbound.models import Interaction
from tests.integration.conftest import Click, click
from tests.integration.pages import rows

__all__ = ["click"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

LIST = "/admin/flex_outbound/interaction/"
ASIDE = """(() => {
  const box = document.querySelector(".results");
  return box.scrollWidth - box.clientWidth;
})()"""
NAMES = ("Ann Other", "Wilhelmina Oberhauser-Schwarzenegger", "Q" * 60, "Ng", "محمد عبد الرحمن")


@pytest.fixture
def several(click: Click, agent: Any, other_agent: Any) -> None:
    """Interactions of every kind, of customers with long names, seen by an administrator."""
    User.objects.filter(pk=agent.pk).update(
        is_staff=True, is_superuser=True, last_name="Featherstonehaugh-Marjoribanks"
    )
    sid = "WT" + "a" * 31
    for number, name in enumerate(NAMES):
        at = datetime.now(UTC) - timedelta(hours=number)
        click(at, 2.0, "active", contact_name=name, task_sid=f"{sid}{number}")
    click(NOW, None, "failed", contact_name="Refused", error_reason="already_open", channel="whatsapp")
    click(
        NOW, 2.0, "closed", contact_name="Lost", error_reason="opted_out", delivery_status="failed", agent=other_agent
    )
    twice = click(NOW, 2.0, "active", contact_name="Twice")
    rows.open_twice(twice)
    rows.ask_for_decision(click(NOW, None, "queued", contact_name="Who knows", channel="email"), "Flex did not answer.")


NOW = datetime.now(UTC)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_list_is_read_without_scrolling_aside(
    new_page: Callable[..., Page], several: None, shoot: Callable[[Page, str], None], width: int, scheme: str
) -> None:
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(LIST)
    expect(page.locator("#result_list tbody tr")).to_have_count(Interaction.objects.count())
    shoot(page, f"{scheme}-{width}-interactions")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(ASIDE) <= 1
