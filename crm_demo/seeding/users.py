"""The demo's users: agents, a manager, an administrator. Every password is the user name."""

from django.contrib.auth.models import Group, Permission, User

from flex_outbound.groups import AGENTS as AGENT_GROUP
from flex_outbound.groups import MANAGERS as MANAGER_GROUP

AGENTS = ("agent", "bea", "carlos")

FULL_NAMES = {
    "agent": ("Ada", "Agent"),
    "bea": ("Bea", "Bright"),
    "carlos": ("Carlos", "Cruz"),
    "manager": ("Mona", "Manager"),
    "admin": ("Alex", "Admin"),
}


def seed_users() -> dict[str, User]:
    """Create the users that are missing, in flex_outbound's groups. Return the demo's users by name."""
    agents, managers = (Group.objects.get_or_create(name=name)[0] for name in (AGENT_GROUP, MANAGER_GROUP))
    contacts = Permission.objects.filter(content_type__app_label="crm_demo", content_type__model="contact")
    managers.permissions.add(*contacts.exclude(codename="delete_contact"))
    users = {name: _user(name, agents) for name in AGENTS}
    users["manager"] = _user("manager", managers, is_staff=True)
    users["admin"] = _user("admin", None, is_staff=True, is_superuser=True)
    return users


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
        # Only for new users: hashing is slow, and a changed password must be kept.
        user.set_password(name)
        user.save(update_fields=["password"])
        if group:
            user.groups.add(group)
    return user
