"""The pages of a timeline, followed to their end, against Python's own sorting of the same rows."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flex_outbound import timeline
from flex_outbound.models import Account, Conversation, Interaction, Message
from flex_outbound.timeline import INTERACTION, MESSAGE, Place
from tests.integration.conftest import Click
from tests.integration.pages import talk

pytestmark = pytest.mark.django_db

SIZE = 3
Said = tuple[int, int, int | None]
"""Which conversation, the second, and Twilio's index in it."""

SAID = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.none() | st.integers(0, 3)), max_size=40)
EXAMPLES = settings(
    max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

# More conversations than a page reads rows, with fewer messages each, and some with none.
MANY = [(number, number * 7 % 5, number % 3 or None) for number in range(40) if number % 11]


@pytest.fixture
def conversations(account: Account, contact: Any, agent: Any) -> list[Conversation]:
    """The contact's conversations, and one that is somebody else's."""
    return [talk.converse(account, contact, agent, address=f"+1415555{number:04}") for number in range(40)]


def followed(page: Callable[[Place | None], tuple[Sequence[Any], str | None]]) -> Iterator[Any]:
    """Yield the rows of one page after the other."""
    before = None
    while True:
        rows, older = page(before)
        yield from rows
        if older is None:
            return
        assert len(rows) == SIZE
        before = timeline.read_cursor(older)


def say(conversations: list[Conversation], said: list[Said]) -> list[tuple[Any, ...]]:
    """Write the messages; returns where each stands, the newest first."""
    rows = [
        talk.said(conversations[number], "Hello", index, said_at=talk.BEGAN + timedelta(seconds=second))
        for number, second, index in said
    ]
    Message.objects.bulk_create(rows)
    places = [(one.said_at, MESSAGE, timeline.LAST if one.index is None else one.index, one.pk) for one in rows]
    return sorted(places, reverse=True)


def open_each_second(click: Click, contact: Any) -> list[tuple[Any, ...]]:
    """Write interactions of the contact, three in two seconds; returns where each stands."""
    places = []
    for half in range(6):
        at = talk.BEGAN + timedelta(milliseconds=700 * half)
        row = click(at, address=f"+1415666{half:04}")
        Interaction.objects.filter(pk=row.pk).update(contact_id=str(contact.pk))
        second = at.replace(microsecond=0)
        places.append((second, INTERACTION, at.isoformat(timespec="microseconds"), str(row.pk)))
    return places


@given(said=SAID, is_many=st.booleans())
@example(said=[], is_many=True)
@EXAMPLES
def test_messages_come_as_sorted_by_python(
    contact: Any, agent: Any, conversations: list[Conversation], said: list[Said], is_many: bool
) -> None:
    with transaction.atomic():
        expected = say(conversations, [*said, *(MANY if is_many else ())])
        found = followed(lambda before: timeline.messages(agent, contact, before, SIZE))
        assert [tuple(timeline.place_of(one)) for one in found] == expected
        transaction.set_rollback(True)


@given(said=SAID)
@EXAMPLES
def test_messages_and_interactions_come_as_sorted_by_python(
    contact: Any, agent: Any, conversations: list[Conversation], click: Click, said: list[Said]
) -> None:
    def page(before: Place | None) -> tuple[list[Interaction | Message], str | None]:
        entries = timeline.entries(agent, contact, before, SIZE)
        return entries.found[::-1], entries.older

    with transaction.atomic():
        expected = sorted([*say(conversations, said), *open_each_second(click, contact)], reverse=True)
        assert [tuple(timeline.place_of(one)) for one in followed(page)] == expected
        transaction.set_rollback(True)
