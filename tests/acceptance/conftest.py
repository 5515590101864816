"""The running demo, an agent at it, and the view behind the scenes."""

from collections.abc import Iterator

import pytest

from tests import processes
from tests.acceptance import secrecy
from tests.acceptance.crm import Crm
from tests.acceptance.flex import Flex
from tests.processes import Person, Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs Valkey, and for one half PostgreSQL."""
    for item in items:
        if item.path.parent == processes.ROOT / "tests" / "acceptance":
            item.add_marker(pytest.mark.services)


@pytest.fixture(scope="session", params=processes.KINDS)
def shared_stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The stack of one database, started once for all tests; whatever they did, its logs kept quiet about customers."""
    stack = processes.running(request.param)
    yield stack
    assert secrecy.leaks([stack.logs()], secrecy.secrets_of(stack)) == []


@pytest.fixture
def stack(shared_stack: Stack) -> Iterator[Stack]:
    """The stack; what its processes write during a test is shown if the test fails."""
    with processes.shown(shared_stack) as stack:
        yield stack


@pytest.fixture(scope="session")
def agent_session(shared_stack: Stack) -> Iterator[Crm]:
    """Sign the agent in once."""
    with Crm(shared_stack.crm_url, "agent") as crm:
        yield crm


@pytest.fixture
def agent(stack: Stack, agent_session: Crm) -> Crm:
    """Ada Agent, signed in."""
    return agent_session


@pytest.fixture
def admin(stack: Stack) -> Iterator[Crm]:
    """The administrator, signed in."""
    with Crm(stack.crm_url, "admin") as crm:
        yield crm


@pytest.fixture
def flex(stack: Stack) -> Iterator[Flex]:
    """The sandbox; it behaves again afterwards."""
    with Flex(stack.sandbox_url) as flex:
        yield flex
        flex.behave()


@pytest.fixture
def contact(stack: Stack) -> Person:
    """A contact that no other test knows."""
    return stack.next_contact()
