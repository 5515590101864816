"""GET: what a row says, who may read it, and how little it costs while nothing changes."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Interaction, Message
from flex_outbound.statuses import Status
from tests.integration.api.conftest import LIST, MakeRow, make_user, sid, signed_in


def url(row: Interaction) -> str:
    """Return the URL to poll."""
    return f"{LIST}{row.pk}/"


def test_an_open_row_says_all_that_is_known(client: Client, make_row: MakeRow, agent: User) -> None:
    row = make_row(Status.ACTIVE, conversation_sid=sid("CH"), task_status="assigned", channel_status="active")
    data = client.get(url(row)).json()

    assert data["status"] == "active"
    assert data["status_label"] == "In conversation"
    assert data["task_sid"] == row.task_sid
    assert data["conversation_sid"] == row.conversation_sid
    assert (data["task_status"], data["channel_status"]) == ("assigned", "active")
    assert data["flex_url"].endswith(str(row.task_sid))
    assert data["agent"] == {"id": agent.pk, "name": "Ada"}
    assert (data["can_retry"], data["can_cancel"]) == (False, False)
    assert data["contact_type"] == "crm_demo.contact"


def test_a_failed_row_says_why(client: Client, make_row: MakeRow) -> None:
    row = make_row(Status.FAILED, error_code=21610, error_reason="opted_out", error_params={"said": "Has opted out."})
    data = client.get(url(row)).json()

    assert (data["error_code"], data["error_reason"], data["error_message"]) == (21610, "opted_out", "Has opted out.")
    assert (data["is_final"], data["can_retry"]) == (True, False)


def test_another_agents_row_is_not_there(make_row: MakeRow, colleague: User) -> None:
    row = make_row()
    theirs = signed_in(colleague)

    missing = theirs.get(f"{LIST}{uuid.uuid4()}/")
    for answer in (theirs.get(url(row)), theirs.get(url(row), headers={"If-None-Match": "*"})):
        assert answer.status_code == 404
        assert answer.json() == missing.json()
    assert theirs.get(LIST).json()["results"] == []


def test_a_row_whose_agent_is_gone_is_for_those_who_see_all(make_row: MakeRow, colleague: User) -> None:
    row = make_row(agent=None)

    assert signed_in(colleague).get(url(row)).status_code == 404
    data = signed_in(make_user("lea", "view_interaction")).get(url(row)).json()
    assert data["agent"] is None


def test_who_may_view_may_not_decide(make_row: MakeRow) -> None:
    row = make_row(Status.FAILED)
    watcher = signed_in(make_user("lea", "view_interaction"))

    data = watcher.get(url(row)).json()
    assert (data["can_retry"], data["can_cancel"]) == (False, False)
    assert watcher.post(f"{url(row)}retry/").status_code == 403


@pytest.mark.parametrize("path", ["", "?contact_type=crm_demo.contact"])
def test_nobody_reads_without_signing_in(path: str, make_row: MakeRow) -> None:
    assert Client().get(LIST + path).status_code == 403
    assert Client().get(url(make_row())).json()["code"] == "not_authenticated"


def test_an_unchanged_row_is_a_304(client: Client, make_row: MakeRow) -> None:
    row = make_row()
    tag = client.get(url(row))["ETag"]

    for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        answer = client.get(url(row), headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer["ETag"] == tag


def test_a_change_of_the_row_or_its_message_is_a_new_answer(client: Client, make_row: MakeRow) -> None:
    row = make_row()
    Message.objects.create(interaction=row, body="Hi")
    tags = [client.get(url(row))["ETag"]]

    Interaction.objects.filter(pk=row.pk).update(version=F("version") + 1)
    tags.append(client.get(url(row), headers={"If-None-Match": tags[-1]})["ETag"])
    Message.objects.filter(interaction=row).update(status="failed")
    answer = client.get(url(row), headers={"If-None-Match": tags[-1]})
    assert answer.status_code == 200
    tags.append(answer["ETag"])

    assert len(set(tags)) == 3


def test_the_click_answers_with_the_tag_of_the_first_poll(client: Client, make_row: MakeRow) -> None:
    row = make_row(Status.FAILED, address="+14155550123")
    answer = client.post(f"{url(row)}retry/", content_type="application/json")

    poll = client.get(answer["Location"], headers={"If-None-Match": answer["ETag"]})
    assert poll.status_code == 304


def test_who_sees_all_is_spared_unchanged_rows_too(make_row: MakeRow) -> None:
    row = make_row()
    watcher = signed_in(make_user("lea", "view_interaction"))
    tag = watcher.get(url(row))["ETag"]

    assert watcher.get(url(row), headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("header", ["", "nonsense", '"', "W/", '"é"', "," * 1000])
def test_a_strange_tag_is_simply_unknown(client: Client, make_row: MakeRow, header: str) -> None:
    assert client.get(url(make_row()), headers={"If-None-Match": header}).status_code == 200


def test_answers_stay_out_of_caches(client: Client, make_row: MakeRow) -> None:
    row = make_row()
    tag = client.get(url(row))["ETag"]

    poll = client.get(url(row), headers={"If-None-Match": tag})
    for answer in (poll, client.get(url(row)), client.get(LIST), Client().get(LIST)):
        assert set(answer["Cache-Control"].split(", ")) == {"private", "no-store"}
        assert {"Cookie", "Authorization", "Accept-Language"} <= set(answer["Vary"].split(", "))


def test_a_timeline_is_the_contacts_newest_first(client: Client, make_row: MakeRow, contact: Contact) -> None:
    rows = [make_row(created_at=timezone.now() - timedelta(hours=n)) for n in range(3)]
    make_row(contact_id="0")

    query = {"contact_type": "crm_demo.contact", "contact_id": contact.pk}
    data = client.get(LIST, query).json()
    assert [row["id"] for row in data["results"]] == [str(row.pk) for row in rows]
    assert data["next"] is data["previous"] is None


def test_a_timeline_can_be_narrowed(client: Client, make_row: MakeRow) -> None:
    make_row(Status.FAILED)
    wanted = make_row(Status.FAILED, channel="email", address="ann@example.com")

    found = client.get(LIST, {"status": "failed", "channel": "email"}).json()["results"]
    assert [row["id"] for row in found] == [str(wanted.pk)]


def test_pages_hold_every_row_once_even_of_one_instant(client: Client, make_row: MakeRow) -> None:
    now = timezone.now()
    rows = {str(make_row(created_at=now).pk) for _ in range(7)}
    seen: list[str] = []
    page: str | None = f"{LIST}?page_size=3"
    while page:
        assert page.startswith(LIST)
        data = client.get(page).json()
        seen += [row["id"] for row in data["results"]]
        page = data["next"]

    assert len(seen) == 7
    assert set(seen) == rows
    assert client.get(data["previous"]).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("contact_type=nonsense", "contact_type"),
        ("contact_type=auth.user&contact_id=1", "contact_type"),
        ("contact_id=1", "contact_type"),
        ("contact_type=crm_demo.contact&contact_id=%00", "contact_id"),
        ("status=nonsense", "status"),
        ("channel=fax", "channel"),
        ("page_size=0", "page_size"),
        ("page_size=1000", "page_size"),
        ("page_size=x", "page_size"),
        ("cursor=nonsense", "cursor"),
        ("cursor=cD1ub25zZW5zZQ==", "cursor"),
        ("cursor=cD0yMDI2LTEzLTQ1", "cursor"),
        ("cursor=%00", "cursor"),
        ("contact=1", "contact"),
        ("agent=1", "agent"),
        ("status=", "status"),
        ("channel=%20", "channel"),
        ("contact_type=crm_demo.contact&contact_id=", "contact_id"),
        ("contact_type=", "contact_type"),
        ("page_size=", "page_size"),
        ("cursor=", "cursor"),
        ("status=failed&status=queued", "status"),
        ("contact_type=crm_demo.contact&contact_id=1&contact_id=2", "contact_id"),
    ],
)
def test_a_bad_parameter_is_named(client: Client, query: str, field: str) -> None:
    answer = client.get(f"{LIST}?{query}")

    assert answer.status_code == 400
    assert list(answer.json()) == [field]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_row_is_never_written_from_outside(client: Client, make_row: MakeRow, method: str) -> None:
    answer = getattr(client, method)(url(make_row()))

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["not-a-uuid/", "not-a-uuid/retry/", "a/b/c/", "%00/", "%0A/"])
def test_what_is_nowhere_is_a_404_for_programs(client: Client, method: str, path: str) -> None:
    answer = getattr(client, method)(LIST + path)

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_a_forgotten_slash_is_added(client: Client) -> None:
    answer = client.get(LIST.removesuffix("/"))

    assert answer.status_code == 301
    assert answer["Location"] == LIST
