"""Keys that differ in case only are different, on every database: chat identities, and the ids of contacts."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connections, models, transaction
from django.db.models import Exists, OuterRef
from django.test import override_settings

from flex_outbound.models import (
    ConsentEvent,
    ContactAddress,
    Conversation,
    ConversationContact,
    Draft,
    Interaction,
    OpenSearch,
)
from flex_outbound.models.conversation import key_of
from flex_outbound.models.fields import ExactField
from flex_outbound.outbox.conversations import opening
from tests.migrations.world import World, sid

NAMES = ("bea", "Bea")
"""Two customers, by their identities in the chat and by their ids in the CRM."""

TABLES: dict[str, list[type[models.Model]]] = {
    "address_key": [Interaction, Conversation, ConsentEvent, ContactAddress, OpenSearch],
    "contact_id": [Interaction, ConversationContact, ContactAddress, Draft],
}
ALL = {(model, column) for column, tables in TABLES.items() for model in tables}


class _Everywhere:
    """Every table is in one database."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def db_for_read(self, _model: Any, **_hints: Any) -> str:
        return self._alias

    db_for_write = db_for_read


@pytest.fixture
def world(migrated: str) -> Iterator[World]:
    """One row of everything in the database that the code asks; gone again afterwards."""
    with override_settings(DATABASE_ROUTERS=[_Everywhere(migrated)]), transaction.atomic(using=migrated):
        yield World(migrated)
        transaction.set_rollback(True, using=migrated)


@pytest.fixture
def both(world: World) -> World:
    """Everything that there can be of each of the two customers, with an open chat."""
    for model in {model for model, _column in ALL}:
        model._base_manager.all().delete()
    for letter, name in zip("bc", NAMES, strict=True):
        _make(world, name, letter)
    return world


def _make(world: World, name: str, letter: str) -> None:
    chat: dict[str, Any] = {"channel": "chat", "address": name}
    contact = world.contact | {"contact_id": name}
    sids = {"conversation_sid": sid("CH", letter)}
    world.make(Interaction, **world.like_row | chat | contact | sids)
    made = opening.of_stranger(world.account.pk, sids["conversation_sid"], name)
    opening.save_new(made)
    Conversation.objects.filter(pk=made.pk).update(address_key=name)
    world.make(ConsentEvent, **world.like_consent | chat | {"address_key": name})
    world.make(ContactAddress, address_key=name, **contact)
    world.make(OpenSearch, **world.like_search | chat)
    world.make(Draft, user=world.user, place="chat", **contact)
    world.make(ConversationContact, conversation_id=key_of(sids["conversation_sid"]), **contact)


def test_two_identities_that_differ_in_case_are_two_customers(both: World) -> None:
    for model, column in ALL:
        found = {name: [getattr(row, column) for row in model._base_manager.filter(**{column: name})] for name in NAMES}
        assert found == {name: [name] for name in NAMES}, model


@pytest.mark.parametrize("name", NAMES)
def test_one_identity_is_one_customer(name: str, both: World) -> None:
    again = both.like_row | {"channel": "chat", "address": name, "contact_id": "another"}
    # SQLite names the columns of an index.
    words = r"flex_one_conversation|flex_outbound_interaction\.account_id"
    with pytest.raises(IntegrityError, match=words), transaction.atomic(both.alias):
        both.make(Interaction, **again)


@pytest.mark.parametrize("column", TABLES)
def test_the_tables_are_compared_by_every_letter(column: str, both: World) -> None:
    for model, other in product(TABLES[column], repeat=2):
        same = other._base_manager.filter(**{column: OuterRef(column)}).exclude(**{column: "bea"})
        found = model._base_manager.filter(Exists(same)).values_list(column, flat=True)
        assert list(found) == ["Bea"], (model, other)


def test_a_conversation_is_linked_with_the_one_whose_letters_these_are(both: World) -> None:
    ConversationContact.objects.all().delete()
    for name in NAMES:
        conversation = Conversation.objects.get(address_key=name)
        assert opening.link_by_address(conversation, [name]) == 1
        assert ConversationContact.objects.get(conversation=conversation).contact_id == name


def test_every_column_of_a_key_compares_every_letter(migrated: str) -> None:
    ours = [(model, one) for model in apps.get_app_config("flex_outbound").get_models() for one in model._meta.fields]
    keys = [(model, one) for model, one in ours if one.name in TABLES]
    assert {(model, one.name) for model, one in keys} == ALL
    assert [(model, one) for model, one in keys if not isinstance(one, ExactField)] == []

    connection = connections[migrated]
    with connection.cursor() as cursor:
        for model, one in keys:
            table = connection.introspection.get_table_description(cursor, model._meta.db_table)
            [collation] = [column.collation for column in table if column.name == one.column]
            assert collation == ("utf8mb4_bin" if connection.vendor == "mysql" else None), (model, one)
