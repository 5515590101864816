"""A project that is set up wrongly is told so at start, with what to change."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from celery import Celery, current_app
from celery.local import Proxy
from celery.schedules import crontab
from celery.schedules import schedule as interval
from django.apps import apps
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from crm_demo.models import Contact
from flex_outbound import broker
from flex_outbound.checks import celery, deployment, project
from flex_outbound.contacts import registered

ROOT = Path(__file__).resolve().parents[2]


def ids(found: list[CheckMessage]) -> list[str]:
    assert all(message.hint for message in found)
    return [str(message.id).removeprefix("flex_outbound.") for message in found]


@pytest.mark.parametrize("app", ["django.contrib.contenttypes", "django.contrib.auth"])
def test_a_missing_app_of_django_is_named_before_a_model_fails(app: str, settings: Any) -> None:
    config = apps.get_app_config("flex_outbound")
    # Not our own settings: they would be taken apart and put together again around a registry without users.
    rest = {name for name in ("django.contrib.contenttypes", "django.contrib.auth") if name != app}
    with (
        mock.patch("flex_outbound.apps.apps.is_installed", rest.__contains__),
        pytest.raises(ImproperlyConfigured, match=rf"needs {app}: INSTALLED_APPS \+= \['{app}'\]"),
    ):
        config.import_models()


def test_rest_framework_is_asked_for() -> None:
    assert ids(project.check_installed(None)) == []
    with mock.patch.object(project.apps, "is_installed", return_value=False):
        assert ids(project.check_installed(None)) == ["E010"]


def test_nobody_to_message_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "registered", dict)
    assert ids(project.check_installed(None)) == ["W001"]


@pytest.mark.parametrize("field", ["phone_field", "email_field", "name_field", "region_field"])
def test_an_adapter_that_names_a_field_which_is_not_there(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = registered()[Contact]
    value = ("mobile", "telefax") if field == "phone_field" else "telefax"
    monkeypatch.setattr(type(adapter), field, value)
    (message,) = project.check_installed(None)
    assert ids([message]) == ["E011"]
    assert "telefax" in message.msg


@pytest.mark.parametrize(("use_tz", "found"), [(True, []), (False, ["E016"])])
def test_moments_need_a_time_zone(use_tz: bool, found: list[str]) -> None:
    with override_settings(USE_TZ=use_tz):
        assert ids(project.check_time_zone(None)) == found


@pytest.mark.parametrize(("urls", "found"), [("crm_demo.urls", []), ("django.contrib.auth.urls", ["W002"]), (None, [])])
def test_our_addresses_have_to_be_included(urls: str | None, found: list[str]) -> None:
    with override_settings(ROOT_URLCONF=urls):
        assert ids(project.check_urls(None)) == found


SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


@pytest.mark.parametrize(
    ("middleware", "found"),
    [
        ([SESSION, CSRF, USERS], []),
        ([SESSION, USERS], ["W006"]),
        ([SESSION], ["W006", "W006"]),
        ([SESSION, CSRF, "tests.unit.test_checks.OwnUsers"], []),
        ([SESSION, CSRF, USERS, "no.such.Middleware", "tests.unit.test_checks.as_function"], []),
        # Token authentication alone: nobody sees our forms.
        (["django.middleware.common.CommonMiddleware"], []),
        ([], []),
    ],
)
def test_the_forms_need_users_and_csrf_protection(middleware: list[str], found: list[str]) -> None:
    with override_settings(MIDDLEWARE=middleware):
        assert ids(project.check_pages(None)) == found


class OwnUsers(AuthenticationMiddleware):
    """A project's own."""


def as_function(get_response: Any) -> Any:
    """Middleware may be a function."""
    return get_response


def test_templates_that_are_not_found_are_a_warning() -> None:
    backend = {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {}}
    with override_settings(TEMPLATES=[{**backend, "APP_DIRS": False, "DIRS": []}]):
        assert ids(project.check_pages(None)) == ["W009"]


