"""Workers and users are matched in the admin."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from flex_outbound.models import Account, Resource, ResourceKind, Worker
from flex_outbound.sandbox import defaults
from tests.integration.admin.conftest import staff
from tests.integration.admin.setting_up import imported, looked, page, text, worker_at_hand
from tests.integration.pages.strict import read
from tests.integration.setup.conftest import Sandbox, bare, sandbox, sandbox_server, users

__all__ = ["Sandbox", "bare", "imported", "looked", "sandbox", "sandbox_server", "users", "worker_at_hand"]

pytestmark = pytest.mark.django_db


def test_proposals_are_accepted_by_ticks(admin_client: Client, imported: Account, users: dict[str, Any]) -> None:
    html = text(admin_client.get(page(imported, "workers")))
    assert read(html).faults == []
    form: dict[str, Any] = dict(re.findall(r'type="hidden" name="(user-WK\w+)" value="(\d+)"', html))
    assert len(form) == 3
    tick = [defaults.WORKERS["agent"], defaults.WORKERS["bea"]]
    answer = admin_client.post(page(imported, "workers"), form | {"act": "accept", "tick": tick}, follow=True)
    assert "2 workers matched." in text(answer)
    assert set(Worker.objects.values_list("user__username", flat=True)) == {"ada", "bea"}
    assert LogEntry.objects.filter(content_type__model="worker").count() == 2


@pytest.mark.parametrize("key", ["", "x", "0", "-1", "9" * 40])
def test_a_proposal_for_nobody_is_answered_in_place(
    admin_client: Client, imported: Account, users: dict[str, Any], key: str
) -> None:
    worker = defaults.WORKERS["agent"]
    form = {"act": "accept", "tick": worker, f"user-{worker}": key}
    answer = admin_client.post(page(imported, "workers"), form)
    assert answer.status_code == 400
    assert "This user does not exist any more." in text(answer)


def test_a_user_is_typed_beside_a_worker(admin_client: Client, imported: Account, users: dict[str, Any]) -> None:
    url, dana = page(imported, "workers"), defaults.WORKERS["dana"]
    wrong = admin_client.post(url, {"act": "assign", f"name-{dana}": "who?"})
    assert wrong.status_code == 400
    assert "There is no user with this name" in text(wrong)
    assert 'value="who?"' in text(wrong)
    admin_client.post(url, {"act": "assign", f"name-{dana}": "NORA@example.com"})
    assert Worker.objects.get().user == users["nobody"]


def test_a_worker_mapped_twice_is_answered_in_place(
    admin_client: Client, imported: Account, users: dict[str, Any]
) -> None:
    Worker.objects.create(
        account=imported, user=users["nobody"], worker_sid=defaults.WORKERS["dana"], friendly_name="dana"
    )
    url = page(imported, "workers")
    answer = admin_client.post(url, {"act": "assign", f"name-{defaults.WORKERS['manager']}": "nora"})
    assert "Worker “dana” is already the user “nora”" in text(answer)
    form = {"account": imported.pk, "user": users["bea"].pk, "worker_sid": defaults.WORKERS["dana"], "is_active": "on"}
    added = text(admin_client.post("/admin/flex_outbound/worker/add/", form))
    assert "Worker “dana” is already the user “nora”" in added
    assert Worker.objects.count() == 1


def test_what_moved_is_shown_first_and_mended(admin_client: Client, imported: Account, users: dict[str, Any]) -> None:
    worker = Worker.objects.create(
        account=imported, user=users["bea"], worker_sid=defaults.WORKERS["bea"], friendly_name="Bea before"
    )
    html = text(admin_client.get(page(imported, "workers")))
    assert "“Bea before” is now “bea”" in html
    admin_client.post(page(imported, "workers"), {"act": "fix", "tick": [f"renamed:{worker.pk}"]})
    worker.refresh_from_db()
    assert worker.friendly_name == "bea"


@pytest.fixture
def matched(imported: Account, users: dict[str, Any]) -> dict[str, Worker]:
    """Workers who are users that may not open conversations."""
    names = (("agent", "agent"), ("bea", "bea"))
    return {
        user: Worker.objects.create(account=imported, user=users[user], worker_sid=defaults.WORKERS[worker])
        for user, worker in names
    }


def test_who_is_matched_and_may_not_write_is_added_to_the_agents(
    admin_client: Client, imported: Account, users: dict[str, Any]
) -> None:
    form: dict[str, Any] = {f"user-{defaults.WORKERS[name]}": users[name].pk for name in ("agent", "bea")}
    tick = [defaults.WORKERS["agent"], defaults.WORKERS["bea"]]
    answer = admin_client.post(page(imported, "workers"), form | {"act": "accept", "tick": tick}, follow=True)
    html = text(answer)
    assert "2 of them may not open conversations yet." in html
    assert 'value="Add to Flex agents"' in html
    assert read(html).faults == []
    keys = re.findall(r'name="tick"\s+value="(\d+)"', html)
    assert len(keys) == 2
    ada = Worker.objects.get(user=users["agent"])
    answer = admin_client.post(page(imported, "workers"), {"act": "grant", "tick": [str(ada.pk)]}, follow=True)
    assert "1 user added to “Flex agents”." in text(answer)
    assert User.objects.get(pk=users["agent"].pk).has_perm("flex_outbound.add_interaction")
    assert not User.objects.get(pk=users["bea"].pk).has_perm("flex_outbound.add_interaction")
    entry = LogEntry.objects.filter(content_type__model="user").get()
    assert "Flex agents" in entry.change_message
    # A worker of nobody, and one who lacks nothing any more.
    for key in ("x", "0", str(ada.pk)):
        answer = admin_client.post(page(imported, "workers"), {"act": "grant", "tick": key}, follow=True)
        assert "Nothing was chosen." in text(answer)


def test_only_who_may_change_users_gives_the_permission(imported: Account, matched: dict[str, Worker]) -> None:
    url = page(imported, "workers")
    manager = staff("manager", "view_account", "change_account")
    html = text(manager.get(f"{url}?tab=lacking"))
    assert "Ask somebody who may change users" in html
    assert "ada" in html
    assert "Add to" not in html
    assert 'name="tick"' not in html
    form = {"act": "grant", "tick": [str(one.pk) for one in matched.values()]}
    assert manager.post(url, form).status_code == 403
    assert not Group.objects.get(name="Flex agents").user_set.exists()
    lead = staff("lead", "view_account", "change_account", "change_user")
    assert "Add to Flex agents" in text(lead.get(f"{url}?tab=lacking"))
    assert lead.post(url, form).status_code == 302
    assert Group.objects.get(name="Flex agents").user_set.count() == 2
    Group.objects.get(name="Flex agents").permissions.clear()
    assert "Can add interaction" in text(lead.get(f"{url}?tab=lacking"))
    assert lead.post(url, form).status_code == 403


@pytest.mark.parametrize(
    ("tab", "query", "shown"),
    [
        ("users", "u250@", ["u250"]),
        ("users", "van last7.", ["u7"]),
        ("users", "nobody", []),
        ("users", "\0", ["u0"]),
        ("matched", "van last3", ["u3"]),
        ("lacking", "u4@example", ["u4"]),
        ("proposed", "ada", ["ada"]),
    ],
)
def test_the_search_finds_by_every_name(
    tab: str, query: str, shown: list[str], admin_client: Client, imported: Account, users: dict[str, Any]
) -> None:
    several = User.objects.bulk_create(
        User(username=f"u{n}", email=f"u{n}@example.com", first_name="Van", last_name=f"Last{n}.") for n in range(300)
    )
    sids = [f"WK{n:032x}" for n in range(6)]
    if tab != "users":
        Worker.objects.bulk_create(
            Worker(account=imported, user=user, worker_sid=sid) for user, sid in zip(several, sids, strict=False)
        )
    html = text(admin_client.get(page(imported, "workers"), {"tab": tab, "q": query}))
    for name in shown:
        assert f"({name})" in html or f">{name}<" in html
    assert html.count("flex-pair__side") == {"\0": 100}.get(query, len(shown)) * (1 if tab == "users" else 2)
    assert ("No results." in html) is (shown == [])


@pytest.mark.parametrize("tab", ["proposed", "workers", "users", "moved", "lacking", "matched"])
def test_every_tab_costs_the_same_for_many(
    tab: str, admin_client: Client, imported: Account, django_assert_max_num_queries: Any
) -> None:
    url = f"{page(imported, 'workers')}?tab={tab}"
    people = User.objects.bulk_create(User(username=f"u{n}", email=f"u{n}@example.com") for n in range(300))
    sids = [f"WK{n:032x}" for n in range(300)]
    Resource.objects.bulk_create(
        Resource(account=imported, kind=ResourceKind.WORKER, sid=sid, name=f"<b>{sid}", seen_at=timezone.now(),
                 parent_sid=imported.workspace_sid, details={"email": f"u{n}@example.com"})
        for n, sid in enumerate(sids)
    )  # fmt: skip
    Worker.objects.bulk_create(
        Worker(account=imported, user=user, worker_sid=sid, friendly_name="before")
        for user, sid in list(zip(people, sids, strict=True))[:150]
    )
    with django_assert_max_num_queries(13):
        answer = admin_client.get(url)
    assert "<b>WK" not in text(answer)
    assert read(text(answer)).faults == []
