"""Which interactions a user may see."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q

from flex_outbound import roles
from flex_outbound.contacts import ContactAdapter, adapter_by_type, id_of, read_id
from flex_outbound.models import Conversation, ConversationContact, Interaction
from flex_outbound.models.conversation import ConversationQuerySet
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.models.ownership import is_own


def visible_to(user: Any) -> InteractionQuerySet:
    """Return the user's own interactions, and what their program asked for; all with ``view_interaction``.

    Ask ``shown_to`` about those that are read from it: contacts may live in another database, under keys of any type,
    so that no condition in SQL can say which of them the user may see.
    """
    if not user.is_authenticated:
        return Interaction.objects.none()
    if user.has_perm("flex_outbound.view_interaction"):
        return Interaction.objects.all()
    if user.pk is None:
        return Interaction.objects.none()
    # Of everybody else nothing was asked for, and one condition leads to one index.
    may_ask = user.has_perm(roles.START_PERMISSION)
    return Interaction.objects.filter(Q(agent=user) | Q(requested_by=user) if may_ask else Q(agent=user))


def shown_to(user: Any, interactions: Iterable[Interaction]) -> list[Interaction]:
    """Return those of ``interactions`` whose contact the user may see, the user's own, and what they asked for.

    What they asked for, with a contact that they may not see, is noted as ``is_contact_hidden``. It takes two queries
    for each kind of contact whose adapter narrows ``get_queryset``, however many interactions there are; none for the
    user's own, for superusers, and for adapters that show every contact. Where the contact is gone, or its model has no
    adapter, nobody hides the interaction.
    """
    found = list(interactions)
    hidden = hidden_from(
        user, [(one.contact_type_id, one.contact_id) for one in found if not is_own(one.agent_id, user)]
    )
    shown = []
    for one in found:
        is_hidden = not is_own(one.agent_id, user) and (one.contact_type_id, one.contact_id) in hidden
        if is_hidden and is_own(one.requested_by_id, user):
            one.is_contact_hidden = True
        if not is_hidden or one.is_contact_hidden:
            shown.append(one)
    return shown


def conversations_of(user: Any) -> ConversationQuerySet:
    """Return the user's own conversations; all with the permission ``flex_outbound.view_interaction``.

    Ask ``shown_conversations`` about those that are read from it.
    """
    if not user.is_authenticated:
        return Conversation.objects.none()
    if user.has_perm("flex_outbound.view_interaction"):
        return Conversation.objects.ours()
    return Conversation.objects.none() if user.pk is None else Conversation.objects.ours().filter(agent=user)


def shown_conversations(user: Any, conversations: Iterable[Conversation]) -> list[Conversation]:
    """Return the user's own of ``conversations``, and those that have no contact, or one that the user may see.

    It takes one query, and two more for each kind of contact whose adapter narrows ``get_queryset``.
    """
    found = list(conversations)
    others = [one.pk for one in found if not is_own(one.agent_id, user)]
    if not others:
        return found
    contacts: dict[Any, list[tuple[int, str]]] = {}
    links = ConversationContact.objects.filter(conversation__in=others)
    for key, kind, contact_id in links.values_list("conversation", "contact_type", "contact_id"):
        contacts.setdefault(key, []).append((kind, contact_id))
    hidden = hidden_from(user, [one for linked in contacts.values() for one in linked])
    return [one for one in found if one.pk not in contacts or not set(contacts[one.pk]) <= hidden]


def hidden_from(user: Any, contacts: Iterable[tuple[int | None, str]]) -> set[tuple[int | None, str]]:
    """Return those of ``contacts`` (content type, id) that exist and that their adapter does not show to this user.

    No contact, whose content type is None, is hidden from nobody.
    """
    if getattr(user, "is_superuser", False):
        return set()
    by_type: dict[int | None, set[str]] = {}
    for contact_type, contact_id in contacts:
        by_type.setdefault(contact_type, set()).add(contact_id)
    hidden: set[tuple[int | None, str]] = set()
    for contact_type, ids in by_type.items():
        adapter = _narrowing_adapter(contact_type)
        if adapter is not None:
            hidden |= {(contact_type, one) for one in _hidden(adapter, user, ids)}
    return hidden


def _narrowing_adapter(contact_type: int | None) -> ContactAdapter | None:
    adapter = adapter_by_type(contact_type)
    if adapter is None or type(adapter).get_queryset is ContactAdapter.get_queryset:
        return None
    return adapter


def _hidden(adapter: ContactAdapter, user: Any, ids: set[str]) -> set[str]:
    """Return the ids of contacts that exist and are not shown."""
    keys = _keys(adapter.model, ids)
    shown = set(adapter.get_queryset(user).filter(pk__in=list(keys)).values_list("pk", flat=True))
    unseen = [key for key in keys if key not in shown]
    # Past the model's own managers, which may leave out what was deleted softly.
    existing = adapter.model._base_manager.filter(pk__in=unseen).values_list("pk", flat=True) if unseen else ()
    return {keys[key] for key in existing}


def _keys(model: type[Model], ids: Iterable[str]) -> dict[Any, str]:
    """Return the ids by primary key. One that does not fit the key's type belongs to no contact."""
    keys = {}
    for one in ids:
        try:
            keys[model._meta.pk.to_python(one)] = one
        except (ValueError, TypeError, OverflowError, ValidationError):
            continue
    return keys


def names_of(user: Any, contacts: Iterable[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """Return the names of those of ``contacts`` (content type, id) that a user may see, in one query for each kind."""
    by_type: dict[int, set[str]] = {}
    for kind, pk in contacts:
        by_type.setdefault(kind, set()).add(pk)
    names = {}
    for kind, ids in by_type.items():
        adapter = adapter_by_type(kind)
        keys = [] if adapter is None else [key for key in (read_id(adapter, one) for one in ids) if key]
        if adapter is None or not keys:
            continue
        for one in adapter.get_queryset(user).filter(pk__in=keys):
            names[kind, id_of(adapter, one)] = adapter.get_name(one)
    return names
