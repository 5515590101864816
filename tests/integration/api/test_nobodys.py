"""What has no agent any more is not that of a user who has no row: an anonymous one, or one of a stateless token."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User

from crm_demo.models import Contact
from flex_outbound import bubbles, contexts, current, replies
from flex_outbound.models import Conversation, Message, SavedReply
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import outcomes, visible
from flex_outbound.outbox.conversations import handing
from flex_outbound.phases import OFFERED_TO_ANOTHER
from flex_outbound.statuses import Status
from tests.integration.api.conftest import MakeRow

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["anonymous", "unsaved"])
def nobody(request: pytest.FixtureRequest) -> Any:
    """A user without a row; Django's backend asks for no permissions of one that is not active."""
    return AnonymousUser() if request.param == "anonymous" else User(username="unsaved", is_active=False)


def test_a_row_is_its_users(nobody: Any) -> None:
    assert is_own(7, User(pk=7))
    for key, user in ((7, User(pk=8)), (7, nobody), (None, nobody), (None, None), (7, None)):
        assert not is_own(key, user)


def test_nothing_of_an_interaction_is_theirs(nobody: Any, make_row: MakeRow) -> None:
    row = make_row(Status.ACTIVE, agent=None, task_status="pending")
    assert not current.may_decide(nobody, row)
    assert current.current_context(row, nobody)["agent"] == "somebody else"
    assert contexts.label_of_phase(row, nobody) == OFFERED_TO_ANOTHER
    assert contexts.find_own(nobody, row.pk) is None
    assert not outcomes._is_theirs(nobody, row)
    assert not bubbles._is_by(Message(party="agent", interaction=row), nobody)
    assert not visible.visible_to(nobody).exists()


def test_a_hidden_contact_stays_hidden(nobody: Any, make_row: MakeRow, contact: Contact) -> None:
    row = make_row(Status.ACTIVE, agent=None)
    Contact.objects.filter(pk=contact.pk).update(restricted=True)
    assert visible.shown_to(nobody, [row]) == []


def test_nothing_of_a_conversation_is_theirs(nobody: Any, make_row: MakeRow) -> None:
    row = make_row(Status.ACTIVE, agent=None)
    conversation = Conversation.objects.create(pk=row.pk, account=row.account, channel="sms", address="+14155550999")
    assert not handing.may_see(nobody, conversation)
    assert not visible.conversations_of(nobody).exists()


def test_a_shared_reply_is_nobodys_own(nobody: Any) -> None:
    assert replies.describe(SavedReply(title="Shared"), nobody, {})["is_own"] is False
