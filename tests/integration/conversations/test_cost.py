"""What hearing costs: statements of one callback, a storm of them, Twilio's limit, and a Twilio that is slow."""

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from flex_outbound.exceptions import OutcomeUnknown
from flex_outbound.models import Account, Conversation, Message, WebhookEvent
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import jobs, ratelimit
from flex_outbound.outbox.conversations import reading
from flex_outbound.outbox.jobs import Job
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.signing import signature
from flex_outbound.statuses import Event
from tests import steps

from .conftest import SIDS, conversation, counted, counted_from_rows, read, tell
from .twilio import Twilio

PUBLIC: Final = "https://crm.example.com"
CONTROL: Final = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
TO_ITS_ROW: Final = 3
"""The bound of locks (SQLite: its write lock), the conversation, the message. The account is kept for seconds."""
IN_ALL: Final = {True: 5, False: 7}
"""And the conversation's counters, and the event; or, where no interaction is known, whether one may still come."""
STORM: Final = 2_000


@pytest.fixture
def post(account: Account, settings: Any) -> Any:
    """Post a callback as Twilio does, signed."""
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "PUBLIC_BASE_URL": PUBLIC, "CALLBACK_MAX_AGE": 10**9}
    path = f"/flex/webhooks/{account.pk}/conversations/"
    client = Client()

    def send(params: dict[str, str]) -> None:
        headers = {"X-Twilio-Signature": signature(defaults.AUTH_TOKEN, PUBLIC + path, params)}
        answer = client.post(path, urlencode(params), content_type="application/x-www-form-urlencoded", headers=headers)
        assert answer.status_code == 204

    return send


@pytest.fixture
def asked() -> Any:
    """The jobs that were asked for."""
    kept: list[Job] = []
    before = jobs.connect(lambda job, *_rest: kept.append(job))
    yield kept
    jobs.connect(before)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_ours", [True, False])
def test_a_customers_message_costs_four_statements_to_its_row(
    is_ours: bool, twilio: Twilio, account: Account, post: Any, click: Any
) -> None:
    if connection.vendor not in ("sqlite", "postgresql"):
        pytest.skip(f"no numbers are kept for {connection.vendor}")
    if is_ours:
        claimed = steps.claim(click())
        assert claimed is not None
        assert steps.mark_sent(claimed)
        assert steps.created(claimed, SIDS, "assigned", wait=60)
        assert steps.change(claimed, Event.UP)
    twilio.join()
    twilio.say("Hello")
    for params in twilio.told:
        post(params)
    read(account)
    twilio.told = []
    twilio.say("And this one is counted")
    with CaptureQueriesContext(connection) as captured:
        post(twilio.told[0])
    asked = [query["sql"] for query in captured if not query["sql"].startswith(CONTROL)]
    insert = f'INSERT INTO "{Message._meta.db_table}"'
    place = next(number for number, sql in enumerate(asked) if sql.startswith(insert))
    assert place + 1 <= TO_ITS_ROW, asked[: place + 1]
    assert len(asked) <= IN_ALL[is_ours], asked
    assert Message.objects.filter(body="And this one is counted").exists()


@pytest.mark.django_db(transaction=True)
def test_a_storm_of_callbacks_is_kept_whole(twilio: Twilio, account: Account, asked: list[Job]) -> None:
    """Every message once, in few statements each, and with no reading but the first."""
    twilio.join()
    twilio.say("Hello")
    for params in twilio.told:
        tell(account, params)
    read(account)
    twilio.told, twilio.calls = [], []
    for number in range(STORM // 2):
        twilio.say(str(number))
    for params in twilio.told:
        tell(account, params)
        tell(account, params)
    assert Message.objects.count() == STORM // 2 + 1
    row = conversation()
    assert counted(row) == counted_from_rows()
    assert (row.inbound, row.read_index) == (STORM // 2 + 1, STORM // 2)
    assert twilio.calls == []
    assert not WebhookEvent.objects.filter(processed_at=None).exists()


@pytest.mark.django_db
class TestReading:
    @pytest.fixture
    def due(self, account: Account, twilio: Twilio) -> list[Conversation]:
        twilio.join()
        twilio.say("Hello")
        sids = [f"CH{number:032x}" for number in range(1, 26)]
        made = [Conversation(pk=key_of(sid), account=account, next_at=Now()) for sid in sids]
        return Conversation.objects.bulk_create(made)

    def test_all_workers_share_twilios_limit(
        self, due: list[Conversation], account: Account, twilio: Twilio, settings: Any, asked: list[Job]
    ) -> None:
        """Each request counts, and what is left waits for the next second with one job, not with one for each."""
        settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"conversations": "10/minute"}, "RATE_LIMIT_STORAGE": "memory://"}
        ratelimit._limiters.clear()
        assert reading.read_due(account.pk) == 3
        assert len(twilio.calls) <= 10
        assert reading.read_due(account.pk) == 0
        assert asked.count(Job.CONVERSATION) <= 6
        ratelimit._limiters.clear()

    def test_a_frozen_twilio_holds_a_worker_for_one_request(
        self, due: list[Conversation], account: Account, monkeypatch: pytest.MonkeyPatch, asked: list[Job]
    ) -> None:
        tried = []

        class Frozen:
            def list_participants(self, sid: str) -> None:
                tried.append(sid)
                raise OutcomeUnknown("timeout", reason="timeout")

        monkeypatch.setattr(reading, "gateway_for", lambda _account: Frozen())
        assert reading.read_due(account.pk) == 0
        assert len(tried) == 1
        assert asked == []
        waiting = Conversation.objects.filter(next_at__gt=Now())
        assert waiting.count() == reading.BATCH

    def test_a_list_that_twilio_cuts_is_not_asked_for_whole_again(
        self, account: Account, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The newest 5,000 messages are shown. What is older is out of reach, and no gap."""
        twilio.join()
        for number in range(20):
            twilio.say(str(number))
        whole, asked_after = twilio.list_messages, []

        def cut(sid: str, after: int | None = None) -> Any:
            asked_after.append(after)
            page = whole(sid, after)
            return replace(page, messages=page.messages[-5:], is_whole=False) if page else None

        monkeypatch.setattr(twilio, "list_messages", cut)
        tell(account, twilio.told[0])
        read(account)
        read(account)
        assert asked_after[0] is None
        assert asked_after[1] is not None
        assert Message.objects.count() == 5

    def test_what_is_asked_for_during_a_reading_is_read_again(
        self, account: Account, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        twilio.join()
        twilio.say("One")
        for params in twilio.told:
            tell(account, params)
        whole = twilio.list_messages

        def meanwhile(sid: str, after: int | None = None) -> Any:
            page = whole(sid, after)
            twilio.told = []
            twilio.say("Two")
            twilio.say("Three")
            tell(account, twilio.told[1])
            monkeypatch.setattr(twilio, "list_messages", whole)
            return page

        monkeypatch.setattr(twilio, "list_messages", meanwhile)
        read(account)
        assert conversation().read_index == 0
        assert Conversation.objects.due().exists()
        reading.read_due(account.pk)
        assert [one.body for one in Message.objects.order_by("index")] == ["One", "Two", "Three"]
