"""A small CRM that shows flex_outbound at work, built on nothing but the app's public names."""

from crm_demo.celery import app as celery_app

__all__ = ["celery_app"]
