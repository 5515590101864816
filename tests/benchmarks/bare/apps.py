"""The baseline as a Django app; it has no migrations, its table is made by ``migrate --run-syncdb``."""

from django.apps import AppConfig


class BareConfig(AppConfig):
    """Django app ``bench_bare``."""

    name = "tests.benchmarks.bare"
    label = "bench_bare"
    default_auto_field = "django.db.models.BigAutoField"
