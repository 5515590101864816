"""A job is made where it is asked for, so that the project's own hooks find their request, and sent elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from celery.signals import before_task_publish
from django.db import DEFAULT_DB_ALIAS, connections

from flex_outbound import broker
from flex_outbound.models.setup import Kept
from flex_outbound.outbox.jobs import Job

Sent = list[dict[str, Any]]
TRACE: ContextVar[str] = ContextVar("trace", default="none")


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """The headers of every message that reaches the broker."""
    headers: Sent = []
    monkeypatch.setattr(
        broker, "send", lambda messages: headers.extend(options["headers"] for _body, options in messages)
    )
    monkeypatch.setattr(broker, "_publisher", None)
    yield headers
    publisher = broker._publisher
    # What is still held would be sent for real, and counted in somebody else's test.
    assert publisher is None or eventually(lambda: not publisher._waiting)


# Celery remembers whether there were receivers when it first published, so they are connected once.
@pytest.fixture(scope="module")
def hook() -> Iterator[None]:
    """A project that puts its tenant and its trace into the message, from whatever thread it is asked in."""

    def note(headers: dict[str, Any], **kwargs: Any) -> None:
        headers["tenant"] = getattr(connections[DEFAULT_DB_ALIAS], "schema_name", "")
        headers["trace"], headers["thread"] = TRACE.get(), threading.current_thread().name

    before_task_publish.connect(note)
    yield
    before_task_publish.disconnect(note)


def in_tenant(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "schema_name", name, raising=False)


def test_the_projects_hooks_run_in_the_request(sent: Sent, hook: None, monkeypatch: pytest.MonkeyPatch) -> None:
    in_tenant(monkeypatch, "acme")
    TRACE.set("a-request")
    broker.post(Job.DISPATCH, "1")
    assert eventually(lambda: len(sent) == 1)
    assert (sent[0]["tenant"], sent[0]["trace"]) == ("acme", "a-request")
    assert sent[0]["thread"] == threading.current_thread().name


def test_jobs_of_two_tenants_are_never_one(sent: Sent, hook: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("acme", "bolt", "acme", "bolt"):
        in_tenant(monkeypatch, name)
        broker.post(Job.DISPATCH, "1")
    assert eventually(lambda: {one["tenant"] for one in sent} == {"acme", "bolt"})


def test_a_burst_becomes_a_few_jobs_and_the_last_click_has_one(sent: Sent) -> None:
    end, asked = time.monotonic() + 0.3, 0
    while time.monotonic() < end:
        broker.post(Job.DISPATCH, "1")
        asked += 1
    before = len(sent)
    broker.post(Job.DISPATCH, "1")
    assert eventually(lambda: len(sent) > before)
    assert len(sent) <= 10 < asked


def test_a_hook_that_fails_leaves_the_next_job_alone(sent: Sent) -> None:
    def fail(**kwargs: Any) -> None:
        raise RuntimeError

    publish = broker.publish
    broker.publish = lambda *args: fail()
    try:
        with pytest.raises(RuntimeError):
            broker.post(Job.DISPATCH, "1")
    finally:
        broker.publish = publish
    broker.post(Job.DISPATCH, "1")
    assert eventually(lambda: len(sent) == 1)


def test_what_is_kept_is_the_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: Kept[str] = Kept(60)
    in_tenant(monkeypatch, "acme")
    kept.keep(1, "acme's")
    in_tenant(monkeypatch, "bolt")
    assert kept.get(1) is None
    in_tenant(monkeypatch, "acme")
    assert kept.get(1) == "acme's"
