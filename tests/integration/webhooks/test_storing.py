"""What is kept of the workspace's events, for how long, and what becomes of those that fail."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse

from flex_outbound.models import Account, Interaction, WebhookEvent
from flex_outbound.outbox import callbacks, sweep
from flex_outbound.outbox.callbacks import finding, handlers, processing
from flex_outbound.sids import SidKind
from flex_outbound.statuses import Event, Status
from tests import steps

from .conftest import MakeRow, Tell, process_waiting
from .events import CONVERSATION, SIDS, channel, conversations, customer_wrote, interactions, other, taskrouter

FOREIGN = {
    "TaskSid": other(SidKind.TASK),
    "TaskAttributes": json.dumps({"customerName": "Bob", "flexInteractionSid": other(SidKind.INTERACTION)}),
    "InteractionSid": other(SidKind.INTERACTION),
    "MediaChannelSid": other(SidKind.CONVERSATION),
    "ConversationSid": other(SidKind.CONVERSATION),
}


def age(seconds: float) -> None:
    """Let so many seconds pass for every stored event."""
    passed = timedelta(seconds=seconds)
    WebhookEvent.objects.update(received_at=F("received_at") - passed)


@pytest.mark.parametrize("make", [taskrouter, conversations, interactions])
def test_other_people_s_events_are_forgotten_at_once(make: Any, opened: MakeRow, tell: Tell) -> None:
    assert not tell(make(opened(), "task.completed", **FOREIGN))
    assert not WebhookEvent.objects.exists()


def test_a_worker_s_own_events_are_forgotten(opened: MakeRow, tell: Tell) -> None:
    source, params = taskrouter(opened(), "worker.activity.update")
    for name in ("TaskSid", "TaskAttributes"):
        del params[name]
    assert not tell((source, params))


def test_an_event_without_a_type_is_forgotten(opened: MakeRow, tell: Tell) -> None:
    for event_type in ("", "a b", "x\x00", "y" * 65):
        assert not tell(interactions(opened() if not event_type else Interaction.objects.get(), event_type))


@pytest.mark.parametrize("make", [conversations, interactions])
def test_while_a_request_is_under_way_an_event_waits_for_its_answer(make: Any, sending: MakeRow, tell: Tell) -> None:
    row = sending()
    assert tell(make(row, "onChannelStatusUpdated", ChannelStatus="closed"))
    assert WebhookEvent.objects.get().processed_at is None
    assert steps.created(row, SIDS, "assigned")
    process_waiting()
    event = WebhookEvent.objects.get()
    assert (event.interaction, event.processed_at is not None) == (row, True)


def test_an_event_that_waited_in_vain_is_forgotten(sending: MakeRow, tell: Tell) -> None:
    row = sending()
    tell(interactions(row, "onInteractionCreated", **FOREIGN))
    process_waiting()
    assert WebhookEvent.objects.count() == 1
    assert steps.created(row, SIDS, "pending")
    process_waiting()
    assert not WebhookEvent.objects.exists()


def test_no_event_waits_for_ever(sending: MakeRow, tell: Tell) -> None:
    tell(interactions(sending(), "onInteractionCreated", **FOREIGN))
    age(processing.PATIENCE.total_seconds() + 1)
    process_waiting()
    assert not WebhookEvent.objects.exists()


def test_a_conversation_whose_sid_comes_late_keeps_its_events(opened: MakeRow, tell: Tell) -> None:
    row = opened()
    Interaction.objects.update(conversation_sid=None)
    assert tell(customer_wrote(row))
    assert WebhookEvent.objects.get().processed_at is None
    Interaction.objects.update(conversation_sid=CONVERSATION)
    process_waiting()
    assert WebhookEvent.objects.get().interaction == row


def test_an_unknown_event_about_us_is_kept_and_done_with(opened: MakeRow, tell: Tell) -> None:
    for make in (taskrouter, conversations, interactions):
        tell(make(opened() if make is taskrouter else Interaction.objects.get(), "onSomethingNew"))
    assert WebhookEvent.objects.filter(processed_at=None).count() == 0
    assert WebhookEvent.objects.count() == 3


def test_the_second_of_two_equal_callbacks_is_not_kept(opened: MakeRow, tell: Tell) -> None:
    event = channel(opened(), "active")
    assert [tell(event, "same") for _ in range(3)] == [True, False, False]  # type: ignore[call-arg]


def test_an_event_that_fails_is_tried_again_and_then_left_to_a_person(
    opened: MakeRow, tell: Tell, monkeypatch: Any
) -> None:
    def fail(*args: object) -> bool:
        raise ValueError("about Ann Other")

    row = opened()
    with monkeypatch.context() as patch:
        patch.setattr(handlers, "apply", fail)
        tell(channel(row, "closed"))
        for _ in range(processing.MAX_ATTEMPTS + 2):
            age(10)
            sweep.sweep(sweep.run)
    event = WebhookEvent.objects.get()
    assert (event.attempts, event.error, event.processed_at) == (processing.MAX_ATTEMPTS, "ValueError", None)
    assert callbacks.replay([event.pk, 999]) == 1
    process_waiting()
    event.refresh_from_db()
    assert (event.error, event.processed_at is not None) == ("", True)


def test_what_fails_halfway_leaves_nothing_behind(opened: MakeRow, tell: Tell, monkeypatch: Any) -> None:
    def fail(row: Interaction, *args: object) -> bool:
        steps.change(row, Event.ENDED)
        raise ValueError

    row = opened()
    monkeypatch.setattr(handlers, "apply", fail)
    tell(channel(row, "closed"))
    row.refresh_from_db()
    assert row.status == Status.CREATED


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
def test_a_row_is_found_by_indexes_alone(opened: MakeRow, account: Account, django_assert_num_queries: Any) -> None:
    payload = callbacks.redact_payload(taskrouter(opened(), "task.updated")[1])
    event = callbacks.parse("conversations", "x", payload | {"InteractionSid": SIDS["interaction_sid"]})
    with django_assert_num_queries(1) as asked:
        finding.find_interaction(account.pk, event)
    with django_assert_num_queries(1) as asked_too:
        finding.may_become_ours(account.pk, event)
    with connection.cursor() as cursor:
        for query in (asked.captured_queries[0]["sql"], asked_too.captured_queries[0]["sql"]):
            cursor.execute(f"EXPLAIN QUERY PLAN {query}")
            plan = [line[-1] for line in cursor.fetchall()]
            assert not [line for line in plan if line.startswith("SCAN")], plan


class TestAdmin:
    @pytest.fixture
    def browser(self, client: Client, db: None) -> Client:
        user = User.objects.create_user("boss", is_staff=True)
        names = ("view_webhookevent", "change_webhookevent", "view_webhookrefusal")
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(user)
        return client

    def _act(self, client: Client, **more: str) -> Any:
        chosen = [str(pk) for pk in WebhookEvent.objects.values_list("pk", flat=True)]
        form = {"action": "replay", "_selected_action": chosen, **more}
        return client.post(reverse("admin:flex_outbound_webhookevent_changelist"), form, follow=True)

    def test_events_are_applied_again_after_a_question(self, browser: Client, opened: MakeRow, tell: Tell) -> None:
        tell(channel(opened(), "inactive"))
        asked = self._act(browser)
        assert "applied once more" in asked.content.decode()
        assert WebhookEvent.objects.get().processed_at is not None
        assert "1 event is applied again." in self._act(browser, confirmed="yes").content.decode()
        assert WebhookEvent.objects.get().processed_at is None
        logged = LogEntry.objects.values_list("user__username", "content_type__model", "change_message")
        assert list(logged) == [("boss", "webhookevent", "1 event is applied again.")]

    def test_reading_them_does_not_allow_it(self, browser: Client, opened: MakeRow, tell: Tell) -> None:
        User.objects.get(username="boss").user_permissions.remove(
            Permission.objects.get(codename="change_webhookevent")
        )
        tell(channel(opened(), "inactive"))
        self._act(browser, confirmed="yes")
        assert WebhookEvent.objects.get().processed_at is not None

    def test_refusals_are_shown(self, browser: Client, account: Account) -> None:
        Client().post(f"/flex/webhooks/{account.pk}/interactions/")
        page = browser.get(reverse("admin:flex_outbound_webhookrefusal_changelist")).content.decode()
        assert "content_type" in page
