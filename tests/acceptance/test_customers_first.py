"""Two hundred customers write at once, each for the first time: each gets one conversation with somebody in it."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from flex_outbound.sandbox import defaults
from tests.acceptance.flex import Flex, Record
from tests.processes import Stack, wait_for

CUSTOMERS = 200
SECONDS = 120.0
NUMBERS = [f"+1415600{number:04}" for number in range(CUSTOMERS)]
SWITCH = """
import django
django.setup()
from flex_outbound.models import Sender
from flex_outbound.setup import inbound
sender = Sender.objects.select_related("account").get(address="%s", channel="sms")
[row] = [one for one in inbound.look(sender.account) if one.sender.pk == sender.pk]
inbound.%s(sender, row.digest)
"""
STOPPED = """
from django.db.models.functions import Now
from flex_outbound.outbox.conversations import reading
# No callbacks come any more: conversations are read again as often as for who has none.
reading._receipts(sender.account_id).update(missed_at=Now())
"""
BEGUN = """
SELECT i.address, i.task_sid FROM flex_outbound_interaction i
WHERE i.initiated_by = 'customer' AND i.status = 'active' AND i.task_sid IS NOT NULL AND i.address LIKE '+1415600%%'
"""
KEPT = """
SELECT c.address, m.body FROM flex_outbound_message m JOIN flex_outbound_conversation c ON c.id = m.conversation_id
WHERE c.address LIKE '+1415600%%'
"""
WAITING = """
SELECT count(*) FROM flex_outbound_conversation WHERE address LIKE '+1415600%%' AND wants_agent_at IS NOT NULL
"""


@pytest.fixture
def answered(stack: Stack) -> Iterator[None]:
    """Customers who write first to the sender for SMS get an agent, until the test is over."""
    if stack.kind == "sqlite":
        pytest.skip("Two hundred customers at once are for a server's database")
    stack.run("-c", SWITCH % (defaults.SMS_SENDER, "switch_on"))
    yield
    stack.run("-c", SWITCH % (defaults.SMS_SENDER, "give_back") + STOPPED)


@pytest.mark.usefixtures("answered")
def test_none_is_lost_and_none_is_asked_for_twice(stack: Stack, flex: Flex) -> None:
    def write(number: str) -> None:
        flex.post("messages", {"from": number, "to": defaults.SMS_SENDER, "body": f"I am {number}"})

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, NUMBERS))
    wait_for(lambda: len(stack.query(BEGUN)) >= CUSTOMERS, "an agent for each", SECONDS)
    wait_for(lambda: stack.query(WAITING) == [(0,)], "nobody to wait any more", SECONDS)

    account = flex.account()
    rooms = {one["sid"]: _customer(one) for one in account["conversations"] if _customer(one) in NUMBERS}
    opened = Counter(rooms.get(one["channel"]["conversation_sid"]) for one in account["interactions"])
    assert sorted(rooms.values()) == NUMBERS
    assert {number: opened[number] for number in NUMBERS} == dict.fromkeys(NUMBERS, 1)
    begun = stack.query(BEGUN)
    assert sorted(address for address, _task in begun) == NUMBERS
    assert len({task for _address, task in begun}) == CUSTOMERS
    assert sorted(stack.query(KEPT)) == [(number, f"I am {number}") for number in NUMBERS]
    for _address, task in begun:
        flex.post(f"tasks/{task}/cancel", {})
    # Left open, they would be read for as long as the others' tests wait for what is only read.
    for sid in rooms:
        flex.close_conversation(sid)


def _customer(conversation: Record) -> str:
    return next((one["address"] for one in conversation["participants"] if one.get("address")), "")
