"""The pipeline: plain functions, no HTTP, no Celery."""
