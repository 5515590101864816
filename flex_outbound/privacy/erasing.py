"""Erasing one contact: texts, addresses, names and files' names everywhere of ours, in batches.

Rows stay, with their SIDs, states, times, agents and the contact's id: so figures stay right, and what is still at
Twilio can be told. Each batch is one transaction. An erasure that was interrupted is done by beginning again: what is
erased already is passed over.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db.models import F, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce, Now

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import (
    Attachment,
    Closing,
    ConsentEvent,
    ConsentState,
    ContactAddress,
    Conversation,
    DispatchAttempt,
    Draft,
    Interaction,
    Message,
    OpenSearch,
    TaskUpdate,
    WebhookEvent,
)
from flex_outbound.models.digests import digest_of
from flex_outbound.outbox import locks
from flex_outbound.outbox.conversations import keeping
from flex_outbound.privacy.people import (
    UNSETTLED,
    Held,
    Person,
    addresses_of,
    consents_of,
    conversations_of,
    interactions_of,
    open_interactions,
    unsent_messages,
)
from flex_outbound.statuses import FINAL
from flex_outbound.twilio_statuses import Party

BATCH: Final = 200
"""Interactions, or messages, of one transaction."""

COPIES: Final = ("to", "cc", "bcc")

_TEXTS: Final = ("contact_name", "address", "address_key", "subject", "fingerprint", "notes")
"""The columns of an interaction that are emptied. The outcome stays: it is a word of the project, for its figures."""
ERASED: Final = Q(address="", fingerprint="")
"""Interactions that are erased: a request in a conversation that exists may have no address."""

_RETRY: Final = re.compile(r"retry-[0-9a-f]{32}")
"""An idempotency key of our own: it names an interaction, and no customer."""


class StillOpen(FlexOutboundError):
    """Something of the contact has not ended: it is still being sent or followed.

    ``interactions``, ``messages``: their primary keys, the first ones of many.
    """

    def __init__(self, interactions: Sequence[Any], messages: Sequence[Any]) -> None:
        super().__init__("Something of this contact has not ended.")
        self.interactions = interactions
        self.messages = messages


@dataclass(slots=True)
class Erased:
    """How much was erased, or would be. ``held``: the conversations; ``copies``: emails to others with this contact.

    ``with_shared``: whether conversations with another contact were erased as well.
    """

    held: Held
    with_shared: bool = False
    interactions: int = 0
    messages: int = 0
    copies: int = 0
    addresses: int = 0
    consents: int = 0
    drafts: int = 0
    left: list[Any] = field(default_factory=list)


def preview(person: Person, *, shared: bool = False) -> Erased:
    """Return what ``erase`` would erase. Raises StillOpen as it does."""
    keys = addresses_of(person)
    held = conversations_of(person, keys)
    _refuse_open(person, held, keys)
    theirs = interactions_of(person, keys)
    chosen = held.all if shared else held.own
    messages = Message.objects.filter(Q(conversation__in=chosen) | Q(interaction__in=theirs.order_by()))
    return Erased(
        held,
        shared,
        interactions=theirs.exclude(ERASED).count(),
        messages=messages.count(),
        copies=sum(1 for _row in _copies(keys, person)),
        addresses=ContactAddress.objects.filter(**person.keys).count(),
        consents=consents_of(person, keys).count(),
        drafts=Draft.objects.filter(**person.keys).count(),
    )


def erase(person: Person, *, shared: bool = False) -> Erased:
    """Erase a contact and return how much that was; nothing is changed at Twilio.

    ``shared``: also the texts and the address of conversations that are another contact's as well; without it only
    what was written to this contact here, and its name, is erased there. Raises StillOpen, before anything is erased,
    where something has not ended.
    """
    keys = addresses_of(person)
    held = conversations_of(person, keys)
    _refuse_open(person, held, keys)
    done = Erased(held, shared)
    OpenSearch.objects.filter(address_key__in=sorted(keys)).delete()
    # The addresses lead to conversations and copies, so they go last.
    for key in held.all if shared else held.own:
        done.messages += _erase_conversation(key)
    done.copies = _erase_copies(keys, person)
    done.interactions, first = _erase_interactions(person, keys)
    done.messages += first
    for key in () if shared else held.shared:
        _unname(key, person)
    done.consents = _erase_consents(person, keys)
    done.drafts = Draft.objects.filter(**person.keys).delete()[0]
    done.addresses = ContactAddress.objects.filter(**person.keys).delete()[0]
    done.left = [
        *open_interactions(person, keys).values_list("pk", flat=True)[:BATCH],
        *unsent_messages(person, held.all).values_list("pk", flat=True)[:BATCH],
    ]
    return done


def _refuse_open(person: Person, held: Held, keys: set[str]) -> None:
    interactions = list(open_interactions(person, keys).values_list("pk", flat=True)[:BATCH])
    messages = list(unsent_messages(person, held.all).values_list("pk", flat=True)[:BATCH])
    if interactions or messages:
        raise StillOpen(interactions, messages)


# -- conversations and messages ----------------------------------------------------------------------------------------


def _erase_conversation(key: Any) -> int:
    rows = Conversation.objects.filter(pk=key)
    # First: from now on, nothing that was said until now is taken up again.
    rows.update(forgotten_at=Coalesce("last_at", Now()), updated_at=Now())
    rows.filter(forgotten_at__lt=Now()).update(forgotten_at=Now())
    count = 0
    after = 0
    while True:
        with locks.bounded_transaction(read_first=True):
            conversation = locks.lock(rows).first()
            if conversation is None:
                return count
            said = Message.objects.filter(conversation=key, said_at__lte=conversation.forgotten_at, pk__gt=after)
            # What an agent began to write meanwhile is sent as it is, and is erased the next time.
            messages = list(said.exclude(status__in=UNSETTLED).order_by("pk")[:BATCH])
            _erase_messages(messages)
            if not messages:
                rows.update(address="", address_key="", customer_name="", last_text="", updated_at=Now())
                return count
        count += len(messages)
        after = messages[-1].pk


def _erase_messages(messages: Sequence[Message]) -> None:
    """Empty messages whose conversation, or interaction, is locked."""
    rows = Message.objects.filter(pk__in=[one.pk for one in messages])
    rows.update(**keeping.NO_TEXT, fingerprint="")
    rows.exclude(party__in=[Party.AGENT, Party.SYSTEM]).update(author="")
    Attachment.objects.filter(message__in=rows).delete()
    named = [one for one in messages if one.media or one.error_params]
    for message in named:
        message.media = keeping.without_names(message.media)
        message.error_params = _without_words(message.error_params)
    Message.objects.bulk_update(named, ["media", "error_params"])


def _without_words(params: Any) -> dict[str, Any]:
    """Return the parameters of a reason without what the host said in its own words."""
    return {name: value for name, value in params.items() if name != "said"} if isinstance(params, dict) else {}


def _unname(key: Any, person: Person) -> None:
    """Take a contact's name, and what was written to it, out of what lists show of a shared conversation."""
    mine = Conversation.objects.filter(pk=key)
    newest = mine.filter(
        interaction__contact_type=person.contact_type_id, interaction__contact_id=person.contact_id
    ).values_list("pk", flat=True)
    if newest:
        mine.update(customer_name="", updated_at=Now())
    last = Message.objects.filter(conversation=key, is_text_kept=False, index=mine.values("last_index")[:1])
    if last.exists():
        mine.update(last_text="", updated_at=Now())


