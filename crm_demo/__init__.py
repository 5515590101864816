"""A small CRM that shows flex_outbound. It uses only the app's public names."""

from crm_demo.celery import app as celery_app

__all__ = ["celery_app"]
