"""One contact as commands and the admin name it, and everything of ours that is about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.contacts import adapter_by_type, content_type_of, read_id, stored_id
from flex_outbound.models import ConsentEvent, ContactAddress, Conversation, ConversationContact, Interaction, Message
from flex_outbound.models.conversation import ConversationQuerySet, key_of
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox.addressing import usable_addresses
from flex_outbound.statuses import FINAL, MessageStatus

UNSETTLED: Final = sorted({MessageStatus.WAITING, MessageStatus.SENDING, MessageStatus.UNCONFIRMED})


@dataclass(frozen=True, slots=True)
class Person:
    """A contact: the content type and the id that rows carry. ``label``: ``app_label.model:id``."""

    contact_type_id: int
    contact_id: str
    label: str

    @property
    def keys(self) -> dict[str, Any]:
        """What rows of this contact have, as keyword arguments for ``filter``."""
        return {"contact_type": self.contact_type_id, "contact_id": self.contact_id}

    def interactions(self) -> InteractionQuerySet:
        """Return the contact's interactions."""
        return Interaction.objects.filter(**self.keys)


@dataclass(frozen=True, slots=True)
class Held:
    """The conversations of a contact, by key. ``shared``: those that are another contact's as well.

    ``asked``: the interactions at its addresses that have no contact, also when these are erased.
    """

    own: tuple[Any, ...]
    shared: tuple[Any, ...]
    asked: tuple[Any, ...] = ()

    @property
    def all(self) -> tuple[Any, ...]:
        """Both."""
        return (*self.own, *self.shared)


def person_of(content_type: ContentType, contact_id: str) -> Person:
    """Return the contact with an id of a model, whether or not it still exists and its model is registered."""
    adapter = adapter_by_type(content_type.pk)
    if adapter is not None:
        content_type, contact_id = content_type_of(adapter), stored_id(adapter, contact_id)
    return Person(content_type.pk, contact_id, f"{content_type.app_label}.{content_type.model}:{contact_id}")


def find(text: str) -> Person:
    """Return the contact that ``app_label.model:id`` names. Raises LookupError, with words for who wrote it."""
    label, colon, contact_id = text.partition(":")
    app_label, dot, model = label.partition(".")
    if not (colon and contact_id and dot):
        raise LookupError(_("Write the contact as app_label.model:id, such as crm.contact:7."))
    try:
        content_type = ContentType.objects.get_by_natural_key(app_label, model.lower())
    except ContentType.DoesNotExist:
        raise LookupError(_("There is no model “%(label)s”.") % {"label": label}) from None
    return person_of(content_type, contact_id)


def addresses_of(person: Person) -> set[str]:
    """Return the keys of the addresses by which a contact is known: here, in the index and in its own record."""
    found = set(person.interactions().order_by().values_list("address_key", flat=True).distinct())
    found |= set(ContactAddress.objects.filter(**person.keys).values_list("address_key", flat=True))
    return (found | set(_in_record(person))) - {""}


def interactions_of(person: Person, keys: Iterable[str]) -> InteractionQuerySet:
    """Return a contact's interactions, and what forms asked for at its addresses with no contact.

    ``keys``: as ``addresses_of`` returns them. Of an address that is another contact's as well, nobody knows who asked.
    """
    others = ContactAddress.objects.filter(address_key=OuterRef("address_key")).exclude(**person.keys)
    of_nobody = Q(~Exists(others), contact_type=None, address_key__in=sorted(keys))
    return Interaction.objects.filter(Q(**person.keys) | of_nobody)


def _in_record(person: Person) -> Iterator[str]:
    adapter = adapter_by_type(person.contact_type_id)
    key = read_id(adapter, person.contact_id) if adapter is not None else None
    if adapter is None or key is None:
        return
    try:
        # Past the model's own managers, which may leave out what was deleted softly.
        contact = adapter.model._base_manager.filter(pk=key).first()
    except (ValueError, TypeError, OverflowError, ValidationError):
        return
    if contact is not None:
        for channel in Channel:
            yield from (addresses.key(one.value) for one in usable_addresses(adapter, contact, channel)[0])


def conversations_of(person: Person, keys: Iterable[str]) -> Held:
    """Return a contact's conversations: those linked with it, and those of its addresses that are nobody's.

    ``keys``: as ``addresses_of`` returns them.
    """
    links = ConversationContact.objects.filter(conversation=OuterRef("pk"))
    linked = set(ConversationContact.objects.filter(**person.keys).values_list("conversation", flat=True))
    named = interactions_of(person, keys).exclude(conversation_sid=None).values_list("conversation_sid", flat=True)
    of_nobody = Q(address_key__in=sorted(keys)) | Q(pk__in=[key_of(str(sid)) for sid in named])
    found = Conversation.objects.filter(of_nobody, ~Exists(links)).values_list("pk", flat=True)
    others = links.exclude(**person.keys)
    shared = set(Conversation.objects.filter(Exists(others), pk__in=linked).values_list("pk", flat=True))
    asked = interactions_of(person, keys).filter(contact_type=None).order_by("pk").values_list("pk", flat=True)
    return Held(tuple(sorted({*linked, *found} - shared)), tuple(sorted(shared)), tuple(asked))


def consents_of(person: Person, keys: Iterable[str]) -> QuerySet[ConsentEvent]:
    """Return what the ledger says of a contact's addresses, but of those that are another contact's as well."""
    others = ContactAddress.objects.filter(address_key=OuterRef("address_key")).exclude(**person.keys)
    return ConsentEvent.objects.filter(~Exists(others), address_key__in=sorted(keys))


def conversations(held: Iterable[Any]) -> ConversationQuerySet:
    """Return conversations by key."""
    return Conversation.objects.filter(pk__in=list(held))


def open_interactions(person: Person, keys: Iterable[str]) -> QuerySet[Interaction]:
    """Return the interactions of ``interactions_of`` that have not ended."""
    return interactions_of(person, keys).exclude(status__in=sorted(FINAL))


def unsent_messages(person: Person, held: Iterable[Any]) -> QuerySet[Message]:
    """Return messages to the contact that are still being sent, or may have been."""
    to_them = Q(conversation__in=list(held)) | Q(
        interaction__contact_type=person.contact_type_id, interaction__contact_id=person.contact_id
    )
    return Message.objects.filter(to_them, status__in=UNSETTLED)
