"""An email's text is a file at Twilio; it is read, as text, where the texts are kept."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.models.functions import Now

from flex_outbound.gateway.base import Media, MediaItem, MessagePage, MessageRecord
from flex_outbound.models import Conversation, Interaction, Message
from flex_outbound.outbox.conversations import parts
from flex_outbound.statuses import MessageStatus
from flex_outbound.twilio_statuses import Party
from tests.integration.pipeline.conftest import Sandbox, run_due

pytestmark = pytest.mark.django_db(transaction=True)

HTML = '<style>p{}</style><p>Dear Ada,<br>it works &amp; well.</p><img src="https://evil.example/x.png"><script>x()</script>'


@pytest.fixture
def row(click: Callable[..., Interaction], sandbox: Sandbox) -> Interaction:
    """An email conversation that is up."""
    row = click(channel="email", subject="Hello", body="Good morning")
    run_due()
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    for _time in range(4):
        run_due(5)
    row.refresh_from_db()
    return row


def write(sandbox: Sandbox, row: Interaction, **content: Any) -> None:
    """Let the customer write."""
    sandbox.http.post("messages", json={"conversation_sid": row.conversation_sid, **content}).raise_for_status()
    run_due(1000)


def test_the_conversation_is_read_without_callbacks(row: Interaction) -> None:
    conversation = Conversation.objects.get()
    assert conversation.conversation_sid == row.conversation_sid
    message = Message.objects.get()
    assert (message.conversation, message.index, message.status) == (conversation, 0, MessageStatus.SENT)


def test_html_becomes_the_text_that_a_reader_sees(row: Interaction, sandbox: Sandbox) -> None:
    write(sandbox, row, subject="Re: Hello", html=HTML)

    message = Message.objects.get(party=Party.CUSTOMER)
    assert message.body == "Dear Ada,\nit works & well."
    assert Conversation.objects.get().inbound == 1


def test_a_text_that_is_read_later_is_no_edit(row: Interaction, sandbox: Sandbox) -> None:
    write(sandbox, row, subject="Re: Hello", html=HTML)
    # As after a callback, which has no text.
    Message.objects.filter(party=Party.CUSTOMER).update(body="")
    Conversation.objects.update(read_index=0, next_at=Now())
    run_due(1000)

    message = Message.objects.get(party=Party.CUSTOMER)
    assert (message.body, message.edited_at) == ("Dear Ada,\nit works & well.", None)


def test_an_attachment_is_no_text(row: Interaction, sandbox: Sandbox) -> None:
    data = base64.b64encode(b"not for the page").decode()
    write(sandbox, row, body="See there", media=[{"content_type": "text/plain", "filename": "a.txt", "data": data}])

    message = Message.objects.get(party=Party.CUSTOMER)
    assert message.body == "See there"
    assert [one["filename"] for one in message.media if one["category"] != "body"] == ["a.txt"]


@pytest.mark.parametrize("kept", ["fetch", "none"])
def test_where_texts_are_not_kept_none_is_fetched(row: Interaction, sandbox: Sandbox, kept: str, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "MESSAGE_TEXT": kept}
    write(sandbox, row, html=HTML)

    message = Message.objects.get(party=Party.CUSTOMER)
    assert (message.body, message.subject) == ("", "")
    assert not any(one["product"] == "mcs" for one in sandbox.http.get("requests").json()["requests"])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("<p>a</p><p>b</p>", "a\nb"),
        ("a<!-- <b>no</b> -->b", "a b"),
        ("<title>no</title>yes<script>no", "yes"),
        ("1 &lt; 2 &amp;amp; 3", "1 < 2 &amp; 3"),
        ("<div>\n\n\n\n</div>a", "a"),
        ("<<b>", "<"),
    ],
)
def test_markup_goes_and_lines_stay(source: str, text: str) -> None:
    assert parts.text_of_html(source) == text


def test_an_attachment_of_15_mb_is_named_and_stays_at_twilio(row: Interaction, sandbox: Sandbox) -> None:
    data = base64.b64encode(bytes(15_000_000)).decode()
    file = {"content_type": "application/pdf", "filename": "plan.pdf", "data": data}
    sandbox.http.timeout = 30
    write(sandbox, row, subject="Re: Hello", html=HTML, media=[file])

    message = Message.objects.get(party=Party.CUSTOMER)
    assert message.body == "Dear Ada,\nit works & well."
    assert [one["size"] for one in message.media if one["filename"] == "plan.pdf"] == [15_000_000]
    fetched = [one["path"] for one in sandbox.http.get("requests").json()["requests"] if one["product"] == "mcs"]
    assert len(fetched) == 1  # the text alone


@pytest.mark.parametrize("sign", ["<br", "<br ", "<a ", "<a href='", "<!--", "<script>", "</", "&#", "<p>"])
def test_html_that_is_made_to_take_long_does_not(sign: str) -> None:
    began = time.monotonic()
    text = parts.text_of_html(f"It is lost. {sign * (300_000 // len(sign))}")
    assert time.monotonic() - began < 20  # minutes, where each sign is looked for up to the end
    assert text.startswith("It is lost.")


class Files:
    """Twilio's files, all of them one text, and how often one was asked for."""

    def __init__(self, content_type: str, data: bytes) -> None:
        self.content_type, self.data, self.asked = content_type, data, list[str]()

    @contextmanager
    def fetch_media(self, chat_service_sid: str, media_sid: str) -> Iterator[Media]:
        self.asked.append(media_sid)
        yield Media(content_type=self.content_type, size=len(self.data), chunks=iter([self.data]))


def email(index: int) -> MessageRecord:
    sid = f"{index:032x}"
    part = MediaItem(f"ME{sid}", "text/plain", "", 0, "body")
    return MessageRecord(f"IM{sid}", index, "ann@example.com", None, "", "", "", (part,), "", None, None, None)


@pytest.mark.parametrize("charset", ["idna", "punycode", "undefined", "zip", "unheard-of"])
def test_a_charset_that_is_none_of_texts_is_read_as_utf_8(charset: str) -> None:
    files: Any = Files(f"text/plain; charset={charset}", "Ärger-".encode() + b"zz9" * 100_000)
    began = time.monotonic()
    assert parts.with_text(email(0), files, "IS" + "1" * 32).body.startswith("Ärger-zz9")
    assert time.monotonic() - began < 1


def test_one_reading_asks_for_the_texts_of_the_newest_emails_alone(row: Interaction) -> None:
    files: Any = Files("text/plain", b"Hello")
    conversation = Conversation.objects.get()
    page = MessagePage(tuple(email(index) for index in range(200)), is_whole=True)
    found = parts.with_texts(page, conversation, files, "IS" + "1" * 32)
    assert found is not None
    assert len(files.asked) == 50
    assert [one.index for one in found.messages if one.body] == list(range(150, 200))
