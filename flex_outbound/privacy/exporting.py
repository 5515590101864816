"""Everything that is kept of one contact, as JSON, written piece by piece. docs/privacy.md has its shape."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from django.db.models import Model, QuerySet
from django.utils import timezone

from flex_outbound.models import (
    ConsentEvent,
    ContactAddress,
    ConversationContact,
    DispatchAttempt,
    Draft,
    Interaction,
    Message,
)
from flex_outbound.privacy.people import Person, addresses_of, conversations, conversations_of, interactions_of

FORM: Final = "flex-outbound-contact/1"
"""The name of the shape; a later one that differs has another number."""

CHUNK: Final = 200

_INTERACTION: Final = (
    *("id", "channel", "contact_name", "address", "to", "cc", "bcc", "subject", "sender_address", "status"),
    *("error_reason", "error_code", "delivery_status", "task_status", "channel_status", "conversation_state"),
    *("initiated_by", "attributes", "media_channel_sid", "opens_on_answer"),
    *("interaction_sid", "channel_sid", "task_sid", "conversation_sid", "invite_sid", "named_task_sid"),
    *("outcome", "notes"),
    *("created_at", "updated_at", "sent_at", "opened_at", "finished_at"),
)
_ATTEMPT: Final = ("number", "outcome", "started_at", "finished_at", "http_status", "error_code", "error_detail")
_CONSENT: Final = (
    *("channel", "address", "sender_address", "state", "source", "reason", "message_sid", "happened_at"),
    *("created_at", "is_newest"),
)
_CONVERSATION: Final = (
    *("conversation_sid", "channel", "address", "customer_name", "sender_address", "state", "inbound"),
    *("last_at", "last_inbound_at", "created_at", "updated_at"),
)
_MESSAGE: Final = (
    *("id", "message_sid", "index", "party", "author", "body", "subject", "is_text_kept", "media", "content_sid"),
    *("content_variables", "status", "delivery_status", "receipts", "error_reason", "error_code"),
    *("said_at", "edited_at", "removed_at", "created_at"),
)


def export(person: Person) -> Iterator[str]:
    """Yield the JSON of a contact, in pieces of a few rows, so that memory does not grow with what there is."""
    keys = addresses_of(person)
    held = conversations_of(person, keys)
    shared = set(held.shared)
    head = {"format": FORM, "contact": person.label, "made_at": timezone.now(), "addresses": sorted(keys)}
    yield _json(head)[:-1]
    yield ', "index": '
    yield from _list(_of_address(one) for one in ContactAddress.objects.filter(**person.keys).order_by("pk"))
    yield ', "consents": '
    yield from _list(_of_consent(one) for one in _rows(_consents(keys)))
    yield ', "interactions": '
    yield from _list(_of_interaction(one) for one in _rows(_interactions(person, keys)))
    yield ', "drafts": '
    drafts = Draft.objects.filter(**person.keys).select_related("user").order_by("pk")
    yield from _list(_of_draft(one) for one in _rows(drafts))
    yield ', "conversations": ['
    for number, key in enumerate(held.all):
        yield ", " if number else ""
        yield from _conversation(key, is_shared=key in shared)
    yield "]}\n"


def _interactions(person: Person, keys: Iterable[str]) -> QuerySet[Interaction]:
    related = ("agent", "message", "task_update")
    found = interactions_of(person, keys).select_related(*related)
    return found.prefetch_related("attempts").order_by("created_at", "pk")


def _consents(keys: set[str]) -> QuerySet[ConsentEvent]:
    # Also of addresses that are another contact's as well: what was said about them is about this person, too.
    return ConsentEvent.objects.filter(address_key__in=sorted(keys)).select_related("user").order_by("pk")


def _of_consent(row: ConsentEvent) -> dict[str, Any]:
    return {**_fields(row, _CONSENT), "by": _name(row.user)}


def _conversation(key: Any, *, is_shared: bool) -> Iterator[str]:
    row = conversations([key]).select_related("agent").first()
    if row is None:  # deleted meanwhile
        yield "null"
        return
    links = [_of_link(one) for one in ConversationContact.objects.filter(conversation=key)] if not is_shared else []
    head = {**_fields(row, _CONVERSATION), "agent": _name(row.agent), "is_shared": is_shared, "links": links}
    yield _json(head)[:-1]
    yield ', "messages": '
    said = Message.objects.filter(conversation=key).select_related("agent").order_by("said_at", "index", "pk")
    yield from _list(_of_message(one) for one in _rows(said))
    yield "}"


def _of_interaction(row: Interaction) -> dict[str, Any]:
    attempts: list[DispatchAttempt] = list(row.attempts.all())
    first = row.first_message
    return {
        **_fields(row, _INTERACTION),
        "agent": _name(row.agent),
        "message": _of_message(first) if first is not None else None,
        "attempts": [_fields(one, _ATTEMPT) for one in attempts],
        "task_update": _of_update(row),
    }


def _of_update(row: Interaction) -> dict[str, Any] | None:
    update = getattr(row, "task_update", None)
    return _fields(update, ("attributes", "state", "asked_at", "ended_at")) if update is not None else None


def _of_message(row: Message) -> dict[str, Any]:
    return {**_fields(row, _MESSAGE), "agent": _name(row.agent)}


def _of_link(row: Any) -> dict[str, Any]:
    return {"linked_at": row.created_at, "by_a_person": row.linked_by_id is not None}


def _of_draft(row: Draft) -> dict[str, Any]:
    return {**_fields(row, ("place", "values", "updated_at")), "agent": _name(row.user)}


def _of_address(row: ContactAddress) -> dict[str, Any]:
    return {"address": row.address_key, "is_learned": row.is_learned}


def _name(user: Any) -> str | None:
    return user.get_username() if user is not None else None


def _fields(row: Model, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _rows(rows: QuerySet[Any]) -> Iterator[Any]:
    return rows.iterator(chunk_size=CHUNK)


def _list(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, one in enumerate(items):
        yield (", " if number else "") + _json(one)
    yield "]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
