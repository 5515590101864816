"""What is asked to read and change what answers a customer who writes first is what Twilio publishes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flex_outbound.gateway.address_configurations import AutoCreation, TwilioAddressConfigurations, connect
from flex_outbound.gateway.base import Connection
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer
from flex_outbound.setup.inbound_states import EVENTS_OF_ONE, given_back
from tests.contract.openapi import Contract
from tests.contract.test_gateway_requests import as_recorded

OURS = AutoCreation(
    True,
    "webhook",
    "https://crm.example.com/flex/webhooks/1/conversations/",
    "POST",
    EVENTS_OF_ONE,
    service_sid=defaults.CHAT_SERVICE_SID,
)
STUDIO = AutoCreation(True, "studio", studio_flow_sid="FW" + "a" * 32, studio_retry_count=3)
WEBHOOK = AutoCreation(True, "webhook", "https://bi.example.com/hook")


@pytest.fixture
def client(sandbox: SandboxServer) -> Iterator[TwilioAddressConfigurations]:
    """The client, and one address that is configured."""
    credentials = (defaults.API_KEY_SID, defaults.API_KEY_SECRET, defaults.WORKSPACE_SID)
    made = connect(Connection(defaults.ACCOUNT_SID, *credentials, base_url=sandbox.url, timeout=(1.0, 5.0)))
    for one in list(made.list_all()):
        made.delete(one.sid)
    made.create("whatsapp", defaults.WHATSAPP_SENDER, STUDIO)
    sandbox.state.requests.clear()
    yield made
    made.close()


def sid(client: TwilioAddressConfigurations) -> str:
    return next(iter(client.list_all())).sid


Act = Callable[[TwilioAddressConfigurations], Any]
STEPS: dict[str, Act] = {
    "listed": lambda client: list(client.list_all()),
    "listed of a channel": lambda client: list(client.list_all("whatsapp")),
    "fetched": lambda client: client.fetch(sid(client)),
    "created": lambda client: client.create("sms", defaults.SMS_SENDER, OURS, "Line"),
    "taken over": lambda client: client.update(sid(client), OURS),
    "switched off": lambda client: client.update(sid(client), AutoCreation(False)),
    "given back to Studio": lambda client: client.update(sid(client), given_back(STUDIO, OURS, OURS.service_sid)),
    "given back to a webhook": lambda client: client.update(sid(client), given_back(WEBHOOK, OURS, OURS.service_sid)),
    "deleted": lambda client: client.delete(sid(client)),
}


@pytest.mark.parametrize("step", STEPS)
def test_what_is_asked_about_addresses_is_published(
    step: str, client: TwilioAddressConfigurations, sandbox: SandboxServer, twilio: Contract
) -> None:
    STEPS[step](client)

    asked = [as_recorded(request) for request in list(sandbox.state.requests)]
    assert asked
    assert {request["status"] // 100 for request in asked} == {2}, asked
    assert [words for request in asked for words in twilio.request_errors(request)] == []
