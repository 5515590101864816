"""Who has a conversation: what the gateway asks, and what it makes of the answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from flex_outbound.channels import Channel
from flex_outbound.exceptions import OutcomeUnknown, Refused
from flex_outbound.gateway.base import Connection, Holder
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.holders import MOST_CONVERSATIONS
from flex_outbound.gateway.memory import MemoryGateway
from flex_outbound.outbox.conversations.authors import decoded
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.flex.effects import identity_of
from flex_outbound.sandbox.server import SandboxServer

CH = "CH" + "1" * 32


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """A sandbox of this module's own."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def gateway(sandbox: SandboxServer) -> Iterator[TwilioGateway]:
    """The gateway over Twilio's SDK, turned to the sandbox."""
    made = TwilioGateway(
        Connection(
            account_sid=defaults.ACCOUNT_SID,
            username=defaults.API_KEY_SID,
            password=defaults.API_KEY_SECRET,
            workspace_sid=defaults.WORKSPACE_SID,
            base_url=sandbox.url,
            timeout=(1.0, 5.0),
        )
    )
    yield made
    made.close()


@pytest.mark.parametrize("sids", [[], ["CH1"], ["CH" + "1" * 32 + "' OR 1==1"], [CH] * (MOST_CONVERSATIONS + 1)])
def test_only_sids_go_into_the_expression(gateway: TwilioGateway, sids: list[str]) -> None:
    with pytest.raises(ValueError, match="SIDs of conversations"):
        gateway.find_tasks_of(sids)


def test_a_conversation_without_a_task_is_not_in_the_answer(gateway: TwilioGateway) -> None:
    assert gateway.find_tasks_of([CH]) == {}


def test_a_task_that_is_gone_has_no_holder(gateway: TwilioGateway) -> None:
    assert gateway.fetch_holder("WT" + "0" * 32) is None


def test_a_conversation_that_is_gone_is_closed(gateway: TwilioGateway) -> None:
    gateway.close_conversation(CH)
    with pytest.raises(Refused):
        gateway.close_conversation("CH1")


def test_a_task_that_cannot_be_read_is_no_answer(gateway: TwilioGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    class Record:
        sid, assignment_status, attributes = "WT" + "1" * 32, "assigned", None

    def records(*_given: Any, **_fields: Any) -> Iterator[Any]:
        yield Record()

    monkeypatch.setattr(TwilioGateway, "_records", records)
    monkeypatch.setattr(TwilioGateway, "_fetch", lambda *_given: Record())
    with pytest.raises(OutcomeUnknown):
        gateway.find_tasks_of([CH])


def test_the_double_tells_who_has_a_task_and_closes() -> None:
    memory = MemoryGateway()
    sid = memory.add_conversation(Channel.SMS, "+14155550123", defaults.SMS_SENDER)
    assert memory.find_tasks_of([sid]) == {}
    memory.holders["WT1"] = Holder("WK" + "1" * 32, "Bea", None)
    assert memory.fetch_holder("WT1") == Holder("WK" + "1" * 32, "Bea", None)
    assert memory.fetch_holder("WT2") is None
    memory.close_conversation(sid)
    memory.close_conversation("CH0")
    assert memory.conversations[sid].state == "closed"


@pytest.mark.parametrize(
    ("name", "identity"),
    [("bea", "bea"), ("bea@example.com", "bea_40example_2Ecom"), ("a b", "a_20b"), ("é", "_C3_A9"), ("x_y", "x_5Fy")],
)
def test_the_sandbox_makes_of_a_name_what_flex_does(name: str, identity: str) -> None:
    assert identity_of(name) == identity
    assert decoded(identity) == name
