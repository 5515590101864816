"""Whether the database has what the migrations say: each table, column, index and constraint of the app's models.

A migration that broke off, or was recorded without being carried out (``migrate --fake``), leaves a database in which
``migrate`` finds nothing to do, or fails because half of it is there. MariaDB cannot roll a migration back.
"""

from collections.abc import Iterable
from typing import Any, Final

from django.apps import apps
from django.db import connections, router
from django.db.models import Model
from django.utils.translation import gettext as _

from flex_outbound.setup.doctor.results import CheckResult, Level

NAMED: Final = 5
"""How many missing parts are named."""


def check_tables(alias: str, *, is_migrated: bool) -> CheckResult | None:
    """Return the error of a database in which a part is missing; None where nothing is.

    ``is_migrated``: whether all migrations are recorded as applied. If not, a database without any of the tables, or
    with all of them, is left to ``migrate``.
    """
    missing, total = _missing(alias)
    if not missing or (not is_migrated and len(missing) == total):
        return None
    more = _(" and %(count)d more") % {"count": len(missing) - NAMED} if len(missing) > NAMED else ""
    words = _("A migration was applied by half: the database lacks %(parts)s%(more)s.")
    remedy = _(
        "If the tables hold nothing yet, drop them, then `python manage.py migrate flex_outbound zero --fake` and "
        "`python manage.py migrate`. Otherwise restore the backup from before it, or create what is missing: "
        "`python manage.py sqlmigrate flex_outbound <migration>` prints the statements. See docs/upgrade.md."
    )
    return CheckResult("migrations", Level.ERROR, words % {"parts": ", ".join(missing[:NAMED]), "more": more}, remedy)


def _missing(alias: str) -> tuple[list[str], int]:
    """Return the missing tables, columns and constraints by name, and how many tables there should be."""
    connection = connections[alias]
    missing: list[str] = []
    models = [model for model in _models() if router.allow_migrate_model(alias, model)]
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in models:
            table = model._meta.db_table
            if table not in tables:
                missing.append(table)
                continue
            found = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            columns = [field.column for field in model._meta.local_concrete_fields]
            missing += [f"{table}.{column}" for column in columns if column not in found]
            missing += _rules(connection, cursor, model)
    return missing, len(models)


def _rules(connection: Any, cursor: Any, model: type[Model]) -> Iterable[str]:
    """Return the missing constraints and indexes. MariaDB cannot have all of them; its columns tell enough."""
    if connection.vendor not in {"postgresql", "sqlite"}:
        return []
    found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    return [one.name for one in (*model._meta.constraints, *model._meta.indexes) if one.name not in found]


def _models() -> list[type[Model]]:
    found = apps.get_app_config("flex_outbound").get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]
