"""What an invite shares with the interaction that it continues, and what it may not take from any other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from crm_demo.models import Contact
from flex_outbound.gateway.base import TaskState
from flex_outbound.models import Account, Closing, Conversation, Interaction, Source
from flex_outbound.models.conversation import key_of
from flex_outbound.models.sids_owned import OWNED
from flex_outbound.outbox import closings, joining, lookups, owners
from flex_outbound.outbox.callbacks import events, finding
from flex_outbound.sids import SidKind
from flex_outbound.statuses import Event, Status
from tests import steps

from .conftest import Sandbox, make_agent, run_due

pytestmark = pytest.mark.django_db(transaction=True)
Clicker = Callable[..., Interaction]
SHARED = ("interaction_sid", "channel_sid", "conversation_sid")


def own(kind: SidKind, number: int = 1) -> str:
    """Return a SID that nobody has."""
    return kind.value + f"{number}" * 32


def sids_of(row: Interaction, *names: str) -> dict[str, Any]:
    """Return a row's SIDs."""
    return {name: getattr(row, name) for name in names}


@dataclass
class Scene:
    """A conversation that was ``left``, the ``invite`` to it, on its way; and ``another`` customer's conversation."""

    left: Interaction
    invite: Interaction
    another: Interaction

    def task(self, **changes: Any) -> TaskState:
        """Return the invite's task as a search shows it."""
        given = sids_of(self.left, *SHARED) | {"invite_sid": own(SidKind.INVITE)} | changes
        sids: dict[str, Any] = {"task_sid": own(SidKind.TASK)} | given
        return TaskState(status="reserved", attributes={}, key=self.invite.key, **sids)

    def seen(self) -> Interaction:
        """Return the invite as it is now."""
        return Interaction.objects.get(pk=self.invite.pk)


@pytest.fixture
def scene(click: Clicker, agent: User, sandbox: Sandbox) -> Scene:
    """Both conversations, and the invite whose request is on its way."""
    bob = Contact.objects.create(full_name="Bob Other", mobile="415 555 0124", email="bob@example.com", country="US")
    left, another = click(), click(contact_id=str(bob.pk))
    run_due()
    run_due(2.5)
    for row in (left, another):
        row.refresh_from_db()
        sandbox.act(row.task_sid or "", "accept")
    run_due(2.5)
    sandbox.act(left.task_sid or "", "leave")
    for _poll in range(6):
        run_due(400)
    left.refresh_from_db()
    another.refresh_from_db()
    assert (left.status, another.status) == (Status.CLOSED, Status.ACTIVE)
    queued = joining.join(Conversation.objects.get(pk=key_of(left.conversation_sid or "")), agent)
    invite = steps.claim(queued)
    assert invite is not None
    assert steps.mark_sent(invite)
    return Scene(left, invite, another)


# -- whose a SID is ----------------------------------------------------------------------------------------------------


def test_only_the_task_is_an_invites_own(scene: Scene) -> None:
    assert scene.left.own_sids == OWNED
    assert scene.invite.own_sids == ("task_sid",)


@pytest.mark.parametrize("name", SHARED)
def test_what_is_shared_is_nobody_elses(name: str, scene: Scene) -> None:
    lookups.adopt(scene.invite, [scene.task()])
    invite, shared = scene.seen(), sids_of(scene.left, name)
    assert getattr(invite, name) == shared[name]
    for row in (scene.left, invite):
        assert not owners.others_with(row, shared).exists()
        assert not owners.is_anothers(row, shared)
    assert list(owners.others_with(scene.another, shared).order_by("created_at")) == [scene.left, invite]


def test_the_first_agents_task_is_not_the_invites(scene: Scene) -> None:
    task = sids_of(scene.left, "task_sid")
    assert list(owners.others_with(scene.invite, task)) == [scene.left]
    assert owners.is_anothers(scene.invite, task)
    lookups.adopt(scene.invite, [scene.task(**task)])
    assert (scene.seen().status, scene.seen().task_sid) == (Status.REVIEW, None)


def test_two_invites_do_not_share_a_task(scene: Scene, account: Account) -> None:
    lookups.adopt(scene.invite, [scene.task()])
    assert steps.change(scene.seen(), Event.ENDED)
    later = joining.join(
        Conversation.objects.get(pk=key_of(scene.left.conversation_sid or "")), make_agent(account, "bea")
    )
    assert list(owners.others_with(later, {"task_sid": own(SidKind.TASK)})) == [scene.invite]
    assert not owners.is_anothers(later, sids_of(scene.invite, *SHARED))


# -- found by its key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [(), ("conversation_sid",), ("channel_sid", "conversation_sid"), ("invite_sid",)])
def test_an_invite_is_found_by_its_key(missing: tuple[str, ...], scene: Scene) -> None:
    assert lookups.adopt(scene.invite, [scene.task(**dict.fromkeys(missing))])
    invite = scene.seen()
    assert (invite.status, invite.task_sid) == (Status.CREATED, own(SidKind.TASK))
    assert sids_of(invite, *SHARED) == sids_of(scene.left, *SHARED)
    assert not Closing.objects.exists()


