"""Each group walks every page of the admin: what it may see opens, the rest is refused, and nothing breaks."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from flex_outbound import groups
from flex_outbound.channels import Channel
from flex_outbound.models import Account, Sender, Worker
from tests.integration.admin import walk

pytestmark = pytest.mark.django_db

SET_UP = {"account", "sender", "worker", "savedreply"}


@pytest.fixture(autouse=True)
def filled(account: Account, senders: dict[Channel, Sender], worker: Worker) -> None:
    """One row of everything."""
    walk.fill(account, senders[Channel.SMS], worker)


def member(name: str) -> Client:
    user = User.objects.create_user("member", is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    client = Client()
    client.force_login(user)
    return client


def answers(client: Client) -> dict[tuple[str, str], int]:
    """Ask for every page; returns (model, page) and the answer's status."""
    found = {}
    for model in walk.models():
        name = str(model._meta.model_name)
        for url in walk.pages_of(model):
            response: Any = client.get(url)
            found[name, url.removeprefix(f"/admin/flex_outbound/{name}/")] = response.status_code
    return found


def test_a_manager_sees_everything_and_writes_what_is_set_up() -> None:
    seen = answers(member(groups.MANAGERS))
    assert {status for status in seen.values() if status >= 404} <= {404, 405}
    for (name, page), status in seen.items():
        kind = page.rstrip("/").rpartition("/")[2]
        if kind in {"", "change", "history"}:
            assert status == 200, (name, page)
        elif kind in {"add", "delete"}:
            may = name in SET_UP or (name, kind) == ("consentevent", "add")
            assert status == (200 if may else 403), (name, page)
        elif kind in {"confirm", "retry", "cancel", "import", "workers"} or (name, kind) == ("sender", "test"):
            assert status == 200, (name, page)
        else:
            assert status != 403, (name, page)


def test_an_agent_among_the_staff_sees_none_of_it() -> None:
    seen = answers(member(groups.AGENTS))
    assert {key: status for key, status in seen.items() if status not in {403, 404}} == {}


def test_managers_are_no_superusers_elsewhere() -> None:
    assert member(groups.MANAGERS).get("/admin/auth/user/").status_code == 403


@pytest.mark.parametrize(("name", "status"), [(groups.MANAGERS, 200), (groups.AGENTS, 404)])
def test_the_index_of_the_admin_opens(name: str, status: int) -> None:
    client = member(name)
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/flex_outbound/").status_code == status
