"""Who is probably whom, what a manager accepts of it, and what moved since."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone

from flex_outbound.models import Account, ImportRun, Resource, ResourceKind, Sender, Worker
from flex_outbound.roles import AGENTS
from flex_outbound.sandbox import defaults
from flex_outbound.setup import drift, importing, matching, people, permissions

pytestmark = pytest.mark.django_db

WORKERS = defaults.WORKERS


@pytest.fixture
def imported(bare: Account, look: Callable[[], ImportRun]) -> Account:
    """The account with all it has."""
    run = look()
    importing.apply(run.pk, importing.everything(run, bare))
    bare.refresh_from_db()
    return bare


def test_one_who_fits_is_proposed_and_the_rest_is_left_on_both_sides(imported: Account, users: dict[str, Any]) -> None:
    found = matching.matches(imported)

    pairs = {one.worker.name: (one.user.username, str(one.why)) for one in found.proposals}
    assert pairs == {
        "agent": ("ada", "same email address"),
        "bea": ("bea", "same user name"),
        "carlos": ("cc", "same full name"),
    }
    assert [one.name for one in found.workers] == ["dana", "manager"]
    assert [one.username for one in found.users] == ["nora"]


def test_two_who_fit_are_a_question_for_a_person(imported: Account) -> None:
    User.objects.create_user("a1", "agent@example.com")
    User.objects.create_user("a2", "agent@example.com")
    assert matching.matches(imported).proposals == []


def test_a_name_that_twilio_made_of_an_address_fits_the_address(imported: Account) -> None:
    Resource.objects.filter(sid=WORKERS["dana"]).update(name="dana_2Ed_40crm_2Eexample", details={})
    User.objects.create_user("d", "dana.d@crm.example")
    [found] = matching.matches(imported).proposals
    assert found.user.username == "d"


def test_a_full_name_fits_with_other_spaces_and_letters(imported: Account) -> None:
    Resource.objects.filter(sid=WORKERS["dana"]).update(details={"full_name": " Özlem   KAYA "})
    User.objects.create_user("oc", first_name="Özlem", last_name="Kaya")
    [found] = matching.matches(imported).proposals
    assert (found.user.username, str(found.why)) == ("oc", "same full name")


def test_of_many_users_only_those_are_read_who_may_fit(
    imported: Account, users: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.bulk_create(User(username=f"x{n}", email=f"x{n}@example.com") for n in range(500))
    read: list[Any] = []
    monkeypatch.setattr(people, "person", lambda user, known=people.person: read.append(user) or known(user))
    found = matching.matches(imported)
    assert len(found.proposals) == len(read) == 3
    assert found.users.count() == 501


def test_more_names_than_one_query_takes(imported: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MOST_KEYS", 3)
    User.objects.create_user("bea")
    User.objects.create_user("dana", "agent@example.com")
    pairs = {one.worker.name: one.user.username for one in matching.matches(imported).proposals}
    assert pairs == {"agent": "dana", "bea": "bea"}


def test_full_names_that_no_field_holds_are_read(imported: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User, "get_full_name", lambda user: user.username.replace(".", " "))
    User.objects.create_user("Carlos.Cruz")
    [found] = matching.matches(imported).proposals
    assert str(found.why) == "same full name"


def test_users_who_left_are_not_proposed(imported: Account, users: dict[str, Any]) -> None:
    User.objects.filter(username="bea").update(is_active=False)
    assert "bea" not in {one.worker.name for one in matching.matches(imported).proposals}


def test_accepted_pairs_become_workers(imported: Account, users: dict[str, Any]) -> None:
    done = matching.accept(imported, {WORKERS["agent"]: users["agent"], WORKERS["bea"]: users["bea"]})
    assert done.errors == {}
    made = set(Worker.objects.values_list("user__username", "friendly_name", "worker_sid"))
    assert made == {("ada", "agent", WORKERS["agent"]), ("bea", "bea", WORKERS["bea"])}
    assert {one.worker.name for one in matching.matches(imported).proposals} == {"carlos"}


def test_a_worker_mapped_twice_names_both_and_keeps_all_out(imported: Account, users: dict[str, Any]) -> None:
    matching.accept(imported, {WORKERS["agent"]: users["agent"]})
    wanted = {WORKERS["agent"]: users["nobody"], WORKERS["dana"]: users["agent"], WORKERS["bea"]: users["bea"]}

    done = matching.accept(imported, wanted)

    assert set(done.errors) == {WORKERS["agent"], WORKERS["dana"]}
    for words in done.errors.values():
        assert "“agent” is already the user “ada”" in words
    assert Worker.objects.count() == 1


def test_a_user_chosen_for_two_workers_is_named_with_both(imported: Account, users: dict[str, Any]) -> None:
    done = matching.accept(imported, {WORKERS["agent"]: users["bea"], WORKERS["dana"]: users["bea"]})
    assert "“agent”, “dana”" in done.errors[WORKERS["dana"]]
    assert not Worker.objects.exists()


def test_a_worker_that_vanished_is_not_mapped(imported: Account, users: dict[str, Any]) -> None:
    Resource.objects.filter(sid=WORKERS["agent"]).update(gone_at=timezone.now())
    assert "no longer has" in matching.accept(imported, {WORKERS["agent"]: users["agent"]}).errors[WORKERS["agent"]]


def test_the_cost_does_not_grow_with_people(
    imported: Account, users: dict[str, Any], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):
        matching.matches(imported)
    seen = timezone.now()
    Resource.objects.bulk_create(
        Resource(account=imported, kind=ResourceKind.WORKER, sid=f"WK{n:032x}", name=f"w{n}",
                 parent_sid=imported.workspace_sid, seen_at=seen)
        for n in range(1000)
    )  # fmt: skip
    User.objects.bulk_create(User(username=f"w{n}") for n in range(1000))
    with django_assert_num_queries(2):
        assert len(matching.matches(imported).proposals) == 1003


def test_what_moved_is_seen_and_mended(imported: Account, users: dict[str, Any]) -> None:
    pairs = {WORKERS[name]: users[name] for name in ("agent", "bea", "carlos")}
    matching.accept(imported, pairs)
    Worker.objects.filter(worker_sid=WORKERS["carlos"]).update(queue_sid=defaults.QUEUES["Support"])
    Resource.objects.filter(sid__in=[WORKERS["agent"], defaults.QUEUES["Support"]]).update(gone_at=timezone.now())
    Resource.objects.filter(sid=WORKERS["bea"]).update(name="Bea B.")

    moved = drift.of_workers(imported)

    assert {(one.worker.worker_sid, one.moved) for one in moved} == {
        (WORKERS["agent"], drift.Moved.DELETED),
        (WORKERS["bea"], drift.Moved.RENAMED),
        (WORKERS["carlos"], drift.Moved.QUEUE_GONE),
    }
    drift.fix(imported, {one.key for one in moved})
    assert drift.of_workers(imported) == []
    after = {row.worker_sid: (row.friendly_name, row.queue_sid, row.is_active) for row in Worker.objects.all()}
    assert after == {
        WORKERS["agent"]: ("agent", "", False),
        WORKERS["bea"]: ("Bea B.", "", True),
        WORKERS["carlos"]: ("carlos", "", True),
    }


def test_a_sender_whose_queue_is_gone_is_found(imported: Account) -> None:
    queue = defaults.QUEUES["Support"]
    sender = Sender.objects.create(
        account=imported, channel="sms", address=defaults.SMS_SENDER, display_name="Desk", queue_sid=queue
    )
    assert drift.senders_without_queue(imported) == []
    Resource.objects.filter(sid=queue).update(gone_at=timezone.now())
    assert drift.senders_without_queue(imported) == [sender]


def test_users_are_found_by_name_or_address_and_by_key(users: dict[str, Any]) -> None:
    assert people.find("agent@EXAMPLE.com") == [users["agent"]]
    assert people.find("NORA") == [users["nobody"]]
    assert people.by_pk([str(users["bea"].pk), "x", ""]) == {str(users["bea"].pk): users["bea"]}


# --- who may open conversations ------------------------------------------------------------------------------------


class OtherBackend(BaseBackend):
    """Permissions from elsewhere: nora has all."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return bool(user_obj.username == "nora")


