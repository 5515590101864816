"""The timeline that a page asks for again: what is news, and what costs next to nothing."""

import re
from typing import Any

import pytest
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Conversation, Interaction
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import talk
from tests.integration.pages.test_timeline import bubbles

pytestmark = pytest.mark.django_db


class TestLive:
    """What the script asks for."""

    @pytest.fixture
    def client(self, agent: Any) -> Client:
        """The agent's browser."""
        client = Client()
        client.force_login(agent)
        return client

    @pytest.fixture
    def url(self, contact: Any) -> str:
        """Where the entries of the contact are."""
        return f"/flex/timeline/crm_demo.contact/?id={contact.pk}"

    def test_nothing_new_is_an_empty_304_for_little(
        self, client: Client, url: str, conversation: Conversation, django_assert_num_queries: Any
    ) -> None:
        talk.say(conversation, "Hello")
        first = client.get(url)
        assert bubbles(first.content.decode()) == ["Hello"]
        assert "no-store" in first["Cache-Control"]
        # Session, user, the contact, permissions; then conversations and interactions.
        with django_assert_num_queries(6):
            same = client.get(url, headers={"If-None-Match": first["ETag"]})
        assert (same.status_code, same.content) == (304, b"")

    def test_any_change_of_a_conversation_is_news(self, client: Client, url: str, conversation: Conversation) -> None:
        other = talk.converse(conversation.account, Contact.objects.get(), conversation.agent)
        seen = {client.get(url)["ETag"]}
        for row, at in ((other, "2026-05-01T00:00Z"), (conversation, "2026-04-01T00:00Z")):
            # The second is older than the newest, as when its transaction began before and ended after.
            Conversation.objects.filter(pk=row.pk).update(updated_at=at)
            seen.add(client.get(url)["ETag"])
        assert len(seen) == 3

    def test_a_change_of_an_interaction_is_news(
        self, client: Client, url: str, agent: Any, worker: Any, senders: Any, contact: Any
    ) -> None:
        before = client.get(url)["ETag"]
        row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
        after = client.get(url)["ETag"]
        Interaction.objects.filter(pk=row.pk).update(version=5)
        assert len({before, after, client.get(url)["ETag"]}) == 3

    def test_older_entries_are_markup_of_their_own(self, client: Client, url: str, conversation: Conversation) -> None:
        talk.many(conversation, 35)
        [cursor] = re.findall(r'data-older="([^"]+)"', client.get(url).content.decode())
        older = client.get(url, {"before": cursor, "id": url.split("=")[1]})
        assert bubbles(older.content.decode()) == [f"Number {number}." for number in range(5)]
        assert client.get(url, {"before": cursor + "x", "id": url.split("=")[1]}).status_code == 404

    def test_others_get_nothing(self, client: Client, url: str, conversation: Conversation) -> None:
        talk.say(conversation)
        assert client.get("/flex/timeline/crm_demo.contact/?id=999").status_code == 404
        assert client.get("/flex/timeline/auth.user/?id=1").status_code == 404
        assert Client().get(url).status_code == 302
        assert client.post(url).status_code == 405
