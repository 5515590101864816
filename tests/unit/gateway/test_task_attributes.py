"""Changing a task's attributes without losing what others write."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flex_outbound.exceptions import GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import attributes
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.payloads import MAX_ATTRIBUTES
from flex_outbound.gateway.tasks import TRIES

from .conftest import Reply, Wire, sid

PATH = f"/taskrouter/v1/Workspaces/{sid('WS')}/Tasks/{sid('WT')}"
OUTCOME = {"conversations": {"outcome": "Solved"}}


def a_task(given: Any, etag: str | None = '"7"', status: str = "assigned") -> Reply:
    text = given if isinstance(given, str) or given is None else json.dumps(given)
    body = {"sid": sid("WT"), "assignment_status": status, "attributes": text}
    return Reply(200, body, {"ETag": etag} if etag else {})


def refusal(status: int, code: int | None = None) -> Reply:
    return Reply(status, {"message": "no", "status": status} | ({"code": code} if code else {}))


def written(wire: Wire) -> dict[str, Any]:
    (sent,) = [one for one in wire.requests if one.method == "POST"]
    given: dict[str, Any] = json.loads(sent.form["Attributes"])
    return given


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": None, "c": None}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "d": 4}}, {"a": {"b": 1, "c": 3, "d": 4}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": "text"}, {"a": {"b": 1, "c": None}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": "text"}, {"a": "text"}),
    ],
)
def test_a_change_is_merged(before: Any, changes: Any, after: Any) -> None:
    kept = json.dumps(before)
    assert attributes.merged(before, changes) == after
    assert json.dumps(before) == kept


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 1}, {"b": None}),
        ({"a": {"b": 1}}, {"a": {"b": None, "c": 2}}),
        ({"a": None}, {"a": 3}),
        ({"a": {"b": {"c": None}}}, {"a": {"b": {"d": 1}}}),
        ({"a": None}, {"a": {"d": 1}}),
        ({"a": "text"}, {"a": {"d": 1}}),
        ({"a": {"b": None}}, {"a": {"b": {"d": 1}}}),
    ],
)
def test_two_changes_are_one(first: Any, second: Any) -> None:
    task = {"a": {"b": {"c": 1}}, "b": 2}
    one_by_one = attributes.merged(attributes.merged(task, first), second)
    assert attributes.merged(task, attributes.combined(first, second)) == one_by_one


_NAMES = st.sampled_from("abc")
_VALUES = st.recursive(st.integers(0, 2) | st.just([1]), lambda inner: st.dictionaries(_NAMES, inner, max_size=3))
_CHANGES = st.recursive(
    st.none() | st.integers(0, 2) | st.just("text"), lambda inner: st.dictionaries(_NAMES, inner, max_size=3)
)


@given(st.dictionaries(_NAMES, _VALUES), st.lists(st.dictionaries(_NAMES, _CHANGES), min_size=2, max_size=4))
def test_changes_that_wait_together_do_what_each_would_have_done(task: Any, changes: list[Any]) -> None:
    one_by_one, all_of_it = task, changes[0]
    for change in changes:
        one_by_one = attributes.merged(one_by_one, change)
    for change in changes[1:]:
        all_of_it = attributes.combined(all_of_it, change)
    assert attributes.merged(task, json.loads(json.dumps(all_of_it))) == one_by_one


def test_a_change_leaves_the_rest_and_writes_only_what_was_read(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_task({"from": "Ada", "conversations": {"media": [], "initiated_by": "agent"}}), a_task({})]
    assert gateway.update_task_attributes(sid("WT"), OUTCOME) is True
    assert [(one.method, one.path) for one in wire.requests] == [("GET", PATH), ("POST", PATH)]
    assert wire.requests[1].headers["If-Match"] == '"7"'
    assert wire.requests[1].form.keys() == {"Attributes"}
    assert written(wire) == {
        "from": "Ada",
        "conversations": {"media": [], "initiated_by": "agent", "outcome": "Solved"},
    }


def test_a_task_without_an_etag_is_written_all_the_same(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_task({}, etag=None), a_task({})]
    assert gateway.update_task_attributes(sid("WT"), {"a": 1}) is True
    assert "If-Match" not in wire.requests[1].headers


def test_what_the_task_has_already_is_not_written(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_task({"a": 1})]
    assert gateway.update_task_attributes(sid("WT"), {"a": 1, "b": None}) is True
    assert len(wire.requests) == 1


def test_what_another_wrote_meanwhile_is_read_and_kept(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [a_task({"a": 1}), refusal(412), a_task({"a": 1, "theirs": 2}, '"8"'), a_task({})]
    assert gateway.update_task_attributes(sid("WT"), {"ours": 3}) is True
    assert [one.headers.get("If-Match") for one in wire.requests if one.method == "POST"] == ['"7"', '"8"']
    assert json.loads(wire.requests[-1].form["Attributes"]) == {"a": 1, "theirs": 2, "ours": 3}


def test_it_gives_up_for_now_where_others_are_always_faster(wire: Wire, gateway: TwilioGateway) -> None:
    wire.replies = [reply for _time in range(TRIES) for reply in (a_task({"a": 1}), refusal(412))]
    with pytest.raises(NotAccepted) as caught:
        gateway.update_task_attributes(sid("WT"), {"b": 2})
    assert caught.value.reason == "changed"
    assert len(wire.requests) == 2 * TRIES


@pytest.mark.parametrize(
    "replies",
    [
        [refusal(404, 20404)],
        [a_task({"a": 1}), refusal(404, 20404)],
        [a_task({"a": 1}, status="completed"), refusal(400, 20001)],
        [a_task({"a": 1}, status="canceled"), refusal(400)],
    ],
    ids=range(4),
)
def test_a_task_that_is_gone_is_no_error(wire: Wire, gateway: TwilioGateway, replies: list[Reply]) -> None:
    wire.replies = replies
    assert gateway.update_task_attributes(sid("WT"), {"b": 2}) is False


@pytest.mark.parametrize("given", [None, "", "{", "[]", '"text"', "[" * 5000], ids=range(6))
def test_attributes_that_cannot_be_read_are_not_overwritten(wire: Wire, gateway: TwilioGateway, given: Any) -> None:
    wire.replies = [a_task(given)]
    with pytest.raises(OutcomeUnknown):
        gateway.update_task_attributes(sid("WT"), {"b": 2})
    assert len(wire.requests) == 1


@pytest.mark.parametrize("more", ["x", "😀", "é"])
def test_what_would_be_too_long_is_not_sent(wire: Wire, gateway: TwilioGateway, more: str) -> None:
    units = 2 if more == "😀" else 1
    room = MAX_ATTRIBUTES - len('{"a":""}')
    for count, fits in ((room // units, True), (room // units + 1, False)):
        wire.requests.clear()
        wire.replies = [a_task({}), a_task({})]
        if fits:
            assert gateway.update_task_attributes(sid("WT"), {"a": more * count}) is True
            assert written(wire) == {"a": more * count}
        else:
            with pytest.raises(Refused, match="4096"):
                gateway.update_task_attributes(sid("WT"), {"a": more * count})
            assert [one.method for one in wire.requests] == ["GET"]


@pytest.mark.parametrize(
    ("replies", "error"),
    [
        ([refusal(401, 20003)], Refused),
        ([refusal(429, 20429)], NotAccepted),
        ([refusal(503)], OutcomeUnknown),
        ([a_task({}), refusal(429, 20429)], NotAccepted),
        ([a_task({}), refusal(503)], OutcomeUnknown),
        ([a_task({}), refusal(400, 20001)], Refused),
        ([a_task({}), Reply(200, how="reset")], OutcomeUnknown),
    ],
    ids=range(7),
)
def test_everything_else_is_the_callers(
    wire: Wire, gateway: TwilioGateway, replies: list[Reply], error: type[GatewayError]
) -> None:
    wire.replies = list(replies)
    with pytest.raises(error):
        gateway.update_task_attributes(sid("WT"), {"b": 2})
    assert len(wire.requests) == len(replies)


def test_no_other_path_is_asked_than_a_tasks(wire: Wire, gateway: TwilioGateway) -> None:
    with pytest.raises(Refused):
        gateway.update_task_attributes("WT/../../Workers", {"b": 2})
    assert not wire.requests
