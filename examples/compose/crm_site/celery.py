"""The demo's Celery app; each worker tells Prometheus what it counted, on METRICS_PORT (without it: nobody)."""

import os
from typing import Any

from celery.signals import worker_ready

from crm_demo.celery import app
from flex_outbound.metrics.exporter import serve

__all__ = ["app"]


@worker_ready.connect
def expose_metrics(**kwargs: Any) -> None:
    """Answer within the worker's process: with ``--pool threads`` that is the one that does the jobs."""
    if port := os.environ.get("METRICS_PORT"):
        serve(int(port), os.environ.get("METRICS_HOST", "127.0.0.1"))
