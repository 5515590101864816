"""The app that wraps the product's functions where a test wants to hold them."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings


class FaultsConfig(AppConfig):
    """Django app ``faults``: does nothing unless FAULTS_FOLDER is set."""

    name = "tests.faults.project"
    label = "faults"

    def ready(self) -> None:
        """Wrap the product's functions; by name, for they need the models."""
        if settings.FAULTS_FOLDER:
            from tests.faults.project import hooks

            hooks.install(Path(settings.FAULTS_FOLDER))
