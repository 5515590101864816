"""How many messages PostgreSQL reads for a page: as many, however many there are."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.db import connection

from flex_outbound import timeline
from flex_outbound.models import Account, Message
from flex_outbound.timeline import INTERACTION, PAGE_SIZE, Place
from tests.benchmarks.scripts.history import multiply
from tests.integration.pages import talk

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.services,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="the plans of PostgreSQL: set TEST_DATABASE_URL"),
]

EACH: Final = 20 * PAGE_SIZE
MANY: Final = PAGE_SIZE + 5
SAID: Final = {
    "id": "nextval(pg_get_serial_sequence('flex_outbound_message', 'id'))",
    "conversation_id": "(%(keys)s::uuid[])[1 + i %% %(conversations)s]",
    "index": "i",
    "message_sid": "'IM' || lpad(to_hex(i), 32, '0')",
    "said_at": "pattern.said_at + i * interval '1 minute'",
}


@pytest.mark.parametrize("conversations", [1, 2, 5, MANY])
def test_a_page_reads_few_messages_of_many(account: Account, contact: Any, agent: Any, conversations: int) -> None:
    rows = [talk.converse(account, contact, agent) for _number in range(conversations)]
    first, count = talk.say(rows[0]), EACH * conversations
    values: dict[str, Any] = {"keys": [one.pk for one in rows], "conversations": conversations, "count": count}
    with connection.cursor() as cursor:
        multiply(cursor, first, SAID, "generate_series(1, %(count)s) AS i", values)
        cursor.execute("ANALYZE")
        # A table as small as this one is read whole where that is allowed.
        for node in ("seqscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{node} = off")
    middle = Place(talk.said(rows[0], "", count // 2).said_at, INTERACTION, "", "")
    # Each row of the page, by its key; a page of each conversation, and the newest of each, where there are many.
    most = PAGE_SIZE * (1 + min(conversations, PAGE_SIZE)) + conversations
    for place in (None, middle):
        assert sum(read(agent, contact, place)) <= most


def test_the_rows_of_a_page_are_named_before_they_are_read(account: Account, contact: Any, agent: Any) -> None:
    """Named by a join, they would be one more table to plan: of a large one PostgreSQL weighs twice as many plans."""
    talk.many(talk.converse(account, contact, agent), PAGE_SIZE)
    [plan] = json.loads(found_of(agent, contact, None).explain(format="json"))
    assert [one["Node Type"] for one in _parts(plan["Plan"]) if one.get("Parent Relationship") == "InitPlan"] == [
        "Limit"
    ]


def found_of(agent: Any, contact: Any, place: Place | None) -> Any:
    """Return the messages of a page."""
    keys = timeline.conversations_with(agent, contact, is_hidden=False)
    return timeline.messages_of(agent, keys, place, PAGE_SIZE)


def read(agent: Any, contact: Any, place: Place | None) -> Iterator[int]:
    """Yield how many rows of the table each part of the plan reads, those included that it leaves out."""
    found = found_of(agent, contact, place)
    assert len(found) == PAGE_SIZE
    for plan in json.loads(found.explain(format="json", analyze=True)):
        for part in _parts(plan["Plan"]):
            if part.get("Relation Name") == Message._meta.db_table:
                yield (part["Actual Rows"] + part.get("Rows Removed by Filter", 0)) * part["Actual Loops"]


def _parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _parts(below)
