"""What is asked to read and write registrations of callbacks is what Twilio publishes."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from flex_outbound.channels import Channel
from flex_outbound.gateway import client
from flex_outbound.gateway.base import Connection
from flex_outbound.gateway.callbacks import TwilioCallbacks, connect
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer
from flex_outbound.setup.callbacks import REPEAT
from flex_outbound.setup.comparing import EVENTS
from tests.contract.openapi import Contract
from tests.contract.test_gateway_requests import as_recorded, interaction

URL = "https://crm.example.com/flex/webhooks/1/x/"
SERVICE = defaults.CHAT_SERVICE_SID
STEPS: dict[str, Callable[[TwilioCallbacks], Any]] = {
    "flex": lambda made: made.fetch_flex(),
    "workspace": lambda made: made.fetch_workspace_callback(),
    "workspace registered": lambda made: made.register_workspace_callback(URL + REPEAT, EVENTS["taskrouter"]),
    "conversations": lambda made: made.fetch_conversations_webhook(SERVICE),
    "conversations of the account registered": lambda made: made.register_conversations_webhook(
        "", URL, EVENTS["conversations"]
    ),
    "conversations of the service registered": lambda made: made.register_conversations_webhook(
        SERVICE, URL, EVENTS["conversations"]
    ),
}


def test_naming_a_webhook_of_an_interaction_is_published(sandbox: SandboxServer, twilio: Contract) -> None:
    credentials = (defaults.API_KEY_SID, defaults.API_KEY_SECRET, defaults.WORKSPACE_SID)
    connection = Connection(defaults.ACCOUNT_SID, *credentials, base_url=sandbox.url, timeout=(1.0, 5.0))
    made = client.connect(connection).create_interaction(interaction(Channel.SMS))
    sandbox.state.requests.clear()
    with closing(connect(connection)) as named:
        assert named.name_webhook(str(made.interaction_sid), "flex_interactionwebhook_1")
        assert not named.name_webhook("KD" + "0" * 32, "flex_interactionwebhook_1")
    asked = [as_recorded(request) for request in list(sandbox.state.requests)]
    assert [request["status"] for request in asked] == [200, 404]
    assert asked[0]["form"] == [["WebhookTtid", "flex_interactionwebhook_1"]]
    assert [words for request in asked for words in twilio.request_errors(request)] == []


@pytest.mark.parametrize("step", STEPS)
def test_what_is_asked_about_callbacks_is_published(step: str, sandbox: SandboxServer, twilio: Contract) -> None:
    credentials = (defaults.API_KEY_SID, defaults.API_KEY_SECRET, defaults.WORKSPACE_SID)
    made = connect(Connection(defaults.ACCOUNT_SID, *credentials, base_url=sandbox.url, timeout=(1.0, 5.0)))
    try:
        STEPS[step](made)
    finally:
        made.close()

    asked = [as_recorded(request) for request in list(sandbox.state.requests)]
    assert asked
    assert {request["status"] // 100 for request in asked} == {2}, asked
    assert [words for request in asked for words in twilio.request_errors(request)] == []
