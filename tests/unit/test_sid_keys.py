"""The column of a SID's digits: a UUID where the database has a type that takes every one, else text."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import models

from flex_outbound.models import Conversation, ConversationContact, Message, ReadMark
from flex_outbound.models.fields import SidKeyField
from flex_outbound.models.open_search import ConversationHolder

KEY = uuid.UUID("888679fe-e0da-ff31-7d57-02c0cbfb8330")


def database(vendor: str, own_type: str, *, has_type: bool) -> Any:
    """Return as much of a connection as a field asks."""
    return SimpleNamespace(
        vendor=vendor,
        features=SimpleNamespace(has_native_uuid_field=has_type),
        data_types={"UUIDField": own_type},
        ops=SimpleNamespace(quote_name=str),
    )


MARIADB = database("mysql", "uuid", has_type=True)
MYSQL = database("mysql", "char(32)", has_type=False)
POSTGRESQL = database("postgresql", "uuid", has_type=True)
SQLITE = database("sqlite", "char(32)", has_type=False)

KEYS: list[tuple[type[models.Model], str]] = [
    (Conversation, "id"),
    (ConversationContact, "conversation"),
    (ConversationHolder, "conversation"),
    (Message, "conversation"),
    (ReadMark, "conversation"),
]


@pytest.mark.parametrize(("model", "name"), KEYS)
@pytest.mark.parametrize(
    ("connection", "kind", "kept"),
    [
        pytest.param(MARIADB, "char(32)", KEY.hex, id="mariadb"),
        pytest.param(MYSQL, "char(32)", KEY.hex, id="mysql"),
        pytest.param(POSTGRESQL, "uuid", KEY, id="postgresql"),
        pytest.param(SQLITE, "char(32)", KEY.hex, id="sqlite"),
    ],
)
def test_a_key_and_what_refers_to_it_are_alike(
    model: type[models.Model], name: str, connection: Any, kind: str, kept: Any
) -> None:
    field: Any = model._meta.get_field(name)

    assert field.db_type(connection) == kind
    for given in (KEY, str(KEY), KEY.hex):
        assert field.get_db_prep_value(given, connection) == kept
    assert field.get_db_prep_value(None, connection) is None


def test_all_that_refers_to_a_conversation_is_named_here() -> None:
    relations = [one for one in Conversation._meta.related_objects if one.concrete is False]

    assert {(one.related_model, one.field.name) for one in relations} == set(KEYS[1:])


def test_migrations_name_it_without_its_length() -> None:
    _name, path, args, kwargs = SidKeyField(primary_key=True).deconstruct()

    assert path == "flex_outbound.models.fields.SidKeyField"
    assert (args, kwargs) == ([], {"primary_key": True})
