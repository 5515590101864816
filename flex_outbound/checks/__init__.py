"""System checks: find mistakes in the settings when the project starts. docs/settings.md lists them in a table."""

from flex_outbound.checks import celery, contacts, deployment, project, values

__all__ = ["celery", "contacts", "deployment", "project", "values"]
