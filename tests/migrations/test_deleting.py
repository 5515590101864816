"""Conversations and interactions are deleted with their messages, on every database."""

from collections.abc import Iterator

import pytest
from django.db import transaction

from flex_outbound.models import Conversation, Interaction, Message
from tests.migrations.world import World


@pytest.fixture
def world(migrated: str) -> Iterator[World]:
    """One row of everything; gone again afterwards."""
    with transaction.atomic(using=migrated):
        yield World(migrated)
        transaction.set_rollback(True, using=migrated)


def test_an_interaction_takes_its_first_message_along(world: World) -> None:
    Interaction.objects.using(world.alias).get(pk=world.row.pk).delete()
    assert not Message.objects.using(world.alias).filter(pk=world.message.pk).exists()


def test_a_conversation_takes_its_messages_along(world: World) -> None:
    conversation = Conversation.objects.using(world.alias).get(pk=world.conversation.pk)
    said = [
        world.make(
            Message, account=world.account, conversation=conversation, message_sid=f"IM{number:032x}", index=number
        )
        for number in range(3)
    ]
    assert conversation.delete()[1]["flex_outbound.Message"] == len(said)
    assert not Message.objects.using(world.alias).filter(pk__in=[one.pk for one in said]).exists()
