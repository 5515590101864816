"""Whatever is wrong is a 400 that names the field and says so in words."""

from typing import Any

import pytest
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction, Sender
from tests.integration.api.conftest import LIST, Post, make_sender, sid

NUL, LONE = "a\x00b", "\ud800"
NO_COPIES = ["a@example.com", None, 5, {}, [5], [None], [[]], ["nonsense"], ["a@example.com"], ["a@b.co"] * 11, [NUL]]

BAD = [
    ("contact_type", ["", None, 5, [], {}, "auth.user", "nonsense", "crm_demo.contact\x00", "x" * 500]),
    ("contact_id", ["", None, 1.5, True, [], {}, "0", "999999", "abc", "-1", "9" * 255, "9" * 256, NUL, LONE]),
    ("channel", ["", None, 5, [], {}, "fax", "SMS", NUL]),
    ("address", [None, 5, [], {}, "+14155559999", "nonsense", "+1", NUL, LONE, "1" * 300]),
    ("sender", ["", "abc", 0, -1, 1.5, True, [], {}, 999999, 10**30, NUL]),
    ("body", [None, 5, True, [], {}, ["x"], "x" * 1601, NUL, LONE]),
    ("subject", [None, 5, [], {}, "Not for SMS", NUL, LONE]),
    *((name, NO_COPIES) for name in ("to", "cc", "bcc")),
    ("content_sid", [None, 5, [], {}, "HX", "XX" + "a" * 32, NUL]),
    (
        "content_variables",
        [None, 5, [], "x", "[]", {"1": 5}, {"1": None}, {"1": []}, {"1": NUL}, {NUL: "1"}, {"1": LONE}, {"1": "Ada"}],
    ),
    ("content_variables", [{str(n): "x" for n in range(101)}, {"1": "x" * 1601}, {"x" * 65: "y"}, "[" * 100_000]),
    ("idempotency_key", [None, 5, [], {}, "x" * 65, "two words", "ключ", NUL, LONE]),
    ("worker_sid", ["", None, "WK" + "a" * 32]),
    ("worker", ["", None, 1]),
]


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in BAD for value in values], ids=lambda it: repr(it)[:30]
)
def test_a_bad_field_is_named(post: Post, field: str, value: Any) -> None:
    answer = post(**{field: value})

    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [field]
    words = answer.json()[field]
    assert words
    assert all(isinstance(sentence, str) and len(sentence) > 10 for sentence in words)
    assert not Interaction.objects.exists()


def test_all_bad_fields_are_named_at_once(client: Client) -> None:
    answer = client.post(LIST, {"body": [], "worker": 1, "sender": "x"}, content_type="application/json")

    assert set(answer.json()) == {"contact_type", "contact_id", "channel", "body", "worker", "sender"}


@pytest.mark.parametrize("body", ["[]", "null", "5", '"text"', "true", "[1, 2]"])
def test_a_body_that_is_no_object_is_refused(client: Client, body: str) -> None:
    answer = client.post(LIST, body, content_type="application/json")

    assert answer.status_code == 400
    assert list(answer.json()) == ["non_field_errors"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"{'a': 1}", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b'{"sender": ' + b"9" * 5000 + b"}"],
    ids=["empty", "open", "quotes", "bytes", "NaN", "deep", "digits"],
)
@pytest.mark.parametrize("charset", ["", "; charset=utf-16", "; charset=rot13", "; charset=nonsense"])
def test_malformed_json_is_refused(client: Client, body: bytes, charset: str) -> None:
    answer = client.generic("POST", LIST, body, content_type=f"application/json{charset}")

    assert answer.status_code == 400
    assert answer.json()["code"] == "parse_error" if body else answer.json()


def test_what_is_neither_json_nor_a_form_is_refused(client: Client) -> None:
    answer = client.post(LIST, "<a/>", content_type="text/xml")

    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_an_oversized_body_is_refused_unread(client: Client, content_type: str) -> None:
    answer = client.generic("POST", LIST, b"a" * 3_000_000, content_type=content_type)

    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_a_file_is_no_text(client: Client, payload: dict[str, Any]) -> None:
    with open(__file__, "rb") as file:
        answer = client.post(LIST, {**payload, "body": file})

    assert answer.status_code == 400
    assert list(answer.json()) == ["body"]


def test_a_contact_that_may_not_be_seen_reads_as_one_that_is_not_there(post: Post, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(restricted=True)

    assert post().json() == post(contact_id="999999").json()
    assert list(post().json()) == ["contact_id"]


def test_another_accounts_sender_is_not_ones_own(post: Post) -> None:
    other = Account.objects.create(name="Other", account_sid=sid("AC"), workspace_sid=sid("WS"))
    theirs = make_sender(other, "sms", "+14155550177")

    assert list(post(sender=theirs.pk).json()) == ["sender"]


def test_a_sender_of_another_channel_is_refused(post: Post, senders: dict[str, Sender]) -> None:
    assert list(post(sender=senders["whatsapp"].pk).json()) == ["sender"]


def test_a_retired_sender_is_refused(post: Post, account: Account) -> None:
    retired = make_sender(account, "sms", "+14155550177", is_active=False)

    assert list(post(sender=retired.pk).json()) == ["sender"]


@pytest.mark.parametrize("subject", ["x" * 257, "two\nlines", "two\r\nlines"])
def test_a_bad_subject_of_an_email_is_refused(post: Post, subject: str) -> None:
    assert list(post(channel="email", subject=subject).json()) == ["subject"]


def test_a_channel_without_address_is_refused_in_the_channels_words(post: Post, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(mobile="")

    assert post().json() == {"channel": ["This contact has no phone number."]}


def test_line_ends_of_a_form_count_once(client: Client, payload: dict[str, Any]) -> None:
    assert client.post(LIST, {**payload, "body": "\r\n".join(["x" * 799, "y" * 799, ""])}).status_code == 202


@pytest.mark.parametrize("key", ["x" * 65, "two words", "kéy"])
def test_a_bad_key_in_the_header_is_named_as_the_field(post: Post, key: str) -> None:
    answer = post(headers={"Idempotency-Key": key})

    assert answer.status_code == 400
    assert list(answer.json()) == ["idempotency_key"]
