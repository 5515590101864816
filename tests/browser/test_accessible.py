"""Every page of ours, in every dress: axe-core finds nothing, and nothing is wider than the page."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from flex_outbound.models import Account
from flex_outbound.sandbox import defaults
from tests.browser.conftest import NewPage
from tests.browser.scene import PAGES, Scene, build
from tests.integration.setup.conftest import Sandbox, sandbox, sandbox_server
from tests.sandbox.conftest import channel_of, routing_of

__all__ = ["Sandbox", "sandbox", "sandbox_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

# 640 by 400 is what a window of 1280 by 800 has left at 200 % zoom.
MODES: dict[str, dict[str, Any]] = {
    "light, 1280": {"size": (1280, 800), "color_scheme": "light", "forced_colors": "none"},
    "dark, 1280": {"size": (1280, 800), "color_scheme": "dark", "forced_colors": "none"},
    "dark, 390": {"size": (390, 800), "color_scheme": "dark", "forced_colors": "none"},
    "forced colours, 200 %": {"size": (640, 400), "color_scheme": "light", "forced_colors": "active"},
}
# What is Django's own around our part of the admin, and is not ours to mend: its header, search and filters.
OURS_IN_ADMIN = {"include": [["#content"]], "exclude": [["#toolbar"], ["#changelist-filter a"]]}
RUN = "([context, options]) => axe.run(context ?? document, options)"
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}


# Text that reaches beyond the window where nothing scrolls to it. What is one pixel wide is for screen readers alone.
CUT_OFF = """() => {
  const isReached = (element) => {
    for (let box = element.parentElement; box; box = box.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return true;
    }
    return false;
  };
  return [...document.querySelectorAll("body *")].filter((element) => {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const { left, right, width } = element.getBoundingClientRect();
    if (!hasText || width <= 1 || !element.checkVisibility({ visibilityProperty: true })) return false;
    return (left < -1 || right > innerWidth + 1) && !isReached(element);
  }).map((element) => element.outerHTML.slice(0, 200));
}"""


@pytest.fixture
def new_page(new_page: NewPage) -> NewPage:
    """Pages on which axe may set its inline styles."""
    return partial(new_page, reduced_motion="reduce", bypass_csp=True)


@pytest.fixture
def scene(account: Any, senders: Any, worker: Any, contact: Any, sandbox: Sandbox, settings: Any) -> Scene:
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"OUTCOMES": ["Solved", "Call back"]}
    return build(account, senders, worker, contact)


def dress(page: Page, size: tuple[int, int], **media: Any) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(**media)
    # A colour on its way to another one is none of ours.
    page.evaluate("document.getAnimations().forEach((one) => one.playState === 'running' && one.finish())")


def violations(page: Page, context: Any = None) -> Iterator[str]:
    for one in page.evaluate(RUN, [context, OPTIONS])["violations"]:
        for node in one["nodes"]:
            why = " ".join(node["failureSummary"].split())
            yield f"{one['id']}: {node['target']} {node['html'][:200]} :: {why}"


def overflow(page: Page) -> Iterator[str]:
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    if wide > room:
        yield f"{wide - room} pixels wider than the page"
    yield from (f"cut off: {html}" for html in page.evaluate(CUT_OFF))


def trouble(page: Page, name: str) -> list[str]:
    """Return what is wrong with a page in every dress."""
    found = []
    page.evaluate(AXE_SCRIPT)
    for mode, look in MODES.items():
        dress(page, **look)
        context = OURS_IN_ADMIN if "/admin/" in page.url else None
        found += [f"{name}, {mode}: {one}" for one in (*violations(page, context), *overflow(page))]
    return found


@pytest.mark.parametrize("name", PAGES)
def test_nobody_is_shut_out(new_page: NewPage, scene: Scene, name: str) -> None:
    page = new_page()
    PAGES[name](page, scene)
    found = trouble(page, name)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "name", ["compose", "compose with a template", "templates", "unsubscribed", "inbox", "unmatched"]
)
def test_nobody_is_shut_out_where_no_script_runs(new_page: NewPage, scene: Scene, name: str) -> None:
    page = new_page()
    # axe itself is a script, so the page's own ones are kept away instead.
    page.route("**/*.js", lambda route: route.abort())
    PAGES[name](page, scene)
    for summary in page.locator("main details > summary").all():
        summary.click()
    found = trouble(page, f"{name}, without scripts")
    assert not found, "\n".join(found)


def test_nobody_is_shut_out_of_an_admin_in_which_nothing_is_set_up(new_page: NewPage, agent: Any) -> None:
    type(agent).objects.filter(pk=agent.pk).update(is_staff=True, is_superuser=True)
    Account.objects.all().delete()
    page, found = new_page(), []
    for path in ("", "sender/add/", "account/add/", "interaction/dashboard/"):
        page.goto(f"/admin/flex_outbound/{path}")
        found += trouble(page, path)
    assert not found, "\n".join(found)


def open_at(sandbox: Sandbox) -> None:
    """Have an agent begin a conversation by SMS."""
    given = {"Channel": json.dumps(channel_of()), "Routing": json.dumps(routing_of())}
    signed = (defaults.API_KEY_SID, defaults.API_KEY_SECRET)
    httpx.post(f"{sandbox.url}/flex-api/v1/Interactions", data=given, auth=signed).raise_for_status()


def test_nobody_is_shut_out_of_the_sandboxs_desk(new_page: NewPage, agent: Any, sandbox: Sandbox) -> None:
    page = new_page()
    page.goto(sandbox.url)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    found = trouble(page, "desk, empty")
    open_at(sandbox)
    page.get_by_test_id("accept").click()
    page.get_by_test_id("phone-input").fill("I am here.")
    page.get_by_test_id("phone-send").click()
    expect(page.get_by_test_id("agent-thread").get_by_text("I am here.")).to_be_visible()
    found += trouble(page, "desk, in conversation")
    page.get_by_test_id("complete").click()
    page.get_by_test_id("complete").wait_for(state="detached")
    found += trouble(page, "desk, afterwards")
    assert not found, "\n".join(found)