# -- interactions ------------------------------------------------------------------------------------------------------


def _erase_interactions(person: Person, keys: set[str]) -> tuple[int, int]:
    """Erase the interactions that have ended; returns how many, and how many first messages of theirs."""
    count = messages = 0
    while True:
        with locks.bounded_transaction(read_first=True):
            waiting = interactions_of(person, keys).filter(status__in=sorted(FINAL)).exclude(ERASED).order_by("pk")
            batch = list(locks.lock(waiting)[:BATCH])
            if not batch:
                return count, messages
            messages += _erase_batch(batch)
        count += len(batch)


def _erase_batch(batch: Sequence[Interaction]) -> int:
    keys = [one.pk for one in batch]
    first = list(Message.objects.filter(interaction__in=keys))
    _erase_messages(first)
    for one in batch:
        one.error_params = _without_words(one.error_params)
        one.idempotency_key = one.idempotency_key if _RETRY.fullmatch(one.idempotency_key) else f"erased-{one.key}"
    Interaction.objects.bulk_update(batch, ["error_params", "idempotency_key"])
    _empty(DispatchAttempt, keys, error_detail="")
    _empty(Closing, keys, error="")
    # What was not written yet is about a person, too.
    TaskUpdate.objects.filter(pk__in=keys).delete()
    # Those that wait are about to be applied, and hold nothing but SIDs and states either.
    WebhookEvent.objects.filter(interaction__in=keys, processed_at__isnull=False).update(payload={})
    _rename_in_log(batch)
    nothing: list[str] = []
    Interaction.objects.filter(pk__in=keys).update(
        **dict.fromkeys(_TEXTS, ""),
        **dict.fromkeys(COPIES, nothing),
        attributes={},
        version=F("version") + 1,
        updated_at=Now(),
    )
    return sum(one.conversation_id is None for one in first)


