"""The files of messages: who may have them, and that nothing active is ever rendered."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from flex_outbound.channels import Channel
from flex_outbound.exceptions import OutcomeUnknown
from flex_outbound.gateway import bounds
from flex_outbound.gateway.memory import MemoryGateway
from flex_outbound.models import Account, Conversation, Message
from flex_outbound.outbox import gateways
from flex_outbound.views import conversations, texts
from tests.integration.pages import talk

pytestmark = pytest.mark.django_db

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
def twilio() -> Iterator[MemoryGateway]:
    """A Twilio that keeps files."""
    double = MemoryGateway()
    before = gateways.use(lambda connection: double)
    yield double
    gateways.use(before)


@pytest.fixture
def conversation(account: Account, contact: Any, agent: Any) -> Conversation:
    """The agent's own conversation with the contact."""
    return talk.converse(account, contact, agent, chat_service_sid="IS" + "1" * 32)


@pytest.fixture
def client(agent: Any) -> Client:
    """The agent's browser."""
    client = Client()
    client.force_login(agent)
    return client


def send(
    twilio: MemoryGateway, conversation: Conversation, kind: str, name: str, data: bytes, claimed: str = ""
) -> Message:
    """Let the customer send a file, which may say of itself that it is something else."""
    item = twilio.add_file(kind, name, data)
    kept = talk.file(claimed or kind, name, sid=item.media_sid, size=len(data))
    return talk.say(conversation, "", media=[kept])


def url_of(message: Message) -> str:
    """Return where the first file of a message is."""
    return f"/flex/media/{message.pk}/{message.media[0]['sid']}/"


def test_a_picture_is_shown_under_a_policy_that_allows_nothing(
    client: Client, twilio: MemoryGateway, conversation: Conversation
) -> None:
    answer = client.get(url_of(send(twilio, conversation, "image/png", "door.png", talk.PNG)))
    assert (answer.status_code, b"".join(answer.streaming_content)) == (200, talk.PNG)  # type: ignore[attr-defined]
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Disposition"] == 'inline; filename="door.png"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "private" in answer["Cache-Control"]
    assert "public" not in answer["Cache-Control"]


@pytest.mark.parametrize(
    ("kind", "data", "claimed"),
    [
        ("image/svg+xml", SVG, ""),
        ("text/html", b"<script>alert(1)</script>", ""),
        ("text/html", b"<script>alert(1)</script>", "image/png"),
        ("image/png", talk.PNG, "text/html"),
        ("image/png", talk.PNG, "image/jpeg"),
        ("application/pdf", b"%PDF-1.4", ""),
        ("image/png", b"", ""),
    ],
)
def test_everything_else_is_for_download(
    client: Client, twilio: MemoryGateway, conversation: Conversation, kind: str, data: bytes, claimed: str
) -> None:
    name = 'a"b;\r\nX-Evil: 1/../ü.html'
    answer = client.get(url_of(send(twilio, conversation, kind, name, data, claimed)))
    assert b"".join(answer.streaming_content) == data  # type: ignore[attr-defined]
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment;")
    assert "X-Evil" not in answer.headers
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_only_who_may_see_the_conversation_may_have_its_files(
    twilio: MemoryGateway, account: Account, contact: Any, conversation: Conversation, django_user_model: Any
) -> None:
    message = send(twilio, conversation, "image/png", "door.png", talk.PNG)
    other = django_user_model.objects.create_user("other")
    client = Client()
    assert client.get(url_of(message)).status_code == 302
    client.force_login(other)
    assert client.get(url_of(message)).status_code == 404
    other.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    assert client.get(url_of(message)).status_code == 200
    contact.restricted = True
    contact.save()
    assert client.get(url_of(message)).status_code == 404


def test_a_sid_is_of_the_message_that_it_is_asked_for_with(
    client: Client, twilio: MemoryGateway, account: Account, contact: Any, conversation: Conversation
) -> None:
    own = send(twilio, conversation, "image/png", "door.png", talk.PNG)
    foreign = send(twilio, talk.converse(account, contact), "image/png", "secret.png", talk.PNG)
    assert client.get(f"/flex/media/{own.pk}/{foreign.media[0]['sid']}/").status_code == 404
    assert client.get(url_of(foreign)).status_code == 404
    for odd in ("x", "ME" + "0" * 31, "..%2F..%2Fsecret", "IM" + "0" * 32):
        assert client.get(f"/flex/media/{own.pk}/{odd}/").status_code == 404
    assert client.get(f"/flex/media/{10**30}/{own.media[0]['sid']}/").status_code == 404
    Message.objects.filter(pk=own.pk).update(removed_at=talk.BEGAN)
    assert client.get(url_of(own)).status_code == 404


