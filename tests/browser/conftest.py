"""A real Chromium for the pages, signed in as an agent, over the suite's own server."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from crm_demo.models import Contact

NewPage = Callable[..., Page]


class _UnderWay:
    """Counts the requests that the live server is answering: the database must not be emptied under them."""

    def __init__(self) -> None:
        self._lock, self._number = threading.Lock(), 0
        request_started.connect(self._start, weak=False)
        request_finished.connect(self._finish, weak=False)

    def _start(self, **_sent: Any) -> None:
        with self._lock:
            self._number += 1

    def _finish(self, **_sent: Any) -> None:
        with self._lock:
            self._number = max(0, self._number - 1)

    def wait_for_end(self, seconds: float = 3.0, quiet: float = 0.1) -> None:
        """Wait until nothing has been under way for a moment; an answer that nobody took may never be counted out."""
        end, quiet_since = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() < end and time.monotonic() - quiet_since < quiet:
            if self._number:
                quiet_since = time.monotonic()
            time.sleep(0.01)
        self._number = 0


_under_way = _UnderWay()


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
        # What is typed is saved when its page is closed, and pages poll; the database is being emptied by then.
        context.route("**/*", lambda route: route.abort())
        context.close()
    _under_way.wait_for_end()
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
