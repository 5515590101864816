"""What the directory asks is what Twilio publishes that may be asked."""

import inspect
from collections.abc import Callable, Iterator

import pytest

from flex_outbound.gateway.base import Connection
from flex_outbound.gateway.directory import open_directory
from flex_outbound.gateway.resources import Directory
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer
from tests.contract.openapi import Contract
from tests.contract.test_gateway_requests import as_recorded

SPACE = defaults.WORKSPACE_SID
READS: dict[str, Callable[[Directory], object]] = {
    "account_name": lambda directory: directory.account_name(),
    "workspaces": lambda directory: list(directory.workspaces()),
    "workflows": lambda directory: list(directory.workflows(SPACE)),
    "task_queues": lambda directory: list(directory.task_queues(SPACE)),
    "task_channels": lambda directory: list(directory.task_channels(SPACE)),
    "workers": lambda directory: list(directory.workers(SPACE)),
    "phone_numbers": lambda directory: list(directory.phone_numbers()),
    "whatsapp_senders": lambda directory: list(directory.whatsapp_senders()),
    "email_addresses": lambda directory: list(directory.email_addresses()),
    "conversation_defaults": lambda directory: directory.conversation_defaults(),
    "content_templates": lambda directory: list(directory.content_templates()),
    "templates": lambda directory: list(directory.templates()),
    "refused_products": lambda directory: not directory.refused_products(),
}

# Whether interactions may be read is asked with one that nobody has.
STATUSES = {"conversation_defaults": [200, 200], "refused_products": [200, 200, 404, 200]}


@pytest.fixture
def directory(sandbox: SandboxServer) -> Iterator[Directory]:
    """The directory over Twilio's SDK, turned to the sandbox."""
    credentials = (defaults.ACCOUNT_SID, defaults.API_KEY_SID, defaults.API_KEY_SECRET)
    with open_directory(Connection(*credentials, "", sandbox.url, (1.0, 5.0))) as directory:
        yield directory


def test_every_read_of_the_directory_is_tried_here() -> None:
    methods = {name for name, _method in inspect.getmembers(Directory, inspect.isfunction) if not name.startswith("_")}
    assert set(READS) == methods


@pytest.mark.parametrize("name", READS)
def test_what_the_directory_asks_is_published(
    name: str, directory: Directory, sandbox: SandboxServer, twilio: Contract
) -> None:
    sandbox.state.requests.clear()

    assert READS[name](directory)

    asked = [as_recorded(request) for request in list(sandbox.state.requests)]
    assert [request["status"] for request in asked] == STATUSES.get(name, [200])
    assert [words for request in asked for words in twilio.request_errors(request)] == []
