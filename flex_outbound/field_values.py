"""What a contact's field holds, and what people call it: of a column, a property or a method alike."""

from functools import lru_cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.forms.utils import pretty_name


def value_of(contact: Any, name: str) -> Any:
    """Return the value of a contact's field or property, or what a method returns; None where there is none."""
    value = getattr(contact, name, None)
    # As in templates, delete() and related managers are not called.
    is_kept = getattr(value, "do_not_call_in_templates", False) or getattr(value, "alters_data", False)
    return value() if callable(value) and not is_kept else value


@lru_cache(maxsize=1024)
def label_for(model: type[models.Model], name: str, language: str | None) -> str:
    """Return what people call a field, property or method in the active language.

    The admin's ``short_description`` counts.
    """
    try:
        return str(model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    except FieldDoesNotExist:
        attribute = getattr(model, name, None)
        getter = attribute.fget if isinstance(attribute, property) else attribute
        return str(getattr(getter, "short_description", None) or pretty_name(name).lower())
