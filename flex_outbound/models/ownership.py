"""Under which model and id a contact's rows are kept, and whether a row is a user's own."""

from collections.abc import Callable
from typing import Any

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


def is_own(user_key: Any, user: Any) -> bool:
    """Tell whether a row is a user's own. ``user_key``: the key of the row's user, None for nobody's.

    Nobody's row is not that of a user without a row, such as an anonymous one.
    """
    return user_key is not None and user is not None and user_key == user.pk
