"""Registered contact models: whether they can work at all, and whether a person is one contact."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.db import models

from flex_outbound.contacts import ContactAdapter, registered
from flex_outbound.models import Interaction

Model = type[models.Model]


@register("flex_outbound")
def check_contact_models(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the registered models one by one, and each with each."""
    adapters = registered()
    found: list[CheckMessage] = [message for model in adapters for message in _unusable(model)]
    usable = [(model, adapter) for model, adapter in adapters.items() if model._meta.concrete_model is not None]
    return [*found, *(message for one, other in combinations(usable, 2) for message in _same_person(one, other))]


def _unusable(model: Model) -> Iterator[CheckMessage]:
    """Yield why rows of a model cannot be referred to by content type and primary key as text."""
    problem = _problem(model)
    if problem is not None:
        words, hint = problem
        yield Error(f"{model._meta.label} cannot be a contact: {words}", hint=hint, obj=model, id="flex_outbound.E020")


def _problem(model: Model) -> tuple[str, str] | None:
    meta, key, most = model._meta, _column(model), Interaction._meta.get_field("contact_id").max_length or 0
    if meta.abstract:
        return "it is abstract and has no rows.", "Register the models that inherit it; one adapter may serve several."
    if meta.swapped:
        return f"it is swapped for {meta.swapped}.", f"Register {meta.swapped}."
    # Django 5.2 and later.
    if len(getattr(meta, "pk_fields", ())) > 1:
        hint = "Register a model with a primary key of one column, such as one that refers to it by a OneToOneField."
        return "its primary key has several columns.", hint
    if isinstance(key, models.BinaryField):
        return "its primary key is binary.", "Use a primary key that can be written as text: a number, a UUID, a text."
    if key is not None and (key.max_length or 0) > most:
        return f"its primary key may have more than {most} characters.", f"Use a primary key of at most {most}."
    return None


def _column(model: Model) -> Any:
    """Return the field whose values are the primary keys; of one that refers to another model, that model's."""
    key: Any = model._meta.pk
    while key is not None and key.remote_field is not None:
        key = key.target_field
    return key


Registered = tuple[Model, ContactAdapter]


def _same_person(one: Registered, other: Registered) -> Iterator[CheckMessage]:
    """Yield a message where a row of one model is a row of the other, too."""
    tables = {model: model._meta.concrete_model for model, _adapter in (one, other)}
    if tables[one[0]] is tables[other[0]]:
        if type(one[1]) is not type(other[1]):
            yield _same_table(one, other)
        return
    for (parent, _), (child, _) in ((one, other), (other, one)):
        if issubclass(child, tables[parent]):  # type: ignore[arg-type]
            yield _parent_and_child(parent, child)


def _same_table(one: Registered, other: Registered) -> CheckMessage:
    names = f"{one[0]._meta.label} and {other[0]._meta.label}"
    return Error(
        f"{names} are one table, and have different adapters: contacts are told apart by their table.",
        hint="Register one of them. Its adapter is used for the other, too, and can look at the contact it is given.",
        obj=other[0],
        id="flex_outbound.E021",
    )


def _parent_and_child(parent: Model, child: Model) -> CheckMessage:
    return Warning(
        f"{child._meta.label} inherits {parent._meta.label}, and both are registered: one person would have two "
        "histories, and could be opened twice.",
        hint=f"Register {parent._meta.label} alone. Its adapter is used for the children, too; in its methods, go to "
        "the child where one is needed. Or register the children alone, if no page shows the parent.",
        obj=child,
        id="flex_outbound.W016",
    )
