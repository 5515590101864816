"""Inviting a colleague or whom Flex chooses, handing over: nobody is alone, and nothing is done twice."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now

from flex_outbound.exceptions import ClickConflict, ClickError, ClickNotAllowed, InvalidClick
from flex_outbound.models import Account, Closing, Conversation, Interaction, Presence, Sender, Worker
from flex_outbound.outbox import decisions, joining
from flex_outbound.outbox.conversations import handing, inviting
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status

from .conftest import Sandbox, make_agent, run_due
from .elsewhere import NUMBER
from .test_joining import begun as begun
from .test_joining import conversation_of

pytestmark = pytest.mark.django_db(transaction=True)
Clicker = Callable[..., Interaction]


def look(*rows: Interaction, times: int = 4) -> None:
    """Let the workers look at Twilio, and read what they found."""
    for _poll in range(times):
        run_due(400)
    for row in rows:
        row.refresh_from_db()


def invite(row: Interaction, user: User, agent: User | None = None, **more: Any) -> Interaction:
    return inviting.invite(conversation_of(row), user, agent=str(agent.pk) if agent else "", **more)


def accept(row: Interaction, sandbox: Sandbox) -> Interaction:
    """Send the invite and let the agent accept it."""
    run_due()
    row.refresh_from_db()
    assert row.status == Status.CREATED
    sandbox.act(row.task_sid or "", "accept")
    look(row, times=2)
    assert row.status == Status.ACTIVE
    return row


def decline(row: Interaction, sandbox: Sandbox) -> None:
    run_due()
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "reject")
    sandbox.act(row.task_sid or "", "cancel")
    look(row)
    assert row.status == Status.FAILED


@pytest.fixture
def carlos(account: Account, agent: User) -> User:
    """A third agent."""
    return make_agent(account, "carlos")


def refused(row: Interaction, user: User, agent: User | None = None, **more: Any) -> ClickError:
    with pytest.raises(ClickError) as error:
        invite(row, user, agent, **more)
    return error.value


# -- additions ---------------------------------------------------------------------------------------------------------


def test_a_colleague_comes_as_well_and_both_stay(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    Interaction.objects.filter(pk=begun.pk).update(attributes={"order": "4711"})
    row = invite(begun, agent, colleague)
    assert (row.agent, row.continues_id, row.is_beside, row.takes_over) == (colleague, begun.pk, True, False)
    accept(row, sandbox)
    run_due(1)
    look(begun)
    assert (begun.status, row.conversation_sid) == (Status.ACTIVE, begun.conversation_sid)
    assert conversation_of(row).agent == agent
    assert not Closing.objects.exists()
    # An invite does not carry the first task's attributes along.
    [task] = [one for one in sandbox.state()["tasks"] if one["sid"] == row.task_sid]
    assert '"order":"4711"' in task["attributes"].replace(" ", "")
    assert len(sandbox.interactions) == len(sandbox.state()["conversations"]) == 1


def test_whom_flex_chooses_comes_as_well(begun: Interaction, agent: User, colleague: User, sandbox: Sandbox) -> None:
    row = invite(begun, agent)
    assert (row.agent, row.worker, row.initiated_by) == (None, None, "customer")
    accept(row, sandbox)
    assert row.agent is not None
    assert conversation_of(row).agent == agent
    assert begun.status == Status.ACTIVE


def test_when_one_of_two_goes_the_other_has_the_conversation(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox, click: Clicker
) -> None:
    row = accept(invite(begun, agent, colleague), sandbox)
    inviting.leave(conversation_of(begun), agent)
    run_due()
    look(begun, row)
    assert (begun.status, begun.is_left_open, row.status) == (Status.CLOSED, False, Status.ACTIVE)
    assert conversation_of(row).agent == colleague
    found = handing.held(handing.fresh(conversation_of(row)), colleague)
    assert (found.whose, found.standing) == ("mine", "live")
    with pytest.raises(ClickConflict) as error:
        click(body="Again")
    assert error.value.code == "already_open"


def test_when_who_was_added_goes_it_stays_with_the_first(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    row = accept(invite(begun, agent, colleague), sandbox)
    inviting.leave(conversation_of(row), colleague)
    run_due()
    look(begun, row)
    assert (begun.status, row.status, row.is_left_open) == (Status.ACTIVE, Status.CLOSED, False)
    assert handing.held(handing.fresh(conversation_of(begun)), agent).whose == "mine"


# -- handing over ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_named", [True, False])
def test_it_is_handed_over_once_they_have_accepted(
    is_named: bool, begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    row = invite(begun, agent, colleague if is_named else None, hand_over=True)
    run_due()
    look(begun, times=2)
    assert (begun.status, conversation_of(begun).agent) == (Status.ACTIVE, agent)
    accept(row, sandbox)
    run_due(1)
    look(begun, row)
    assert (begun.status, begun.is_left_open, row.status) == (Status.CLOSED, False, Status.ACTIVE)
    assert (conversation_of(row).agent, row.is_beside) == (row.agent, False)
    assert row.agent == colleague if is_named else row.agent is not None


def test_only_who_hands_over_leaves(
    begun: Interaction, agent: User, colleague: User, carlos: User, sandbox: Sandbox
) -> None:
    added = accept(invite(begun, agent, colleague), sandbox)
    third = accept(invite(begun, colleague, carlos, hand_over=True), sandbox)
    run_due(1)
    look(begun, added, third)
    assert [one.status for one in (begun, added, third)] == [Status.ACTIVE, Status.CLOSED, Status.ACTIVE]
    assert conversation_of(begun).agent == agent


def test_of_several_only_who_was_asked_and_hands_it_over_leaves(
    begun: Interaction, agent: User, colleague: User, carlos: User, sandbox: Sandbox
) -> None:
    added = accept(invite(begun, agent, colleague), sandbox)
    handing.ask(conversation_of(begun), carlos)
    third = accept(handing.hand_over(conversation_of(begun), agent), sandbox)
    run_due(1)
    look(begun, added, third)
    assert [one.status for one in (begun, added, third)] == [Status.CLOSED, Status.ACTIVE, Status.ACTIVE]
    assert conversation_of(begun).agent == carlos


def _writes(sandbox: Sandbox, body: str) -> None:
    said = {"from": NUMBER, "to": defaults.SMS_SENDER, "body": body}
    sandbox.http.post("messages", json=said).raise_for_status()


def test_what_the_customer_writes_during_a_handover_arrives(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    row = invite(begun, agent, colleague, hand_over=True)
    _writes(sandbox, "Are you there?")
    accept(row, sandbox)
    _writes(sandbox, "Hello?")
    run_due(1)
    look(begun, row)
    texts = list(conversation_of(row).messages.order_by("index").values_list("body", flat=True))
    assert texts == ["Are you there?", "Hello?"]
    assert conversation_of(row).agent == colleague
    assert not Interaction.objects.exclude(pk__in=[begun.pk, row.pk]).exists()


# -- declining ---------------------------------------------------------------------------------------------------------


def test_who_declines_leaves_it_as_it_was(begun: Interaction, agent: User, colleague: User, sandbox: Sandbox) -> None:
    row = invite(begun, agent, colleague, hand_over=True)
    decline(row, sandbox)
    look(begun)
    assert (begun.status, conversation_of(begun).agent) == (Status.ACTIVE, agent)
    assert Interaction.objects.count() == 2
    again = accept(invite(begun, agent, colleague, hand_over=True), sandbox)
    run_due(1)
    look(begun, again)
    assert (begun.status, conversation_of(begun).agent) == (Status.CLOSED, colleague)


def test_where_nobody_is_left_whom_flex_chooses_is_invited_instead(
    begun: Interaction, agent: User, colleague: User, carlos: User, sandbox: Sandbox
) -> None:
    row = invite(begun, agent, colleague)
    run_due()
    inviting.leave(conversation_of(begun), agent, confirmed=True)
    run_due()
    look(begun, times=2)
    assert begun.status == Status.CLOSED
    decline(row, sandbox)
    offered = Interaction.objects.get(idempotency_key=f"offer-{row.key}")
    assert (offered.continues_id, offered.worker, offered.initiated_by) == (begun.pk, None, "customer")
    accept(offered, sandbox)
    assert conversation_of(begun).agent == offered.agent


def test_an_invite_that_is_never_sent_leaves_nobody_alone(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    row = invite(begun, agent, colleague)
    Worker.objects.filter(user=colleague).update(is_active=False)
    Interaction.objects.filter(pk=begun.pk).update(status=Status.CLOSED, next_at=None, finished_at=Now())
    run_due()
    row.refresh_from_db()
    assert row.status == Status.FAILED
    assert Interaction.objects.filter(idempotency_key=f"offer-{row.key}").exists()


# -- who may not, and whom not -----------------------------------------------------------------------------------------


def test_two_at_once_are_one(begun: Interaction, agent: User, colleague: User, carlos: User, sandbox: Sandbox) -> None:
    rows = {invite(begun, agent, colleague, idempotency_key="once").pk for _press in range(2)}
    assert len(rows) == 1
    assert refused(begun, agent, carlos).code == refused(begun, agent).code == "being_joined"
    assert "Bea" in str(refused(begun, agent, carlos))
    assert refused(begun, agent, carlos, idempotency_key="once").code == "idempotency_key_reused"
    accept(Interaction.objects.get(pk=rows.pop()), sandbox)
    assert invite(begun, agent, colleague, idempotency_key="once").status == Status.ACTIVE


def test_of_two_at_the_same_moment_the_database_takes_one(
    begun: Interaction, agent: User, colleague: User, carlos: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite(begun, agent, colleague)
    monkeypatch.setattr(inviting, "_check_agents", lambda *_given: None)
    assert refused(begun, agent, carlos).code == "being_joined"


def test_nobody_invites_themselves_or_who_is_there_or_a_stranger(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    own, stranger = refused(begun, agent, agent), refused(begun, agent, User.objects.create_user("eve"))
    assert isinstance(own, InvalidClick)
    assert (own.code, stranger.code) == ("oneself", "unknown_agent")
    for nonsense in ("x", "9" * 400, "-1", "\x00"):
        with pytest.raises(InvalidClick):
            inviting.invite(conversation_of(begun), agent, agent=nonsense)
    accept(invite(begun, agent, colleague), sandbox)
    assert refused(begun, agent, colleague).code == "already_in"
    assert refused(begun, colleague, agent).code == "already_in"


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({"is_available": False, "activity_name": "Offline"}, "worker_offline"),
        ({"channels": {"chat": {"sid": "TC", "assigned": 3, "capacity": 3, "available": True}}}, "worker_full"),
        ({}, ""),
        ({"is_available": None}, ""),
    ],
)
def test_who_is_not_there_is_not_invited_as_far_as_it_is_known(
    known: dict[str, Any], code: str, begun: Interaction, agent: User, colleague: User
) -> None:
    Sender.objects.update(task_channel="chat")
    worker = Worker.objects.get(user=colleague)
    Presence.objects.create(worker=worker, seen_at=Now(), asked_at=Now(), **{"is_available": True, **known})
    if not code:
        assert invite(begun, agent, colleague).status == Status.QUEUED
        return
    error = refused(begun, agent, colleague)
    assert (error.code, str(error).startswith("Bea ")) == (code, True)
    assert not Interaction.objects.filter(continues=begun).exists()


def test_of_whom_nobody_knows_anything_twilio_decides(begun: Interaction, agent: User, colleague: User) -> None:
    assert invite(begun, agent, colleague).status == Status.QUEUED


def test_a_colleague_who_may_not_take_it_is_not_invited(begun: Interaction, agent: User, colleague: User) -> None:
    colleague.user_permissions.clear()
    error = refused(begun, agent, colleague)
    assert (error.code, "Bea" in str(error)) == ("colleague_not_allowed", True)


def test_another_agents_takes_the_permission(
    begun: Interaction, agent: User, colleague: User, carlos: User, sandbox: Sandbox
) -> None:
    error = refused(begun, carlos, colleague)
    assert isinstance(error, ClickNotAllowed)
    assert error.code == "not_own"
    carlos.user_permissions.add(Permission.objects.get(codename="supervise"))
    row = accept(invite(begun, User.objects.get(pk=carlos.pk), colleague, hand_over=True), sandbox)
    run_due(1)
    look(begun, row)
    assert (begun.status, conversation_of(row).agent) == (Status.CLOSED, colleague)


def test_what_has_ended_or_was_not_opened_here_takes_no_invite(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    Interaction.objects.filter(pk=begun.pk).update(channel_status="closed")
    assert refused(begun, agent, colleague).code == "conversation_closed"
    with pytest.raises(ClickConflict) as error:
        joining.join(conversation_of(begun), colleague, offered_by=agent)
    assert (error.value.code, "has ended" in str(error.value)) == ("conversation_closed", True)
    Interaction.objects.filter(pk=begun.pk).update(channel_status="", channel_sid=None)
    assert refused(begun, agent, colleague).code == "not_joinable"
    Conversation.objects.update(state="closed")
    assert refused(begun, agent, colleague).code == "conversation_closed"


def test_a_channel_that_closes_before_the_invite_is_sent_is_said(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    row = invite(begun, agent, colleague)
    gateway_for(begun.account).close_channel(begun.interaction_sid or "", begun.channel_sid or "")
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "closed")
    assert "ended" in row.error_message


def test_an_invite_of_a_queue_that_failed_is_repeated(
    begun: Interaction, agent: User, colleague: User, sandbox: Sandbox
) -> None:
    row = invite(begun, agent)
    run_due()
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "cancel")
    look(row)
    assert row.status == Status.FAILED
    again = decisions.retry(row, agent)
    assert (again.pk != row.pk, again.is_beside) == (True, True)
    accept(again, sandbox)
    assert conversation_of(begun).agent == agent
