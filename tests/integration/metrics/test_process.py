"""What each process counts as it happens."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import django
import pytest
from django.db import transaction
from kombu.exceptions import OperationalError

from crm_demo.models import Contact
from flex_outbound import broker
from flex_outbound.channels import Channel
from flex_outbound.exceptions import GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import observe
from flex_outbound.gateway.base import Connection
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.gateway.observe import Operation
from flex_outbound.metrics import subscribe
from flex_outbound.models import Account, Interaction, Sender, WebhookEvent
from flex_outbound.outbox import jobs
from flex_outbound.outbox.jobs import Job
from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer
from tests import steps
from tests.integration.metrics.conftest import counted

Row = Callable[..., Interaction]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


def _gateway(url: str, password: str = defaults.API_KEY_SECRET) -> TwilioGateway:
    return TwilioGateway(
        Connection(
            account_sid=defaults.ACCOUNT_SID,
            username=defaults.API_KEY_SID,
            password=password,
            workspace_sid=defaults.WORKSPACE_SID,
            base_url=url,
            timeout=(1.0, 1.0),
        )
    )


def test_requests_to_twilio_are_timed_by_operation(sandbox: SandboxServer) -> None:
    before = counted("twilio_seconds_count", operation="fetch_workspace")
    _gateway(sandbox.url).fetch_workspace()
    _gateway(sandbox.url).find_tasks(["0" * 32])
    assert counted("twilio_seconds_count", operation="fetch_workspace") == before + 1
    assert counted("twilio_seconds_sum", operation="find_tasks") > 0


def test_errors_are_counted_by_code(sandbox: SandboxServer) -> None:
    labels = {"operation": "fetch_workspace", "outcome": "refused", "code": "20003"}
    before = counted("twilio_errors_total", **labels)
    with pytest.raises(Refused):
        _gateway(sandbox.url, "wrong").fetch_workspace()
    assert counted("twilio_errors_total", **labels) == before + 1


def test_an_unreachable_twilio_has_no_code() -> None:
    labels = {"operation": "fetch_workspace", "outcome": "not_accepted", "code": "none"}
    before = counted("twilio_errors_total", **labels)
    with pytest.raises(NotAccepted):
        _gateway("http://127.0.0.1:9").fetch_workspace()
    assert counted("twilio_errors_total", **labels) == before + 1


def test_a_code_that_nobody_knows_makes_no_series_of_its_own() -> None:
    before = counted("twilio_errors_total", operation="find_message", outcome="unknown", code="other")
    for code in (99001, 99002):
        subscribe.note_call(Operation.FIND_MESSAGE, 0.1, OutcomeUnknown("", reason="outcome_unknown", code=code))
    assert counted("twilio_errors_total", operation="find_message", outcome="unknown", code="other") == before + 2


def test_an_observer_that_fails_changes_nothing(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[Operation, GatewayError | None]] = []

    def broken(operation: Operation, seconds: float, error: GatewayError | None) -> None:
        raise RuntimeError("the disk is full")

    def sound(operation: Operation, seconds: float, error: GatewayError | None) -> None:
        seen.append((operation, error))

    monkeypatch.setattr(observe, "observers", [broken, sound])
    assert _gateway(sandbox.url).fetch_workspace()
    assert seen == [(Operation.FETCH_WORKSPACE, None)]
    assert "An observer of fetch_workspace failed" in caplog.text


@pytest.mark.django_db
def test_a_click_counts_when_it_is_committed_and_at_no_other_time(
    row: Row, django_capture_on_commit_callbacks: Any
) -> None:
    before = counted("clicks_total", channel="email")
    with django_capture_on_commit_callbacks(execute=True):
        made = row(channel=Channel.EMAIL)
        assert counted("clicks_total", channel="email") == before
    with django_capture_on_commit_callbacks(execute=True):
        made.save()
        with transaction.atomic():
            row(channel=Channel.EMAIL)
            transaction.set_rollback(True)
    assert counted("clicks_total", channel="email") == before + 1


@pytest.mark.django_db
def test_a_kept_callback_counts(account: Account, django_capture_on_commit_callbacks: Any) -> None:
    before = counted("callbacks_accepted_total", source="interactions")
    with django_capture_on_commit_callbacks(execute=True):
        WebhookEvent.objects.create(account=account, source="interactions", event_id="1", event_type="x")
    assert counted("callbacks_accepted_total", source="interactions") == before + 1


@pytest.mark.django_db
def test_openings_and_failures_are_counted(row: Row, django_capture_on_commit_callbacks: Any) -> None:
    opened, failed = row(age=20), row()
    before = counted("click_to_open_seconds_count", channel="sms"), counted("click_to_open_seconds_sum", channel="sms")
    failures = counted("failures_total", channel="sms", reason="opted_out")
    with django_capture_on_commit_callbacks(execute=True):
        steps.created(opened, {"interaction_sid": "KD" + "1" * 32, "task_sid": "WT" + "1" * 32})
        claimed = steps.claim(failed)
        assert claimed is not None
        steps.failed(claimed, "opted_out", "No", 21610)
    assert counted("click_to_open_seconds_count", channel="sms") == before[0] + 1
    assert counted("click_to_open_seconds_sum", channel="sms") == pytest.approx(before[1] + 20, abs=5)
    assert counted("failures_total", channel="sms", reason="opted_out") == failures + 1


def _eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not condition():
        time.sleep(0.01)
    return condition()


def _deaf(*args: Any, **kwargs: Any) -> None:
    raise OperationalError("the broker is down")


def test_a_job_that_the_broker_did_not_take_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the publisher, and where the way to it is broken."""
    before = counted("wakeups_lost_total")
    monkeypatch.setattr(broker, "send", _deaf)
    monkeypatch.setattr(broker, "_publisher", None)
    broker.post(Job.DISPATCH, "1")
    assert _eventually(lambda: counted("wakeups_lost_total") == before + 1)
    usual = jobs.connect(_deaf)
    try:
        jobs.request(Job.DISPATCH, "1")
    finally:
        jobs.connect(usual)
    assert counted("wakeups_lost_total") == before + 2


def test_it_counts_once_after_django_was_set_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in every Celery worker, which sets Django up twice."""
    before = counted("wakeups_lost_total")
    django.setup()
    monkeypatch.setattr(broker, "send", _deaf)
    monkeypatch.setattr(broker, "_publisher", None)
    broker.post(Job.LOOKUP, "1")
    assert _eventually(lambda: counted("wakeups_lost_total") == before + 1)


def test_one_that_was_taken_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = counted("wakeups_lost_total")
    taken: list[Any] = []
    monkeypatch.setattr(broker, "send", taken.append)
    monkeypatch.setattr(broker, "_publisher", None)
    broker.post(Job.LOOKUP, "1")
    assert _eventually(lambda: len(taken) == 1)
    assert counted("wakeups_lost_total") == before


def test_a_second_subscription_changes_nothing(sandbox: SandboxServer) -> None:
    subscribe.subscribe()
    assert observe.observers.count(subscribe.note_call) == 1
    assert jobs.lost_job_observers.count(subscribe.note_lost_job) == 1


@pytest.mark.django_db
def test_a_click_costs_no_query_more_for_being_counted(
    account: Account, senders: dict[Channel, Sender], contact: Contact, row: Row, django_assert_num_queries: Any
) -> None:
    row()
    with django_assert_num_queries(1):
        row(channel=Channel.EMAIL)
