"""Empty databases of every kind, apart from the one that the other tests run on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from crm_demo.database import postgresql, sqlite
from tests import databases, mariadb, services

ALIAS = "elsewhere"
KINDS = ["sqlite", *(pytest.param(kind, marks=pytest.mark.services) for kind in ("postgresql", "mariadb"))]


def _connected(settings: dict[str, Any], blocker: Any) -> Iterator[str]:
    connections.settings[ALIAS] = connections.configure_settings({"default": settings})["default"]
    with blocker.unblock():
        yield ALIAS
        connections[ALIAS].close()
    del connections[ALIAS], connections.settings[ALIAS]


def _database(kind: str, folder: Path, blocker: Any) -> Iterator[str]:
    if kind == "sqlite":
        yield from _connected(sqlite(folder / "empty.sqlite3"), blocker)
        return
    if kind == "mariadb":
        with mariadb.fresh_mariadb() as url:
            yield from _connected(databases.mariadb(url), blocker)
        return
    with services.fresh_postgresql() as url:
        yield from connected_to_postgresql(url, blocker)


def connected_to_postgresql(url: str, blocker: Any) -> Iterator[str]:
    """Connect Django to a database; yields its alias."""
    yield from _connected(postgresql(url) | {"CONN_MAX_AGE": 0}, blocker)


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: Any) -> Iterator[str]:
    """An empty database; its alias."""
    yield from _database(request.param, tmp_path, django_db_blocker)


@pytest.fixture(scope="module", params=KINDS)
def migrated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[str]:
    """A database with every migration applied; its alias."""
    for alias in _database(request.param, tmp_path_factory.mktemp("migrated"), django_db_blocker):
        call_command("migrate", database=alias, verbosity=0, interactive=False)
        yield alias
