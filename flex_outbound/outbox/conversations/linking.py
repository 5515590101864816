"""Whose a conversation is, as people say it: customers unknown to the CRM, links and their removal."""

from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import Any, Final

from django.db import models
from django.db.models.functions import Now

from flex_outbound import addresses, channels
from flex_outbound.channels import AddressError, Channel
from flex_outbound.conf import conf
from flex_outbound.contacts import (
    ContactAdapter,
    adapter_by_type,
    content_type_of,
    find_contact,
    id_of,
    read_id,
    registered,
)
from flex_outbound.models import ContactAddress, Conversation, ConversationContact
from flex_outbound.models.conversation import ConversationQuerySet, key_of
from flex_outbound.outbox import contact_index, locks
from flex_outbound.outbox.conversations import opening
from flex_outbound.outbox.visible import conversations_of, hidden_from, shown_conversations
from flex_outbound.roles import LINK_PERMISSION

EXPECTED_FOR: Final = timedelta(hours=1)
"""How long somebody may take to create a contact for a conversation."""

MOST_FOUND: Final = 20
"""Contacts of one kind that a search shows."""

PAGE: Final = 200


def may_link(user: Any) -> bool:
    """Tell whether a user may see the conversations that are nobody's, and say whose they are."""
    return bool(user.is_authenticated and user.has_perm(LINK_PERMISSION))


def unmatched_for(user: Any) -> ConversationQuerySet:
    """Return the conversations that are nobody's, the newest first; none for who may not link them."""
    if not may_link(user):
        return Conversation.objects.none()
    # Where nothing was said there is nothing to tell whose it is.
    found: ConversationQuerySet = Conversation.objects.unmatched().filter(last_at__isnull=False)
    found = found.with_shown_text(conf.message_text)
    return found.select_related("sender").order_by("-last_at", "-id")


def find(user: Any, conversation_sid: str) -> Conversation | None:
    """Return a conversation that this user may link, with its sender.

    It is nobody's, or the user sees it anyway, or the user has linked it: then a mistake can be taken back.
    """
    if not may_link(user):
        return None
    ours = Conversation.objects.ours().with_shown_text(conf.message_text)
    wanted = ours.select_related("sender").filter(pk=key_of(conversation_sid))
    own = Conversation.objects.filter(contacts__linked_by=user)
    for allowed in (Conversation.objects.unmatched(), conversations_of(user), own):
        found = shown_conversations(user, wanted.filter(pk__in=allowed.values("pk")))
        if found:
            return found[0]
    return None


def contacts_of(conversation: Conversation, user: Any) -> Iterator[tuple[ContactAdapter, Any]]:
    """Yield the contacts of a conversation that are there and that this user may see, with their adapters."""
    links = ConversationContact.objects.filter(conversation=conversation).order_by("pk")
    for kind, contact_id in links.values_list("contact_type", "contact_id")[: opening.MOST_CONTACTS]:
        adapter = adapter_by_type(kind)
        contact = find_contact(adapter, user, contact_id) if adapter is not None else None
        if adapter is not None and contact is not None:
            yield adapter, contact


def names_of(conversations: Iterable[Conversation], user: Any) -> dict[Any, list[tuple[str, str | None]]]:
    """Return name and page of the contacts that this user may see, by the conversations' keys.

    One query for all of them, and one more for each kind of contact.
    """
    keys = [one.pk for one in conversations]
    links = ConversationContact.objects.filter(conversation__in=keys).order_by("pk")
    found: dict[Any, list[tuple[str, str | None]]] = {}
    wanted: dict[int, dict[str, list[Any]]] = {}
    for key, kind, contact_id in links.values_list("conversation", "contact_type", "contact_id"):
        wanted.setdefault(kind, {}).setdefault(contact_id, []).append(key)
    for kind, by_id in wanted.items():
        adapter = adapter_by_type(kind)
        if adapter is None:
            continue
        ids = [key for key in (read_id(adapter, one) for one in by_id) if key is not None]
        for contact in adapter.get_queryset(user).filter(pk__in=ids):
            for key in by_id.get(id_of(adapter, contact), ()):
                found.setdefault(key, []).append((adapter.get_name(contact), adapter.get_url(contact)))
    return found


def other_contacts(conversation: Conversation, contact: models.Model, user: Any) -> list[tuple[ContactAdapter, Any]]:
    """Return the other contacts of a conversation that this user may see: a number may be of several people.

    A page about one of them says so. Pass a conversation whose ``contacts`` are prefetched where there are many: then
    nothing is asked for those that have only one.
    """
    links = list(conversation.contacts.all())
    if len(links) < 2:
        return []
    return [
        (adapter, other)
        for adapter, other in contacts_of(conversation, user)
        if (type(other), other.pk) != (type(contact), contact.pk)
    ]


def link(conversation: Conversation, adapter: ContactAdapter, contact: Any, user: Any) -> bool:
    """Say that a conversation is a contact's. ``user``: who says so. Returns False where it was known.

    An id that WhatsApp shows in place of the number is kept as the contact's, because its record cannot hold it.
    """
    with locks.bounded_transaction(read_first=True):
        _made, is_new = ConversationContact.objects.get_or_create(
            conversation=conversation,
            contact_type=content_type_of(adapter),
            contact_id=id_of(adapter, contact),
            defaults={"linked_by": user},
        )
        Conversation.objects.filter(pk=conversation.pk).update(
            is_unmatched=False, expected_by=None, expected_at=None, updated_at=Now()
        )
        opening.learn(conversation, [conversation.address])
        opening.name_contact(conversation)
    return is_new


