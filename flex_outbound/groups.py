"""Two groups for a project, of agents and of managers. Created after ``migrate``, as permissions are."""

from collections.abc import Iterable
from typing import Any, Final

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import router, transaction

from flex_outbound import roles

AGENTS: Final = roles.AGENTS
MANAGERS: Final = "Flex managers"

SET_UP: Final = ("account", "sender", "worker", "savedreply")
"""Models that managers add, change and delete. They may view all other models of the app."""

_AGENTS_MAY: Final = frozenset({roles.CODENAME, roles.LINK_CODENAME})
_MANAGERS_MAY: Final = frozenset(
    {
        roles.CODENAME,
        roles.LINK_CODENAME,
        roles.SUPERVISE_CODENAME,
        "change_interaction",
        "change_webhookevent",
        "change_consent",
        "change_template",
    }
    | {f"{verb}_{model}" for verb in ("add", "change", "delete") for model in SET_UP}
)


def agents_may(codename: str) -> bool:
    """Return whether the group of agents is created with this permission of the app."""
    return codename in _AGENTS_MAY


def managers_may(codename: str) -> bool:
    """Return whether the group of managers is created with this permission of the app."""
    return codename in _MANAGERS_MAY or codename.startswith("view_")


def make_groups(app_config: AppConfig, using: str, apps: Apps = global_apps, **kwargs: Any) -> None:
    """Create the groups that are missing. An existing group is not changed, since the project may have changed it.

    A receiver of ``post_migrate``: https://docs.djangoproject.com/en/stable/ref/signals/#post-migrate. Does nothing
    where this database does not have the tables of ``django.contrib.auth``.
    """
    try:
        models = [apps.get_model("auth", name) for name in ("Group", "Permission")]
        apps.get_model(app_config.label, "Interaction")
    except LookupError:
        return
    if not all(router.allow_migrate_model(using, model) for model in models):
        return
    groups, permissions = (model._default_manager.using(using) for model in models)
    there = set(groups.filter(name__in=(AGENTS, MANAGERS)).values_list("name", flat=True))
    if {AGENTS, MANAGERS} <= there:
        return
    # This receiver may run before that of django.contrib.auth, which does the same: their order is INSTALLED_APPS'.
    create_permissions(app_config, verbosity=0, using=using, apps=apps)
    ours = list(permissions.filter(content_type__app_label=app_config.label))
    for name, may in ((AGENTS, agents_may), (MANAGERS, managers_may)):
        if name not in there:
            _make(groups, name, [one for one in ours if may(one.codename)])


def _make(groups: Any, name: str, permissions: Iterable[Any]) -> None:
    with transaction.atomic(using=groups.db):
        group, new = groups.get_or_create(name=name)
        if new:
            group.permissions.add(*permissions)
