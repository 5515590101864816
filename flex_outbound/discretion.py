"""Keeps customers out of logs and error trackers: out of the errors of the database, and of ``repr()``.

PostgreSQL shows the whole row with the name of a constraint that it breaks (``DETAIL: Failing row contains (…)``),
MariaDB the value that is there already, and both the value that does not fit. Whoever logs the error, such as Celery
or Django, logs a name, a number or a text with it. So errors of statements about our tables are raised without: with
the same class, the error's code, and the names of constraint, table and column.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from django.db import DataError, IntegrityError, NotSupportedError, ProgrammingError
from django.db.backends.base.base import BaseDatabaseWrapper


def by_key(row: Any) -> str:
    """Return the ``repr`` of a model's instance: its class and its key, for tools that collect local variables.

    Django's own shows ``str()``, which is a name in most cases.
    """
    return f"<{type(row).__name__}: {row.pk}>"


OURS: Final = "flex_outbound_"
"""What the names of our tables begin with."""

TELLING: Final = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""The errors that show values. Others, such as a lost connection, stay as they are."""

_NAMES: Final = ("constraint_name", "table_name", "column_name")
_SAFE_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_KEY: Final = re.compile(r"(?:for key|CONSTRAINT|constraint failed:|column) ['`\"]?([\w.]+)")
"""How MariaDB and SQLite name what a row breaks."""


def discreet(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:  # the signature of Django's execute wrappers
    """Execute a statement; errors about our tables are raised without values and without the driver's own error.

    Source: https://docs.djangoproject.com/en/stable/topics/db/instrumentation/
    """
    try:
        return execute(sql, params, many, context)
    except TELLING as error:
        if OURS not in str(sql):
            raise
        told = type(error)(_told(error))
    # Outside of the handler, so that the driver's error is neither cause nor context of this one.
    raise told


def install(sender: Any = None, *, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Have a connection raise discreet errors: a receiver of Django's ``connection_created``."""
    if discreet not in connection.execute_wrappers:
        # In front, because Django's own context manager takes the last one away when it ends.
        connection.execute_wrappers.insert(0, discreet)


def _told(error: Exception) -> str:
    """Return the message without any value."""
    cause = error.__cause__
    diagnosis = getattr(cause, "diag", None)
    code = str(getattr(cause, "sqlstate", "") or (cause.args[0] if cause and cause.args else ""))
    names = [str(getattr(diagnosis, name, None) or "") for name in _NAMES] if diagnosis else _KEY.findall(str(error))
    told = [name for name in names if _SAFE_NAME.fullmatch(name)]
    code = f" ({code})" if re.fullmatch(r"[0-9A-Z]{3,5}", code) else ""
    return (
        f"{' of '.join(dict.fromkeys(told)) or 'a statement about flex_outbound'}: refused{code}; values are not shown"
    )