def _empty(model: type[Model], keys: Iterable[Any], **values: Any) -> None:
    model._default_manager.filter(interaction__in=list(keys)).update(**values)


def _rename_in_log(batch: Sequence[Interaction]) -> None:
    """Replace the names of interactions in the admin's log, if the project has it."""
    if not apps.is_installed("django.contrib.admin"):
        return
    log = apps.get_model("admin", "LogEntry")._default_manager.filter(
        content_type=ContentType.objects.get_for_model(Interaction)
    )
    for one in batch:
        one.contact_name = ""
        log.filter(object_id=str(one.pk)).update(object_repr=str(one)[:200])


# -- consent -----------------------------------------------------------------------------------------------------------


def _erase_consents(person: Person, keys: set[str]) -> int:
    """Erase what the ledger says of a contact's addresses, but not that the customer wants no messages.

    Otherwise the same person would be written to again, as soon as somebody enters the number anew. An entry that
    counts and says no keeps a digest in place of the address; nobody can read it, and the address still leads to it.
    """
    with locks.bounded_transaction(read_first=True):
        rows = list(locks.lock(consents_of(person, keys).order_by("pk")))
        for row in rows:
            if row.is_newest and row.state == ConsentState.OPTED_OUT:
                _keep_digest(row)
        ConsentEvent.objects.filter(pk__in=[row.pk for row in rows], address_key__in=keys).delete()
    return len(rows)


def _keep_digest(row: ConsentEvent) -> None:
    digest = digest_of(row.address_key)
    same = ConsentEvent.objects.filter(
        address_key=digest, channel=row.channel, sender_address=row.sender_address, account=row.account_id
    )
    # One of an earlier erasure: the newer one counts.
    same.update(is_newest=False)
    nothing = {"address": "", "reason": "", "message_sid": "", "user": None}
    ConsentEvent.objects.filter(pk=row.pk).update(address_key=digest, **nothing)


# -- copies ------------------------------------------------------------------------------------------------------------


def _copies(keys: Iterable[str], person: Person) -> Iterable[Interaction]:
    """Yield the emails to other contacts that went to an address of this one as well."""
    mails = sorted(one for one in keys if "@" in one)
    if not mails:
        return
    rows: QuerySet[Interaction, Any] = Interaction.objects.filter(channel=Channel.EMAIL, status__in=sorted(FINAL))
    texts = {f"{name}_text": Cast(name, TextField()) for name in COPIES}
    meant = Q()
    for name in COPIES:
        for mail in mails:
            meant |= Q(**{f"{name}_text__icontains": mail})
    mine = Q(contact_type=person.contact_type_id, contact_id=person.contact_id)
    wanted = set(mails)
    for row in rows.annotate(**texts).filter(meant).exclude(mine).order_by("pk").iterator(chunk_size=BATCH):
        if any(addresses.key(one) in wanted for name in COPIES for one in getattr(row, name)):
            yield row


def _erase_copies(keys: set[str], person: Person) -> int:
    count = 0
    for row in _copies(keys, person):
        values = {name: [one for one in getattr(row, name) if addresses.key(one) not in keys] for name in COPIES}
        Interaction.objects.filter(pk=row.pk).update(**values, version=F("version") + 1, updated_at=Now())
        count += 1
    return count
