"""Every SID can be the key of a conversation, on every database: its digits need not be those of a standard's UUID."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from flex_outbound import statements
from flex_outbound.models import Conversation, ConversationContact, Message, ReadMark
from flex_outbound.models.conversation import key_of, sid_of
from flex_outbound.models.open_search import ConversationHolder
from flex_outbound.outbox.conversations import opening
from flex_outbound.twilio_statuses import Party
from tests.migrations.world import MOMENT, World

DIGITS = "0123456789abcdef"
SIDS = [f"CH888679fee0da{version}f31{variant}d5702c0cbfb8330" for version, variant in product(DIGITS, DIGITS)]
"""One of each pair of the digits that tell a UUID's version and variant."""


class _Everywhere:
    """Every table is in one database."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def db_for_read(self, _model: Any, **_hints: Any) -> str:
        return self._alias

    db_for_write = db_for_read


@pytest.fixture
def world(migrated: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """One row of everything in the database that the code asks; gone again afterwards."""
    # They are kept by the alias, which the databases of these tests share.
    monkeypatch.setattr(statements, "_statement", statements._statement.__wrapped__)
    with override_settings(DATABASE_ROUTERS=[_Everywhere(migrated)]), transaction.atomic(using=migrated):
        yield World(migrated)
        transaction.set_rollback(True, using=migrated)


@pytest.fixture
def begun(world: World) -> World:
    """A conversation of each SID, with a message."""
    Conversation.objects.all().delete()
    for one in SIDS:
        opening.save_new(opening.of_stranger(world.account.pk, one, f"+1415{one[-10:-5]}"))
    Message.objects.bulk_create(
        Message(
            account=world.account,
            conversation_id=key_of(one),
            message_sid=f"IM{one[2:]}",
            index=0,
            party=Party.CUSTOMER,
            said_at=MOMENT + timedelta(seconds=number),
            body=one,
        )
        for number, one in enumerate(SIDS)
    )
    return world


def test_a_conversation_is_found_by_its_sid(begun: World) -> None:
    found = [opening.find(begun.account.pk, one) for one in SIDS]

    assert [one and one.conversation_sid for one in found] == SIDS
    assert sorted(one.conversation_sid for one in Conversation.objects.all()) == SIDS


def test_a_conversation_has_its_messages(begun: World) -> None:
    said = Message.objects.filter(conversation__isnull=False).order_by("said_at")

    assert [sid_of(one) for one in said.values_list("conversation", flat=True)] == SIDS
    of_each = [Message.objects.filter(conversation__in=[key_of(one)]).values_list("body", flat=True) for one in SIDS]
    assert [list(one) for one in of_each] == [[one] for one in SIDS]
    joined = Message.objects.filter(conversation__account=begun.account).select_related("conversation")
    assert {one.body for one in joined if one.conversation and one.conversation.conversation_sid == one.body} == {*SIDS}


def test_whatever_refers_to_a_conversation_takes_every_sid(begun: World) -> None:
    keys = [key_of(one) for one in SIDS]
    ConversationContact.objects.bulk_create(
        [ConversationContact(conversation_id=one, **begun.contact) for one in keys], ignore_conflicts=True
    )
    ReadMark.objects.bulk_create([ReadMark(user=begun.user, conversation_id=one) for one in keys])
    ConversationHolder.objects.bulk_create([ConversationHolder(conversation_id=one) for one in keys])

    for model in (ConversationContact, ReadMark, ConversationHolder):
        assert set(model._base_manager.values_list("conversation", flat=True)) == set(keys)
        assert model._base_manager.filter(conversation__in=Conversation.objects.all()).count() == len(SIDS)


def test_what_waits_to_be_read_is_named_by_its_sid(begun: World) -> None:
    Conversation.objects.update(agent=begun.user, inbound=1, last_inbound_at=MOMENT)

    waiting = statements.mine_of(begun.user).waiting

    assert sorted(one.conversation for one in waiting) == sorted(map(key_of, SIDS))
    # A sentence with a number, and JSON, want a whole one.
    assert {type(one.unread) for one in waiting} == {int}


def test_conversations_and_their_messages_can_be_deleted(begun: World) -> None:
    keys = list(Conversation.objects.values_list("pk", flat=True))
    Message.objects.filter(conversation__in=keys).delete()
    Conversation.objects.filter(pk__in=keys).delete()

    assert not Message.objects.filter(conversation__isnull=False).exists()
    assert not Conversation.objects.exists()