def test_a_task_that_names_no_interaction_yet_is_waited_for(scene: Scene) -> None:
    assert not lookups.adopt(scene.invite, [scene.task(**dict.fromkeys(SHARED))])
    assert scene.seen().status == Status.SENDING


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("whose", ["another's", "nobody's"])
def test_a_task_of_another_conversation_is_no_invites(name: str, whose: str, scene: Scene) -> None:
    kinds = {"interaction_sid": SidKind.INTERACTION, "channel_sid": SidKind.CHANNEL}
    strange = own(kinds.get(name, SidKind.CONVERSATION), 2)
    task = scene.task(**{name: getattr(scene.another, name) if whose == "another's" else strange})
    assert not lookups.adopt(scene.invite, [task])
    invite = scene.seen()
    assert (invite.status, invite.error_reason) == (Status.REVIEW, "needs_review")
    assert "belongs to another click" in invite.error_message
    assert set(sids_of(invite, *SHARED, "task_sid").values()) == {None}
    assert not Closing.objects.exists()


def test_a_second_task_with_its_key_closes_nobody_elses_conversation(scene: Scene) -> None:
    task, foreign = scene.task(), sids_of(scene.another, *SHARED)
    assert lookups.adopt(scene.invite, [task, replace(task, task_sid=own(SidKind.TASK, 2), **foreign)])
    assert scene.seen().task_sid == task.task_sid
    another = (scene.another.interaction_sid, scene.another.channel_sid, scene.another.task_sid)
    assert not closings.close_duplicate(scene.seen(), *another)
    assert not Closing.objects.exists()


@pytest.mark.parametrize(("name", "is_anothers"), [("left", False), ("another", True)])
def test_a_person_may_name_a_task_of_this_conversation_only(name: str, is_anothers: bool, scene: Scene) -> None:
    row: Interaction = getattr(scene, name)
    task = scene.task(interaction_sid=row.interaction_sid)
    assert lookups._belongs_to_another(scene.invite, task) is is_anothers


# -- found by a callback -----------------------------------------------------------------------------------------------


def _told(row: Interaction, task: TaskState, key: UUID | None) -> Interaction | None:
    said: Mapping[str, Any] = {"interaction_sid": task.interaction_sid, "conversation_sid": task.conversation_sid}
    event = events.CallbackEvent(Source.TASKROUTER, "task.created", task=task, key=key, **said)
    return finding.find_interaction(row.account_id, event)


def test_a_callback_about_an_unknown_task_is_the_invites_whose_key_it_has(scene: Scene) -> None:
    assert _told(scene.left, scene.task(), scene.invite.pk) == scene.invite
    assert _told(scene.left, scene.task(), scene.left.pk) == scene.left
    assert _told(scene.left, scene.task(), None) == scene.left


def test_the_key_of_another_conversation_does_not_outdo_the_interaction(scene: Scene) -> None:
    assert _told(scene.left, scene.task(), scene.another.pk) == scene.left
    foreign = sids_of(scene.another, *SHARED)
    assert _told(scene.left, scene.task(**foreign), scene.invite.pk) == scene.another


def test_the_task_outdoes_the_key(scene: Scene) -> None:
    assert _told(scene.left, scene.task(task_sid=scene.left.task_sid), scene.invite.pk) == scene.left


# -- who is in it ------------------------------------------------------------------------------------------------------


def _accepted(scene: Scene, **changes: Any) -> Interaction:
    lookups.adopt(scene.invite, [scene.task()])
    Interaction.objects.filter(pk=scene.invite.pk).update(**changes)
    invite = scene.seen()
    closings.succeed(invite)
    return invite


def _succeeded() -> set[UUID]:
    return set(Interaction.objects.filter(is_succeeded=True).values_list("pk", flat=True))


@pytest.mark.parametrize("takes_over", [False, True])
def test_what_was_left_is_not_left_any_more(takes_over: bool, scene: Scene) -> None:
    _accepted(scene, takes_over=takes_over)
    assert _succeeded() == {scene.left.pk}
    assert not Closing.objects.exists()


def test_whoever_is_in_it_is_taken_out_only_where_it_is_taken_over(scene: Scene) -> None:
    Interaction.objects.filter(pk=scene.invite.pk).update(is_beside=True)
    Interaction.objects.filter(pk=scene.left.pk).update(status=Status.ACTIVE, finished_at=None, next_at=Now())
    _accepted(scene)
    assert _succeeded() == set()
    assert not Closing.objects.exists()
    for _time in range(2):
        closings.succeed(_accepted(scene, takes_over=True))
    [leaving] = Closing.objects.all()
    assert (leaving.kind, leaving.interaction_id, leaving.task_sid) == ("leave", scene.left.pk, scene.left.task_sid)
    assert _succeeded() == {scene.left.pk}


def test_an_earlier_invite_is_succeeded_as_well_and_no_other_conversation(scene: Scene, account: Account) -> None:
    lookups.adopt(scene.invite, [scene.task()])
    assert steps.change(scene.seen(), Event.ENDED)
    conversation = Conversation.objects.get(pk=key_of(scene.left.conversation_sid or ""))
    later = joining.join(conversation, make_agent(account, "bea"))
    closings.succeed(later)
    assert _succeeded() == {scene.left.pk, scene.invite.pk}
    assert not Closing.objects.exists()
