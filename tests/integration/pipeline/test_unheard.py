"""A customer writes first while nobody can hear of it: what no callback told is found in Twilio's list."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flex_outbound.exceptions import OutcomeUnknown
from flex_outbound.gateway import conversations
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.models import Account, Conversation, Interaction, Sender
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import inbound, ratelimit
from flex_outbound.outbox.conversations import recent
from flex_outbound.outbox.jobs import Job
from flex_outbound.outbox.sweep import due_jobs
from flex_outbound.sandbox import defaults

from .conftest import Sandbox, run_due
from .elsewhere import Twilio

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+14155550123"
HOUR = timedelta(hours=1)


@pytest.fixture
def sms(agent: User, senders: list[Sender]) -> Sender:
    """The sender whose customers are answered here."""
    sender = next(one for one in senders if one.address == defaults.SMS_SENDER)
    Sender.objects.filter(pk=sender.pk).update(opens_on_inbound=True)
    return sender


@pytest.fixture
def listening(sandbox: Sandbox, sms: Sender, account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The account as it was looked through last, an hour ago. The sandbox's conversations are never a minute old."""
    monkeypatch.setattr(recent, "CALLBACKS_FIRST", timedelta(seconds=-5))
    run_due()
    Account.objects.update(conversations_until=F("conversations_until") - HOUR)
    look_again()
    return account


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which conversations' participants Twilio was asked for."""
    sids: list[str] = []
    ask = TwilioGateway.list_participants

    def noted(self: TwilioGateway, conversation_sid: str) -> Any:
        sids.append(conversation_sid)
        return ask(self, conversation_sid)

    monkeypatch.setattr(TwilioGateway, "list_participants", noted)
    return sids


def look_again() -> None:
    """Let the time of the next look come."""
    Account.objects.update(conversations_next_at=F("conversations_next_at") - HOUR)


def write(sandbox: Sandbox, number: str = NUMBER) -> str:
    """Let a customer write, of which no callback tells; returns the conversation's SID."""
    customer = {"from": number, "to": defaults.SMS_SENDER, "body": "Hello?"}
    sandbox.http.post("messages", json=customer).raise_for_status()
    return str(sandbox.state()["conversations"][-1]["sid"])


def seen_to() -> list[Interaction]:
    """Let the jobs do what is due, and return the interactions that customers began."""
    for _time in range(4):
        run_due()
        Conversation.objects.filter(wants_agent_at__isnull=False).update(wants_agent_at="2020-01-01T00:00:00Z")
    return list(Interaction.objects.filter(initiated_by="customer"))


@pytest.mark.usefixtures("listening")
class TestFound:
    def test_somebody_comes(self, sandbox: Sandbox) -> None:
        sid = write(sandbox)
        [row] = seen_to()
        assert (row.address, row.media_channel_sid) == (NUMBER, sid)
        assert [one["initiated_by"] for one in sandbox.interactions] == ["customer"]
        assert Conversation.objects.get(pk=key_of(sid)).is_unmatched

    def test_somebody_comes_once_however_often_it_is_listed(self, sandbox: Sandbox, asked: list[str]) -> None:
        write(sandbox)
        seen_to()
        asked.clear()
        for _look in range(3):
            look_again()
            seen_to()
        assert len(sandbox.interactions) == Interaction.objects.count() == 1
        assert asked == []

    def test_somebody_comes_after_an_outage_of_hours(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inbound, "WAITS_FOR", timedelta(0))
        write(sandbox)
        assert len(seen_to()) == 1

    def test_an_inactive_conversation_is_found_too(self, sandbox: Sandbox, twilio: Twilio) -> None:
        sid = write(sandbox)
        twilio._post(f"/conversations/v1/Conversations/{sid}", {"State": "inactive"})
        assert len(seen_to()) == 1


