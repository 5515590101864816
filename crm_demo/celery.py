"""The demo's Celery app, as in any Django project. It finds flex_outbound's jobs by itself."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_demo.settings")

app = Celery("crm_demo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
