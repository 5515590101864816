"""The two groups that come with the app: made once, never overwritten, and enough for what they are for."""

from typing import Any

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command

from flex_outbound import groups
from flex_outbound.outbox.preflight import Setup

pytestmark = pytest.mark.django_db

AGENTS_MAY = {"flex_outbound.add_interaction", "flex_outbound.link_conversation"}
CONFIG = apps.get_app_config("flex_outbound")


def make(**more: Any) -> None:
    groups.make_groups(CONFIG, **{"using": "default"} | more)


def rights(name: str) -> set[str]:
    found = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in found}


def test_migrating_makes_both() -> None:
    assert rights(groups.AGENTS) == AGENTS_MAY
    managers = rights(groups.MANAGERS)
    assert all(name.startswith("flex_outbound.") for name in managers)
    viewed = {
        f"flex_outbound.{codename}"
        for codename in Permission.objects.filter(
            content_type__app_label="flex_outbound", codename__startswith="view_"
        ).values_list("codename", flat=True)
    }
    assert managers - viewed == {
        *AGENTS_MAY,
        "flex_outbound.change_interaction",
        "flex_outbound.change_template",
        "flex_outbound.change_webhookevent",
        "flex_outbound.change_consent",
        "flex_outbound.supervise",
        *(f"flex_outbound.{verb}_{name}" for verb in ("add", "change", "delete") for name in groups.SET_UP),
    }


def test_what_a_manager_changed_stays_changed() -> None:
    Group.objects.get(name=groups.AGENTS).permissions.clear()
    view = Permission.objects.get(codename="view_group")
    Group.objects.get(name=groups.MANAGERS).permissions.set([view])
    call_command("migrate", verbosity=0)
    assert rights(groups.AGENTS) == set()
    assert rights(groups.MANAGERS) == {"auth.view_group"}


def test_one_that_is_missing_is_made_and_the_other_left() -> None:
    Group.objects.get(name=groups.MANAGERS).delete()
    Group.objects.get(name=groups.AGENTS).permissions.clear()
    make()
    assert "flex_outbound.change_account" in rights(groups.MANAGERS)
    assert rights(groups.AGENTS) == set()


def test_they_do_not_wait_for_permissions_that_auth_makes_later() -> None:
    Group.objects.all().delete()
    Permission.objects.filter(content_type__app_label="flex_outbound").delete()
    make()
    assert rights(groups.AGENTS) == AGENTS_MAY


def test_without_the_tables_of_auth_nothing_is_made() -> None:
    Group.objects.all().delete()
    make(apps=Apps())
    assert not Group.objects.exists()


class Elsewhere:
    """Groups belong into another database."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return app_label != "auth"


def test_a_database_that_has_no_groups_gets_none(settings: Any) -> None:
    Group.objects.all().delete()
    settings.DATABASE_ROUTERS = [Elsewhere()]
    make()
    assert not Group.objects.exists()


def test_an_agent_needs_no_more_than_the_group_and_a_worker(worker: Any, senders: Any) -> None:
    user = User.objects.get(pk=worker.user_id)
    user.user_permissions.clear()
    assert Setup.load(User.objects.get(pk=user.pk)).reason == "no_permission"
    user.groups.add(Group.objects.get(name=groups.AGENTS))
    assert Setup.load(User.objects.get(pk=user.pk)).senders
