"""What is unread: counted for each user, moved on by what was seen, and never back."""

import threading
import uuid

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from flex_outbound import inbox
from flex_outbound.models import Conversation, Message, ReadMark
from flex_outbound.outbox import answers
from flex_outbound.outbox.conversations.marks import Unread, mark_read, unread_counts
from tests.integration.inbox.conftest import MakeConversation, write


def test_what_a_customer_writes_is_unread_until_it_is_seen(agent: User, make: MakeConversation) -> None:
    first, second = make(said=("Hello?", "Are you there?")), make(said=("Good morning",))
    make(state="closed", said=("Thanks",))
    assert unread_counts(agent) == Unread(3, 2)
    assert mark_read(agent, first) == 0
    assert unread_counts(agent) == Unread(1, 1)
    write(first, "One more thing")
    assert unread_counts(agent) == Unread(2, 2)
    mark_read(agent, second)
    mark_read(agent, first)
    assert unread_counts(agent) == Unread(0, 0)


def test_a_page_says_how_much_it_showed_and_a_mark_never_goes_back(agent: User, make: MakeConversation) -> None:
    conversation = make(said=("one", "two", "three", "four"))
    assert mark_read(agent, conversation, 3) == 1
    assert mark_read(agent, conversation, 1) == 1
    assert mark_read(agent, conversation, -5) == 1
    assert ReadMark.objects.get().inbound == 3
    # No page has seen what was not written yet.
    assert mark_read(agent, conversation, 99) == 0
    assert ReadMark.objects.get().inbound == 4


def test_what_one_user_reads_stays_unread_for_another(agent: User, other_agent: User, make: MakeConversation) -> None:
    conversation = make(said=("Hello?",))
    mark_read(other_agent, conversation)
    assert unread_counts(agent) == Unread(1, 1)
    # It is not theirs.
    assert unread_counts(other_agent) == Unread(0, 0)
    assert unread_counts(AnonymousUser()) == Unread(0, 0)


def test_what_is_unread_is_one_query(
    agent: User, make: MakeConversation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(5):
        make(said=("Hello?",))
    with django_assert_num_queries(1):
        assert unread_counts(agent).messages == 5


def test_a_mark_that_is_there_is_only_read(
    agent: User, make: MakeConversation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    conversation = make(said=("Hello?",))
    mark_read(agent, conversation)
    with django_assert_num_queries(1):
        mark_read(agent, conversation)


@pytest.mark.django_db(transaction=True)
def test_of_two_pages_that_mark_at_once_the_further_one_counts(agent: User, make: MakeConversation) -> None:
    conversation = make(said=tuple("abcdefgh"))

    def run(seen: int) -> None:
        mark_read(agent, conversation, seen)
        connections.close_all()

    threads = [threading.Thread(target=run, args=(seen,)) for seen in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ReadMark.objects.get().inbound == 8


def test_a_user_without_a_row_has_no_conversation(make: MakeConversation) -> None:
    """Those without an agent are somebody's whose account was deleted."""
    conversation = make()
    Conversation.objects.update(agent=None)
    nobody = User(username="of another directory")
    sid = conversation.conversation_sid
    assert nobody.is_authenticated
    assert inbox.read(nobody, sid, 0) is None
    assert answers.own_conversation(nobody, sid) is None
    message = Message.objects.create(
        account=conversation.account, conversation=conversation, body="x", key=uuid.uuid4(), agent=None
    )
    assert answers.own_message(nobody, message.pk) is None
