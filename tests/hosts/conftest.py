"""The hosts, one after the other, on one broker and one sandbox."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.hosts import checks
from tests.hosts.agents import Agent
from tests.hosts.driver import Host, Services


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs Valkey."""
    for item in items:
        if "host" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.services)


@pytest.fixture(scope="session")
def shared_services() -> Iterator[Services]:
    """Broker and sandbox, started once."""
    shared = Services.start()
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def running_host(request: pytest.FixtureRequest, shared_services: Services) -> Iterator[Host]:
    """The host that the module names in KIND, running for all of its tests."""
    with Host(request.module.KIND, shared_services) as host:
        yield host


@pytest.fixture
def host(running_host: Host) -> Iterator[Host]:
    """The module's host; what its processes have written is shown if the test fails."""
    yield running_host
    print(running_host.logs())


@pytest.fixture
def page(browser: Browser, host: Host, agent: Agent) -> Iterator[Page]:
    """A page in which the module's agent is signed in; whatever the host's policy refuses fails the test."""
    with checks.strict_page(browser, host, agent) as page:
        yield page
