"""From an empty database to everything chosen, as a manager does it in the admin; without script."""

import json
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from flex_outbound.models import Account, ImportRun, Resource, ResourceKind, RunState, Sender
from flex_outbound.sandbox import defaults
from flex_outbound.setup import fetching
from tests.integration.admin.conftest import staff
from tests.integration.admin.setting_up import (
    ACCOUNTS,
    CREDENTIALS,
    everything,
    looked,
    page,
    text,
    worker_at_hand,
)
from tests.integration.pages.strict import read
from tests.integration.setup.conftest import Sandbox, bare, sandbox, sandbox_server, users

__all__ = ["Sandbox", "bare", "looked", "sandbox", "sandbox_server", "users", "worker_at_hand"]

pytestmark = pytest.mark.django_db


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
