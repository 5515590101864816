"""Errors of the database that our statements meet name no customer, whoever logs them."""

import io
import logging
import traceback
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import django
import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from django.test import Client
from django.utils.log import AdminEmailHandler

from flex_outbound import discretion
from flex_outbound.gateway.base import MediaItem, MessageRecord, Participant
from flex_outbound.models import (
    Account,
    Attachment,
    ContactAddress,
    Conversation,
    ConversationContact,
    Interaction,
    Message,
)
from flex_outbound.outbox import jobs
from flex_outbound.outbox.conversations import hearing, reading, recording
from flex_outbound.outbox.conversations.fetching import Text
from flex_outbound.outbox.conversations.heard import Heard
from flex_outbound.sandbox import defaults
from flex_outbound.webhooks import verify
from tests.integration.conftest import Click

NAME, NUMBER = "Ann Example", "+14155550123"
SAID = "Between you and me"
SPOKEN = {
    "EventType": "onMessageAdded",
    "AccountSid": defaults.ACCOUNT_SID,
    "ConversationSid": "CH" + "d" * 32,
    "MessageSid": "IM" + "e" * 32,
    "Index": "0",
    "Author": NUMBER,
    "Body": SAID,
    "Subject": f"{SAID} subject",
    "Media": f'[{{"Sid": "ME{"a" * 32}", "Filename": "{SAID}.png", "ContentType": "image/png", "Size": 1}}]',
}
HEARD = Heard("IM" + "e" * 32, 0, NUMBER, body=SAID, subject=SAID, media=({"filename": SAID},))


@pytest.fixture
def row(click: Click, agent: User) -> Interaction:
    """An interaction in review."""
    return click(datetime.now(UTC), None, "review", contact_name=NAME, address=NUMBER, agent=agent)


def shown(error: BaseException) -> str:
    """Return what a log shows of an error: its whole chain."""
    log = io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(log))
    logger.error("Failed", exc_info=error)
    return log.getvalue() + "".join(traceback.format_exception(error)) + repr(error) + repr(error.__context__)


def broken_by(act: Callable[[], object]) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        act()
    return caught.value


@pytest.mark.django_db
def test_a_row_that_breaks_a_constraint_is_not_shown(row: Interaction) -> None:
    error = broken_by(lambda: Interaction.objects.filter(pk=row.pk).update(status="nonsense"))

    assert isinstance(error, IntegrityError)
    assert "flex_" in str(error)
    assert NAME not in shown(error)
    assert NUMBER not in shown(error)


@pytest.mark.django_db
def test_a_second_row_of_the_same_key_is_not_shown(row: Interaction) -> None:
    def again() -> None:
        row.pk = uuid.uuid4()
        row.save(force_insert=True)

    error = broken_by(again)
    assert isinstance(error, IntegrityError)
    assert NUMBER not in shown(error)
    assert NAME not in shown(error)


@pytest.mark.django_db
def test_a_value_that_does_not_fit_is_not_shown(row: Interaction) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite takes any value into any column")

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE flex_outbound_interaction SET attempt = %s", [NAME])

    assert NAME not in shown(broken_by(write))


@pytest.mark.django_db
def test_the_tables_of_the_project_keep_their_errors(agent: User) -> None:
    error = broken_by(lambda: User.objects.create(username=agent.username))
    assert error.__cause__ is not None


class _Diagnosis:
    constraint_name, table_name, column_name = "flex_one_in_flight", "flex_outbound_interaction", None


class _PostgreSQL(Exception):
    diag, sqlstate = _Diagnosis(), "23505"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (
            _PostgreSQL(f"duplicate key …\nDETAIL:  Key (address)=({NUMBER}) already exists."),
            "flex_one_in_flight of flex_outbound_interaction: refused (23505); values are not shown",
        ),
        (
            Exception(1062, f"Duplicate entry '7-{NUMBER}' for key 'flex_one_in_flight'"),
            "flex_one_in_flight: refused (1062); values are not shown",
        ),
        (
            Exception(1406, "Data too long for column 'contact_name' at row 1"),
            "contact_name: refused (1406); values are not shown",
        ),
        (Exception(f"invalid input for {NAME}"), "a statement about flex_outbound: refused; values are not shown"),
    ],
)
@pytest.mark.parametrize("kind", [IntegrityError, DataError])
def test_each_database_is_told_without_values(cause: Exception, words: str, kind: type[DatabaseError]) -> None:
    def execute(*args: Any) -> None:
        raise kind(*cause.args) from cause

    with pytest.raises(kind) as caught:
        discretion.discreet(execute, "INSERT INTO flex_outbound_interaction", (), False, {})
    assert str(caught.value) == words
    assert NUMBER not in shown(caught.value)
    assert NAME not in shown(caught.value)


