"""Under which model and id a contact's rows are kept."""

from collections.abc import Callable

from django.db import models

Owner = Callable[[models.Model], tuple[type[models.Model], str]]
"""Takes a contact; returns model and id under which its interactions are kept."""


def _itself(contact: models.Model) -> tuple[type[models.Model], str]:
    return type(contact), str(contact.pk)


_owner: Owner = _itself


def use_owner(owner: Owner) -> None:
    """Ask ``owner`` from now on: only the registry of contacts, above this module, knows which models are contacts."""
    global _owner
    _owner = owner


def owner_of(contact: models.Model) -> tuple[type[models.Model], str]:
    """Return model and id under which a contact's interactions and conversations are kept."""
    return _owner(contact)
