"""The naive way as a Django app; it has no migrations, its table is made by ``migrate --run-syncdb``."""

from django.apps import AppConfig


class NaiveConfig(AppConfig):
    """Django app ``faults_naive``."""

    name = "tests.faults.naive"
    label = "faults_naive"
    default_auto_field = "django.db.models.BigAutoField"
