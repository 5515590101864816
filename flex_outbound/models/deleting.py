"""What goes with a row that is deleted."""

from typing import Any

from django.db.models import Field
from django.db.models.deletion import Collector


def cascade(collector: Collector, field: Any, sub_objs: Any, using: str) -> None:
    """Delete the rows that refer to one that is deleted, before it. For ``on_delete``, in place of Django's CASCADE.

    On MariaDB, Django's first sets a foreign key to null that may be null. A constraint may say that a row belongs to
    something, and would refuse that.
    """
    reference: Field[Any, Any] = field
    source = field.remote_field.model
    collector.collect(sub_objs, source=source, source_attr=reference.name, nullable=False, fail_on_restricted=False)