@pytest.mark.usefixtures("listening")
class TestLeftAlone:
    def test_a_conversation_at_another_address(self, twilio: Twilio, asked: list[str], account: Account) -> None:
        """It is marked as somebody else's, and costs nothing more."""
        Sender.objects.filter(address=defaults.SMS_SENDER_UK).delete()
        sid = twilio.begin(proxy=defaults.SMS_SENDER_UK)
        for _look in range(3):
            seen_to()
            look_again()
        row = Conversation.objects.get(pk=key_of(sid))
        assert (row.is_foreign, row.address, row.next_at) == (True, "", None)
        assert asked == [sid]

    def test_a_chat(self, twilio: Twilio, sandbox: Sandbox) -> None:
        """Nothing tells whose sender a chat is with: as after its callbacks, nothing is kept of it."""
        sid = str(twilio._post("/conversations/v1/Conversations", {})["sid"])
        twilio._post(f"/conversations/v1/Conversations/{sid}/Participants", {"Identity": "a.visitor"})
        assert seen_to() == []
        assert not Conversation.objects.exists()

    def test_a_closed_one(self, twilio: Twilio, sandbox: Sandbox, asked: list[str]) -> None:
        twilio.close(write(sandbox))
        assert seen_to() == []
        assert asked == []

    def test_one_that_somebody_has(self, twilio: Twilio, sandbox: Sandbox) -> None:
        twilio.give(write(sandbox), "bea")
        assert seen_to() == []

    def test_one_that_is_younger_than_a_minute(
        self, sandbox: Sandbox, account: Account, asked: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its callbacks may be on their way. The next look finds it."""
        monkeypatch.setattr(recent, "CALLBACKS_FIRST", timedelta(seconds=60))
        sid = write(sandbox)
        assert recent.look_through(account.pk) == 0
        assert asked == []
        monkeypatch.setattr(recent, "CALLBACKS_FIRST", timedelta(seconds=-5))
        look_again()
        assert recent.look_through(account.pk) == 1
        assert asked == [sid]


class TestWhen:
    def jobs(self) -> list[Job]:
        return [job for job, _account in due_jobs() if job is Job.RECENT]

    def test_never_without_a_sender_that_is_switched_on(self, senders: list[Sender], sandbox: Sandbox) -> None:
        write(sandbox)
        assert self.jobs() == []
        Sender.objects.update(opens_on_inbound=True, is_active=False)
        assert self.jobs() == []

    def test_the_first_look_asks_nothing(self, sms: Sender, account: Account, sandbox: Sandbox) -> None:
        """Who wrote before it was switched on is not called back."""
        write(sandbox)
        assert self.jobs() == [Job.RECENT]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(recent, "gateway_for", None)
            recent.look_through(account.pk)
        assert self.jobs() == []
        account.refresh_from_db()
        assert account.conversations_until is not None

    def test_one_worker_at_a_time(self, listening: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        looks = []

        def look(look: Any, *times: Any) -> float:
            looks.append(look.account)
            assert recent.look_through(listening.pk) == 0
            return recent.EVERY

        monkeypatch.setattr(recent, "_look", look)
        recent.look_through(listening.pk)
        assert looks == [listening]

    def test_switched_off_it_begins_anew(self, listening: Account, sms: Sender) -> None:
        Sender.objects.update(opens_on_inbound=False)
        run_due()
        listening.refresh_from_db()
        assert (listening.conversations_until, listening.conversations_next_at) == (None, None)
        assert self.jobs() == []

    def test_an_outage_of_days_is_caught_up_for_one(self, listening: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        since = []
        monkeypatch.setattr(TwilioGateway, "list_conversations", lambda _self, at, _check: since.append(at) or [])
        Account.objects.update(conversations_until=F("conversations_until") - timedelta(days=5))
        before = Account.objects.annotate(now=recent.Now()).get().now
        recent.look_through(listening.pk)
        [begin] = since
        assert timedelta(0) <= begin - (before - recent.LONGEST) < timedelta(minutes=1)

    def test_what_an_outage_of_days_leaves_is_logged(
        self, listening: Account, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        Account.objects.update(conversations_until=F("conversations_until") - timedelta(days=5))
        for _look in range(2):
            recent.look_through(listening.pk)
            look_again()
        [said] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert listening.account_sid in said
        assert "more than a day" in said

    def test_a_long_list_keeps_the_account(self, listening: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        """No other worker begins while its pages are still read."""

        def read(_gateway: TwilioGateway, _since: Any, before_request: Any) -> list[Any]:
            look_again()  # as if the lease were over
            assert self.jobs() == [Job.RECENT]
            before_request()
            assert self.jobs() == []
            return []

        monkeypatch.setattr(TwilioGateway, "list_conversations", read)
        recent.look_through(listening.pk)
        assert self.jobs() == []

    def test_a_sweep_costs_one_question(self, listening: Account) -> None:
        with CaptureQueriesContext(connection) as captured:
            recent.due()
        assert len(captured) == 1


class TestTwilioIsBusy:
    @pytest.fixture
    def limit(self) -> str:
        return "3/minute"

    @pytest.fixture
    def limited(self, listening: Account, settings: Any, limit: str) -> Iterator[Account]:
        settings.FLEX_OUTBOUND = {
            **settings.FLEX_OUTBOUND,
            "RATE_LIMITS": {"conversations": limit},
            "RATE_LIMIT_STORAGE": "memory://",
        }
        ratelimit._limiters.clear()
        yield listening
        ratelimit._limiters.clear()

    def test_what_is_left_is_for_later(self, limited: Account, twilio: Twilio, asked: list[str]) -> None:
        """The oldest first, and the mark stays where the next look goes on."""
        begun = [timezone.now().replace(microsecond=0) - timedelta(minutes=50 - 5 * number) for number in range(5)]
        sids = [twilio.begin(f"+1415555010{number}", at=at) for number, at in enumerate(begun)]
        assert recent.look_through(limited.pk) == 2
        assert asked == sids[:2]
        assert Account.objects.get().conversations_until == begun[1]
        ratelimit._limiters.clear()
        look_again()
        assert recent.look_through(limited.pk) == 2
        assert asked == sids[:4]

    @pytest.mark.parametrize("limit", ["3/second"])
    def test_a_job_waits_for_what_is_soon_free(
        self, limited: Account, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A list that needs more requests than a second has is read to its end all the same, the oldest included."""
        monkeypatch.setattr(conversations, "CONVERSATIONS_PER_PAGE", 1)
        for number in range(4):
            twilio.begin(f"+1415555010{number}", at=timezone.now() - timedelta(minutes=40 - number))
        assert recent.look_through(limited.pk) == Conversation.objects.count() == 4

    def test_a_job_gives_way_where_others_take_everything(
        self, listening: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recent, "PATIENCE", 0.05)
        monkeypatch.setattr(ratelimit, "take", lambda *_asked: 0.01)
        before = Account.objects.get().conversations_until
        assert recent.look_through(listening.pk) == 0
        assert Account.objects.get().conversations_until == before

    def test_nothing_is_skipped_that_could_not_be_asked_about(
        self, listening: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(sandbox)

        def lost(*_asked: Any) -> None:
            raise OutcomeUnknown("timeout", reason="timeout")

        before = Account.objects.get().conversations_until
        with monkeypatch.context() as patched:
            patched.setattr(TwilioGateway, "list_participants", lost)
            assert recent.look_through(listening.pk) == 0
        assert Account.objects.get().conversations_until == before
        look_again()
        assert len(seen_to()) == 1

    def test_a_list_that_cannot_be_read_is_asked_for_again(self, listening: Account, sandbox: Sandbox) -> None:
        sandbox.fault("status", path="/Conversations$", method="GET", status=503, times=1)
        write(sandbox)
        assert recent.look_through(listening.pk) == 0
        look_again()
        assert recent.look_through(listening.pk) == 1
