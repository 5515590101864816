"""What a page must keep at every width and in every dress; the screenshots are for eyes (FLEX_SHOTS)."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flex_outbound.models import Interaction
from tests.integration.pages import rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_page(
    new_page: Callable[..., Page], contact: Any, shoot: Callable[[Page, str], None], width: int, scheme: str
) -> None:
    type(contact).objects.update(full_name="Wolfeschlegelsteinhausenbergerdorff" * 8)
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-email").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("Email: Waiting to be sent")
    rows.fail(Interaction.objects.get(), "Unbreakable" * 30)
    expect(page.get_by_test_id("flex-status")).to_contain_text("Failed")
    page.get_by_test_id("flex-sms").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    row = Interaction.objects.get(channel="sms")
    rows.open_in_flex(row)
    sid = rows.add_conversation(row)
    expect(page.get_by_test_id("flex-conversation-sid")).to_have_text(sid)
    shoot(page, f"{scheme}-{width}-opened")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_test_id("flex-composer").last.locator("summary").first.click()
    shoot(page, f"{scheme}-{width}-composer")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto("/")
    page.get_by_test_id("flex-whatsapp").click()
    expect(page.get_by_test_id("flex-status")).to_have_text("WhatsApp: Waiting to be sent")
    shoot(page, f"{scheme}-{width}-list")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_text_can_be_read_on_its_ground(new_page: Callable[..., Page], contact: Any) -> None:
    for scheme in ("light", "dark"):
        page = new_page(color_scheme=scheme)
        page.goto(contact.get_absolute_url())
        page.get_by_test_id("flex-composer").first.locator("summary").click()
        for selector in (
            ".flex-outbound__label",
            ".flex-outbound__hint",
            ".flex-outbound__field label",
            ".flex-outbound__primary",
        ):
            ratio = page.locator(selector).locator("visible=true").first.evaluate(CONTRAST)
            assert ratio >= 4.5, (scheme, selector, ratio)


CONTRAST = """(element) => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = element;
  while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
  const pair = [light(getComputedStyle(element).color), light(getComputedStyle(ground).backgroundColor)].sort();
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""
