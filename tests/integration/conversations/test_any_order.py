"""However callbacks come, and however often, and whatever is read in between: the rows end as Twilio's list is."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flex_outbound.models import Account, Interaction, Message
from flex_outbound.outbox import attempts, message_lifecycle
from flex_outbound.outbox.changes import Change
from flex_outbound.statuses import Event
from tests import steps

from .conftest import SIDS, Heard, conversation, counted, counted_from_rows, read, rows, tell, tell_host
from .twilio import Params, Twilio, least

Click = Callable[..., Interaction]

EXAMPLES = settings(
    max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


class Story:
    """A conversation that is opened here, with its first message, as far as it has come.

    What each step leaves in ``pending`` is told later, in whatever order.
    """

    def __init__(self, twilio: Twilio, row: Interaction, account: Account) -> None:
        self.twilio, self.row, self.account = twilio, row, account
        self.pending: list[Params] = []

    def begin(self) -> None:
        claimed = steps.claim(self.row)
        assert claimed is not None
        assert steps.mark_sent(claimed)
        self.row = claimed
        self.twilio.join(customer=True)
        self.twilio.join(customer=False)
        self.twilio.say("Is somebody there?")

    def commit(self) -> None:
        """Write what Twilio answered, and that the channel is up."""
        assert steps.created(self.row, SIDS, "assigned", wait=60)
        assert steps.change(self.row, Event.UP)

    def send(self, answer: str) -> None:
        """Send the first message; its answer comes, is lost, or is given up."""
        [message] = message_lifecycle.claim(Message.objects.due().filter(interaction=self.row.pk), 1)
        assert attempts.mark_sent([message])
        sid = self.twilio.say("Hello, Ann", author=self.twilio.agent, key=self.row.key)
        self.hear()
        changes = {
            "comes": Change(Event.ACCEPTED, message_sid=sid),
            "is lost": Change(Event.UNKNOWN, 2),
            "is given up": Change(Event.REFUSED, reason="outcome_unknown"),
        }
        message_lifecycle.apply(message, changes[answer])

    def later(self) -> None:
        twilio = self.twilio
        for status in ("queued", "sent", "delivered", "read"):
            twilio.deliver(1, status)
        twilio.say("Tell me more")
        twilio.edit(0, "Is anybody there?")
        twilio.edit(0, "Is any body there?")
        twilio.say("Sent from Flex", author=twilio.agent)
        for recipient, status in ((0, "sent"), (1, "delivered"), (0, "delivered"), (2, "sent"), (1, "read")):
            twilio.deliver(3, status, recipient)
        twilio.say("A mistake")
        twilio.remove(4)
        twilio.move("inactive")
        twilio.say("One more thing")
        twilio.say("Oops")
        twilio.leave(customer=False)
        twilio.say("Cannot be delivered", author=twilio.agent)
        twilio.deliver(7, "undelivered", code=30005)
        twilio.remove(6)

    def hear(self) -> None:
        self.pending += self.twilio.told
        self.twilio.told = []


def as_twilio_shows(twilio: Twilio) -> list[tuple[Any, ...]]:
    """Return the rows that Twilio's list stands for."""
    shown = []
    for one in twilio.shown:
        record = one.record
        is_customers = record.author == twilio.customer
        party, status = ("customer", "received") if is_customers else ("agent", "sent")
        delivery = least(one.receipts)
        shown.append((record.index, record.message_sid, party, status, record.body, record.subject, delivery))
    return shown


def check(story: Story, host: Heard) -> None:
    row = conversation()
    assert rows() == as_twilio_shows(story.twilio)
    assert counted(row) == counted_from_rows()
    assert (row.state, row.read_index) == (story.twilio.state, story.twilio.shown[-1].record.index)
    assert row.interaction_id == story.row.pk
    assert row.agent_id == story.row.agent_id
    assert [one.contact_id for one in row.contacts.all()] == [story.row.contact_id]
    gone = Message.objects.filter(conversation=row).exclude(removed_at=None)
    assert set(gone.values_list("body", "subject", "has_media")) <= {("", "", False)}
    first = Message.objects.get(interaction=story.row.pk)
    assert (first.status, first.message_sid, first.index, first.error_reason) == ("sent", "IM" + f"{1:032x}", 1, "")
    failed = Message.objects.get(index=7)
    assert (failed.delivery_status, failed.error_code) == ("undelivered", 30005)
    theirs = Message.objects.filter(conversation=row, party="customer").values_list("message_sid", flat=True)
    assert Counter(host.of("received")) == Counter(theirs)


@pytest.mark.django_db
@EXAMPLES
@given(data=st.data())
def test_any_order_ends_as_twilio_shows_it(
    data: st.DataObject, twilio: Twilio, click: Click, account: Account, host: Heard
) -> None:
    with transaction.atomic():
        twilio.__init__(twilio.customer, twilio.sender, step=data.draw(st.sampled_from([1.0, 0.0])))  # type: ignore[misc]
        host.clear()
        story = Story(twilio, click("Hello, Ann"), account)
        acts = [story.begin, story.commit, lambda: story.send(data.draw(st.sampled_from(ANSWERS))), story.later]
        for act in acts:
            act()
            story.hear()
            for what in data.draw(st.lists(st.sampled_from(["tell", "again", "read", "host"]), max_size=8)):
                happen(what, story, data)
        for params in data.draw(st.permutations(story.pending)):
            if data.draw(st.sampled_from([True, True, True, False])):
                tell(account, params)
        read(account)
        read(account)
        tell_host(account)
        check(story, host)
        transaction.set_rollback(True)


ANSWERS = ("comes", "is lost", "is given up")


def happen(what: str, story: Story, data: st.DataObject) -> None:
    if what == "read":
        read(story.account)
    elif what == "host":
        tell_host(story.account)
    elif story.pending:
        place = data.draw(st.integers(0, len(story.pending) - 1))
        params = story.pending.pop(place) if what == "tell" else story.pending[place]
        tell(story.account, params)


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["as it happened", "backwards", "read only"])
def test_the_plain_ways_end_the_same(way: str, twilio: Twilio, click: Click, account: Account, host: Heard) -> None:
    story = Story(twilio, click("Hello, Ann"), account)
    for act in (story.begin, story.commit, lambda: story.send("comes"), story.later):
        act()
        story.hear()
    told = {"as it happened": story.pending, "backwards": story.pending[::-1], "read only": []}[way]
    for params in told:
        tell(account, params)
    read(account)
    read(account)
    tell_host(account)
    check(story, host)
