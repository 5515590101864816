"""What is closed, and what is not, when somebody has joined or has failed to: nobody's conversation is closed."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User

from flex_outbound.exceptions import ClickConflict
from flex_outbound.gateway.base import TaskState
from flex_outbound.models import Account, Closing, ConsentSource, ConsentState, Interaction
from flex_outbound.outbox import closings, consent, decisions, joining, lifecycle, lookups
from flex_outbound.outbox.changes import Change
from flex_outbound.outbox.conversations import handing
from flex_outbound.privacy import pruning
from flex_outbound.statuses import Event, Status

from .conftest import Sandbox, make_agent, run_due
from .test_joining import begun as begun
from .test_joining import conversation_of
from .test_joining import left as left

pytestmark = pytest.mark.django_db(transaction=True)
Clicker = Callable[..., Interaction]


@pytest.fixture
def supervisor(account: Account, agent: User) -> User:
    """Another agent, who may take over."""
    user = make_agent(account, "bea")
    user.user_permissions.add(Permission.objects.get(codename="supervise"))
    return User.objects.get(pk=user.pk)


def _take_over(row: Interaction, user: User, sandbox: Sandbox) -> Interaction:
    made = joining.join(conversation_of(row), user)
    run_due()
    made.refresh_from_db()
    sandbox.act(made.task_sid or "", "accept")
    run_due(400)
    made.refresh_from_db()
    assert made.status == Status.ACTIVE
    return made


def test_a_task_of_a_canceled_invite_closes_no_conversation(left: Interaction, agent: User) -> None:
    """The invite was carried out after all, and its task names the conversation that goes on."""
    row = joining.join(conversation_of(left), agent)
    decisions.cancel(row, agent)
    row.refresh_from_db()
    sids = (left.interaction_sid, left.channel_sid, left.conversation_sid)
    task = TaskState("WT" + "9" * 32, "reserved", {}, *sids, invite_sid=None, key=row.key)
    lookups.adopt(row, [task])
    closings.close_duplicate(row, task.interaction_sid, task.channel_sid, task.task_sid)
    assert not Closing.objects.exists()


def test_who_was_taken_over_fails_and_the_conversation_goes_on(
    begun: Interaction, supervisor: User, sandbox: Sandbox
) -> None:
    made = _take_over(begun, supervisor, sandbox)
    begun.refresh_from_db()
    Interaction.objects.filter(pk=begun.pk).update(status=Status.ACTIVE, finished_at=None, next_at=begun.created_at)
    begun.refresh_from_db()
    lifecycle.apply([(begun, Change(Event.BROKEN, reason="agent_timeout"))])
    assert set(Closing.objects.values_list("kind", flat=True)) <= {"leave"}
    made.refresh_from_db()
    assert made.status == Status.ACTIVE


def test_a_conversation_that_was_opened_in_vain_is_closed_when_the_invite_fails_as_well(
    begun: Interaction, supervisor: User
) -> None:
    made = joining.join(conversation_of(begun), supervisor)
    run_due()
    made.refresh_from_db()
    lifecycle.apply([(begun, Change(Event.BROKEN, reason="agent_timeout"))])
    assert not Closing.objects.exists()
    lifecycle.apply([(made, Change(Event.BROKEN, reason="agent_rejected"))])
    assert [one.kind for one in Closing.objects.all()] == ["orphan"]


def test_after_a_take_over_the_next_click_meets_it(
    begun: Interaction, supervisor: User, sandbox: Sandbox, click: Clicker
) -> None:
    made = _take_over(begun, supervisor, sandbox)
    run_due(1)
    for _ in range(3):
        run_due(400)
    begun.refresh_from_db()
    made.refresh_from_db()
    assert (begun.status, made.status, made.is_beside) == (Status.CLOSED, Status.ACTIVE, False)
    with pytest.raises(ClickConflict) as refused:
        click(body="Once more")
    assert refused.value.code == "already_open"


def test_a_customer_who_unsubscribed_can_be_joined_all_the_same(left: Interaction, agent: User) -> None:
    consent.append([consent.Entry("sms", left.address, ConsentState.OPTED_OUT, ConsentSource.KEYWORD)])
    row = joining.join(conversation_of(left), agent)
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.CREATED, "")


def test_an_invite_ends_also_when_its_origin_is_gone(left: Interaction, agent: User, sandbox: Sandbox) -> None:
    row = _take_over(left, agent, sandbox)
    far = row.created_at.replace(year=row.created_at.year + 1)
    assert left.pk not in set(pruning._old_interactions(far).values_list("pk", flat=True))
    Interaction.objects.filter(pk=left.pk).delete()  # as by somebody else
    row.refresh_from_db()
    assert lifecycle.apply([(row, Change(Event.ENDED, facts={"conversation_state": "closed"}))]) == [True]
    assert lifecycle.apply([(row, Change(Event.ENDED, facts={"conversation_state": "closed"}))]) == [False]


def test_a_leave_that_was_refused_can_be_asked_for_again(begun: Interaction) -> None:
    closings.leave(begun)
    Closing.objects.update(next_at=None, error="no")
    closings.leave(begun)
    [again] = Closing.objects.all()
    assert (again.next_at is not None, again.error) == (True, "")


def test_a_failed_invite_is_repeated_once(left: Interaction, agent: User, sandbox: Sandbox) -> None:
    row = joining.join(conversation_of(left), agent)
    run_due()
    row.refresh_from_db()
    lifecycle.apply([(row, Change(Event.BROKEN, reason="agent_timeout"))])
    again = decisions.retry(row, agent)
    row.refresh_from_db()
    assert (row.retried_as_id, row.may_retry) == (again.pk, False)


def test_what_somebody_is_invited_to_cannot_be_closed(left: Interaction, agent: User, supervisor: User) -> None:
    joining.join(conversation_of(left), supervisor)
    with pytest.raises(ClickConflict) as refused:
        handing.close(conversation_of(left), agent)
    assert refused.value.code == "not_nobodys"
    assert not Closing.objects.exists()
