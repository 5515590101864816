"""Uniqueness of some rows alone, also on databases whose indexes take no condition."""

from typing import Any

from django.core.checks import CheckMessage
from django.db import models


class UniqueWhere(models.UniqueConstraint):
    """A unique constraint with fields and a condition that MariaDB and MySQL hold as well.

    Django creates no such constraint there (models.W036). Here it becomes a virtual column, 1 where the condition holds
    and NULL elsewhere, as the last of a plain unique index: NULL is never equal to NULL. Django does not know the
    column. Source: https://mariadb.com/kb/en/generated-columns/#index-support
    """

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return what CREATE TABLE says of it; on MariaDB nothing, for it is added right after."""
        if not _needs_column(schema_editor.connection):
            return super().constraint_sql(model, schema_editor)
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))
        return None

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that adds it to a table."""
        if not _needs_column(schema_editor.connection):
            return super().create_sql(model, schema_editor)
        quote = schema_editor.quote_name
        condition = self._get_condition_sql(model, schema_editor)  # type: ignore[attr-defined]
        columns = [model._meta.get_field(name).column for name in self.fields]
        indexed = ", ".join(map(quote, [*columns, self._column]))
        return (
            f"ALTER TABLE {quote(model._meta.db_table)} "
            f"ADD COLUMN {quote(self._column)} smallint AS (CASE WHEN {condition} THEN 1 END) VIRTUAL, "
            f"ADD CONSTRAINT {quote(self.name)} UNIQUE ({indexed})"
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that takes it away."""
        if not _needs_column(schema_editor.connection):
            return super().remove_sql(model, schema_editor)
        quote = schema_editor.quote_name
        table = quote(model._meta.db_table)
        return f"ALTER TABLE {table} DROP INDEX {quote(self.name)}, DROP COLUMN {quote(self._column)}"

    def check(self, model: Any, connection: Any) -> list[CheckMessage]:
        """Check the constraint as Django 6 does, but say nothing of a condition that is held after all."""
        return _but_the_condition(super().check(model, connection), connection)

    def _check(self, model: Any, connection: Any) -> list[CheckMessage]:
        """As ``check``, under its name in Django 5.2."""
        return _but_the_condition(super()._check(model, connection), connection)  # type: ignore[misc]

    @property
    def _column(self) -> str:
        return f"{self.name}_holds"


def _needs_column(connection: Any) -> bool:
    return bool(connection.vendor == "mysql")


def _but_the_condition(found: list[CheckMessage], connection: Any) -> list[CheckMessage]:
    return [one for one in found if one.id != "models.W036"] if _needs_column(connection) else found
