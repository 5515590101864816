"""From an empty database to everything chosen, as a manager does it in the admin; without script."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from flex_outbound.models import Account, ImportRun, Resource, ResourceKind, RunState, Sender, Worker
from flex_outbound.outbox import jobs
from flex_outbound.outbox.jobs import Job
from flex_outbound.sandbox import defaults
from flex_outbound.setup import fetching
from tests.integration.admin.conftest import staff
from tests.integration.pages.strict import read
from tests.integration.setup.conftest import Sandbox, bare, sandbox, sandbox_server, users

__all__ = ["Sandbox", "bare", "sandbox", "sandbox_server", "users"]

pytestmark = pytest.mark.django_db

ACCOUNTS = "/admin/flex_outbound/account/"
CREDENTIALS = {
    "name": "Our account",
    "account_sid": defaults.ACCOUNT_SID,
    "api_key_sid": defaults.API_KEY_SID,
    "api_key_secret": defaults.API_KEY_SECRET,
    "auth_token": "",
    "previous_auth_token": "",
    "workspace_sid": "",
    "workflow_sid": "",
    "is_active": "on",
}
ROUTE = f"{defaults.WORKSPACE_SID}/{defaults.WORKFLOW_SID}"


@pytest.fixture(autouse=True)
def worker_at_hand(settings: Any) -> Iterator[list[str]]:
    """Look at once, as a worker would in a second; the jobs' arguments are returned."""
    done: list[str] = []

    def now(job: Job, row_id: str, delay: float) -> None:
        if job is Job.IMPORT:
            done.append(row_id)
            fetching.fetch(int(row_id))

    before = jobs.connect(now)
    yield done
    jobs.connect(before)


def page(account: Account, name: str = "import") -> str:
    return f"{ACCOUNTS}{account.pk}/{name}/"


def text(answer: Any) -> str:
    """Return a page's HTML, one space for any white space between words and none around tags' ends."""
    html: str = answer.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", html))


@pytest.fixture
def looked(admin_client: Client, bare: Account, sandbox: Sandbox, django_capture_on_commit_callbacks: Any) -> Account:
    """An account whose look is to be checked by the manager."""
    with django_capture_on_commit_callbacks(execute=True):
        assert admin_client.post(page(bare), {"act": "start"}).status_code == 302
    return bare


def everything(client: Client, account: Account, **more: Any) -> dict[str, Any]:
    """Return the form as it is offered, all ticked."""
    html = text(client.get(page(account)))
    return {
        "act": "apply",
        "run": str(ImportRun.objects.latest("pk").pk),
        "route": ROUTE,
        "take": re.findall(r'name="take" value="([^"]+)" checked', html),
        **more,
    }


def number_of(kind: ResourceKind) -> str:
    return str(ImportRun.objects.latest("pk").of(kind)[0]["sid"])


def test_an_account_is_saved_with_credentials_alone_and_leads_to_the_import(admin_client: Client) -> None:
    answer = admin_client.post(f"{ACCOUNTS}add/", CREDENTIALS)
    account = Account.objects.get()
    assert answer["Location"] == page(account)
    html = text(admin_client.get(page(account)))
    assert "Fetch from Twilio" in html
    assert read(html).faults == []
    shown = text(admin_client.get(f"{ACCOUNTS}{account.pk}/change/"))
    assert "The Flex workspace is not chosen yet" in shown
    assert defaults.API_KEY_SECRET not in shown


def test_only_the_run_goes_to_the_worker(looked: Account, worker_at_hand: list[str]) -> None:
    assert worker_at_hand == [str(ImportRun.objects.get().pk)]


def test_what_was_found_is_offered_and_taken_over(admin_client: Client, looked: Account) -> None:
    html = text(admin_client.get(page(looked)))
    assert read(html).faults == []
    assert "31 changes" in html
    number = number_of(ResourceKind.PHONE_NUMBER)
    form = everything(admin_client, looked, send=[number])
    form |= {f"name-{number}": "Front desk", f"queue-{number}": defaults.QUEUES["Outbound"]}

    answer = admin_client.post(page(looked), form, follow=True)

    assert "31 resources imported from Twilio; workspace and workflow chosen; 1 sender added." in text(answer)
    assert "Last import:" in text(answer)
    looked.refresh_from_db()
    assert looked.workspace_sid == defaults.WORKSPACE_SID
    assert Sender.objects.get().address == defaults.SMS_SENDER
    logged = set(LogEntry.objects.values_list("content_type__model", "user__username"))
    assert logged == {("account", "admin"), ("sender", "admin")}
    shown = text(admin_client.get(f"{ACCOUNTS}{looked.pk}/change/"))
    assert re.search(rf'<option value="{defaults.WORKSPACE_SID}" selected>Flex Task Assignment', shown)


