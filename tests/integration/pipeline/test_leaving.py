"""Leaving a conversation: nobody leaves the customer alone unasked, and who is out is known soon."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Closing, Interaction, Sender
from flex_outbound.outbox import closings
from flex_outbound.outbox.conversations import handing, inviting
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due
from .test_inviting import accept, invite, look
from .test_joining import begun as begun
from .test_joining import conversation_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("finds_somebody", [False, True])
def test_the_last_one_leaves_only_when_they_say_so(
    finds_somebody: bool, begun: Interaction, agent: User, sandbox: Sandbox
) -> None:
    Sender.objects.update(opens_on_inbound=finds_somebody)
    with pytest.raises(ClickConflict) as error:
        inviting.leave(conversation_of(begun), agent)
    assert error.value.code == "leaves_nobody"
    assert ("whom Flex chooses" if finds_somebody else "nobody in Flex") in str(error.value)
    assert not Closing.objects.exists()
    for _press in range(2):
        inviting.leave(conversation_of(begun), agent, confirmed=True)
    run_due()
    look(begun)
    assert (begun.status, begun.is_left_open, Closing.objects.count()) == (Status.CLOSED, True, 1)
    assert handing.held(handing.fresh(conversation_of(begun)), agent).is_in_the_way
    with pytest.raises(ClickConflict) as error:
        inviting.leave(conversation_of(begun), agent)
    assert error.value.code == "not_in_it"


def test_of_two_who_leave_at_once_the_second_is_told(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    row = accept(invite(begun, agent, colleague), sandbox)
    inviting.leave(conversation_of(begun), agent)
    with pytest.raises(ClickConflict) as error:
        inviting.leave(conversation_of(row), colleague)
    assert error.value.code == "leaves_nobody"
    assert Closing.objects.count() == 1


def test_a_worker_that_dies_over_its_notes_lets_another_one_find_who_has_left(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    accept(invite(begun, agent, colleague), sandbox)
    inviting.leave(conversation_of(begun), agent)
    Interaction.objects.update(next_at=timezone.now() + timedelta(minutes=5))
    notes: list[str] = []

    def die(execute: Any, sql: str, *rest: Any) -> Any:
        is_done = "closed_at" in sql or ("flex_outbound_interaction" in sql and "next_at" in sql)
        notes.extend([sql] if sql.startswith("UPDATE") and is_done else [])
        if len(notes) == 2:
            raise SystemExit
        return execute(sql, *rest)

    with connection.execute_wrapper(die), pytest.raises(SystemExit):
        closings.close_due(begun.account_id)
    Closing.objects.filter(closed_at=None).update(next_at=Now())
    closings.close_due(begun.account_id)
    assert Closing.objects.exclude(closed_at=None).count() == 1
    # Asked for at once, and not in five minutes.
    assert [one.pk for one in Interaction.objects.due()] == [begun.pk]
