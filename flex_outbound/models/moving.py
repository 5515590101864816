"""The rows of one contact, given to another."""

from collections.abc import Callable
from typing import Any, Final

from django.db import connections, router, transaction
from django.db.models import Exists, F, Model, OuterRef
from django.db.models.functions import Now

from flex_outbound.models.conversation import ContactAddress, ConversationContact
from flex_outbound.models.draft import Draft
from flex_outbound.models.in_the_way import IN_THE_WAY
from flex_outbound.models.interaction import Interaction

_observers: Final[list[Callable[[Model], object]]] = []


def after_move(tell: Callable[[Model], object]) -> None:
    """Call ``tell`` with each contact that was given another's history; it must not raise."""
    if tell not in _observers:
        _observers.append(tell)


def tell_moved(contact: Model) -> None:
    """Tell the observers of a contact that was given another's history."""
    for tell in _observers:
        tell(contact)


def move_rows(source: dict[str, Any], target: dict[str, Any]) -> int:
    """Give everything that is kept of one contact to another, and return how many interactions were moved.

    ``source``, ``target``: their columns ``contact_type`` and ``contact_id``. What is open to the same address as
    something of ``target`` stays. Raises IntegrityError where a click came in between.
    """
    twin = Interaction.objects.filter(
        IN_THE_WAY, **target, channel=OuterRef("channel"), address_key=OuterRef("address_key")
    ).order_by()
    with transaction.atomic(using=router.db_for_write(Interaction)):
        rows = Interaction.objects.filter(**source)
        stuck = rows.filter(IN_THE_WAY).filter(Exists(twin)).values_list("pk", flat=True)
        free = rows.exclude(pk__in=list(stuck))
        moved = free.update(**target, version=F("version") + 1, updated_at=Now())
        # In this order: who links a conversation by an address holds the address's row, and waits here for its end.
        _move_addresses(source, target)
        _move_links(source, target)
        _move_drafts(source, target)
        return moved


def _move_addresses(source: dict[str, Any], target: dict[str, Any]) -> None:
    rows = ContactAddress.objects.using(router.db_for_write(ContactAddress)).filter(**source).order_by("pk")
    if connections[rows.db].features.has_select_for_update:
        rows = rows.select_for_update()
    moving = dict(rows.values_list("address_key", "pk"))
    there = ContactAddress.objects.filter(**target, address_key__in=list(moving)).values_list("address_key", flat=True)
    ContactAddress.objects.filter(pk__in=[moving.pop(key) for key in there]).delete()
    ContactAddress.objects.filter(pk__in=list(moving.values())).update(**target)


def _move_links(source: dict[str, Any], target: dict[str, Any]) -> None:
    links = ConversationContact.objects.filter(**source)
    twins = ConversationContact.objects.filter(**target, conversation__in=links.values("conversation"))
    links.filter(conversation__in=list(twins.values_list("conversation", flat=True))).delete()
    links.update(**target)


def _move_drafts(source: dict[str, Any], target: dict[str, Any]) -> None:
    there = Draft.objects.filter(**target, user=OuterRef("user"), place=OuterRef("place")).order_by()
    free = Draft.objects.filter(**source).exclude(Exists(there)).values_list("pk", flat=True)
    Draft.objects.filter(pk__in=list(free)).update(**target)
