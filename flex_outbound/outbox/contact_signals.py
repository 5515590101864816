"""Keeping the index of addresses up when the host saves or deletes a contact, and the tasks of open conversations.

The contacts of one transaction are read again together after its commit: two queries, and writes only where an address
changed, or where something is open with the contact. Nothing of it can break the host's save.
"""

import logging
from collections.abc import Collection
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.apps import apps
from django.db import connections, models, transaction
from django.db.models.signals import post_delete, post_save

from flex_outbound.contacts import ContactAdapter, adapter_of_table
from flex_outbound.models.moving import after_move
from flex_outbound.outbox import contact_index, task_attributes
from flex_outbound.outbox.conversations import linking

logger = logging.getLogger(__name__)

Waiting = dict[ContactAdapter, set[Any]]

_UID: Final = "flex_outbound.contact_index"
_waiting: WeakKeyDictionary[Any, Waiting] = WeakKeyDictionary()
"""What each connection's open transaction has touched."""


def connect() -> None:
    """Listen to the registered models, their proxies and their children.

    Not to all models: a model with a listener to ``post_delete`` can no longer be deleted in one statement.
    """
    after_move(task_attributes.contact_changed)
    for model in apps.get_models():
        if adapter_of_table(model) is not None:
            post_save.connect(on_saved, sender=model, dispatch_uid=_UID)
            post_delete.connect(on_deleted, sender=model, dispatch_uid=_UID)


def on_saved(
    sender: type[models.Model],
    instance: models.Model,
    using: str,
    raw: bool = False,
    update_fields: Collection[str] | None = None,
    **_named: Any,
) -> None:
    """Index a contact after the commit. A fixture that is loaded is left to ``flex_index_contacts``."""
    adapter = adapter_of_table(sender)
    if adapter is not None and not raw and not _is_beside(adapter, update_fields):
        _later(adapter, instance, using)


def on_deleted(sender: type[models.Model], instance: models.Model, using: str, **_named: Any) -> None:
    """Take a contact out of the index after the commit."""
    adapter = adapter_of_table(sender)
    if adapter is not None:
        _later(adapter, instance, using)


def _is_beside(adapter: ContactAdapter, update_fields: Collection[str] | None) -> bool:
    """Tell whether only columns were saved that surely hold neither an address nor the name."""
    is_own = type(adapter).get_addresses is not ContactAdapter.get_addresses
    if update_fields is None or is_own or type(adapter).get_indexed is not ContactAdapter.get_indexed:
        return False
    if adapter.name_field in update_fields:
        return False
    named: list[str] = []
    for fields in (adapter.phone_field, adapter.email_field, adapter.region_field):
        named += [fields] if isinstance(fields, str) else list(fields or ())
    columns = {field.name: field.attname for field in adapter.model._meta.concrete_fields}
    # A manager of the project's own may hide a contact by any column.
    is_plain = type(adapter.model._default_manager) is models.Manager and columns.keys() >= set(named)
    return is_plain and not {*named, *(columns[name] for name in named)} & set(update_fields)


def _later(adapter: ContactAdapter, instance: models.Model, using: str) -> None:
    pk = adapter.model._meta.pk
    connection = connections[using]
    if not connection.run_on_commit:
        # Of a transaction that was rolled back.
        _waiting.pop(connection, None)
    touched = _waiting.setdefault(connection, {})
    touched.setdefault(adapter, set()).add(getattr(instance, pk.attname, instance.pk))
    transaction.on_commit(partial(_index, connection), using=using, robust=True)


def _index(connection: Any) -> None:
    """Index what a transaction has touched: once, by the first of its callbacks."""
    for adapter, keys in _waiting.pop(connection, {}).items():
        try:
            counts = contact_index.read_again(adapter, sorted(keys, key=str))
            if counts.added:
                linking.link_expected(adapter, {str(key) for key in keys})
            if counts.open_ids:
                for contact in adapter.get_indexed().filter(pk__in=counts.open_ids):
                    task_attributes.contact_changed(contact)
        except Exception as error:
            # Its words may quote an address.
            label, name = adapter.model._meta.label, type(error).__name__
            logger.error("Contacts of %s were saved, and could not be indexed: %s", label, name)