def test_a_second_look_says_what_changed(admin_client: Client, looked: Account, sandbox_server: Any) -> None:
    admin_client.post(page(looked), everything(admin_client, looked))
    space = sandbox_server.state.worlds[defaults.ACCOUNT_SID].workspaces[defaults.WORKSPACE_SID]
    space.queues[defaults.QUEUES["Support"]].name = "<script>alert(1)</script>"
    del space.queues[defaults.QUEUES["Everyone"]]
    queue = defaults.QUEUES["Everyone"]
    Sender.objects.create(
        account=looked, channel="sms", address=defaults.SMS_SENDER, display_name="Night desk", queue_sid=queue
    )
    fetching.fetch(ImportRun.objects.create(account=looked).pk)
    html = text(admin_client.get(page(looked)))
    assert "2 changes" in html
    assert "was: Support" in html
    assert "used by: Night desk" in html
    assert "<script>alert" not in html
    assert read(html).faults == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"queue": ""}, "Choose the queue"),
        ({"queue": defaults.ACCOUNT2_QUEUES["Everyone"]}, "not in the chosen workspace"),
        ({"name": ""}, "Display name"),
        ({"name": "x" * 300}, "at most 100"),
    ],
)
def test_a_wrong_choice_is_answered_in_place(
    admin_client: Client, looked: Account, changes: dict[str, str], words: str
) -> None:
    number = number_of(ResourceKind.PHONE_NUMBER)
    values = {"name": "Front desk", "queue": defaults.QUEUES["Outbound"]} | changes
    form = everything(admin_client, looked, send=[number])
    form |= {f"{name}-{number}": value for name, value in values.items()}

    answer = admin_client.post(page(looked), form)

    assert answer.status_code == 400
    assert words in text(answer)
    assert f'aria-describedby="error-{number}"' in text(answer)
    assert read(text(answer)).faults == []
    assert not Resource.objects.exists()


def test_a_queue_that_vanished_since_is_answered_in_place(
    admin_client: Client, looked: Account, sandbox_server: Any
) -> None:
    number = number_of(ResourceKind.PHONE_NUMBER)
    queue = defaults.QUEUES["Outbound"]
    form = everything(admin_client, looked, send=[number]) | {f"name-{number}": "Desk", f"queue-{number}": queue}
    del sandbox_server.state.worlds[defaults.ACCOUNT_SID].workspaces[defaults.WORKSPACE_SID].queues[queue]
    answer = admin_client.post(page(looked), form)
    assert "queue was deleted at Twilio a moment ago" in text(answer)
    assert not Sender.objects.exists()


def test_twilio_down_between_list_and_save_keeps_everything_out(
    admin_client: Client, looked: Account, sandbox: Sandbox
) -> None:
    form = everything(admin_client, looked)
    sandbox.fault("status", method="GET", path="/Workflows$", status=503, code=20503)
    answer = admin_client.post(page(looked), form)
    assert "Nothing was saved, because Twilio could not be asked" in text(answer)
    assert not Resource.objects.exists()


def test_a_failed_look_says_why_and_can_be_begun_again(
    admin_client: Client, bare: Account, sandbox: Sandbox, django_capture_on_commit_callbacks: Any
) -> None:
    sandbox.fault("status", method="GET", path="/v1/Workspaces$", status=401, code=20003, times=1)
    with django_capture_on_commit_callbacks(execute=True):
        html = text(admin_client.post(page(bare), {"act": "start"}, follow=True))
    html = text(admin_client.get(page(bare)))
    assert "does not accept these credentials" in html
    assert 'value="Refresh"' in html
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(page(bare), {"act": "start"})
    assert ImportRun.objects.latest("pk").state == RunState.FOUND


def test_a_look_that_waits_says_for_what_and_can_be_canceled(admin_client: Client, bare: Account) -> None:
    run = ImportRun.objects.create(account=bare)
    html = text(admin_client.get(page(bare)))
    assert "Waiting for a Celery worker" in html
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in html
    assert read(html).faults == []
    ImportRun.objects.update(created_at=timezone.now() - timezone.timedelta(minutes=1))
    state = json.loads(admin_client.get(page(bare, "import/state")).content)
    assert state["under_way"] is True
    assert "No Celery worker has taken this yet" in state["html"]
    admin_client.post(page(bare), {"act": "cancel"})
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert json.loads(admin_client.get(page(bare, "import/state")).content)["under_way"] is False


def test_a_stale_form_changes_nothing(admin_client: Client, looked: Account) -> None:
    form = everything(admin_client, looked)
    ImportRun.objects.create(account=looked, state=RunState.FOUND)
    answer = admin_client.post(page(looked), form, follow=True)
    assert "out of date" in text(answer)
    assert not Resource.objects.exists()


