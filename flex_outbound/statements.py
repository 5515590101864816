"""The queries of lists and polls, built once and kept as SQL: building them costs more than running them."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission, PermissionsMixin
from django.db import connections, models, router
from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast

from flex_outbound.models import Interaction, Sender

PLAIN_BACKEND = "django.contrib.auth.backends.ModelBackend"

_version_sql: dict[str, str] = {}
"""By database: the statement of ``version_of``."""

Build = Callable[[Any], QuerySet[Any, Any]]


def load_permissions(user: Any) -> None:
    """Read a user's permissions in one query where Django's own backend would need two.

    They are put where that backend keeps them. Nothing is done for a project with another backend beside it, nor for
    superusers, who are asked for none.
    """
    if _is_to_load(user):
        found = _rows(_permissions, Permission, user)
        user._perm_cache = {f"{app_label}.{codename}" for app_label, codename in found}


def channels_and_permissions(user: Any) -> set[str]:
    """Return the channels that a user has a sender for, and read the permissions as well, in one query if possible."""
    if not _is_to_load(user):
        return usable_channels(user)
    found = _rows(_permissions_and_channels, Permission, user)
    user._perm_cache = {f"{app_label}.{name}" for app_label, name in found if app_label}
    return {name for app_label, name in found if not app_label}


def usable_channels(user: Any) -> set[str]:
    """Return the channels that a user has a sender for, by the rules of ``Sender.objects.usable_by``."""
    return {channel for (channel,) in _rows(_channels, Sender, user)}


def version_of(pk: UUID, user: Any) -> tuple[int, str | None] | None:
    """Return the version of a user's own interaction and the status of its message; None if they have no such one."""
    alias = router.db_for_read(Interaction)
    connection = connections[alias]
    if alias not in _version_sql:
        # Two calls of filter() keep the parameters in this order; one would sort them.
        found = Interaction.objects.filter(pk=pk).filter(agent_id=user.pk)
        query = found.values_list("version", "message__status").query
        _version_sql[alias] = query.get_compiler(alias).as_sql()[0]
    fields = Interaction._meta.pk, get_user_model()._meta.pk
    values = [field.get_db_prep_value(one, connection) for field, one in zip(fields, (pk, user.pk), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_version_sql[alias], values)
        row: tuple[int, str | None] | None = cursor.fetchone()
    return row


def _is_to_load(user: Any) -> bool:
    is_plain = list(settings.AUTHENTICATION_BACKENDS) == [PLAIN_BACKEND] and isinstance(user, PermissionsMixin)
    return is_plain and user.is_active and not user.is_superuser and not hasattr(user, "_perm_cache")


def _permissions_and_channels(user: Any) -> QuerySet[Any, Any]:
    """Return rows of app label and codename, and with an empty label the channels."""
    label = Cast(Value(""), CharField(max_length=100))
    channels = _channels(user).annotate(label=label).values_list("label", "channel")
    return _permissions(user).union(channels).order_by()


def _permissions(user: Any) -> QuerySet[Any, Any]:
    names = ("content_type__app_label", "codename")
    of_groups = Permission.objects.filter(group__in=user.groups.order_by().values("pk")).order_by()
    own = user.user_permissions.order_by().values_list(*names)
    # The union has the model's order again, by columns that it does not select: Django 6 refuses that.
    return own.union(of_groups.values_list(*names)).order_by()  # type: ignore[no-any-return]


def _channels(user: Any) -> QuerySet[Any, Any]:
    usable = Sender.objects.usable_by(user).exclude(account__workspace_sid="")
    return usable.order_by().values_list("channel").distinct()


def _rows(build: Build, model: type[models.Model], user: Any) -> list[tuple[Any, ...]]:
    alias = router.db_for_read(model)
    sql, params = _statement(build, alias, user.pk, bool(getattr(user, "is_superuser", False)))
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


@lru_cache(maxsize=512)
def _statement(build: Build, alias: str, pk: Any, is_superuser: bool) -> tuple[str, tuple[Any, ...]]:
    """Return SQL and parameters. Of the user nothing but the key and this flag is in them."""
    user = get_user_model()(pk=pk)
    if is_superuser:
        user.is_superuser = True
    sql, params = build(user).query.get_compiler(alias).as_sql()
    return sql, tuple(params)
