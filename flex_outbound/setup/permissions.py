"""Which matched users may not open conversations yet, and the group that lets them."""

from collections.abc import Collection
from typing import Any, Final

from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, PermissionsMixin
from django.db.models import QuerySet

from flex_outbound.models import Account, Worker
from flex_outbound.roles import AGENTS, CODENAME, PERMISSION

MOST_ASKED: Final = 500
"""How many users are asked one by one, in projects with authentication backends of their own."""

_METHODS: Final = ("has_perm", "get_all_permissions", "get_group_permissions", "get_user_permissions")


def lacking(account: Account) -> QuerySet[Worker]:
    """Return the active workers of an account whose active user may not open conversations.

    Takes no query by itself where permissions are Django's own. Otherwise each user who lacks it in the database is
    asked, the first 500 of them.
    """
    workers = Worker.objects.filter(account=account, is_active=True).select_related("user").order_by("pk")
    if any(one.name == "is_active" for one in get_user_model()._meta.concrete_fields):
        workers = workers.filter(user__is_active=True)
    if is_in_groups():
        of_account = Worker.objects.filter(account=account).values("user_id")
        granted: Any = ModelBackend().with_perm(PERMISSION)
        workers = workers.exclude(user__in=granted.filter(pk__in=of_account).values("pk"))
    if is_in_groups() and all(_is_djangos(backend) for backend in get_backends()):
        return workers
    asked = [one.pk for one in workers[:MOST_ASKED] if not one.user.has_perm(PERMISSION)]
    return workers.filter(pk__in=asked)


def is_in_groups() -> bool:
    """Tell whether this project's users can be members of Django's groups."""
    return issubclass(get_user_model(), PermissionsMixin)


def group() -> Group | None:
    """Return the group that lets its members open conversations; None where the project has renamed or emptied it."""
    if not is_in_groups():
        return None
    may = {"permissions__codename": CODENAME, "permissions__content_type__app_label": "flex_outbound"}
    return Group.objects.filter(name=AGENTS, **may).first()


def may_grant(user: Any) -> bool:
    """Tell whether a user may put others into groups, as the admin's page of a user would let them."""
    opts = get_user_model()._meta
    return bool(user.has_perm(f"{opts.app_label}.change_{opts.model_name}"))


def grant(account: Account, keys: Collection[str], to: Group) -> list[Worker]:
    """Add users of workers to a group. ``keys``: the workers' keys as text; those who lack nothing are left out."""
    chosen = [one for one in lacking(account) if str(one.pk) in keys]
    users: Any = to.user_set
    users.add(*(one.user for one in chosen))
    return chosen


def _is_djangos(backend: Any) -> bool:
    return isinstance(backend, ModelBackend) and all(
        getattr(type(backend), name) is getattr(ModelBackend, name) for name in _METHODS
    )
