"""The app is a guest: installing and importing it changes nothing that belongs to the project or to Python."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LOOK = """
import json, logging, os, signal, socket, sys, threading, warnings
import django
from django.conf import settings

ours = ["rest_framework", "flex_outbound"] if sys.argv[1] == "with" else ["rest_framework"]
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.messages", *ours,
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SECRET_KEY="x", SALT_KEY="y", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
# What the app stands on is imported on both sides: what that changes is not for the app to answer for.
import celery, cryptography.fernet, drf_spectacular.openapi, encrypted_fields, limits, phonenumbers, twilio.rest
import limits.storage, limits.strategies, prometheus_client, twilio.request_validator
from celery import current_app
current_app.conf.broker_url
django.setup()
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.signals import request_started, request_finished, got_request_exception
from django.db.models import signals
from django.template import engines
if ours[-1] == "flex_outbound":
    import flex_outbound.admin, flex_outbound.api.urls, flex_outbound.urls, flex_outbound.webhooks.urls
    import flex_outbound.templatetags.flex_outbound

def of(thing):
    return f"{type(thing).__module__}.{type(thing).__qualname__}"

user = get_user_model()
# A receiver that listens for our own app or models alone is nobody else's business.
own = [config for config in apps.get_app_configs() if config.label == "flex_outbound"]
mine = {id(part) for config in own for part in (config, *config.get_models())}

def heard(signal):
    return len([one for one in signal.receivers if one[0][1] not in mine])

print(json.dumps({
    "warnings": [str(rule) for rule in warnings.filters],
    "excepthook": repr(sys.excepthook).split(" at ")[0],
    "threads": sorted(thread.name for thread in threading.enumerate()),
    "signals": [str(signal.getsignal(number)).split(" at ")[0] for number in (signal.SIGTERM, signal.SIGINT)],
    "timeout": socket.getdefaulttimeout(),
    "environment": dict(os.environ),
    "logging": [logging.root.level, len(logging.root.handlers), logging.getLogger("django").level],
    "admin": [of(admin.site._wrapped) if hasattr(admin.site, "_wrapped") else of(admin.site), admin.site.name,
              admin.site.index_template, admin.site.login_template, sorted(vars(type(admin.site)))],
    "user": sorted(name for name in vars(user) if not name.startswith("flex_")),
    "model_signals": {name: heard(getattr(signals, name)) for name in
                      ("pre_save", "post_save", "pre_delete", "post_delete", "m2m_changed", "post_migrate")},
    "request_signals": [heard(one) for one in (request_started, request_finished, got_request_exception)],
    "settings": sorted(name for name in dir(settings) if name.isupper() and name != "INSTALLED_APPS"),
    "middleware": settings.MIDDLEWARE,
    "builtins": sorted(name for engine in engines.all() for name in engine.engine.template_builtins),
    "celery": [current_app.conf.task_always_eager, current_app.conf.timezone, str(current_app.conf.beat_schedule),
               current_app.conf.task_serializer, str(current_app.conf.task_routes)],
}))
"""


def look(which: str) -> dict[str, Any]:
    """Return what a process looks like with the app or without it."""
    command = [sys.executable, "-c", LOOK, which]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTHON"))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def sights() -> tuple[dict[str, Any], dict[str, Any]]:
    """The project alone, and the project with the app."""
    return look("without"), look("with")


def test_nothing_of_the_projects_is_changed_by_the_app(sights: tuple[dict[str, Any], dict[str, Any]]) -> None:
    alone, together = sights
    changed = {name: (alone[name], together[name]) for name in alone if alone[name] != together[name]}
    assert changed == {}
