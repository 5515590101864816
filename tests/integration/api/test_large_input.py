"""What is large or deep is refused by its size, for little work, with a short answer."""

import io
import json
import time
from typing import Any

import pytest
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.api.errors import LONGEST_SENTENCE, MOST_FIELDS, MOST_SENTENCES, TooLarge, Utf8JSONParser
from flex_outbound.api.serializers import Text
from flex_outbound.models import Account, Interaction, Sender
from tests.integration.api.conftest import LIST, MakeRow, Post, make_user, signed_in

SHORT = 2_000
"""Bytes of an answer to bad input, at most."""

LARGE: list[tuple[str, Any]] = [
    ("cc", [5] * 1_200_000),
    ("cc", ["not an address"] * 140_000),
    ("cc", [[]] * 600_000),
    ("content_variables", {f"v{n}": "" for n in range(150_000)}),
    ("content_variables", {"1": ["x"] * 400_000}),
    ("channel", ["sms"] * 300_000),
    ("channel", "sms" * 700_000),
    ("sender", [1] * 800_000),
    ("sender", {"." + "0" * 2_000_000: 1}),
    ("sender", "1" * 2_000_000),
    ("contact_id", ["1"] * 400_000),
    ("contact_id", "1" * 2_000_000),
    ("contact_type", "x" * 2_000_000),
    ("body", ["x"] * 400_000),
    ("body", "x" * 2_000_000),
    ("address", "+1" * 1_000_000),
    ("subject", "x\n" * 800_000),
    ("content_sid", "HX" * 1_000_000),
    ("idempotency_key", "k" * 2_000_000),
    ("worker", [1] * 800_000),
]


@pytest.mark.parametrize(("field", "value"), LARGE, ids=lambda it: repr(it)[:20])
def test_a_large_value_is_refused_shortly(client: Client, payload: dict[str, Any], field: str, value: Any) -> None:
    body = json.dumps({**payload, field: value}, separators=(",", ":"))
    assert len(body) < 2_621_440
    started = time.process_time()
    answer = client.post(LIST, body, content_type="application/json")

    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert len(answer.content) < SHORT
    # Reading 2.5 MB of JSON takes a tenth of this; reading each item took a minute and more.
    assert time.process_time() - started < 3
    assert not Interaction.objects.exists()


def test_no_item_of_a_long_list_is_read(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(Text, "run_validation", lambda self, data: read.append(data) or str(data))
    post(cc=["a@example.com"] * 11)

    assert "a@example.com" not in read


def test_an_answer_names_only_so_many_fields_and_sentences(client: Client, post: Post) -> None:
    for answer in (
        client.get(LIST, {f"{'x' * 5000}{n}": "1" for n in range(500)}),
        client.get(LIST, {"contact_type": "x" * 100_000, "status": "y" * 100_000}),
        post(cc=["ü" * 400] * 10),
    ):
        assert answer.status_code == 400
        assert len(answer.json()) <= MOST_FIELDS
        assert all(len(words) <= MOST_SENTENCES for words in answer.json().values())
        assert all(len(one) <= LONGEST_SENTENCE for words in answer.json().values() for one in words)


@pytest.mark.parametrize("deep", ["[" * 1000 + "]" * 1000, '{"a":' * 1000 + "1" + "}" * 1000])
@pytest.mark.parametrize("field", ["body", "cc", "content_variables", "sender", "contact_id", "unknown"])
def test_depth_breaks_no_field(client: Client, payload: dict[str, Any], field: str, deep: str) -> None:
    text = json.dumps({**payload, field: "DEEP"}).replace('"DEEP"', deep)
    answer = client.post(LIST, text, content_type="application/json")

    assert answer.status_code in {202, 400}
    assert len(answer.content) < SHORT


def test_a_form_of_very_many_fields_is_refused(client: Client) -> None:
    form = "&".join(f"cc[{n}]=a" for n in range(100_000))
    answer = client.post(LIST, form, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 400
    assert len(answer.content) < SHORT


def test_a_body_that_does_not_say_its_length_is_read_only_so_far(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    stream = io.BytesIO(b'"' + b"x" * 10_000_000 + b'"')

    with pytest.raises(TooLarge):
        Utf8JSONParser().parse(stream)
    assert stream.tell() < 2_000


def test_who_may_not_send_is_refused_before_the_body_is_read(account: Account, senders: dict[str, Sender]) -> None:
    stranger = signed_in(make_user("eve", account=account))

    for body in ("{", "{}", json.dumps({"cc": [5] * 100_000})):
        answer = stranger.post(LIST, body, content_type="application/json")
        assert answer.status_code == 403
        assert answer.json()["code"] == "no_permission"


@pytest.mark.parametrize("verb", ["retry", "confirm", "cancel"])
def test_who_may_not_decide_is_refused_before_the_body_is_read(make_row: MakeRow, verb: str) -> None:
    watcher = signed_in(make_user("lea", "view_interaction"))

    answer = watcher.post(f"{LIST}{make_row().pk}/{verb}/", "{", content_type="application/json")
    assert answer.status_code == 403


def test_a_large_form_of_the_page_is_answered_shortly(client: Client, contact: Contact) -> None:
    form = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "email"}
    for field, value in {
        "cc": "a, " * 800_000,
        "body": "x" * 2_000_000,
        "subject": "x" * 2_000_000,
        "address": "x" * 2_000_000,
        "idempotency_key": "k" * 2_000_000,
    }.items():
        started = time.process_time()
        answer = client.post("/flex/send/", {**form, field: value})

        assert answer.status_code == 400, field
        assert len(answer.content) < 60_000
        assert time.process_time() - started < 3
    assert not Interaction.objects.exists()


def test_a_task_is_not_searched_for_in_a_large_text(client: Client, make_row: MakeRow) -> None:
    url = f"{LIST}{make_row('review').pk}/confirm/"
    answer = client.post(url, {"task_sid": "WT" + "a" * 32 + " " * 2_000_000}, content_type="application/json")

    assert answer.status_code == 400