def test_the_page_costs_the_same_for_many(
    admin_client: Client, looked: Account, django_assert_max_num_queries: Any
) -> None:
    run = ImportRun.objects.latest("pk")
    run.found["worker"] = [
        {"sid": f"WK{n:032x}", "parent_sid": defaults.WORKSPACE_SID, "name": f"w{n}", "details": {}}
        for n in range(3000)
    ]
    run.found["content_template"] = run.found["content_template"][:5] * 60
    run.save()
    with django_assert_max_num_queries(12):
        html = text(admin_client.get(page(looked)))
    assert "Import all 3000" in html
    assert html.count("<input") < 1000


# --- Test connection ---------------------------------------------------------------------------------------


def test_the_connection_of_a_form_that_is_not_saved_is_tried(admin_client: Client, sandbox: Sandbox) -> None:
    answer = admin_client.post(f"{ACCOUNTS}add/test/", CREDENTIALS, headers={"accept": "application/json"})
    assert answer.json()["ok"] is True
    html = text(admin_client.post(f"{ACCOUNTS}add/test/", CREDENTIALS))
    assert "Connected to Sandbox" in html
    assert "enter them once more" in html
    assert defaults.API_KEY_SECRET not in html
    assert read(html).faults == []
    assert not Account.objects.exists()


def test_a_stored_secret_is_used_where_none_was_typed(admin_client: Client, bare: Account, sandbox: Sandbox) -> None:
    form = CREDENTIALS | {"api_key_secret": ""}
    answer = admin_client.post(page(bare, "test"), form, headers={"accept": "application/json"})
    assert answer.json()["ok"] is True
    wrong = admin_client.post(
        page(bare, "test"), form | {"api_key_secret": "wrong"}, headers={"accept": "application/json"}
    ).json()
    assert (wrong["ok"], wrong["code"]) == (False, 20003)
    assert "does not accept" in text(admin_client.post(page(bare, "test"), form | {"api_key_secret": "wrong"}))
    bare.refresh_from_db()
    assert bare.api_key_secret == defaults.API_KEY_SECRET


def test_an_incomplete_form_asks_nobody(admin_client: Client, sandbox_server: Any, sandbox: Sandbox) -> None:
    form = CREDENTIALS | {"account_sid": "AC1"}
    said = admin_client.post(f"{ACCOUNTS}add/test/", form, headers={"accept": "application/json"}).json()
    assert "not complete" in said["summary"]
    assert not sandbox_server.state.requests


def test_no_transaction_is_open_while_twilio_is_asked(
    admin_client: Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.handlers.base import BaseHandler
    from django.db import connections
    from django.urls import resolve

    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    for url in (f"{ACCOUNTS}add/test/", f"{ACCOUNTS}1/test/", f"{ACCOUNTS}1/import/"):
        view = resolve(url).func
        assert "default" in getattr(view, "_non_atomic_requests", set()), url
        assert BaseHandler().make_view_atomic(view) is view


# --- workers and users -------------------------------------------------------------------------------------


@pytest.fixture
def imported(admin_client: Client, looked: Account) -> Account:
    """An account of which everything was taken over."""
    admin_client.post(page(looked), everything(admin_client, looked))
    looked.refresh_from_db()
    return looked


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


# --- who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["import", "import/state", "workers"])
def test_who_may_only_see_an_account_may_not_look_or_match(name: str, bare: Account) -> None:
    assert staff("viewer", "view_account").get(page(bare, name)).status_code == 403
    assert staff("manager", "view_account", "change_account").get(page(bare, name)).status_code == 200


def test_who_may_only_see_an_account_may_not_test(bare: Account) -> None:
    viewer = staff("viewer", "view_account")
    assert viewer.post(page(bare, "test"), CREDENTIALS).status_code == 403
    assert viewer.post(f"{ACCOUNTS}add/test/", CREDENTIALS).status_code == 403
    shown = text(viewer.get(f"{ACCOUNTS}{bare.pk}/change/"))
    assert defaults.ACCOUNT_SID in shown
    assert "data-flex-test" not in shown
    assert defaults.API_KEY_SECRET not in shown


def test_what_changes_something_does_not_answer_get(admin_client: Client, bare: Account) -> None:
    assert admin_client.get(page(bare, "test")).status_code == 405
    admin_client.get(page(bare), {"act": "start"})
    assert not ImportRun.objects.exists()
    for form in ({"act": "nonsense"}, {"act": "apply", "run": "x"}, {"act": "apply", "run": "9" * 30}, {}):
        assert admin_client.post(page(bare), form).status_code == 404
    assert admin_client.post(page(bare, "workers"), {"act": "nonsense"}).status_code == 404
