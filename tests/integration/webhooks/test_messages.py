"""A message that is told: whose it is, and what the host hears of it."""

from typing import Any

import pytest

from crm_demo.models import Contact
from flex_outbound import signals
from flex_outbound.models import Interaction, WebhookEvent, Worker

from .conftest import MakeRow, Tell
from .events import MESSAGE, customer_wrote


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
