import json
from dataclasses import astuple
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flex_outbound.gateway import records, results
from flex_outbound.gateway.base import ChannelState, InteractionResult

from .conftest import KEY, accepted, sid


def json_values() -> st.SearchStrategy[Any]:
    names = st.sampled_from(
        ["sid", "channel", "routing", "properties", "attributes", "conversations", "media", "conversationSid", "status",
         "error_code", "flexOutboundKey", "event_data", "event_type", "task_attributes", "task_sid",
         "conversation_sid", "conversation_date_created", "participant_messaging_binding", "address", "type",
         "index", "author", "body", "size", "content_type", "ContentType", "filename", "category", "delivery", "total",
         "sent", "participant_sid", "date_created", "messaging_binding", "identity", "level", "state"]
    )  # fmt: skip
    sids = st.sampled_from([sid(prefix) for prefix in ("KD", "UO", "KG", "WT", "CH", "IM", "MB", "ME", "XX")])
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | sids
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(names, inner, max_size=4)
            | st.dictionaries(names, inner, max_size=4).map(json.dumps)
        ),
        max_leaves=12,
    )


@given(json_values())
def test_no_json_makes_reading_raise_or_give_a_sid_of_another_kind(payload: Any) -> None:
    found = results.parse_interaction(payload)
    kinds = {"interaction_sid": "KD", "channel_sid": "UO", "task_sid": "WT", "conversation_sid": "CH"}
    for name, prefix in kinds.items():
        assert getattr(found, name) in (None, sid(prefix))
    task = results.parse_task(payload)
    assert task is None or (task.task_sid == sid("WT") and isinstance(task.attributes, dict))
    assert isinstance(results.parse_channel(payload).status, str)
    assert results.parse_message(payload)[0] in (None, sid("IM"))
    created, attributes = results.parse_event(payload)
    assert created in (None, sid("WT"))
    assert attributes is None or isinstance(attributes, dict)
    conversation = results.parse_conversation(payload)
    assert conversation is None or conversation.conversation_sid == sid("CH")
    assert all(isinstance(part, str) for part in astuple(results.parse_binding(payload)))


WORDS = st.sampled_from(
    ["media", "none", "all", "sms", "whatsapp:+1", "2026-01-02T03:04:05+14:00", "9", "a\r\nb\x00\ud83d"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS


@given(
    st.dictionaries(
        st.sampled_from(["index", "author", "body", "subject", "attributes", "media", "delivery", "date_created",
                         "messaging_binding", "identity", "state", "chat_service_sid", "participant_sid"]),
        LEAVES | json_values() | st.lists(
            st.fixed_dictionaries({"sid": st.just(sid("ME"))}, optional={"size": LEAVES, "content_type": LEAVES,
                                  "filename": LEAVES, "category": LEAVES, "Sid": LEAVES}), max_size=3,
        ),
    )
)  # fmt: skip
def test_no_json_makes_reading_a_conversation_raise(payload: dict[str, Any]) -> None:
    record = records.parse_record(payload | {"sid": sid("IM")})
    assert record is not None
    assert record.index is None or 0 <= record.index < 2**31
    assert all(
        item.media_sid == sid("ME") and item.category in ("", "media", "body", "history") for item in record.media
    )
    assert all(0 <= item.size < 2**31 and not set("\r\n") & set(item.content_type) for item in record.media)
    someone = records.parse_participant(payload | {"sid": sid("MB")})
    assert someone is not None
    assert someone.kind in ("", "sms", "whatsapp", "email")
    details = records.parse_details(payload | {"sid": sid("CH")})
    assert details is not None
    for text in [
        record.author,
        record.body,
        record.subject,
        record.key,
        someone.address,
        someone.identity,
        details.state,
    ]:
        assert "\x00" not in text
        text.encode()
    for moment in (record.created_at, details.created_at):
        assert moment is None or moment.astimezone(UTC).tzinfo
    found = records.parse_sent(payload)
    assert found[0] is None
    assert isinstance(found[1], str | None)


def test_the_recorded_answer_gives_every_sid() -> None:
    assert results.parse_interaction(accepted()) == InteractionResult(
        sid("KD"), sid("UO"), sid("WT"), sid("CH"), sid("KG"), "pending"
    )


@pytest.mark.parametrize("name", ["sid", "conversation_sid"])
def test_the_conversation_may_stand_among_the_media_only(name: str) -> None:
    media = [{"type": "ChatTranscript"}, {name: sid("CH", "b")}]
    answer = accepted(conversationSid=None, conversations={"conversation_id": sid("KD"), "media": media})
    assert results.parse_interaction(answer).conversation_sid == sid("CH", "b")


def test_an_answer_that_echoes_the_request_has_no_task() -> None:
    echo = {
        "sid": sid("KD"),
        "channel": {"type": "sms", "initiated_by": "agent", "participants": [{"address": "+1"}]},
        "routing": {"properties": {"worker_sid": sid("WK"), "attributes": {"customerName": "Ada"}}},
    }
    assert results.parse_interaction(echo) == InteractionResult(sid("KD"), None, None, None, None)


@pytest.mark.parametrize("raw", [None, "", "{broken", "[1]", "null", 5, ["x"], "[" * 100_000])
def test_attributes_that_cannot_be_read_are_empty(raw: Any) -> None:
    assert results.parse_attributes(raw) == {}


@pytest.mark.parametrize("attributes", [{"flexOutboundKey": KEY}, json.dumps({"flexOutboundKey": KEY})])
def test_a_task_gives_its_key_whether_its_attributes_are_text_or_an_object(attributes: Any) -> None:
    task = results.parse_task({"sid": sid("WT"), "assignment_status": "wrapping", "attributes": attributes})
    assert task is not None
    assert (task.key, task.status) == (KEY, "wrapping")


def test_a_failed_channel_gives_its_code_as_a_number() -> None:
    failed = {"status": "failed", "error_code": "45352", "error_message": "no"}
    assert results.parse_channel(failed) == ChannelState("failed", 45352, "no")


@pytest.mark.parametrize(
    ("raw", "code"), [(50416, 50416), ("50416", 50416), (0, None), (True, None), ("x", None), (-1, None), (5.0, None)]
)
def test_only_numbers_and_digits_are_codes(raw: object, code: int | None) -> None:
    assert results.parse_code(raw) == code
