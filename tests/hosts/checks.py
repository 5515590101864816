"""What must hold of every host project, whatever it is like."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.hosts.agents import Agent
from tests.hosts.driver import Host
from tests.processes import ROOT, wait_for

SOURCES = {"taskrouter", "conversations", "interactions"}
EVENTS = """
SELECT DISTINCT source FROM flex_outbound_webhookevent
WHERE processed_at IS NOT NULL AND error = '' AND interaction_id IS NOT NULL
"""


def the_app_comes_from_the_wheel(host: Host) -> None:
    """The package lies in the project's environment, and nothing of the checkout can be imported."""
    found = host.where()
    assert Path(found["file"]).is_relative_to(host.folder / "env"), found["file"]
    inside = [path for path in found["path"] if path and Path(path).resolve().is_relative_to(ROOT)]
    assert [path for path in inside if "site-packages" not in path] == []
    assert not any((Path(path) / "flex_outbound").exists() for path in inside)


def callbacks_arrive(host: Host) -> None:
    """The callbacks of all three services were verified, applied, and belong to a row; none was refused."""
    wait_for(lambda: {source for (source,) in host.query(EVENTS)} == SOURCES, "callbacks of all services", 15.0)
    assert host.query("SELECT source, code FROM flex_outbound_webhookrefusal") == []


@contextlib.contextmanager
def strict_page(browser: Browser, host: Host, agent: Agent) -> Iterator[Page]:
    """Open a page of the signed-in agent; whatever the project's policy refuses, and every error, fails the test."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": agent.http.cookies["sessionid"], "url": host.url}])
    page = context.new_page()
    refused: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security" in message.text:
            refused.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: refused.append(str(error)))
    yield page
    context.close()
    assert refused == []
