"""A real Chromium for the pages, signed in as an agent, over the suite's own server."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from crm_demo.models import Contact

NewPage = Callable[..., Page]


@pytest.fixture
def new_page(browser: Browser, live_server: LiveServer, client: Any, agent: Any) -> Iterator[NewPage]:
    """Open pages of a signed-in agent; keywords go to ``Browser.new_context``. An error in a page fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **{"locale": "en-US"} | options)
        contexts.append(context)
        client.force_login(agent)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
        return page

    yield open_page
    for context in contexts:
        # What is typed is saved when its page is closed; the database is being emptied by then.
        context.route("**/drafts/**", lambda route: route.abort())
        context.close()
    assert not errors, errors


@pytest.fixture
def shoot(tmp_path: Path) -> Callable[[Page, str], None]:
    """Keep a screenshot in the directory that FLEX_SHOTS names, if it names one: for eyes, not for assertions."""
    where = os.environ.get("FLEX_SHOTS")

    def take(page: Page, name: str) -> None:
        if where:
            page.screenshot(path=str(Path(where) / f"{name}.png"), full_page=True)

    return take


@pytest.fixture
def contact(contact: Contact) -> Contact:
    """Reachable at two numbers."""
    contact.full_name, contact.mobile, contact.phone = "Grace Hopper", "+14155550123", "+14155550199"
    contact.email = "grace@example.com"
    contact.save()
    return contact


@pytest.fixture
def page(new_page: NewPage, contact: Any) -> Page:
    """The contact's page, of a signed-in agent."""
    page = new_page()
    page.goto(contact.get_absolute_url())
    return page