@pytest.mark.parametrize(("token", "found"), [("secret", ["W008"]), (None, [])])
def test_a_token_without_metrics_is_a_warning(
    token: str | None, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(FLEX_OUTBOUND={"METRICS_TOKEN": token}):
        assert ids(project.check_metrics(None)) == []
        monkeypatch.setattr(project, "find_spec", lambda name: None)
        assert ids(project.check_metrics(None)) == found


@pytest.fixture
def beat() -> Iterator[dict[str, Any]]:
    """The schedule of the project's beat, to be changed."""
    # The sweep is added then; in a process whose first test this is, it would be added after the schedule was emptied.
    current_app.finalize()
    conf = current_app.conf
    schedule, scheduler = conf.beat_schedule, conf.beat_scheduler
    before = dict(schedule)
    # Emptied in place: what is set instead is not what Celery 5.5 reads, which looks for the settings' own name first.
    schedule.clear()
    yield schedule
    schedule.clear()
    schedule.update(before)
    conf.beat_scheduler = scheduler


def sweeping(schedule: Any) -> dict[str, Any]:
    return {"task": "flex_outbound.tasks.sweep", "schedule": schedule}


def test_a_project_without_a_celery_app_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    stopgap = Celery("default", fixups=[], set_as_current=False)
    monkeypatch.setattr(broker, "current_app", Proxy(lambda: stopgap))
    assert broker.celery_app() is None
    assert ids(celery.check_celery(None)) == ["W003"]


def test_any_app_of_one_s_own_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mycrm", None, "default"):
        own = Celery(name, set_as_current=False)
        own.fixups = ["celery.fixups.django:fixup"]
        monkeypatch.setattr(broker, "current_app", Proxy(lambda own=own: own))
        assert broker.celery_app() == (name or "")


@override_settings(FLEX_OUTBOUND={"SWEEP_SECONDS": 7})
def test_a_beat_without_the_sweep_is_given_the_lines(beat: dict[str, Any]) -> None:
    beat["other"] = {"task": "mycrm.tasks.other", "schedule": 5}
    (message,) = celery.check_celery(None)
    assert ids([message]) == ["W004"]
    assert '"schedule": 7' in str(message.hint)


@pytest.fixture
def app() -> Iterator[Celery]:
    """An app of a project's own, not the current one."""
    own = Celery("mycrm", set_as_current=False)
    yield own
    own.close()


@override_settings(FLEX_OUTBOUND={"SWEEP_SECONDS": 7, "CELERY_QUEUE": "flex"})
@pytest.mark.parametrize("first", ["finalized first", "asked first"])
def test_the_sweep_needs_no_entry(app: Celery, first: str) -> None:
    app.conf.beat_schedule = {"other": {"task": "mycrm.tasks.other", "schedule": 60}}
    if first == "finalized first":
        app.finalize()
    broker.schedule_sweep(app)
    app.finalize()
    assert sorted(app.conf.beat_schedule) == ["flex-outbound-sweep", "other"]
    entry = app.conf.beat_schedule["flex-outbound-sweep"]
    assert (entry["task"], entry["schedule"]) == (broker.SWEEP, 7)
    assert entry["options"] == {"queue": "flex", "expires": 30}


@pytest.mark.parametrize("name", ["beat_schedule", "CELERYBEAT_SCHEDULE"])
def test_an_entry_of_the_projects_own_is_the_only_one(app: Celery, name: str) -> None:
    app.config_from_object({name: {"mine": sweeping(20)}})
    broker.schedule_sweep(app)
    app.finalize()
    assert list(app.conf.beat_schedule) == ["mine"]


@pytest.mark.parametrize("schedule", [5, 10, 5.0, timedelta(seconds=4), interval(5)])
def test_a_beat_with_the_sweep_is_right(schedule: Any, beat: dict[str, Any]) -> None:
    beat["flex"] = sweeping(schedule)
    assert ids(celery.check_celery(None)) == []


@pytest.mark.parametrize("schedule", [60, timedelta(minutes=1), crontab()])
def test_a_beat_that_sweeps_too_seldom_is_a_warning(schedule: Any, beat: dict[str, Any]) -> None:
    beat["flex"] = sweeping(schedule)
    assert ids(celery.check_celery(None)) == ["W005"]
    beat["flex-too"] = sweeping(5)
    assert ids(celery.check_celery(None)) == []


def test_a_schedule_that_is_kept_elsewhere_is_not_ours_to_judge(beat: dict[str, Any]) -> None:
    current_app.conf.beat_scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
    assert ids(celery.check_celery(None)) == []


@pytest.mark.parametrize(
    ("url", "more", "found"),
    [
        ("https://crm.example.com", {}, []),
        (None, {}, []),
        ("http://crm.example.com", {}, ["W007"]),
        ("https://localhost:8000", {}, ["W007"]),
        ("https://localhost:8000", {"API_BASE_URL": "http://127.0.0.1:8765"}, []),
    ],
)
def test_where_twilio_cannot_call_is_a_warning(url: str | None, more: dict[str, str], found: list[str]) -> None:
    with override_settings(FLEX_OUTBOUND={"PUBLIC_BASE_URL": url} | more):
        assert ids(deployment.check_callbacks(None)) == found
        with override_settings(DEBUG=True):
            assert ids(deployment.check_callbacks(None)) == []


SHARED = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1"}}
ALONE = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
REDIS = {"RATE_LIMIT_STORAGE": "redis://127.0.0.1/1"}


@pytest.mark.parametrize(
    ("given", "caches", "found"),
    [
        (REDIS, SHARED, []),
        ({}, SHARED, ["W012"]),
        (REDIS, ALONE, ["W013"]),
        ({"API_BASE_URL": "http://127.0.0.1:8765"} | REDIS, SHARED, ["W011"]),
    ],
)
def test_a_deployment_shares_what_it_counts_and_asks_twilio(
    given: dict[str, Any], caches: dict[str, Any], found: list[str]
) -> None:
    with override_settings(FLEX_OUTBOUND=given, CACHES=caches):
        assert ids([*deployment.check_sandbox(None), *deployment.check_shared(None)]) == found
        with override_settings(DEBUG=True):
            assert ids([*deployment.check_sandbox(None), *deployment.check_shared(None)]) == []


class Replica:
    """A router that reads elsewhere."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"


@pytest.mark.parametrize(("routers", "found"), [([], []), ([Replica()], ["E018"])])
def test_the_tables_are_in_the_default_database(routers: list[Any], found: list[str]) -> None:
    with override_settings(DATABASE_ROUTERS=routers):
        assert ids(project.check_router(None)) == found


@pytest.mark.parametrize(("engine", "found"), [("sqlite3", ["W014"]), ("postgresql", []), ("mysql", [])])
def test_sqlite_takes_one_worker(engine: str, found: list[str]) -> None:
    # Not override_settings: Django warns that open connections stay as they are, which is the point here.
    databases = {"default": {"ENGINE": f"django.db.backends.{engine}"}}
    with mock.patch.object(deployment, "settings", mock.Mock(DATABASES=databases, DEBUG=False)):
        assert ids(deployment.check_database(None)) == found


@pytest.mark.parametrize(
    ("engine", "options", "found"),
    [
        ("mysql", {}, ["W015"]),
        ("mysql", {"init_command": "SET sql_mode = ''"}, ["W015"]),
        ("mysql", {"init_command": "SET time_zone = '+00:00'"}, []),
        ("postgresql", {}, []),
    ],
)
def test_the_clock_of_mariadb_is_utc(engine: str, options: dict[str, str], found: list[str]) -> None:
    databases = {"default": {"ENGINE": f"django.db.backends.{engine}", "OPTIONS": options}}
    with mock.patch.object(deployment, "settings", mock.Mock(DATABASES=databases)):
        assert ids(deployment.check_clock(None)) == found


def test_the_demo_is_well_set_up() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--fail-level", "WARNING"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "crm_demo.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
