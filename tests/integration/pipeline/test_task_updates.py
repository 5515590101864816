"""A change of a task's attributes is kept until Twilio has it, and is never more than that change."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from crm_demo.models import Contact
from flex_outbound import testing
from flex_outbound.exceptions import ClickConflict, InvalidClick, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway.payloads import MAX_ATTRIBUTES
from flex_outbound.models import Account, Interaction, TaskUpdate
from flex_outbound.models.disposition import Written
from flex_outbound.outbox import attribute_rules, sweep, task_attributes
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.outbox.jobs import Job
from flex_outbound.outbox.task_attributes import update_task_attributes
from flex_outbound.testing import Flex

pytestmark = pytest.mark.django_db

State = Written
METHOD = "update_task_attributes"


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("agent", "agent@example.com")


@pytest.fixture
def flex(user: User) -> Iterator[Flex]:
    with testing.flex() as flex:
        flex.set_up(user)
        yield flex


@pytest.fixture
def clicked(flex: Flex, user: User, contact: Contact) -> Interaction:
    user = User.objects.get(pk=user.pk)
    return enqueue(Click(user=user, contact_type="crm_demo.contact", contact_id=str(contact.pk), channel="sms"))


@pytest.fixture
def row(flex: Flex, clicked: Interaction) -> Interaction:
    """An interaction that is open."""
    flex.run_pending()
    clicked.refresh_from_db()
    assert clicked.task_sid
    return clicked


def attributes_of(flex: Flex, row: Interaction) -> dict[str, Any]:
    row.refresh_from_db()
    return flex.gateway.tasks[row.task_sid or ""].attributes


def state_of(row: Interaction) -> TaskUpdate:
    return TaskUpdate.objects.get(pk=row.pk)


def hours_later() -> None:
    TaskUpdate.objects.update(next_at=F("next_at") - timedelta(hours=1))


def test_a_change_is_committed_first_and_then_written(flex: Flex, row: Interaction) -> None:
    before = dict(attributes_of(flex, row))
    version = row.version
    update_task_attributes(row, {"ticket": {"number": 7}, "conversations": {"conversation_attribute_1": "VIP"}})
    assert state_of(row).state == State.WAITING
    assert attributes_of(flex, row) == before

    flex.run_pending()

    after = attributes_of(flex, row)
    assert after["ticket"] == {"number": 7}
    assert after["conversations"]["conversation_attribute_1"] == "VIP"
    assert {name: after[name] for name in before} == before
    done = state_of(row)
    assert (done.state, done.attributes, done.next_at, done.error) == (State.WRITTEN, {}, None, "")
    assert row.version > version


def test_several_changes_are_one(flex: Flex, row: Interaction) -> None:
    update_task_attributes(row, {"a": {"b": 1}, "gone": 1})
    update_task_attributes(row, {"a": {"c": 2}, "gone": None})
    assert TaskUpdate.objects.count() == 1
    flex.run_pending()
    after = attributes_of(flex, row)
    assert after["a"] == {"b": 1, "c": 2}
    assert "gone" not in after


def test_a_change_before_there_is_a_task_waits_for_it(flex: Flex, clicked: Interaction) -> None:
    update_task_attributes(clicked, {"ticket": 7})
    task_attributes.write_due(clicked.account_id)
    waiting = state_of(clicked)
    assert (waiting.state, waiting.attributes) == (State.WAITING, {"ticket": 7})
    flex.run_pending(within=10)
    assert attributes_of(flex, clicked)["ticket"] == 7


def test_what_is_never_opened_has_no_task_to_wait_for(flex: Flex, clicked: Interaction) -> None:
    update_task_attributes(clicked, {"ticket": 7})
    flex.fail_next(21610)
    flex.run_pending(within=10)
    clicked.refresh_from_db()
    assert clicked.status == "failed"
    assert state_of(clicked).state == State.GONE
    with pytest.raises(ClickConflict) as caught:
        update_task_attributes(clicked, {"ticket": 7})
    assert caught.value.code == "no_task"


def test_a_task_that_twilio_deleted_is_said_and_alarms_nobody(
    flex: Flex, row: Interaction, caplog: pytest.LogCaptureFixture
) -> None:
    flex.gateway.forget_task(row.task_sid or "")
    update_task_attributes(row, {"ticket": 7})
    flex.run_pending()
    gone = state_of(row)
    assert (gone.state, gone.next_at, gone.error) == (State.GONE, None, "")
    assert not [one for one in caplog.records if one.levelname in ("ERROR", "WARNING")]
    account = Account.objects.get()
    assert account.problem_at is None


@pytest.mark.parametrize(
    "error",
    [
        NotAccepted("busy", reason="busy", http_status=429, code=20429, retry_after=3),
        NotAccepted("changed", reason="changed", http_status=412),
        OutcomeUnknown("unavailable", reason="outcome_unknown", http_status=503),
        OutcomeUnknown("ReadTimeout", reason="outcome_unknown"),
    ],
    ids=["429", "412", "503", "lost"],
)
@pytest.mark.parametrize("carried_out", [False, True])
def test_what_was_not_written_for_sure_is_written_again(
    flex: Flex, row: Interaction, error: Any, carried_out: bool
) -> None:
    flex.fail_next(error, METHOD, carried_out=carried_out)
    update_task_attributes(row, {"ticket": 7})
    flex.run_pending()
    waiting = state_of(row)
    assert (waiting.state, waiting.attributes, waiting.attempts) == (State.WAITING, {"ticket": 7}, 1)
    flex.run_pending(within=10)
    assert state_of(row).state == State.WRITTEN
    assert attributes_of(flex, row)["ticket"] == 7


def test_a_refusal_is_kept_with_twilios_words_and_does_not_spoil_the_next(flex: Flex, row: Interaction) -> None:
    flex.fail_next(Refused("bad", reason="invalid_request", http_status=400, code=20001), METHOD)
    update_task_attributes(row, {"ticket": 7})
    flex.run_pending()
    refused = state_of(row)
    assert (refused.state, refused.next_at, refused.error, refused.attributes) == (State.REFUSED, None, "bad", {})
    update_task_attributes(row, {"other": 8})
    flex.run_pending()
    assert state_of(row).state == State.WRITTEN
    assert state_of(row).error == ""
    assert attributes_of(flex, row)["other"] == 8


def test_what_wrong_credentials_stopped_goes_with_the_next_change(flex: Flex, row: Interaction) -> None:
    flex.fail_next(Refused("who?", reason="not_set_up", http_status=401, code=20003), METHOD)
    update_task_attributes(row, {"ticket": 7})
    flex.run_pending()
    assert state_of(row).state == State.REFUSED
    assert Account.objects.get().problem_code == 20003
    update_task_attributes(row, {"other": 8})
    flex.run_pending()
    after = attributes_of(flex, row)
    assert (after["ticket"], after["other"]) == (7, 8)


def test_what_does_not_fit_into_the_task_is_refused_unsent(flex: Flex, row: Interaction) -> None:
    before = attributes_of(flex, row)
    update_task_attributes(row, {"long": "x" * (MAX_ATTRIBUTES - 20)})
    flex.run_pending()
    refused = state_of(row)
    assert refused.state == State.REFUSED
    assert str(MAX_ATTRIBUTES) in refused.error
    assert attributes_of(flex, row) == before


def test_a_dead_worker_leaves_the_change_to_the_next_one(
    flex: Flex, row: Interaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: Any) -> bool:
        raise KeyboardInterrupt

    update_task_attributes(row, {"ticket": 7})
    with monkeypatch.context() as patch:
        patch.setattr(flex.gateway, METHOD, die)
        with pytest.raises(KeyboardInterrupt):
            task_attributes.write_due(row.account_id)
    assert task_attributes.write_due(row.account_id) == 0, "held by the lease"
    hours_later()
    assert (Job.ATTRIBUTES, row.account_id) in sweep.due_jobs()
    assert task_attributes.write_due(row.account_id) == 1
    assert attributes_of(flex, row)["ticket"] == 7


def test_a_change_that_comes_while_another_is_written_is_written_too(
    flex: Flex, row: Interaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = flex.gateway.update_task_attributes

    def slowly(task_sid: str, changes: Any, check: Any) -> bool:
        done = write(task_sid, changes, check)
        monkeypatch.undo()
        update_task_attributes(row, {"second": 2})
        return done

    monkeypatch.setattr(flex.gateway, METHOD, slowly)
    update_task_attributes(row, {"first": 1})
    task_attributes.write_due(row.account_id)
    waiting = state_of(row)
    assert (waiting.state, waiting.attributes) == (State.WAITING, {"first": 1, "second": 2})
    flex.run_pending()
    after = attributes_of(flex, row)
    assert (after["first"], after["second"]) == (1, 2)
    assert state_of(row).state == State.WRITTEN


def test_a_slow_worker_takes_no_newer_change_back(
    flex: Flex, row: Interaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = flex.gateway.update_task_attributes

    def stop(task_sid: str, changes: Any, check: Any) -> bool:
        monkeypatch.undo()
        update_task_attributes(row, {"first": 2})
        assert task_attributes.write_due(row.account_id) == 1
        return write(task_sid, changes, check)

    monkeypatch.setattr(flex.gateway, METHOD, stop)
    update_task_attributes(row, {"first": 1})
    assert task_attributes.write_due(row.account_id) == 0
    assert attributes_of(flex, row)["first"] == 2
    assert state_of(row).state == State.WRITTEN


def test_what_another_worker_has_written_is_not_due_again_when_the_first_one_fails(
    flex: Flex, row: Interaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any) -> bool:
        monkeypatch.undo()
        hours_later()
        assert task_attributes.write_due(row.account_id) == 1
        raise OutcomeUnknown("ReadTimeout", reason="outcome_unknown")

    monkeypatch.setattr(flex.gateway, METHOD, fail)
    update_task_attributes(row, {"first": 1})
    assert task_attributes.write_due(row.account_id) == 0
    done = state_of(row)
    assert (done.state, done.next_at) == (State.WRITTEN, None)


@pytest.mark.parametrize(
    ("changes", "code", "item"),
    [
        ([], "not_an_object", ""),
        ("text", "not_an_object", ""),
        (None, "not_an_object", ""),
        ({1: 2}, "bad_name", ""),
        ({"": 2}, "bad_name", ""),
        ({"a\x00": 2}, "bad_name", ""),
        ({"x" * 101: 2}, "bad_name", ""),
        ({"a": {"b": object()}}, "bad_value", "a.b"),
        ({"a": float("nan")}, "bad_value", "a"),
        ({"a": float("inf")}, "bad_value", "a"),
        ({"a": 10**30}, "bad_value", "a"),
        ({"a": "\ud800"}, "bad_value", "a"),
        ({"a": ["\x00"]}, "bad_value", "a"),
        ({"a": (1, 2)}, "bad_value", "a"),
        ({"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}, "", ""),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}, "too_deep", "a.b.c.d.e.f"),
        ({"a": [[[[[[1]]]]]]}, "too_deep", "a"),
        ({str(number): 1 for number in range(201)}, "too_deep", ""),
        ({"a": "x" * 4000, "b": "x" * 200}, "too_long", ""),
        ({"a": "x" * 5000}, "bad_value", "a"),
        ({"flexOutboundKey": "x"}, "reserved", "flexOutboundKey"),
        ({"flexInteractionSid": "x"}, "reserved", "flexInteractionSid"),
        ({"flexInteractionChannelSid": "x"}, "reserved", "flexInteractionChannelSid"),
        ({"flexChannelInviteSid": None}, "reserved", "flexChannelInviteSid"),
        ({"conversationSid": "x"}, "reserved", "conversationSid"),
        ({"channelType": "x"}, "reserved", "channelType"),
        ({"direction": "x"}, "reserved", "direction"),
        ({"initiatedBy": "x"}, "reserved", "initiatedBy"),
        ({"taskCreateSource": "x"}, "reserved", "taskCreateSource"),
        ({"outcome": "x"}, "reserved", "outcome"),
        ({"followed_by": "x"}, "reserved", "followed_by"),
        ({"conversations": None}, "reserved", "conversations"),
        ({"conversations": "x"}, "reserved", "conversations"),
        ({"conversations": {"media": []}}, "reserved", "conversations.media"),
        ({"conversations": {"conversation_id": "x"}}, "reserved", "conversations.conversation_id"),
        ({"customerName": "Ann", "from": "Ann", "customers": {"name": "Ann"}}, "", ""),
        ({"a": [1, 2.5, True, None, "😀"], "b": None}, "", ""),
    ],
)
def test_what_may_not_be_written_is_named(row: Interaction, changes: Any, code: str, item: str) -> None:
    if not code:
        update_task_attributes(row, changes)
        return
    with pytest.raises(InvalidClick) as caught:
        update_task_attributes(row, changes)
    assert (caught.value.code, caught.value.item, caught.value.field) == (code, item, "attributes")
    assert not TaskUpdate.objects.exists()


def test_changes_do_not_pile_up_beyond_a_task(row: Interaction) -> None:
    update_task_attributes(row, {"a": "x" * 3000})
    with pytest.raises(InvalidClick):
        update_task_attributes(row, {"b": "x" * 3000})
    assert state_of(row).attributes == {"a": "x" * 3000}


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"ticket": {"number": 1}}, None),
        ({"conversations": {"conversation_attribute_1": "x"}}, None),
        ({"conversations": {"conversation_attribute_2": "x"}}, "conversations.conversation_attribute_2"),
        ({"conversations": "x"}, "conversations"),
        ({"conversations": {}}, "conversations"),
        ({"conversations.conversation_attribute_1": "x"}, "conversations.conversation_attribute_1"),
        ({"other": 1}, "other"),
        ({"ticket": 1, "tickets": 1}, "tickets"),
    ],
)
def test_only_keys_of_the_list_are_allowed(changes: Any, refused: str | None) -> None:
    allowed = ["ticket", "conversations.conversation_attribute_1"]
    assert attribute_rules.refused_key(changes, allowed) == refused


def test_nothing_is_allowed_by_an_empty_list() -> None:
    assert attribute_rules.refused_key(json.loads('{"a": 1}'), []) == "a"
