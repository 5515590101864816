"""Coming into a conversation that exists: once, with a task of one's own, and never a second conversation."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User

from flex_outbound.exceptions import ClickConflict, ClickNotAllowed
from flex_outbound.models import Account, Closing, Conversation, Interaction
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import decisions, joining
from flex_outbound.phases import Phase
from flex_outbound.statuses import Status
from flex_outbound.twilio_statuses import TaskStatus

from .conftest import Sandbox, make_agent, run_due

pytestmark = pytest.mark.django_db(transaction=True)
Clicker = Callable[..., Interaction]


def _look(row: Interaction, times: int = 6) -> Interaction:
    for _poll in range(times):
        run_due(400)
    row.refresh_from_db()
    return row


@pytest.fixture
def begun(click: Clicker, sandbox: Sandbox) -> Interaction:
    """The agent's conversation, accepted and going on."""
    row = click()
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    _look(row, 2)
    assert row.status == Status.ACTIVE
    return row


@pytest.fixture
def left(begun: Interaction, sandbox: Sandbox) -> Interaction:
    """A conversation that its agent has left."""
    sandbox.act(begun.task_sid or "", "leave")
    row = _look(begun)
    assert (row.status, row.phase) == (Status.CLOSED, Phase.LEFT)
    return row


@pytest.fixture
def colleague(account: Account, agent: User) -> User:
    """Another agent."""
    return make_agent(account, "bea")


@pytest.fixture
def supervisor(colleague: User) -> User:
    """The same, with the right to take over."""
    colleague.user_permissions.add(Permission.objects.get(codename="supervise"))
    return User.objects.get(pk=colleague.pk)


def conversation_of(row: Interaction) -> Conversation:
    """Return the row of an interaction's conversation."""
    return Conversation.objects.get(pk=key_of(row.conversation_sid or ""))


def _accept(row: Interaction, sandbox: Sandbox) -> Interaction:
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    return _look(row, 2)


def _is_single(sandbox: Sandbox) -> bool:
    return len(sandbox.interactions) == len(sandbox.state()["conversations"]) == 1


@pytest.mark.parametrize("who", ["agent", "colleague"])
def test_what_was_left_is_taken_up(
    who: str, left: Interaction, sandbox: Sandbox, request: pytest.FixtureRequest
) -> None:
    user = request.getfixturevalue(who)
    row = joining.join(conversation_of(left), user)
    assert row.status == Status.QUEUED
    run_due()
    row.refresh_from_db()
    assert (row.status, row.continues_id) == (Status.CREATED, left.pk)
    for name in ("interaction_sid", "channel_sid", "conversation_sid"):
        assert getattr(row, name) == getattr(left, name)
    assert row.task_sid not in (None, left.task_sid)
    assert row.invite_sid not in (None, left.invite_sid)
    assert _look(row, 1).status == Status.CREATED  # nobody has accepted the task
    _accept(row, sandbox)
    assert (row.status, row.phase) == (Status.ACTIVE, Phase.ACTIVE)
    assert conversation_of(row).agent == user
    left.refresh_from_db()
    assert (left.status, left.is_left_open) == (Status.CLOSED, False)
    assert _is_single(sandbox)
    assert not Closing.objects.exists()


def test_it_ends_as_every_other(left: Interaction, agent: User, sandbox: Sandbox) -> None:
    row = joining.join(conversation_of(left), agent)
    run_due()
    _accept(row, sandbox)
    with pytest.raises(ClickConflict) as refused:
        decisions.close(left, agent)
    assert refused.value.code == "not_closable"
    sandbox.act(row.task_sid or "", "complete")
    assert _look(row).status == Status.CLOSED
    assert conversation_of(row).state in ("closed", "active")


def test_two_clicks_are_one_invite(left: Interaction, agent: User, sandbox: Sandbox) -> None:
    rows = [joining.join(conversation_of(left), agent, idempotency_key=key) for key in ("one", "one", "two")]
    assert len({row.pk for row in rows}) == 1
    run_due()
    with pytest.raises(ClickConflict) as refused:
        joining.join(conversation_of(left), agent)
    assert (refused.value.code, refused.value.interaction) == ("already_in", rows[0])
    assert len(sandbox.interactions[0]["channel"]["invites"]) == 2


def test_of_two_agents_one_is_invited(left: Interaction, agent: User, supervisor: User) -> None:
    joining.join(conversation_of(left), agent)
    with pytest.raises(ClickConflict) as refused:
        joining.join(conversation_of(left), supervisor)
    assert refused.value.code == "being_joined"


