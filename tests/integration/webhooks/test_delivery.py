"""Receipts of our own messages, on the interaction and for the host."""

from typing import Any

import pytest
from django.db.models.functions import Now

from flex_outbound import signals
from flex_outbound.models import Interaction, Message
from flex_outbound.phases import Phase
from flex_outbound.sids import SidKind
from flex_outbound.statuses import MessageStatus, Status

from .conftest import MakeRow, Tell, process_waiting
from .events import MESSAGE, Event, conversations, customer_wrote, other, taskrouter


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
