"""Who is probably whom, what a manager accepts of it, and what moved since."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from flex_outbound.models import Account, ImportRun, Resource, ResourceKind, Sender, Worker
from flex_outbound.sandbox import defaults
from flex_outbound.setup import drift, importing, matching, people

pytestmark = pytest.mark.django_db

WORKERS = defaults.WORKERS


@pytest.fixture
def imported(bare: Account, look: Callable[[], ImportRun]) -> Account:
    """The account with all it has."""
    run = look()
    importing.take_over(run.pk, importing.everything(run, bare))
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
