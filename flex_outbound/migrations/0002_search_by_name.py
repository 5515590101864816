"""An index for the search by name in the admin: of trigrams where PostgreSQL offers them, else of beginnings."""

import logging
from typing import Any

from django.db import DatabaseError, migrations, transaction
from django.db.migrations.operations.base import Operation, OperationCategory

logger = logging.getLogger(__name__)

TRIGRAMS, BEGINNINGS = "flex_name_trigrams", "flex_name_beginnings"
ON_BEGINNINGS = {
    "postgresql": "CREATE INDEX {name} ON {table} (UPPER({column}) text_pattern_ops)",
    "sqlite": "CREATE INDEX {name} ON {table} ({column} COLLATE NOCASE)",
    "mysql": "CREATE INDEX {name} ON {table} ({column})",
}


class IndexNames(Operation):
    """Index the names of contacts as this database can.

    It is no index of the model: Django knows none that is of trigrams here and of something else there. A later
    migration that makes SQLite build the table anew has to repeat this operation, for SQLite then drops the index.
    """

    category = OperationCategory.ADDITION
    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Leave the models as they are."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Create one of the two indexes. Says in the log when it has to be the lesser one on PostgreSQL."""
        model = to_state.apps.get_model(app_label, "interaction")
        connection = schema_editor.connection
        if not self.allow_migrate_model(connection.alias, model):
            return
        quote = schema_editor.quote_name
        names = {"table": quote(model._meta.db_table), "column": quote(model._meta.get_field("contact_name").column)}
        if connection.vendor == "postgresql" and _index_trigrams(schema_editor, names):
            return
        statement = ON_BEGINNINGS.get(connection.vendor)
        if statement:
            schema_editor.execute(statement.format(name=quote(BEGINNINGS), **names))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop the index; the extension stays, because others may use it."""
        model = from_state.apps.get_model(app_label, "interaction")
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        if schema_editor.connection.vendor == "mysql":
            schema_editor.execute(f"DROP INDEX {BEGINNINGS} ON {schema_editor.quote_name(model._meta.db_table)}")
            return
        for name in (TRIGRAMS, BEGINNINGS):
            schema_editor.execute(f"DROP INDEX IF EXISTS {schema_editor.quote_name(name)}")

    def describe(self) -> str:
        """Return what ``makemigrations`` and ``migrate --plan`` print."""
        return "Index the names of contacts for the search"


def _index_trigrams(schema_editor: Any, names: dict[str, str]) -> bool:
    """Create the extension and the index of trigrams; return False if PostgreSQL refuses."""
    statements = (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE INDEX {name} ON {table} USING gin (UPPER({column}) gin_trgm_ops)",
    )
    try:
        # A savepoint: after an error PostgreSQL would refuse the rest of the migration's transaction.
        with transaction.atomic(using=schema_editor.connection.alias):
            for statement in statements:
                schema_editor.execute(statement.format(name=schema_editor.quote_name(TRIGRAMS), **names))
    except DatabaseError as error:
        logger.warning(
            "PostgreSQL does not offer pg_trgm to this user (%s). The search by name falls back to beginnings of names; "
            "docs/upgrade.md says how to add the index later.",
            type(error.__cause__ or error).__name__,
        )
        return False
    return True


class Migration(migrations.Migration):
    dependencies = [("flex_outbound", "0001_initial")]

    operations = [IndexNames()]
