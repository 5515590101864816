"""The migrations make the tables, take them away again, and leave nothing out."""

from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader

OURS = ("flex_outbound", "crm_demo")


def tables(alias: str) -> set[str]:
    """Return the tables of our apps that a database has."""
    names = connections[alias].introspection.table_names()
    return {name for name in names if name.startswith(OURS)}


def test_forward_from_zero_and_back(empty: str) -> None:
    call_command("migrate", database=empty, verbosity=0, interactive=False)
    wanted = {model._meta.db_table for app in OURS for model in apps.get_app_config(app).get_models(True)}
    assert tables(empty) == wanted

    # The host's own app goes first: its contacts stand on ours.
    for app in reversed(OURS):
        call_command("migrate", app, "zero", database=empty, verbosity=0, interactive=False)

    assert tables(empty) == set()
    call_command("migrate", database=empty, verbosity=0, interactive=False)
    assert tables(empty) == wanted


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    said = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said, verbosity=1)
    except SystemExit:
        pytest.fail(f"make migrations and commit them:\n{said.getvalue()}")


@pytest.mark.parametrize("app", OURS)
def test_every_migration_can_be_shown_as_sql(app: str, empty: str) -> None:
    loader = MigrationLoader(connections[empty])
    names = [name for label, name in loader.graph.nodes if label == app]

    shown = {name: call_command("sqlmigrate", app, name, database=empty, stdout=StringIO()) for name in names}

    assert all("CREATE" in sql or "ALTER" in sql for sql in shown.values())
