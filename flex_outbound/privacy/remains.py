"""What Twilio still holds of a contact, and how it is deleted there. Nothing is ever deleted at Twilio from here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Q

from flex_outbound.models import Account, Interaction
from flex_outbound.privacy.people import Held, Person, conversations

CONVERSATION = "https://conversations.twilio.com/v1/Conversations/{sid}"
TASK = "https://taskrouter.twilio.com/v1/Workspaces/{workspace}/Tasks/{sid}"
MEDIA = "https://mcs.us1.twilio.com/v1/Services/{service}/Media/{sid}"


@dataclass(frozen=True, slots=True)
class Remain:
    """One thing at Twilio. ``url``: what a DELETE takes, "" where Twilio has none. ``is_open``: an answer may come."""

    kind: str
    sid: str
    account_sid: str
    url: str
    is_open: bool = False


def remains_of(person: Person, held: Held) -> Iterator[Remain]:
    """Yield what Twilio holds of a contact, as far as we know of it: conversations, files, tasks, interactions."""
    rows = conversations(held.all).select_related("account").order_by("created_at", "pk")
    known = set()
    for row in rows.iterator(chunk_size=500):
        sid = row.conversation_sid
        known.add(sid)
        yield Remain("conversation", sid, row.account.account_sid, CONVERSATION.format(sid=sid), row.is_open)
        for media in row.messages.filter(has_media=True).order_by("pk").values_list("media", flat=True).iterator():
            for one in media:
                url = MEDIA.format(service=row.chat_service_sid or "{IS…}", sid=one["sid"])
                yield Remain("file", one["sid"], row.account.account_sid, url)
    theirs = Interaction.objects.filter(Q(**person.keys) | Q(pk__in=held.asked))
    clicks = theirs.select_related("account").order_by("created_at", "pk")
    yield from _of_interactions(clicks.iterator(chunk_size=500), known)


def _of_interactions(rows: Iterable[Interaction], known: set[str]) -> Iterator[Remain]:
    for row in rows:
        account: Account = row.account
        if row.conversation_sid and row.conversation_sid not in known:
            known.add(row.conversation_sid)
            url = CONVERSATION.format(sid=row.conversation_sid)
            yield Remain("conversation", row.conversation_sid, account.account_sid, url, row.is_left_open)
        if row.task_sid:
            url = TASK.format(workspace=account.workspace_sid or "{WS…}", sid=row.task_sid)
            yield Remain("task", row.task_sid, account.account_sid, url)
        if row.interaction_sid:
            yield Remain("interaction", row.interaction_sid, account.account_sid, "")
