"""Prometheus metrics (surface, extra ``[metrics]``): what the database knows, and what each process counts.

Nothing here is imported unless prometheus_client is installed; see docs/metrics.md.
"""