def test_a_key_of_another_click_is_refused(left: Interaction, agent: User) -> None:
    with pytest.raises(ClickConflict) as refused:
        joining.join(conversation_of(left), agent, idempotency_key=left.idempotency_key)
    assert refused.value.code == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("kind", "more"), [("drop_before", {}), ("drop_after", {}), ("status", {"status": 503}), ("malformed", {})]
)
def test_a_lost_answer_is_looked_up_and_nobody_is_invited_twice(
    kind: str, more: dict[str, int], left: Interaction, agent: User, sandbox: Sandbox
) -> None:
    sandbox.fault(kind, path="/Invites$", **more)
    row = joining.join(conversation_of(left), agent)
    for _ in range(3):
        run_due()
        run_due(1)
    sandbox.mend()
    for seconds in (2, 5, 30, 125, 125, 125):
        run_due(seconds)
    row.refresh_from_db()
    assert row.status == Status.CREATED
    invites = sandbox.interactions[0]["channel"]["invites"]
    assert len(invites) == 2
    assert _is_single(sandbox)


def test_nobody_came_and_the_conversation_is_as_it_was(left: Interaction, agent: User, sandbox: Sandbox) -> None:
    row = joining.join(conversation_of(left), agent)
    run_due()
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "reject")
    sandbox.act(row.task_sid or "", "cancel")
    _look(row)
    assert row.status == Status.FAILED
    assert "as it was before" in row.error_message
    assert not Closing.objects.exists()
    assert sandbox.state()["conversations"][0]["state"] != "closed"
    again = decisions.retry(row, agent)
    assert again.continues_id == left.pk
    run_due()
    _accept(again, sandbox)
    assert again.status == Status.ACTIVE


def test_a_supervisor_takes_over_and_the_agent_leaves(
    begun: Interaction, supervisor: User, agent: User, sandbox: Sandbox
) -> None:
    row = joining.join(conversation_of(begun), supervisor)
    assert row.is_beside
    run_due()
    _look(row, 1)
    assert (row.status, begun.status) == (Status.CREATED, Status.ACTIVE)
    _accept(row, sandbox)
    run_due(1)
    _look(begun)
    row.refresh_from_db()
    assert (row.status, row.task_status, begun.status) == (Status.ACTIVE, TaskStatus.ASSIGNED, Status.CLOSED)
    [leaving] = Closing.objects.all()
    assert (leaving.kind, leaving.interaction_id, leaving.closed_at is not None) == ("leave", begun.pk, True)
    assert conversation_of(row).agent == supervisor
    assert begun.is_left_open is False
    assert _is_single(sandbox)


def test_a_colleague_takes_over_what_is_offered_and_nothing_else(
    begun: Interaction, colleague: User, agent: User, sandbox: Sandbox
) -> None:
    with pytest.raises(ClickNotAllowed) as refused:
        joining.join(conversation_of(begun), colleague)
    assert refused.value.code == "not_own"
    with pytest.raises(ClickNotAllowed):
        joining.join(conversation_of(begun), colleague, offered_by=colleague)
    row = joining.join(conversation_of(begun), colleague, offered_by=agent)
    run_due()
    _accept(row, sandbox)
    run_due(1)
    assert _look(begun).status == Status.CLOSED
    assert conversation_of(row).agent == colleague


def test_one_is_in_it_once(begun: Interaction, agent: User) -> None:
    with pytest.raises(ClickConflict) as refused:
        joining.join(conversation_of(begun), agent)
    assert (refused.value.code, refused.value.interaction) == ("already_in", begun)


def test_what_was_not_opened_here_cannot_be_joined(left: Interaction, agent: User) -> None:
    Interaction.objects.filter(pk=left.pk).update(conversation_sid=None)
    with pytest.raises(ClickConflict) as refused:
        joining.join(conversation_of(left), agent)
    assert refused.value.code == "not_joinable"


def test_a_conversation_that_ended_meanwhile_is_said(left: Interaction, agent: User, sandbox: Sandbox) -> None:
    row = joining.join(conversation_of(left), agent)
    sandbox.http.post(f"interactions/{left.interaction_sid}/close")
    Conversation.objects.update(state="closed")
    with pytest.raises(ClickConflict) as refused:
        joining.join(conversation_of(left), agent, idempotency_key="later")
    assert refused.value.code == "conversation_closed"
    run_due()
    row.refresh_from_db()
    assert row.status in (Status.FAILED, Status.CREATED)
