"""The SIDs of an interaction on its contact, through the project's adapter."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models, router, transaction

from flex_outbound.contacts import ContactAdapter, adapter_by_type
from flex_outbound.models import Interaction, Sender
from flex_outbound.outbox import bulk, host, locks
from flex_outbound.outbox.bulk import Update

logger = logging.getLogger(__name__)


def store(interactions: Sequence[Interaction]) -> None:
    """Write the SIDs onto the contacts through their adapters; what goes wrong in the host's code is only logged."""
    # The host's context is of one agent. Without one, a single statement does for all.
    opener = host.opener()
    groups: dict[tuple[int, Any], list[Interaction]] = {}
    for one in interactions:
        if one.contact_type_id is not None:
            groups.setdefault((one.contact_type_id, one.agent_id if opener is not None else None), []).append(one)
    for (type_id, _agent), group in groups.items():
        model = ContentType.objects.get_for_id(type_id).model_class()
        # A manager's test of a sender has no contact.
        if model is None or model is Sender:
            continue
        if not _try_to_store(model, group, opener) and len(group) > 1:
            # One contact spoils the savepoint of all: each is tried by itself.
            for interaction in group:
                _try_to_store(model, [interaction], opener)


def _try_to_store(model: type[models.Model], interactions: Sequence[Interaction], opener: host.Opener | None) -> bool:
    first = interactions[0]
    try:
        context = opener(first.account, first.agent) if opener is not None else nullcontext()
        with transaction.atomic(using=router.db_for_write(model)), context:
            _store(_adapter(first.contact_type_id), interactions)
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
