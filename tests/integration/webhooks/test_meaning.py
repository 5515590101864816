"""What single events change, and what they must not."""

from typing import Any

import pytest
from django.db.models.functions import Now

from crm_demo.models import Contact
from flex_outbound import signals
from flex_outbound.models import Closing, Interaction, Message, WebhookEvent, Worker
from flex_outbound.phases import Phase
from flex_outbound.sids import SidKind
from flex_outbound.statuses import MessageStatus, Status

from .conftest import MakeRow, Tell, process_waiting
from .events import (
    MESSAGE,
    TASK,
    Event,
    channel,
    conversation_closed,
    conversations,
    customer_added,
    customer_wrote,
    interactions,
    other,
    taskrouter,
)


def state(row: Interaction) -> tuple[str, str]:
    """Return status and reason as they are now."""
    row.refresh_from_db()
    return row.status, row.error_reason


def is_due(row: Interaction) -> bool:
    """Tell whether Twilio is to be asked about a row at once."""
    return Interaction.objects.due().filter(pk=row.pk).exists()


@pytest.mark.parametrize("event", ["reservation.rejected", "reservation.timeout"])
def test_another_agent_s_reservation_ends_nothing(event: str, opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, event, "pending", WorkerSid=other(SidKind.WORKER)))
    assert state(row) == (Status.CREATED, "")


def test_declining_a_transfer_back_ends_nothing(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, "reservation.accepted", "assigned"))
    tell(taskrouter(row, "reservation.rejected", "assigned"))
    assert state(row) == (Status.CREATED, "")


def test_a_declined_task_tells_the_agent_and_has_the_conversation_closed(opened: MakeRow, tell: Tell) -> None:
    row = opened(body="Hello")
    tell(taskrouter(row, "reservation.rejected", "pending"))
    assert state(row) == (Status.FAILED, "agent_rejected")
    assert "declined" in row.error_message
    assert Closing.objects.get().kind == Closing.Kind.ORPHAN
    assert Message.objects.get().status == MessageStatus.FAILED


def test_a_transfer_s_task_is_no_duplicate_and_another_interaction_s_is(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, "task.canceled", "canceled", TaskSid=other(SidKind.TASK)))
    assert state(row) == (Status.CREATED, "")
    assert not Closing.objects.exists()
    source, params = taskrouter(row, "task.created", "pending", TaskSid=other(SidKind.TASK))
    for name, kind in (("a", SidKind.INTERACTION), ("b", SidKind.CHANNEL)):
        params["TaskAttributes"] = params["TaskAttributes"].replace(kind.value + name * 32, other(kind))
    tell((source, params))
    assert Closing.objects.get().kind == Closing.Kind.DUPLICATE
    row.refresh_from_db()
    assert row.task_sid == TASK


def test_a_channel_that_is_up_without_its_customer_has_to_be_looked_at(opened: MakeRow, tell: Tell) -> None:
    """Twilio may silently leave the customer out; the agent must not be told that they are in conversation."""
    row = opened(body="Hello")
    assert not is_due(row)
    tell(channel(row, "active"))
    assert state(row) == (Status.CREATED, "")
    assert is_due(row)


@pytest.mark.parametrize("backwards", [False, True])
def test_channel_and_customer_together_make_it_active(backwards: bool, opened: MakeRow, tell: Tell) -> None:
    row = opened(body="Hello")
    told = [customer_added(row), channel(row, "active")]
    for event in told[::-1] if backwards else told:
        tell(event)
    assert state(row) == (Status.ACTIVE, "")
    assert Message.objects.get().next_at is not None