def match(account: Account, users: dict[str, Any]) -> dict[str, Worker]:
    sids = zip(users, WORKERS.values(), strict=False)
    return {name: Worker.objects.create(account=account, user=users[name], worker_sid=sid) for name, sid in sids}


def lacking(account: Account) -> set[str]:
    return set(permissions.lacking(account).values_list("user__username", flat=True))


def test_who_may_not_open_conversations_is_found_in_the_database(
    bare: Account, users: dict[str, Any], django_assert_num_queries: Any
) -> None:
    workers = match(bare, users)
    assert lacking(bare) == {"ada", "bea", "cc", "nora"}
    users["agent"].groups.add(Group.objects.get(name=AGENTS))
    users["bea"].user_permissions.add(Permission.objects.get(codename="add_interaction"))
    User.objects.filter(username="cc").update(is_superuser=True)
    with django_assert_num_queries(1):
        assert lacking(bare) == {"nora"}
    User.objects.filter(username="nora").update(is_active=False)
    assert lacking(bare) == set()
    User.objects.filter(username="nora").update(is_active=True)
    workers["nobody"].is_active = False
    workers["nobody"].save()
    assert lacking(bare) == set()


def test_permissions_from_another_backend_count(bare: Account, users: dict[str, Any], settings: Any) -> None:
    match(bare, users)
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", f"{__name__}.OtherBackend"]
    assert lacking(bare) == {"ada", "bea", "cc"}


def test_a_group_that_lets_nobody_write_is_not_offered() -> None:
    group = Group.objects.get(name=AGENTS)
    assert permissions.group() == group
    group.permissions.clear()
    assert permissions.group() is None
