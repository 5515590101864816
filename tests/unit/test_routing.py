"""Jobs are looked for where Celery's own router sends them, and are tasks of the project's own class."""

import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from celery import Celery, Task, current_app
from celery.local import Proxy
from django.test import override_settings
from kombu import Exchange, Queue

from flex_outbound import broker, tasks
from flex_outbound.outbox.jobs import Job

ALL = {broker.SWEEP, *broker.TASKS.values()}


class TenantTask(Task):  # type: ignore[type-arg]
    """As of a package that carries the tenant's schema in the message."""

    abstract = True

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        headers = {**(options.pop("headers", None) or {}), "_schema_name": "acme"}
        return super().apply_async(args, kwargs, headers=headers, **options)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Celery]]:
    """Make the app of another project, with settings of its own."""
    made: list[Celery] = []

    def make(task_cls: Any = None, **settings: Any) -> Celery:
        own = Celery("mycrm", set_as_current=False, broker="memory://", task_cls=task_cls)
        own.conf.update(settings)
        own.finalize()
        monkeypatch.setattr(broker, "current_app", Proxy(lambda: own))
        made.append(own)
        return own

    yield make
    for one in made:
        one.close()


def test_without_routes_all_go_to_one_queue(app: Callable[..., Celery]) -> None:
    app()
    assert {name: set(found) for name, found in broker.queues().items()} == {"celery": ALL}
    app(task_default_queue="mine")
    assert list(broker.queues()) == ["mine"]
    with override_settings(FLEX_OUTBOUND={"CELERY_QUEUE": "flex"}):
        app()
        assert {name: set(found) for name, found in broker.queues().items()} == {"flex": ALL}


ROUTES: list[Any] = [
    {"flex_outbound.*": {"queue": "flex"}},
    {"flex_outbound.*": "flex"},
    ([("flex_outbound.tasks.*", {"queue": "flex"})],),
    lambda name, *args, **kwargs: {"queue": "flex"},
]


@pytest.mark.parametrize("routes", ROUTES)
def test_routes_of_every_form_are_followed(routes: Any, app: Callable[..., Celery]) -> None:
    app(task_routes=routes)
    assert list(broker.queues()) == ["flex"]


def test_tasks_may_go_to_queues_of_their_own(app: Callable[..., Celery]) -> None:
    app(task_routes={broker.TASKS[Job.DISPATCH]: {"queue": "fast"}, broker.SWEEP: {"queue": "beat"}})
    found = broker.queues()
    assert found["fast"] == [broker.TASKS[Job.DISPATCH]]
    assert found["beat"] == [broker.SWEEP]
    assert len(found["celery"]) == len(ALL) - 2


def test_a_queue_of_a_job_is_not_changed_by_a_route(app: Callable[..., Celery]) -> None:
    with override_settings(FLEX_OUTBOUND={"CELERY_QUEUE": "flex"}):
        app(task_routes={"flex_outbound.*": {"queue": "other"}})
        assert list(broker.queues()) == ["flex"]


def test_an_exchange_leads_to_its_queues(app: Callable[..., Celery]) -> None:
    topic, direct = Exchange("events", type="topic"), Exchange("work", type="direct")
    queues = [
        Queue("all", topic, routing_key="flex.#"),
        Queue("other", topic, routing_key="mail.*"),
        Queue("work", direct, routing_key="flex"),
        Queue("copies", Exchange("copies", type="fanout")),
    ]
    for exchange, key, name in [("events", "flex.x", "all"), ("work", "flex", "work"), ("copies", "any", "copies")]:
        app(task_queues=queues, task_routes={"flex_outbound.*": {"exchange": exchange, "routing_key": key}})
        assert list(broker.queues()) == [name]
    app(task_routes={"flex_outbound.*": {"exchange": "elsewhere", "routing_key": "x"}})
    assert list(broker.queues()) == ["elsewhere"]


def test_a_queue_that_is_missing_is_noticed(app: Callable[..., Celery]) -> None:
    with override_settings(FLEX_OUTBOUND={"CELERY_QUEUE": "flex"}):
        app(task_queues=[Queue("celery")], task_create_missing_queues=False)
        assert set(broker.queues()[""]) == ALL


def test_the_queue_of_the_sweeps_entry_counts(app: Callable[..., Celery]) -> None:
    app(beat_schedule={"mine": {"task": broker.SWEEP, "schedule": 5, "options": {"queue": "beat"}}})
    assert broker.queues()["beat"] == [broker.SWEEP]
    app(beat_schedule={"flex-outbound-sweep": {"task": "mycrm.tasks.sweep_tenants", "schedule": 5}})
    assert "mycrm.tasks.sweep_tenants" in broker.queues()["celery"]
    assert broker.SWEEP not in broker.queues()["celery"]


def test_eager_mode_is_known(app: Callable[..., Celery]) -> None:
    app()
    assert not broker.is_eager()
    app(task_always_eager=True)
    assert broker.is_eager()


def test_our_tasks_are_of_the_projects_own_class(app: Callable[..., Celery]) -> None:
    own = app(task_cls=TenantTask)
    assert all(isinstance(own.tasks[name], TenantTask) for name in ALL)


def test_what_the_projects_class_adds_is_in_the_message(app: Callable[..., Celery]) -> None:
    own = app(task_cls=TenantTask)
    draft = broker.Draft(own.connection_for_write())
    broker.publish(Job.DISPATCH, "1", producer=draft)
    ((_body, options),) = draft.messages
    assert options["headers"]["_schema_name"] == "acme"


def test_a_task_begins_with_a_connection_that_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(tasks, "close_old_connections", lambda: closed.append(True))
    monkeypatch.setattr(tasks, "_run", lambda *args: None)
    current_app.tasks[broker.TASKS[Job.POLL]].apply(args=("1",))
    assert closed == [True]


def test_a_task_under_our_entrys_name_replaces_ours(app: Callable[..., Celery]) -> None:
    own = app(beat_schedule={"flex-outbound-sweep": {"task": "mycrm.tasks.sweep_tenants", "schedule": 7}})
    broker.schedule_sweep(own)
    assert [entry["task"] for entry in own.conf.beat_schedule.values()] == ["mycrm.tasks.sweep_tenants"]
    assert broker.sweep_schedule() == [7]


def test_the_example_of_the_page_on_tenants_sweeps_in_each_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    within: list[str] = []
    swept: list[str] = []

    @contextmanager
    def tenant_context(name: str) -> Iterator[None]:
        within.append(name)
        yield
        within.pop()

    tenants = mock.Mock()
    tenants.objects.exclude = lambda schema_name: [one for one in ("public", "acme", "bolt") if one != schema_name]
    package = SimpleNamespace(
        get_public_schema_name=lambda: "public", get_tenant_model=lambda: tenants, tenant_context=tenant_context
    )
    monkeypatch.setitem(sys.modules, "django_tenants", SimpleNamespace(utils=package))
    monkeypatch.setitem(sys.modules, "django_tenants.utils", package)
    monkeypatch.setattr(type(tasks.sweep), "delay", lambda self: swept.extend(within), raising=False)
    path = Path(__file__).parents[1] / "hosts" / "tenants" / "mycrm" / "tasks.py"
    runpy.run_path(str(path))["sweep_tenants"].run()
    assert swept == ["acme", "bolt"]
