"""What follows from a change outside the interaction itself: its contact, the host's signals."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db import models, router, transaction
from django.dispatch import Signal

from flex_outbound import signals
from flex_outbound.contacts import ContactAdapter, adapter_by_type
from flex_outbound.models import Interaction, Sender
from flex_outbound.outbox import bulk, host, locks
from flex_outbound.outbox.bulk import Update
from flex_outbound.outbox.jobs import Job, request_after_commit

logger = logging.getLogger(__name__)


def store_on_contacts(interactions: Sequence[Interaction]) -> None:
    """Write the SIDs onto the contacts through their adapters; what goes wrong in the host's code is only logged."""
    # The host's context is of one agent. Without one, a single statement does for all.
    by_agent = host.is_wanted()
    groups: dict[tuple[int, Any], list[Interaction]] = {}
    for one in interactions:
        if one.contact_type_id is not None:
            groups.setdefault((one.contact_type_id, one.agent_id if by_agent else None), []).append(one)
    for (type_id, _agent), group in groups.items():
        model = ContentType.objects.get_for_id(type_id).model_class()
        # A manager's test of a sender has no contact.
        if model is None or model is Sender:
            continue
        if not _try_to_store(model, group) and len(group) > 1:
            # One contact spoils the savepoint of all: each is tried by itself.
            for interaction in group:
                _try_to_store(model, [interaction])


def _try_to_store(model: type[models.Model], interactions: Sequence[Interaction]) -> bool:
    try:
        with transaction.atomic(using=router.db_for_write(model)), host.context_of(interactions[0]):
            _store(_adapter(interactions[0].contact_type_id), interactions)
    except Exception:
        keys = ", ".join(str(interaction.pk) for interaction in interactions)
        logger.exception("The SIDs of interaction %s could not be stored on its contact", keys)
        return False
    return True


def _adapter(content_type_id: int | None) -> ContactAdapter:
    adapter = adapter_by_type(content_type_id)
    if adapter is None:
        raise LookupError("The model of these contacts is not registered with flex_outbound.")
    return adapter


def _store(adapter: ContactAdapter, interactions: Sequence[Interaction]) -> None:
    fields = {field.name: field for field in adapter.model._meta.local_concrete_fields}
    is_ours = type(adapter).store_sids is ContactAdapter.store_sids
    if len(interactions) > 1 and is_ours and router.db_for_write(adapter.model) == locks.alias():
        named = [(one, _sids_for_contact(one)) for one in interactions]
        values = [(one, {name: sid for name, sid in sids.items() if sid and name in fields}) for one, sids in named]
        key = adapter.model._meta.pk
        # Columns that the model inherits are in another table, which only its own manager knows to write.
        if key is not None and key.name in fields and all(found for _one, found in values):
            updates = [Update(key.to_python(one.contact_id), None, None, found) for one, found in values]
            bulk.update(adapter.model, updates)
            return
    for interaction in interactions:
        adapter.store_sids(interaction.contact_id, _sids_for_contact(interaction))


def _sids_for_contact(interaction: Interaction) -> dict[str, str | None]:
    return {
        "last_interaction_sid": interaction.interaction_sid,
        "last_task_sid": interaction.task_sid,
        "last_conversation_sid": interaction.conversation_sid,
    }


def queue(interaction: Interaction) -> None:
    """Insert an interaction that is to be sent, within the caller's transaction; its job and its signal follow that.

    Raises IntegrityError where another one stands in the way.
    """
    interaction.save(force_insert=True)
    request_after_commit(Job.DISPATCH, interaction.account_id)
    tell_after_commit(signals.interaction_queued, interaction.pk)


def observe_after_commit(interactions: Sequence[Interaction]) -> None:
    """Show the app's own observers the interactions that moved, as they are in memory."""
    locks.after_commit(lambda: [observer(one) for observer in signals.observers for one in interactions])


def tell_after_commit(signal: Signal, *keys: UUID, **named: Any) -> None:
    """Send a signal for each interaction as it is after commit; a receiver's error is logged and goes no further."""
    if keys and signal.receivers:
        locks.after_commit(partial(_tell, signal, keys, named))


def _tell(signal: Signal, keys: Sequence[UUID], named: dict[str, Any]) -> None:
    # Read again, in one query for all: many columns were set by the database.
    for interaction in Interaction.objects.filter(pk__in=keys).order_by():
        try:
            with host.context_of(interaction):
                signal.send_robust(sender=Interaction, interaction=interaction, **named)
        except Exception as error:
            # The host's context could not be opened; the others are still to be told.
            logger.error("The host was not told of interaction %s: %s", interaction.pk, type(error).__name__)
