"""The bare project's Celery app."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.bare_project.settings")

app = Celery("bare_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
