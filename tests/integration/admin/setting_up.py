"""Pages of setting up in the admin, an account that is looked at, and its import."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from flex_outbound.models import Account, ImportRun
from flex_outbound.outbox import jobs
from flex_outbound.outbox.jobs import Job
from flex_outbound.sandbox import defaults
from flex_outbound.setup import fetching
from tests.integration.setup.conftest import Sandbox

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


# --- workers and users -------------------------------------------------------------------------------------


@pytest.fixture
def imported(admin_client: Client, looked: Account) -> Account:
    """An account of which everything was taken over."""
    admin_client.post(page(looked), everything(admin_client, looked))
    looked.refresh_from_db()
    return looked
