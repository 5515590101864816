"""System checks: what is set wrongly is said at start, with what to change. docs/settings.md has them in a table."""

from flex_outbound.checks import celery, deployment, project, values

__all__ = ["celery", "deployment", "project", "values"]
