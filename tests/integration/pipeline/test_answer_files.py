"""Answers with a file: uploaded once, and not kept after they were sent."""

import pytest

from flex_outbound.models import Account, Attachment
from flex_outbound.outbox import messages
from flex_outbound.statuses import MessageStatus

from .answering import PICTURE, PNG, after, said, texts
from .conftest import Clicker, Sandbox, Write, conversation_of, run_due

# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_is_uploaded_and_its_data_emptied_after_it_was_sent(write: Write, sandbox: Sandbox) -> None:
    message = after(write("Look", file=PICTURE))
    file = Attachment.objects.get()
    assert (message.status, bytes(file.data), file.filename) == (MessageStatus.SENT, b"", "house.png")
    [sent] = said(sandbox)
    [media] = sent["media"]
    assert (media["sid"], media["content_type"], media["size"]) == (file.media_sid, "image/png", len(PNG))
    assert (sent["body"], message.media[0]["sid"]) == ("Look", file.media_sid)


def test_a_file_needs_no_text(write: Write, sandbox: Sandbox) -> None:
    assert after(write(file=PICTURE)).status == MessageStatus.SENT
    assert len(said(sandbox)) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "malformed"])
def test_an_upload_that_fails_is_repeated(kind: str, write: Write, sandbox: Sandbox) -> None:
    sandbox.fault(kind, path="/Media$")
    message = write(file=PICTURE)
    assert after(message).status == MessageStatus.WAITING
    assert bytes(Attachment.objects.get().data) == PNG
    assert after(message, 60).status == MessageStatus.SENT
    assert len(said(sandbox)) == 1


def test_a_file_that_twilio_does_not_take_fails_the_message_with_words(write: Write, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Media$", status=413, code=20413)
    message = after(write(file=PICTURE))
    assert (message.status, message.error_reason) == (MessageStatus.FAILED, "media_refused")
    assert said(sandbox) == []


def test_a_message_that_is_sent_again_needs_no_second_upload(write: Write, sandbox: Sandbox) -> None:
    message = write(file=PICTURE)
    sandbox.fault("drop_before", path="/Messages$")
    for seconds in (0, 3, 125, 1):
        run_due(seconds)
    message.refresh_from_db()
    assert message.status == MessageStatus.SENT
    uploads = [one for one in sandbox.http.get("requests").json()["requests"] if one["path"].endswith("/Media")]
    assert len(uploads) == 1


def test_texts_of_others_do_not_wait_for_an_upload(write: Write, opened: Clicker, sandbox: Sandbox) -> None:
    room = conversation_of(opened(channel="email"))
    with_file, text = write(file=PICTURE), write("Text", conversation=room)
    sandbox.fault("status", path="/Media$", status=500, times=None)
    messages.deliver(text.account_id)
    text.refresh_from_db()
    with_file.refresh_from_db()
    assert (text.status, with_file.status) == (MessageStatus.SENT, MessageStatus.WAITING)


@pytest.mark.parametrize("shape", ["nulls", "foreign", "half_emoji", "nul"])
@pytest.mark.parametrize("path", ["/Media$", "/Messages$"])
def test_a_hostile_answer_doubles_nothing(path: str, shape: str, write: Write, sandbox: Sandbox) -> None:
    sandbox.fault("hostile", path=path, shape=shape)
    message = write("Hello", file=PICTURE)
    for seconds in (0, 3, 60, 125, 1):
        run_due(seconds)
    message.refresh_from_db()
    assert message.status == MessageStatus.SENT
    assert texts(sandbox) == ["Hello"]


def test_the_data_of_a_file_that_was_not_sent_is_emptied_too(write: Write, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Media$", status=413, code=20413)
    assert after(write(file=PICTURE)).status == MessageStatus.FAILED
    assert bytes(Attachment.objects.get().data) == b""


@pytest.mark.parametrize(("policy", "name"), [("store", "house.png"), ("fetch", ""), ("none", "")])
def test_the_name_of_a_file_is_kept_as_texts_are(policy: str, name: str, write: Write, sandbox: Sandbox) -> None:
    Account.objects.update(message_text=policy)
    message = after(write(file=PICTURE))
    assert message.status == MessageStatus.SENT
    assert (message.media[0]["filename"], Attachment.objects.get().filename) == (name, name)
    assert message.media[0]["size"] == len(PNG)
