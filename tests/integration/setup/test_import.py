"""From credentials alone to everything that can be chosen."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from flex_outbound.gateway.directory import TwilioDirectory
from flex_outbound.models import Account, ImportRun, Resource, ResourceKind, RunState, Sender
from flex_outbound.sandbox import defaults
from flex_outbound.setup import fetching, importing, runs
from flex_outbound.setup.choosing import Choice, NewSender
from flex_outbound.setup.differences import Change
from tests.integration.setup.conftest import Sandbox

pytestmark = pytest.mark.django_db

Look = Callable[[], ImportRun]
ALL: dict[ResourceKind, None] = dict.fromkeys(ResourceKind)
ROUTE = (defaults.WORKSPACE_SID, defaults.WORKFLOW_SID)


def sender(run: ImportRun, kind: ResourceKind, **changes: str) -> NewSender:
    values = {"display_name": "Front desk", "queue_sid": defaults.QUEUES["Outbound"]}
    return NewSender(kind, run.of(kind)[0]["sid"], **(values | changes))


def names(kind: ResourceKind) -> set[str]:
    return set(Resource.objects.present().filter(kind=kind).values_list("name", flat=True))


def test_everything_is_found_and_nothing_is_changed(look: Look) -> None:
    run = look()

    assert run.state == RunState.FOUND
    assert run.counts == {
        "workspace": 1,
        "workflow": 1,
        "task_queue": 3,
        "task_channel": 5,
        "worker": 5,
        "phone_number": 2,
        "whatsapp_sender": 1,
        "email_address": 1,
        "content_template": 12,
    }
    assert not Resource.objects.exists()
    assert not Account.objects.get().workspace_sid


def test_what_is_ticked_is_taken_over_in_one_go(look: Look) -> None:
    run = look()
    wanted = [sender(run, kind) for kind in (ResourceKind.PHONE_NUMBER, ResourceKind.WHATSAPP_SENDER)]

    applied = importing.apply(run.pk, Choice(*ROUTE, ALL, wanted))

    assert (applied.counts["new"], applied.fields) == (31, ["workspace_sid", "workflow_sid"])
    account = Account.objects.get()
    assert (account.workspace_sid, account.workflow_sid) == ROUTE
    made = {(one.channel, one.address, one.queue_sid, one.is_default) for one in Sender.objects.all()}
    queue = defaults.QUEUES["Outbound"]
    assert made == {("sms", defaults.SMS_SENDER, queue, True), ("whatsapp", "+14155238886", queue, True)}
    assert ImportRun.objects.get().found == {}, "it names people, and is needed no more"
    worker = Resource.objects.get(kind=ResourceKind.WORKER, name="agent")
    assert worker.details["email"] == "agent@example.com"
    assert Resource.objects.get(name="spring_offer").details["whatsapp"] == "pending"


def test_what_is_not_ticked_is_left_out_and_forgotten(look: Look) -> None:
    importing.apply(look().pk, Choice(*ROUTE, ALL))
    run = look()
    outbound = defaults.QUEUES["Outbound"]

    importing.apply(run.pk, Choice(*ROUTE, {ResourceKind.TASK_QUEUE: [outbound]}))

    assert names(ResourceKind.TASK_QUEUE) == {"Outbound"}
    assert len(names(ResourceKind.TASK_CHANNEL)) == 5, "a kind that was not asked about stays"


def test_the_next_look_shows_what_changed(look: Look, sandbox_server: Any) -> None:
    importing.apply(look().pk, Choice(*ROUTE, ALL))
    space = sandbox_server.state.worlds[defaults.ACCOUNT_SID].workspaces[defaults.WORKSPACE_SID]
    del space.queues[defaults.QUEUES["Support"]]
    space.workers[defaults.WORKERS["bea"]].name = "<script>alert(1)</script>" + "b" * 300
    run = look()

    differences = importing.differences_of(run)

    assert [one.name for one in differences.of(ResourceKind.TASK_QUEUE, Change.GONE)] == ["Support"]
    [renamed] = differences.of(ResourceKind.WORKER, Change.RENAMED)
    assert (renamed.before, len(renamed.name)) == ("bea", 255)
    assert differences.count() == 2
    importing.apply(run.pk, importing.everything(run, Account.objects.get()))
    assert Resource.objects.get(sid=defaults.QUEUES["Support"]).gone_at is not None
    assert "Support" not in names(ResourceKind.TASK_QUEUE)
    assert importing.differences_of(look()).count() == 0


def test_what_comes_back_is_there_again(look: Look) -> None:
    importing.apply(look().pk, Choice(*ROUTE, ALL))
    Resource.objects.filter(name="Support").update(gone_at=F("seen_at"))
    run = look()
    [back] = importing.differences_of(run).of(ResourceKind.TASK_QUEUE, Change.NEW)
    importing.apply(run.pk, Choice(*ROUTE, ALL))
    assert back.name == "Support"
    assert "Support" in names(ResourceKind.TASK_QUEUE)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 401, "code": 20003, "path": "/v1/Workspaces$"}, "does not accept these credentials"),
        ({"status": 403, "code": 20403, "path": "/Workers$"}, "may not do this"),
        ({"status": 503, "code": 20503, "path": "/v1/ContentAndApprovals$"}, "internal problem"),
        ({"status": 429, "code": 20429, "path": "/TaskQueues$"}, "no more requests"),
    ],
)
def test_a_look_that_breaks_off_changes_nothing_and_says_why(
    fault: dict[str, Any], words: str, look: Look, sandbox: Sandbox
) -> None:
    importing.apply(look().pk, Choice(*ROUTE, ALL))
    before = list(Resource.objects.order_by("pk").values())
    sandbox.fault("status", method="GET", **fault)

    run = look()

    problem = runs.problem_of(run)
    assert problem is not None
    assert words in problem.summary
    assert problem.code == fault["code"]
    assert (run.state, run.found) == (RunState.FAILED, {})
    assert list(Resource.objects.order_by("pk").values()) == before


def test_twilio_that_vanishes_in_the_middle_changes_nothing(look: Look, sandbox: Sandbox) -> None:
    sandbox.fault("drop_after", method="GET", path="/Workers$")
    run = look()
    problem = runs.problem_of(run)
    assert problem is not None
    assert "could not be reached" in problem.summary
    assert not Resource.objects.exists()


def test_a_product_that_the_key_may_not_read_is_left_as_it_is(look: Look, sandbox: Sandbox) -> None:
    importing.apply(look().pk, Choice(*ROUTE, ALL))
    sandbox.fault("status", method="GET", path="/v2/Channels/Senders$", status=403, code=20403)

    run = look()

    assert run.state == RunState.FOUND
    assert run.skipped["whatsapp_sender"]["code"] == 20403
    importing.apply(run.pk, importing.everything(run, Account.objects.get()))
    assert len(names(ResourceKind.WHATSAPP_SENDER)) == 1


def test_many_pages_are_read_whole(look: Look, sandbox_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TwilioDirectory._all, "__defaults__", (1,))
    run = look()
    assert (run.counts["worker"], run.counts["phone_number"]) == (5, 2)
    asked = [one.path.rpartition("/")[2] for one in sandbox_server.state.requests]
    assert (asked.count("Workers"), asked.count("IncomingPhoneNumbers.json")) == (5, 2)


def test_a_second_click_begins_no_second_look(bare: Account) -> None:
    first = runs.begin(bare)
    assert runs.begin(bare).pk == first.pk
    assert runs.claim(first.pk) is not None
    assert runs.claim(first.pk) is None, "nor does a second worker"
    assert runs.begin(bare).pk == first.pk


def test_a_worker_that_died_does_not_hold_up_the_next_look(bare: Account) -> None:
    first = runs.begin(bare)
    held = runs.claim(first.pk)
    assert held is not None
    ImportRun.objects.update(lease_until=F("created_at"))

    second = runs.begin(bare)

    assert second.pk != first.pk
    problem = runs.problem_of(ImportRun.objects.get(pk=first.pk))
    assert problem is not None
    assert "stopped in the middle" in problem.summary
    with pytest.raises(runs.Lost):
        runs.progress(held)
    with pytest.raises(runs.Lost):
        runs.found(held)


def test_a_wake_up_that_was_lost_is_found_by_the_sweep(bare: Account) -> None:
    run = runs.begin(bare)
    assert runs.neglected() == []
    ImportRun.objects.update(created_at=F("created_at") - timedelta(seconds=60))
    assert runs.neglected() == [run.pk]


def test_only_the_newest_list_is_taken_over_and_only_once(look: Look) -> None:
    old, new = look(), look()
    with pytest.raises(importing.ImportRefused, match="out of date"):
        importing.apply(old.pk, Choice(*ROUTE, ALL))
    importing.apply(new.pk, Choice(*ROUTE, ALL))
    with pytest.raises(importing.ImportRefused, match="already"):
        importing.apply(new.pk, Choice(*ROUTE, ALL))


def test_one_wrong_choice_keeps_everything_out(look: Look) -> None:
    run = look()
    foreign = defaults.ACCOUNT2_QUEUES["Everyone"]
    wanted = [
        sender(run, ResourceKind.PHONE_NUMBER, queue_sid=foreign),
        sender(run, ResourceKind.EMAIL_ADDRESS, display_name="x" * 300),
        sender(run, ResourceKind.WHATSAPP_SENDER),
    ]
    with pytest.raises(importing.InvalidChoice) as caught:
        importing.apply(run.pk, Choice(*ROUTE, ALL, wanted))
    assert set(caught.value.errors) == {wanted[0].sid, wanted[1].sid}
    assert "Display name" in caught.value.errors[wanted[1].sid]
    assert not Resource.objects.exists()
    assert not Sender.objects.exists()


def test_a_malformed_address_is_named_and_not_taken(look: Look, sandbox_server: Any) -> None:
    world = sandbox_server.state.worlds[defaults.ACCOUNT_SID]
    [mailbox] = [one for one in world.address_configurations.values() if one.type == "email"]
    mailbox.address = "not an address"
    run = look()
    wanted = sender(run, ResourceKind.EMAIL_ADDRESS)
    with pytest.raises(importing.InvalidChoice, match="not a valid email address"):
        importing.apply(run.pk, Choice(*ROUTE, ALL, [wanted]))


@pytest.mark.parametrize("route", [(defaults.ACCOUNT2_WORKSPACE_SID, ""), (defaults.WORKSPACE_SID, "WW" + "0" * 32)])
def test_a_route_that_was_not_found_is_refused(route: tuple[str, str], look: Look) -> None:
    with pytest.raises(importing.InvalidChoice, match="Choose a workspace"):
        importing.apply(look().pk, Choice(*route, ALL))


def test_a_queue_that_vanished_since_is_noticed(look: Look, bare: Account, sandbox_server: Any) -> None:
    run = look()
    choice = Choice(*ROUTE, ALL, [sender(run, ResourceKind.PHONE_NUMBER)])
    assert importing.vanished(bare, choice) == {}
    space = sandbox_server.state.worlds[defaults.ACCOUNT_SID].workspaces[defaults.WORKSPACE_SID]
    del space.queues[defaults.QUEUES["Outbound"]]
    assert "queue was deleted" in importing.vanished(bare, choice)[run.of(ResourceKind.PHONE_NUMBER)[0]["sid"]]
    space.workflows.clear()
    assert "route" in importing.vanished(bare, choice)


def test_the_cost_of_taking_over_does_not_grow_with_what_is_found(
    look: Look, sandbox_server: Any, django_assert_max_num_queries: Any
) -> None:
    space = sandbox_server.state.worlds[defaults.ACCOUNT_SID].workspaces[defaults.WORKSPACE_SID]
    model = space.workers[defaults.WORKERS["bea"]]
    for number in range(1200):
        sid = f"WK{number:032x}"
        space.workers[sid] = type(model)(sid, f"worker {number}", "{}", model.activity)
    run = look()
    assert run.counts["worker"] == 1205
    with django_assert_max_num_queries(60):
        importing.apply(run.pk, Choice(*ROUTE, ALL))
    assert fetching.EVERY < 1200
