"""A user of PostgreSQL who may not create the extension of trigrams: migrations pass, and say what is missing."""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from flex_outbound.admin import search
from flex_outbound.models import Interaction
from tests import services
from tests.migrations.conftest import connected_to_postgresql


def indexes(alias: str) -> set[str]:
    """Return the names of the indexes that are about names of contacts."""
    with connections[alias].cursor() as cursor:
        names = connections[alias].introspection.get_constraints(cursor, Interaction._meta.db_table)
    return {name for name in names if name.startswith("flex_name_")}


@pytest.fixture
def owned_by_a_guest(django_db_blocker: Any) -> Iterator[str]:
    """A database of PostgreSQL whose user may make tables in it, but no extension; its alias."""
    with services.fresh_postgresql() as url:
        parts = urlsplit(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE ROLE flex_guest LOGIN PASSWORD 'guest'")
            connection.execute("GRANT ALL ON SCHEMA public TO flex_guest")
        address = parts.netloc.rpartition("@")[2]
        try:
            yield from connected_to_postgresql(
                urlunsplit(parts._replace(netloc=f"flex_guest:guest@{address}")), django_db_blocker
            )
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DROP OWNED BY flex_guest CASCADE")
                connection.execute("DROP ROLE flex_guest")


@pytest.mark.services
def test_a_user_who_may_not_create_the_extension_can_migrate(
    owned_by_a_guest: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        call_command("migrate", database=owned_by_a_guest, verbosity=0, interactive=False)
    assert "InsufficientPrivilege" in caplog.text
    assert "falls back to beginnings" in caplog.text
    assert indexes(owned_by_a_guest) == {"flex_name_beginnings"}
    assert not search._has_trigrams(owned_by_a_guest)
    call_command("migrate", "flex_outbound", "0001", database=owned_by_a_guest, verbosity=0, interactive=False)
    assert indexes(owned_by_a_guest) == set()
