"""Right-to-left: the pages mirror, numbers and addresses stay as they are, and nothing falls out of the window."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NewPage
from tests.browser.scene import PAGES, Scene, build
from tests.browser.test_accessible import overflow
from tests.integration.setup.conftest import Sandbox, sandbox, sandbox_server

__all__ = ["Sandbox", "sandbox", "sandbox_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

# What another page of the list lays out in the same way, or what is Django's own.
ALIKE = re.compile(r"colours|admin: (list of (?!conv|sender)|index|history|cancel|account|sender to choose)")
SIZES = [(1280, 800), (390, 800), (640, 400)]
# Numbers whose plus sign stands behind them, as what is not isolated has it in a text from right to left.
TURNED = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const place = (node, at) => {
    const range = new Range();
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    return range.getBoundingClientRect();
  };
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (const { index } of node.data.matchAll(/\\+\\d{6}/g)) {
      const [sign, digit] = [place(node, index), place(node, index + 1)];
      if (sign.width && sign.top === digit.top && sign.left > digit.left) found.push(node.parentElement.outerHTML);
    }
  }
  return found;
}"""


@pytest.fixture
def scene(account: Any, senders: Any, worker: Any, contact: Any, sandbox: Sandbox, settings: Any) -> Scene:
    settings.LANGUAGES = [*settings.LANGUAGES, ("ar", "Arabic")]
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"OUTCOMES": ["Solved", "Call back"]}
    return build(account, senders, worker, contact)


@pytest.fixture
def new_page(new_page: NewPage) -> NewPage:
    """Pages of somebody who reads Arabic."""
    return partial(new_page, locale="ar")


@pytest.mark.parametrize("name", [name for name in PAGES if not ALIKE.search(name)])
def test_nothing_falls_out_of_the_window(
    new_page: NewPage, scene: Scene, name: str, shoot: Callable[[Page, str], None]
) -> None:
    page = new_page()
    PAGES[name](page, scene)
    assert page.locator("html").get_attribute("dir") == "rtl"
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        shoot(page, f"rtl-{name}-{width}".replace(" ", "-").replace(":", ""))
        assert list(overflow(page)) == []
        assert page.evaluate(TURNED) == []


def middle(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box
    return box["x"] + box["width"] / 2


def mark(page: Page, selector: str, pseudo: str) -> str:
    element = page.locator(selector).first
    return str(element.evaluate(f"(element) => getComputedStyle(element, '{pseudo}').content"))


def test_sides_and_arrows_are_mirrored(new_page: NewPage, scene: Scene) -> None:
    page = new_page()
    page.goto(scene.contact_page)
    for side in ("in", "out"):
        assert page.locator(f".flex-message--{side}").count()
    bubble = ".flex-message--{} .flex-message__bubble"
    assert middle(page, bubble.format("out")) < middle(page, ".flex-conversation") < middle(page, bubble.format("in"))
    assert middle(page, "[data-testid=flex-email]") < middle(page, "[data-testid=flex-sms]")
    assert "◂" in mark(page, ".flex-answer__choice:not([open]) > summary", "::before")
    assert "→" in mark(page, ".crumbs a", "::before")
    page.goto("/inbox/")
    assert middle(page, ".flex-inbox__when") < middle(page, ".flex-inbox__who")
