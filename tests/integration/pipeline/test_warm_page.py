"""A contact's page with everything live, looked at twice: the second look asks Twilio nothing."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from crm_demo.models import Contact
from flex_outbound.models import Conversation, OpenSearch
from flex_outbound.outbox import presence
from flex_outbound.outbox.conversations import searching

from .agents import grow_old
from .conftest import Sandbox, Write, run_due
from .pages import CHANNELS, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nobody_looked", "indexed")]

LATE = {
    "the open conversations": r'<flex-open[^>]* data-url="([^"]+)"',
    "the timeline": r' data-live-url="([^"]+)"',
    "the form for answers": r' data-form-url="([^"]+)"',
    "whether the agent is there": r'data-ready\s+data-url="([^"]+)"',
}
"""What the script of a page asks for once it is shown, and where the page says it."""


def look(user: User, contact: Contact) -> str:
    """Look at a contact's page as a browser does, and have done what is due then; returns the markup."""
    client = signed_in(user)
    page = client.get(contact.get_absolute_url()).content.decode()
    late = [re.search(pattern, page) for pattern in LATE.values()]
    urls = [unescape(found[1]) for found in late if found is not None]
    assert len(urls) == len(LATE), late
    for url in [*urls, CHANNELS.format(contact.pk)]:
        assert client.get(url).status_code == 200
    run_due()
    return page


def asked(sandbox: Sandbox) -> list[str]:
    """Return everything that Twilio was asked."""
    found = sandbox.http.get("requests", params={"last": 1000}).json()["requests"]
    return [f"{one['method']} {one['path']}" for one in found]


@pytest.fixture
def warm(agent: User, contact: Contact, conversation: Conversation, write: Write) -> None:
    """The agent is in a conversation, something was said, and they have looked at the page until all was known."""
    write("Hello again")
    run_due()
    for _ in range(3):
        look(agent, contact)


def test_a_warm_page_with_everything_live_asks_twilio_nothing(
    warm: None, agent: User, contact: Contact, sandbox: Sandbox
) -> None:
    before = asked(sandbox)
    assert any("/Workers/" in one for one in before)
    assert any("/ParticipantConversations" in one for one in before)
    page = look(agent, contact)
    assert "Hello again" in page
    assert 'data-whose="mine"' in page
    assert asked(sandbox) == before


@pytest.mark.parametrize(
    ("path", "kept_for"), [("/Workers/", presence.PAUSE), ("/ParticipantConversations", searching.AGAIN)]
)
def test_an_answer_is_asked_for_again_once_it_is_old(
    warm: None, agent: User, contact: Contact, sandbox: Sandbox, path: str, kept_for: float
) -> None:
    before = asked(sandbox)
    for seconds, is_asked in ((kept_for - 5, False), (6, True)):
        grow_old(seconds)
        OpenSearch.objects.update(asked_at=F("asked_at") - timedelta(seconds=seconds))
        look(agent, contact)
        assert any(path in one for one in asked(sandbox)[len(before) :]) == is_asked