def test_somebody_else_who_joins_is_not_the_customer(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(conversations(row, "onParticipantAdded", **{"MessagingBinding.Address": "+14155550999"}))
    tell(conversations(row, "onParticipantAdded", Identity="agent"))
    tell(channel(row, "active"))
    assert state(row) == (Status.CREATED, "")


def test_late_news_of_the_set_up_hides_nothing(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    for status in ("active", "setup", "nonsense"):
        tell(channel(row, status))
    row.refresh_from_db()
    assert row.channel_status == "active"


@pytest.mark.parametrize("end", [conversation_closed, lambda row: channel(row, "closed")])
def test_an_end_before_anybody_took_part_is_looked_into(end: Any, opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(end(row))
    assert state(row) == (Status.CREATED, "")
    assert is_due(row)


@pytest.mark.parametrize("end", [conversation_closed, lambda row: channel(row, "closed")])
def test_an_end_after_it_was_accepted_is_the_end(end: Any, opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, "reservation.accepted", "assigned"))
    tell(end(row))
    assert state(row) == (Status.CLOSED, "")


@pytest.mark.parametrize("is_accepted", [False, True])
@pytest.mark.parametrize(
    ("code", "reason"), [("19025", "channel_failed"), ("45356", "channel_failed"), ("50416", "already_open")]
)
def test_a_channel_that_is_closed_with_an_error_has_failed(
    code: str, reason: str, is_accepted: bool, opened: MakeRow, tell: Tell
) -> None:
    row = opened()
    if is_accepted:
        tell(taskrouter(row, "reservation.accepted", "assigned"))
    source, params = channel(row, "closed")
    tell((source, {**params, "ErrorCode": code, "ErrorMessage": "Channel validation error"}))
    assert state(row) == (Status.FAILED, reason)
    row.refresh_from_db()
    assert (row.error_code, row.channel_status) == (int(code), "closed")
    assert row.error_message


def test_a_channel_s_error_that_nobody_knows_is_the_channel_s(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(interactions(row, "onChannelCreateFailed", ErrorCode="45999"))
    assert state(row) == (Status.FAILED, "channel_failed")


def test_an_inactive_conversation_goes_on(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(conversations(row, "onConversationStateUpdated", StateFrom="active", StateTo="inactive"))
    assert state(row) == (Status.CREATED, "")


@pytest.mark.parametrize(
    ("event", "parameter", "status"),
    [
        ("reservation.created", "pending", "reserved"),
        ("reservation.accepted", "reserved", "assigned"),
        ("reservation.accepted", "assigned", "assigned"),
        ("reservation.wrapup", "assigned", "wrapping"),
        ("task.wrapup", "", "wrapping"),
        ("task.updated", "assigned", "assigned"),
    ],
)
def test_an_event_tells_the_state_of_the_task(
    event: str, parameter: str, status: str, opened: MakeRow, tell: Tell
) -> None:
    row = opened()
    tell(taskrouter(row, event, parameter))
    row.refresh_from_db()
    assert row.task_status == status


def test_the_page_says_waiting_until_the_agent_accepts(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    found = []
    for told in (
        customer_added(row),
        channel(row, "active"),
        taskrouter(row, "reservation.created"),
        taskrouter(row, "reservation.accepted", "assigned"),
        taskrouter(row, "task.wrapup", "wrapping"),
    ):
        tell(told)
        row.refresh_from_db()
        found.append(row.phase)
    assert found == [Phase.CREATED, Phase.OFFERED, Phase.OFFERED, Phase.ACTIVE, Phase.WRAPPING]


@pytest.mark.parametrize(("status", "phase"), [("inactive", Phase.LEFT), ("pause", Phase.PAUSED)])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_completed_task_need_not_close_the_conversation(
    backwards: bool, status: str, phase: Phase, opened: MakeRow, tell: Tell
) -> None:
    row = opened()
    tell(taskrouter(row, "reservation.accepted", "assigned"))
    told = [channel(row, status), taskrouter(row, "task.completed", "completed")]
    for one in reversed(told) if backwards else told:
        tell(one)
    row.refresh_from_db()
    assert (row.status, row.phase, row.is_left_open) == (Status.CLOSED, phase, True)
    tell(conversation_closed(row))
    row.refresh_from_db()
    assert (row.phase, row.is_left_open) == (Phase.CLOSED, False)


def test_a_reply_after_the_end_shows_that_the_conversation_goes_on(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    tell(taskrouter(row, "task.completed", "completed"))
    row.refresh_from_db()
    assert row.phase == Phase.CLOSED
    tell(customer_wrote(row))
    row.refresh_from_db()
    assert (row.phase, row.conversation_state) == (Phase.PARKED, "active")
    tell(conversation_closed(row))
    tell(customer_wrote(row))
    row.refresh_from_db()
    assert row.phase == Phase.CLOSED


def test_an_accepted_request_learns_its_task_from_an_event(sending: MakeRow, tell: Tell) -> None:
    row = sending()
    Interaction.objects.update(status=Status.UNCONFIRMED, interaction_sid="KD" + "a" * 32, lease_until=None)
    tell(interactions(row, "onInteractionCreated"))
    assert state(row)[0] == Status.UNCONFIRMED
    tell(interactions(row, "onParticipantJoined", ParticipantType="agent", TaskSid=TASK))
    assert state(row)[0] == Status.CREATED
    assert row.task_sid == TASK


class TestMessages:
    @pytest.fixture
    def heard(self) -> Any:
        received: list[tuple[Any, str]] = []

        def receiver(sender: Any, interaction: Interaction, message_sid: str, **kwargs: Any) -> None:
            received.append((interaction, message_sid))

        signals.message_received.connect(receiver)
        yield received
        signals.message_received.disconnect(receiver)

    def test_the_customer_s_message_is_told_to_the_host(
        self, heard: Any, opened: MakeRow, tell: Tell, django_capture_on_commit_callbacks: Any
    ) -> None:
        row = opened()
        with django_capture_on_commit_callbacks(execute=True):
            tell(customer_wrote(row))
            assert heard == []
        assert heard == [(row, MESSAGE)]

    @pytest.mark.parametrize("author", ["system", "agent", "ada@example.com", "+14155550999"])
    def test_anybody_else_s_is_not(
        self, author: str, heard: Any, opened: MakeRow, tell: Tell, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            tell(customer_wrote(opened(), Author=author))
        assert heard == []

    @pytest.mark.parametrize("channel", ["whatsapp", "email"])
    def test_on_every_channel(
        self, channel: str, heard: Any, opened: MakeRow, tell: Tell, django_capture_on_commit_callbacks: Any
    ) -> None:
        row = opened(channel=channel)
        author = f"whatsapp:{row.address}" if channel == "whatsapp" else row.address.upper()
        with django_capture_on_commit_callbacks(execute=True):
            tell(customer_wrote(row, Author=author))
        assert len(heard) == 1

    @pytest.mark.parametrize("level", ["to", "cc", "bcc"])
    def test_from_whoever_the_email_went_to(
        self, level: str, heard: Any, opened: MakeRow, tell: Tell, django_capture_on_commit_callbacks: Any
    ) -> None:
        row = opened(channel="email", **{level: ["bo@example.com"]})
        with django_capture_on_commit_callbacks(execute=True):
            tell(customer_wrote(row, Author="bo@example.com"))
        assert len(heard) == 1

    @pytest.mark.parametrize(
        ("author", "client", "kind"),
        [
            ("whatsapp:US.13491208655302741918", "", "unknown"),
            ("US.13491208655302741918", "", "unknown"),
            ("13491208655302741918", "", "unknown"),
            ("whatsapp:+14155550999", "", "unknown"),
            ("somebody@example.com", "", "unknown"),
            ("agent", "", "agent"),
            ("bea_40example_2Ecom", "bea_40example_2Ecom", "agent"),
            ("system", "", "system"),
            ("whatsapp:+14155550123", "", "customer"),
        ],
    )
    def test_who_is_not_known_is_never_taken_for_the_agent(
        self, author: str, client: str, kind: str, opened: MakeRow, tell: Tell
    ) -> None:
        tell(customer_wrote(opened(), Author=author, **({"ClientIdentity": client} if client else {})))
        assert WebhookEvent.objects.get().payload["AuthorKind"] == kind

    def test_an_encoded_name_is_the_worker_s(self, opened: MakeRow, tell: Tell) -> None:
        Worker.objects.update(friendly_name="josé@example.com")
        tell(customer_wrote(opened(), Author="jos_C3_A9_40example_2Ecom"))
        assert WebhookEvent.objects.get().payload["AuthorKind"] == "agent"

    def test_another_national_form_is_the_customer_s(
        self, heard: Any, opened: MakeRow, tell: Tell, django_capture_on_commit_callbacks: Any
    ) -> None:
        Contact.objects.update(mobile="+52 55 1234 5678")
        row = opened(channel="whatsapp")
        with django_capture_on_commit_callbacks(execute=True):
            tell(customer_wrote(row, Author="whatsapp:+5215512345678"))
        assert heard == [(row, MESSAGE)]

    def test_a_receiver_that_fails_harms_nobody(
        self, opened: MakeRow, tell: Tell, django_capture_on_commit_callbacks: Any
    ) -> None:
        def receiver(**kwargs: Any) -> None:
            raise ValueError

        signals.message_received.connect(receiver)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                assert tell(customer_wrote(opened()))
        finally:
            signals.message_received.disconnect(receiver)


class TestDelivery:
    @pytest.fixture
    def row(self, opened: MakeRow) -> Interaction:
        row = opened(body="Hello")
        Message.objects.update(status=MessageStatus.SENT, message_sid=MESSAGE, next_at=None)
        return row

    def _report(self, row: Interaction, status: str = "failed", code: str = "63016", sid: str = MESSAGE) -> Event:
        return conversations(row, "onDeliveryUpdated", Status=status, ErrorCode=code, MessageSid=sid)

    @pytest.mark.parametrize("status", ["failed", "undelivered"])
    def test_our_message_that_did_not_arrive_says_why(self, status: str, row: Interaction, tell: Tell) -> None:
        version = Interaction.objects.get().version
        tell(self._report(row, status))
        message = Message.objects.get()
        assert (message.status, message.error_code, message.error_reason) == ("sent", 63016, "outside_window")
        assert "24 hours" in message.error_message
        assert Interaction.objects.get().version > version

    def test_good_news_and_other_messages_change_nothing(self, row: Interaction, tell: Tell) -> None:
        for status in ("sent", "delivered", "read"):
            tell(self._report(row, status, ""))
        tell(self._report(row, sid=other(SidKind.MESSAGE)))
        assert Message.objects.get().error_message == ""

    @pytest.mark.parametrize("codes", [("30003", "30005"), ("30005", "30003")])
    def test_of_several_reports_the_same_one_stays_in_any_order(
        self, codes: tuple[str, str], row: Interaction, tell: Tell
    ) -> None:
        for code in codes:
            tell(self._report(row, code=code))
        assert Message.objects.get().error_code == 30003

    @pytest.mark.parametrize(
        ("code", "reason", "words"),
        [
            ("21610", "opted_out", "unsubscribed"),
            ("63014", "opted_out", "Do not send again"),
            ("63016", "outside_window", "24 hours"),
            ("30003", "not_delivered", "out of reach"),
            ("30006", "not_delivered", "landline"),
            ("30007", "not_delivered", "filtered"),
            ("63017", "not_delivered", "did not reach"),
            ("39999", "not_delivered", "did not reach"),
            ("", "not_delivered", "did not reach"),
        ],
    )
    def test_what_did_not_arrive_stands_on_the_interaction(
        self, code: str, reason: str, words: str, row: Interaction, tell: Tell
    ) -> None:
        tell(self._report(row, code=code))
        row.refresh_from_db()
        assert (row.delivery_status, row.error_reason, row.error_code) == ("failed", reason, int(code or 0) or None)
        assert words in row.error_message
        assert (row.status, row.phase) == (Status.CREATED, Phase.UNDELIVERED)

    @pytest.mark.parametrize(
        "statuses",
        [
            ("sent", "delivered", "failed"),
            ("failed", "delivered", "sent", "read"),
            ("undelivered", "sent"),
            ("failed",),
        ],
    )
    def test_receipts_only_move_forward(self, statuses: tuple[str, ...], row: Interaction, tell: Tell) -> None:
        for status in statuses:
            tell(self._report(row, status, "30003" if status in ("failed", "undelivered") else ""))
        row.refresh_from_db()
        assert (row.phase, row.error_code) == (Phase.UNDELIVERED, 30003)

    def test_good_news_is_kept_and_old_news_is_not(self, row: Interaction, tell: Tell) -> None:
        for status, known in (("sent", "sent"), ("read", "read"), ("delivered", "read"), ("nonsense", "read")):
            tell(self._report(row, status, ""))
            row.refresh_from_db()
            assert row.delivery_status == known
        assert (row.phase, row.error_reason) == (Phase.CREATED, "")

    def test_an_error_stays_when_the_conversation_ends(self, row: Interaction, tell: Tell) -> None:
        tell(self._report(row, code="30005"))
        tell(taskrouter(row, "task.completed", "completed"))
        row.refresh_from_db()
        assert (row.status, row.phase, row.error_code) == (Status.CLOSED, Phase.UNDELIVERED, 30005)

    def test_an_error_that_comes_after_the_end_is_told(self, row: Interaction, tell: Tell) -> None:
        tell(taskrouter(row, "task.completed", "completed"))
        tell(self._report(row, code="30005"))
        row.refresh_from_db()
        assert (row.status, row.phase, row.error_code) == (Status.CLOSED, Phase.UNDELIVERED, 30005)

    def test_why_the_interaction_itself_failed_stays(self, row: Interaction, tell: Tell) -> None:
        tell(taskrouter(row, "reservation.rejected", "reserved"))
        tell(self._report(row))
        row.refresh_from_db()
        assert (row.phase, row.error_reason, row.delivery_status) == (Phase.FAILED, "agent_rejected", "failed")

    def test_the_host_is_told(self, row: Interaction, tell: Tell, django_capture_on_commit_callbacks: Any) -> None:
        told: list[str] = []

        def receiver(interaction: Interaction, **kwargs: Any) -> None:
            told.append(interaction.error_reason)

        signals.interaction_updated.connect(receiver)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                tell(self._report(row))
        finally:
            signals.interaction_updated.disconnect(receiver)
        assert told == ["outside_window"]

    def test_a_report_without_a_code_has_words_too(self, row: Interaction, tell: Tell) -> None:
        tell(self._report(row, code=""))
        assert Message.objects.get().error_reason == "not_delivered"

    def test_a_report_from_before_we_knew_the_sid_waits_for_it(self, row: Interaction, tell: Tell) -> None:
        Message.objects.update(status=MessageStatus.UNCONFIRMED, message_sid=None, next_at=Now(), sent_at=Now())
        tell(self._report(row))
        assert Message.objects.get().error_message == ""
        Message.objects.update(status=MessageStatus.SENT, message_sid=MESSAGE, next_at=None)
        process_waiting()
        assert Message.objects.get().error_code == 63016

    def test_our_key_on_a_message_brings_the_look_forward(self, row: Interaction, tell: Tell) -> None:
        Message.objects.update(status=MessageStatus.UNCONFIRMED, message_sid=None, next_at="2999-01-01T00:00Z")
        tell(customer_wrote(row, Author="agent", Attributes=f'{{"flexOutboundKey": "{row.key}"}}'))
        assert Message.objects.due().count() == 1