def unlink(conversation: Conversation, adapter: ContactAdapter, contact: Any) -> bool:
    """Say that a conversation is not a contact's after all. Returns False where it was not.

    What was learned from it of this contact is forgotten. Without any contact it is nobody's again.
    """
    kind, contact_id = content_type_of(adapter), id_of(adapter, contact)
    with locks.bounded_transaction(read_first=True):
        links = ConversationContact.objects.filter(conversation=conversation)
        number, _by_model = links.filter(contact_type=kind, contact_id=contact_id).delete()
        learned = ContactAddress.objects.filter(contact_type=kind, contact_id=contact_id, is_learned=True)
        learned.filter(address_key=contact_index.key_of(conversation.address)).delete()
        opening.unname_contact(conversation, kind, contact_id)
        is_unmatched = not links.exists()
        Conversation.objects.filter(pk=conversation.pk).update(is_unmatched=is_unmatched, updated_at=Now())
    return bool(number)


def expect(conversation: Conversation, user: Any) -> None:
    """Note that a user begins to create the customer's contact: whichever gets the address soon is linked."""
    Conversation.objects.filter(pk=conversation.pk).update(expected_by=user, expected_at=Now())


def link_expected(adapter: ContactAdapter, ids: Collection[str]) -> int:
    """Link conversations whose contact somebody began to create with those of ``ids`` that have the address now."""
    expected = Conversation.objects.unmatched().filter(expected_at__gt=Now() - EXPECTED_FOR)
    count = 0
    for conversation in expected.select_related("expected_by")[:PAGE]:
        entries = contact_index.contacts_with(conversation.address).filter(contact_type=content_type_of(adapter))
        for contact_id in sorted(set(entries.values_list("contact_id", flat=True)) & set(ids)):
            contact = adapter.model._default_manager.filter(pk=read_id(adapter, contact_id)).first()
            if contact is not None:
                count += link(conversation, adapter, contact, conversation.expected_by)
    return count


def link_known(days: float) -> int:
    """Link conversations of the last ``days`` that are nobody's with contacts whose address is in the index by now.

    Returns how many were linked.
    """
    unmatched = Conversation.objects.unmatched().filter(last_at__gt=Now() - timedelta(days=days))
    count, after = 0, None
    while found := list(unmatched.filter(**({"pk__gt": after} if after else {})).order_by("pk")[:PAGE]):
        after = found[-1].pk
        for conversation in found:
            with locks.bounded_transaction(read_first=True):
                if opening.link_by_address(conversation, [conversation.address]):
                    Conversation.objects.filter(pk=conversation.pk).update(is_unmatched=False, updated_at=Now())
                    opening.learn(conversation, [conversation.address])
                    count += 1
    return count


def search(user: Any, text: str) -> list[tuple[ContactAdapter, Any]]:
    """Return contacts of each kind that the user may see and that ``text`` means.

    ``text``: a number in any format, an email address, the contact's id, or a name.
    """
    text = text.replace("\0", "").strip()
    if not text:
        return []
    return [(adapter, contact) for adapter in _adapters() for contact in _search_one(adapter, user, text)]


def _search_one(adapter: ContactAdapter, user: Any, text: str) -> list[Any]:
    found: dict[Any, Any] = {}
    keys = _keys_in(text)
    if keys:
        entries = ContactAddress.objects.filter(contact_type=content_type_of(adapter), address_key__in=keys)
        ids = [
            read_id(adapter, one) for one in entries.order_by("pk").values_list("contact_id", flat=True)[:MOST_FOUND]
        ]
        found |= {one.pk: one for one in adapter.get_queryset(user).filter(pk__in=ids)}
    contact = find_contact(adapter, user, text)
    found |= {contact.pk: contact} if contact is not None else {}
    if not found:
        found |= {one.pk: one for one in adapter.search(user, text)[:MOST_FOUND]}
    return list(found.values())


def _keys_in(text: str) -> list[str]:
    """Return the keys of the address that a text is, [] where it is none."""
    keys = [contact_index.key_of(text)] if addresses.has_prefix(text) else []
    for channel in (Channel.WHATSAPP, Channel.EMAIL, Channel.CHAT):
        try:
            keys.append(contact_index.key_of(channels.normalize(channel, text, conf.default_region)))
        except AddressError:
            continue
    return keys


def suggestions(conversation: Conversation, user: Any) -> list[tuple[ContactAdapter, Any]]:
    """Return contacts that the user may see and that have the customer's address by now."""
    entries = contact_index.contacts_with(conversation.address)
    pairs = list(entries.values_list("contact_type", "contact_id")[:MOST_FOUND])
    hidden = hidden_from(user, pairs)
    found = []
    for kind, contact_id in pairs:
        adapter = adapter_by_type(kind) if (kind, contact_id) not in hidden else None
        contact = find_contact(adapter, user, contact_id) if adapter is not None else None
        if adapter is not None and contact is not None:
            found.append((adapter, contact))
    return found


def creators(conversation: Conversation) -> list[tuple[ContactAdapter, str]]:
    """Return the adapters that have a form for a new contact, and its address, filled in with the customer's."""
    if not conversation.channel:
        return []
    channel = Channel(conversation.channel)
    given = (addresses.plain(conversation.address), channel, conversation.customer_name)
    found = [(adapter, adapter.get_create_url(*given)) for adapter in _adapters()]
    return [(adapter, url) for adapter, url in found if url]


def is_opaque(conversation: Conversation) -> bool:
    """Tell whether a customer is known by an id of WhatsApp alone, which no contact's record holds."""
    return conversation.channel in ("", Channel.WHATSAPP) and opening.is_opaque(conversation.address)


def _adapters() -> list[ContactAdapter]:
    """Return one adapter for each table of contacts."""
    by_table = {adapter.model._meta.concrete_model: adapter for adapter in registered().values()}
    return list(by_table.values())