@pytest.mark.django_db
def test_the_log_of_the_web_names_nobody(
    row: Interaction, agent: User, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        Interaction.objects.filter(pk=row.pk).update(status="nonsense")

    monkeypatch.setattr("flex_outbound.outbox.decisions.cancel", fail)
    client = Client(raise_request_exception=False)
    client.force_login(agent)
    with transaction.atomic():
        answer = client.post(f"/flex/api/interactions/{row.pk}/cancel/")
        transaction.set_rollback(True)

    assert answer.status_code == 500
    told = "".join(shown(record.exc_info[1]) for record in caplog.records if record.exc_info and record.exc_info[1])
    assert "refused" in told
    assert NAME not in caplog.text + told
    assert NUMBER not in caplog.text + told


# -- what customers say ------------------------------------------------------------------------------------------------


@pytest.fixture
def conversation(account: Account) -> Conversation:
    """A conversation with everything that names or quotes somebody."""
    return Conversation.objects.create(
        id=uuid.UUID("d" * 32),
        account=account,
        channel="sms",
        address=NUMBER,
        sender_address="+1",
        customer_name=NAME,
        last_text=SAID,
        participants={},
    )


RECORD = MessageRecord(
    *("IM" + "e" * 32, 0, NUMBER, None, SAID, SAID, ""),
    *((MediaItem("ME" + "a" * 32, "image/png", SAID, 1),), "", None, None, None),
)
QUIET: list[Any] = [
    HEARD,
    RECORD,
    RECORD.media[0],
    Participant("MB" + "a" * 32, NAME, NUMBER, "+1", "sms", ""),
    Text(SAID, SAID),
    Message(body=SAID, subject=SAID, author=NUMBER, media=[{"filename": SAID}]),
    Conversation(id=uuid.uuid4(), address=NUMBER, customer_name=NAME, last_text=SAID),
    ContactAddress(address_key=NUMBER),
    ConversationContact(contact_id="7"),
    Attachment(filename=SAID, data=SAID.encode()),
]


@pytest.mark.parametrize("value", QUIET, ids=lambda value: type(value).__name__)
def test_nothing_that_was_heard_describes_itself(value: Any) -> None:
    for told in (repr(value), str([value]), f"{value!r}"):
        assert not [one for one in (SAID, NUMBER, NAME) if one in told]


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Message, Conversation])
def test_a_row_of_what_was_said_that_breaks_a_constraint_is_not_shown(conversation: Conversation, model: Any) -> None:
    recording.record(conversation, [HEARD])
    broken = {"party": "nobody"} if model is Message else {"state": "nonsense"}
    error = broken_by(lambda: model.objects.update(**broken))
    assert not [one for one in (SAID, NUMBER, NAME) if one in shown(error)]


@pytest.mark.django_db
def test_a_second_row_of_the_same_message_is_not_shown(conversation: Conversation) -> None:
    recording.record(conversation, [HEARD])

    def again() -> None:
        message = Message.objects.get()
        message.pk = None
        message.save(force_insert=True)

    error = broken_by(again)
    assert isinstance(error, IntegrityError)
    assert SAID not in shown(error)


@pytest.mark.django_db
def test_neither_log_nor_broker_is_told_what_was_said(conversation: Conversation, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    asked: list[str] = []
    before = jobs.connect(lambda job, argument, delay: asked.append(f"{job} {argument} {delay}"))
    try:
        account = Account.objects.get()
        for event in hearing.Told:
            with transaction.atomic():
                hearing.hear(account, event, SPOKEN | {"DateUpdated": "2099-01-01T00:00:00Z"}, lambda: None)
        jobs.request(jobs.Job.CONVERSATION, account.pk)
        # Port 9 answers nobody, so this reading fails and is logged.
        Conversation.objects.update(next_at=account.created_at)
        assert reading.read_due(account.pk) == 0
    finally:
        jobs.connect(before)
    assert asked
    assert "could not be read" in caplog.text
    assert not [one for one in (SAID, NUMBER, NAME) if one in caplog.text + " ".join(asked)]


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("where", ["heard.text", "recording.record", "opening.locked"])
def test_no_error_of_a_callback_quotes_it(
    conversation: Conversation,
    client: Client,
    settings: Any,
    mailoutbox: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    debug: bool,
    where: str,
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("Something broke")

    settings.DEBUG = debug
    settings.ADMINS = ["ada@example.com"] if django.VERSION >= (6, 0) else [("Ada", "ada@example.com")]
    settings.FLEX_OUTBOUND = {"PUBLIC_BASE_URL": "http://testserver"}
    monkeypatch.setattr(verify.signature, "is_valid", lambda *args: True)
    monkeypatch.setattr(f"flex_outbound.outbox.conversations.{where}", fail)
    handler, logger = AdminEmailHandler(include_html=True), logging.getLogger("django.request")
    logger.addHandler(handler)
    client.raise_request_exception = False
    try:
        answer = client.post(
            f"/flex/webhooks/{conversation.account_id}/conversations/",
            urlencode(SPOKEN),
            content_type="application/x-www-form-urlencoded",
            headers={verify.SIGNATURE: "x"},
        )
    finally:
        logger.removeHandler(handler)
    assert answer.status_code == 500
    [mail] = mailoutbox
    told = mail.body + "".join(str(content) for content, _kind in mail.alternatives) + answer.content.decode()
    assert "Something broke" in told
    assert not [one for one in (SAID, NUMBER, NAME) if one in told]