def test_what_twilio_does_not_have_is_a_page_that_says_so(
    client: Client, twilio: MemoryGateway, conversation: Conversation
) -> None:
    message = send(twilio, conversation, "image/png", "door.png", talk.PNG)
    twilio.files.clear()
    answer = client.get(url_of(message))
    assert answer.status_code == 404
    assert "Twilio no longer has this file." in answer.content.decode()


def test_a_twilio_that_does_not_answer_is_a_page_that_says_so(
    client: Client, twilio: MemoryGateway, conversation: Conversation
) -> None:
    message = send(twilio, conversation, "image/png", "door.png", talk.PNG)
    twilio.fail_next(OutcomeUnknown("slow", reason="outcome_unknown"), "fetch_media")
    answer = client.get(url_of(message))
    assert answer.status_code == 502
    assert "could not be loaded from Twilio just now" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_a_file_that_is_too_large_is_not_even_begun(
    client: Client, twilio: MemoryGateway, conversation: Conversation
) -> None:
    message = send(twilio, conversation, "image/png", "door.png", talk.PNG)
    Message.objects.filter(pk=message.pk).update(media=[{**message.media[0], "size": bounds.MAX_MEDIA + 1}])
    answer = client.get(url_of(message))
    assert answer.status_code == 413
    assert "too large" in answer.content.decode()


def test_a_file_that_turns_out_to_be_too_large_breaks_off(
    client: Client, twilio: MemoryGateway, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = send(twilio, conversation, "image/png", "door.png", talk.PNG + b"\0" * 200_000)
    monkeypatch.setattr("flex_outbound.outbox.conversations.media.MOST", 300_000)
    answer = client.get(url_of(message))
    monkeypatch.setattr("flex_outbound.outbox.conversations.media.MOST", 100_000)
    assert len(b"".join(answer.streaming_content)) <= 100_000  # type: ignore[attr-defined]


def test_the_conversation_service_is_asked_for_once(
    client: Client, twilio: MemoryGateway, account: Account, contact: Any, agent: Any
) -> None:
    sid = twilio.add_conversation(Channel.SMS, "+14155550123", "+14155550100")
    row = Conversation.objects.create(pk=sid[2:], account=account, agent=agent, channel="sms")
    message = send(twilio, row, "image/png", "door.png", talk.PNG)
    assert client.get(url_of(message)).status_code == 200
    assert Conversation.objects.get(pk=row.pk).chat_service_sid.startswith("IS")


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1.html", "a\tb.html", "a\u202egnp.html"])
def test_a_name_with_signs_that_no_header_takes_is_cleaned(
    client: Client, twilio: MemoryGateway, conversation: Conversation, name: str
) -> None:
    answer = client.get(url_of(send(twilio, conversation, "text/html", name, b"hello")))
    assert answer.status_code == 200
    assert "X-Evil" not in answer
    assert not {"\t", "\u202e", "%E2%80%AE"} & set(answer["Content-Disposition"])
    assert "E2%80%AE" not in answer["Content-Disposition"]


def test_a_file_of_an_erased_message_is_not_shown(
    client: Client, twilio: MemoryGateway, conversation: Conversation
) -> None:
    message = send(twilio, conversation, "image/png", "door.png", talk.PNG)
    Message.objects.update(is_text_kept=False)
    Conversation.objects.update(forgotten_at=message.said_at)
    assert client.get(url_of(message)).status_code == 410
    told = client.get(f"/flex/api/contacts/crm_demo.contact/{_contact_of(conversation)}/messages/").json()
    assert [one["media"] for one in told["results"]] == [[]]


@pytest.mark.parametrize(
    ("policy", "category", "kind", "status"),
    [
        ("none", "body", "text/plain", 403),
        ("none", "history", "text/html", 403),
        ("none", "", "text/html", 403),
        ("none", "media", "text/plain", 200),
        ("none", "", "image/png", 200),
        ("fetch", "body", "text/plain", 200),
    ],
)
def test_the_text_of_an_email_is_no_file_where_texts_are_not_shown(
    client: Client,
    twilio: MemoryGateway,
    conversation: Conversation,
    policy: str,
    category: str,
    kind: str,
    status: int,
) -> None:
    Account.objects.update(message_text=policy)
    message = send(twilio, conversation, kind, "", b"It is lost")
    message.media[0]["category"] = category
    message.save()
    assert client.get(url_of(message)).status_code == status
    told = client.get(f"/flex/api/contacts/crm_demo.contact/{_contact_of(conversation)}/messages/").json()
    assert [len(one["media"]) for one in told["results"]] == [int(status == 200)]


def test_twilio_is_not_asked_within_a_transaction_of_the_request() -> None:
    for view in (conversations.media, texts.message_text):
        assert getattr(view, "_non_atomic_requests", None) == {"default"}


def _contact_of(conversation: Conversation) -> str:
    return str(conversation.contacts.get().contact_id)
