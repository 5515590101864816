"""The demo's people: agents, a manager, an administrator. Every password is the user name."""

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q

AGENTS = ("agent", "bea", "carlos")
AGENT_GROUP = "Flex agents"
MANAGER_GROUP = "Flex managers"
SET_UP = ("account", "sender", "worker")
"""Models that a manager may change; of all others in flex_outbound they see everything and change nothing."""

FULL_NAMES = {
    "agent": ("Ada", "Agent"),
    "bea": ("Bea", "Bright"),
    "carlos": ("Carlos", "Cruz"),
    "manager": ("Mona", "Manager"),
    "admin": ("Alex", "Admin"),
}


def seed_users() -> dict[str, User]:
    """Create groups and users that are missing; return the demo's users by name."""
    agents, managers = _group(AGENT_GROUP, _agent_rights()), _group(MANAGER_GROUP, _manager_rights())
    users = {name: _user(name, agents) for name in AGENTS}
    users["manager"] = _user("manager", managers, is_staff=True)
    users["admin"] = _user("admin", None, is_staff=True, is_superuser=True)
    return users


def _agent_rights() -> Q:
    return Q(content_type__app_label="flex_outbound", codename="add_interaction")


def _manager_rights() -> Q:
    changes = [f"{verb}_{model}" for verb in ("add", "change", "delete") for model in SET_UP]
    return Q(content_type__app_label="flex_outbound") & (Q(codename__startswith="view_") | Q(codename__in=changes)) | Q(
        content_type__app_label="crm_demo", codename__in=["view_contact", "change_contact", "add_contact"]
    )


def _group(name: str, rights: Q) -> Group:
    group, _new = Group.objects.get_or_create(name=name)
    group.permissions.add(*Permission.objects.filter(rights))
    return group


def _user(name: str, group: Group | None, *, is_staff: bool = False, is_superuser: bool = False) -> User:
    first, last = FULL_NAMES[name]
    user, new = User.objects.get_or_create(
        username=name,
        defaults={
            "first_name": first,
            "last_name": last,
            "email": f"{name}@example.com",
            "is_staff": is_staff,
            "is_superuser": is_superuser,
        },
    )
    if new:
        # Only once: hashing is slow on purpose, and whoever changed a password keeps it.
        user.set_password(name)
        user.save(update_fields=["password"])
        if group:
            user.groups.add(group)
    return user
