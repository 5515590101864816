"""The other contacts whose conversation it is too: what the timeline says of a number that several contacts have.

It stands beside ``timeline``.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import OuterRef

from flex_outbound.contacts import adapter_for, content_type_of, id_of
from flex_outbound.models import ConversationContact, Message
from flex_outbound.outbox.visible import names_of


def own_link(contact: Any) -> tuple[int, str]:
    """Return a contact as content type and id."""
    adapter = adapter_for(type(contact))
    return content_type_of(adapter).pk, id_of(adapter, contact)


def other_links(contact: Any) -> Any:
    """Return the links of a message's conversation with other contacts, for a subquery."""
    links = ConversationContact.objects.filter(conversation=OuterRef("conversation"))
    kind, pk = own_link(contact)
    return links.exclude(contact_type=kind, contact_id=pk)


def is_shared(row: Any) -> bool:
    """Tell whether an entry is a message of a conversation that is another contact's as well.

    Load it with ``other_links`` as ``is_shared``.
    """
    return isinstance(row, Message) and bool(vars(row).get("is_shared"))


def names(user: Any, contact: Any, page: Iterable[Any]) -> dict[Any, list[str]]:
    """Return, by conversation, the names of the other contacts whom the user may see, for the entries of a page.

    It costs one query where a conversation is shared, and one more for each kind of contact.
    """
    keys = {one.conversation_id for one in page if is_shared(one)}
    if not keys:
        return {}
    links = ConversationContact.objects.filter(conversation__in=keys).order_by("pk")
    own = own_link(contact)
    found = links.values_list("conversation", "contact_type", "contact_id")
    others = [one for one in found if one[1:] != own]
    shown = names_of(user, {(kind, pk) for _key, kind, pk in others})
    kin: dict[Any, list[str]] = {}
    for key, kind, pk in others:
        if (kind, pk) in shown:
            kin.setdefault(key, []).append(shown[kind, pk])
    return kin
