"""A Django project with Celery and nothing of ours, to weigh the demo against."""

from tests.benchmarks.bare_project.celery import app as celery_app

__all__ = ["celery_app"]
