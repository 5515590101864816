"""The life of what opens when the customer answers: whatever fails in whatever order, nothing is twice and none lost.

The real pipeline before a Twilio in memory; time passes in the rows.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import F
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.exceptions import ClickError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.memory import MemoryGateway
from flex_outbound.models import Account, Conversation, ConversationHolder, Interaction, Message, Sender, Worker
from flex_outbound.outbox import decisions, gateways, opening_now
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.statuses import UNSETTLED, Status
from tests.integration.pipeline.conftest import run_due

pytestmark = pytest.mark.django_db(transaction=True)

LOST: Final = OutcomeUnknown("no answer", reason="outcome_unknown")
BUSY: Final = NotAccepted("busy", reason="busy", http_status=429)
REFUSED: Final = Refused("no", reason="invalid_request", code=50509, http_status=400)
FAILURES: Final = {
    "begun, not answered": ("begin_conversation", LOST, True),
    "not begun": ("begin_conversation", LOST, False),
    "not taken": ("begin_conversation", BUSY, False),
    "said, not answered": ("create_message", LOST, True),
    "not said": ("create_message", LOST, False),
    "refused": ("create_message", REFUSED, False),
    "opened, not answered": ("create_interaction", LOST, True),
    "not closed": ("close_conversation", LOST, False),
}
EVENTS: Final = st.sampled_from([*FAILURES, *["work"] * 4, *["answer"] * 2, "cancel", "open now"])
SECONDS: Final = st.sampled_from([0.0, 3.0, 70.0, 400.0])


class World:
    """One click, its customer, and Twilio."""

    def __init__(self, agent: User, contact: Contact) -> None:
        for model in (Conversation, Message, Interaction):
            model._default_manager.all().delete()
        self.agent, self.gateway = agent, MemoryGateway()
        gateways.use(self.gateway.connect)
        kind, key = "crm_demo.contact", str(contact.pk)
        self.row = enqueue(Click(agent, kind, key, "sms", body="May we call you?", opens_on_answer=True))
        self.has_answered = False

    def happen(self, event: str, seconds: float) -> None:
        """Let one thing happen."""
        if event in FAILURES:
            method, error, carried_out = FAILURES[event]
            self.gateway.fail_next(error, method, carried_out=carried_out)
        elif event == "work":
            self.work(seconds)
        elif event == "answer":
            self.answer()
        else:
            self.decide(event)

    def work(self, seconds: float) -> None:
        """Let time pass, and the jobs do what is due then."""
        shift = timedelta(seconds=seconds)
        Conversation.objects.update(wants_agent_at=F("wants_agent_at") - shift)
        ConversationHolder.objects.update(close_at=F("close_at") - shift)
        run_due(seconds)

    def answer(self) -> None:
        """Let the customer write, as soon as there is a conversation."""
        for sid, one in self.gateway.conversations.items():
            if one.state != "closed":
                self.gateway.add_message(sid, "Yes")
                self.has_answered = True

    def decide(self, event: str) -> None:
        """Let the agent end the wait or open it now, where that is possible."""
        self.row.refresh_from_db()
        try:
            if event == "cancel":
                decisions.cancel(self.row, self.agent)
            else:
                opening_now.open_now(self.row, self.agent)
        except ClickError:
            pass

    def settle(self) -> None:
        """Let everything come to its end."""
        self.gateway._failures.clear()
        for _job in range(16):
            self.work(400)
        self.row.refresh_from_db()

    def harm(self) -> list[str]:
        """Return what is wrong in the end."""
        row, gateway = self.row, self.gateway
        states = [one.state for one in gateway.conversations.values()]
        found = [f"{len(states)} conversations"] if len(states) > 1 else []
        found += ["said twice"] if len(gateway.messages) > 1 else []
        found += ["opened twice"] if len(gateway.interactions) > 1 else []
        found += [f"stuck: {row.status}"] if row.status in UNSETTLED else []
        if row.status == Status.FAILED and not row.conversation_sid:
            # Its attempts are used up, and nobody knows the conversation.
            return found
        if self.has_answered and (states != ["active"] or len(gateway.interactions) != 1):
            found.append("the answer is lost")
        if not self.has_answered and row.status in (Status.CANCELED, Status.FAILED) and states not in ([], ["closed"]):
            found.append("left open")
        if row.status == Status.CLOSED and not gateway.interactions:
            found.append("nobody has it")
        return found


@pytest.fixture
def agent(account: Account, senders: dict[Channel, Sender]) -> User:
    """Somebody who may write."""
    user = User.objects.create_user("ada")
    user.user_permissions.add(Permission.objects.get(codename="add_interaction"))
    Worker.objects.create(account=account, user=user, worker_sid="WK" + "1" * 32, friendly_name="ada")
    return User.objects.get(pk=user.pk)


@pytest.fixture(autouse=True)
def _twilio(settings: Any, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.CRITICAL, logger="flex_outbound")
    settings.FLEX_OUTBOUND = {
        "RATE_LIMITS": dict.fromkeys(["interactions", "task_searches", "conversations", "workers"])
    }
    before = gateways.use(MemoryGateway().connect)
    yield
    gateways.use(before)


def test_nothing_is_twice_and_no_answer_is_lost(agent: User, contact: Contact) -> None:
    reached = set[str]()

    @settings(
        max_examples=30,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )
    @given(events=st.lists(st.tuples(EVENTS, SECONDS), min_size=4, max_size=14))
    @example(events=[("work", 0.0), ("answer", 0.0), ("cancel", 0.0)])
    @example(events=[("work", 0.0), ("cancel", 0.0), ("answer", 0.0)])
    @example(events=[("begun, not answered", 0.0), ("work", 0.0), ("answer", 0.0), ("cancel", 0.0)])
    @example(events=[("begun, not answered", 0.0), ("work", 0.0), ("work", 3.0), ("cancel", 0.0)])
    @example(events=[("work", 0.0), ("open now", 0.0), ("answer", 0.0)])
    @example(events=[("refused", 0.0), ("work", 0.0), ("answer", 0.0)])
    @example(events=[("refused", 0.0), ("work", 0.0), ("work", 3.0), ("work", 3.0)])
    def live(events: list[tuple[str, float]]) -> None:
        world = World(agent, contact)
        for event, seconds in events:
            world.happen(event, seconds)
        world.settle()
        assert world.harm() == [], events
        reached.add(world.row.status)

    live()
    assert reached == {Status.WAITING, Status.CLOSED, Status.CANCELED, Status.FAILED}
