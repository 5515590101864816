"""The history as a file: whole, in order, harmless, and nobody's secret."""

import csv
import io
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from flex_outbound.admin import export
from flex_outbound.models import Account, Interaction
from tests.integration.admin.conftest import INTERACTIONS, staff
from tests.integration.conftest import Click
from tests.integration.pages import rows

pytestmark = pytest.mark.django_db

EXPORT = INTERACTIONS + "export/"
NOW = datetime.now(UTC)


def take(client: Client, **asked: Any) -> list[dict[str, str]]:
    """Return the rows of the file."""
    response = client.get(EXPORT, asked)
    assert response.status_code == 200
    assert response.streaming
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_is_told_in_full(admin_client: Client, row: Interaction) -> None:
    rows.open_in_flex(row)
    (line,) = take(admin_client)
    row.refresh_from_db()
    assert list(line) == list(export.COLUMNS)
    assert line["id"] == str(row.pk)
    assert line["clicked_at"] == row.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert datetime.fromisoformat(line["opened_at"]).tzinfo is not None
    assert (line["status"], line["channel"], line["agent"]) == ("created", "sms", "agent")
    assert (line["contact_type"], line["contact_name"]) == ("crm_demo.contact", "Ann Example")
    assert line["address"] == "+14155550123"
    assert line["task_sid"] == row.task_sid
    assert line["first_message"] == "waiting"
    assert line["duplicates"] == "0"


def test_the_outcome_is_in_it_and_the_notes_are_not(admin_client: Client, row: Interaction) -> None:
    Interaction.objects.update(outcome="=Solved", notes="Private")
    (line,) = take(admin_client)
    assert line["outcome"].lstrip("'\t") == "=Solved"
    assert line["outcome"] != "=Solved", "made safe"
    assert "Private" not in line.values()


def test_what_was_not_delivered_says_so(admin_client: Client, row: Interaction) -> None:
    rows.open_in_flex(row)
    rows.change(row, "active", delivery_status="failed", error_reason="opted_out", error_code=21610)
    (line,) = take(admin_client, delivery="undelivered", reason="opted_out")
    assert (line["status"], line["delivery"], line["error_reason"], line["error_code"]) == (
        "active",
        "failed",
        "opted_out",
        "21610",
    )


def test_it_is_a_download_in_utf8_that_spreadsheets_know(admin_client: Client, row: Interaction) -> None:
    response = admin_client.get(EXPORT)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="interactions-')
    assert "no-store" in response["Cache-Control"]
    assert response.getvalue().startswith(b"\xef\xbb\xbfid,")


def test_neither_texts_nor_secrets_are_in_it(admin_client: Client, row: Interaction, account: Account) -> None:
    Interaction.objects.update(subject="Confidential", error_params={"said": "Told to the agent"})
    text = admin_client.get(EXPORT).getvalue().decode()  # type: ignore[attr-defined]
    for secret in (
        "Your order",
        "Confidential",
        "Told",
        account.api_key_secret,
        account.auth_token,
        account.api_key_sid,
    ):
        assert str(secret) not in text


def test_the_filters_and_the_search_of_the_list_hold(admin_client: Client, click: Click) -> None:
    click(NOW, channel="email")
    click(NOW - timedelta(days=3), None, "failed")
    link = admin_client.get(INTERACTIONS, {"status__exact": "failed", "q": "Ann", "p": "1", "o": "1"}).context_data
    assert link["export_url"] == EXPORT + "?status__exact=failed&q=Ann"
    assert [line["status"] for line in take(admin_client, status__exact="failed", q="Ann")] == ["failed"]
    assert len(take(admin_client, days="1")) == 1
    assert len(take(admin_client, q="(415) 555-0123")) == 2
    assert take(admin_client, q="nobody") == []


@pytest.mark.parametrize("together", [False, True])
def test_no_row_is_lost_or_doubled_between_two_pages(
    admin_client: Client, click: Click, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    """Nor where many were clicked in the same moment, or the moment is a full second."""
    monkeypatch.setattr(export, "PAGE", 4)
    second = NOW.replace(microsecond=0)
    for number in range(23):
        click(second if together else second - timedelta(microseconds=(number // 3) * 500))
    keys = [line["id"] for line in take(admin_client)]
    assert len(keys) == 23
    assert set(keys) == {str(pk) for pk in Interaction.objects.values_list("pk", flat=True)}
    times = [line["clicked_at"] for line in take(admin_client)]
    assert times == sorted(times, reverse=True)


def test_times_of_the_databases_own_clock_are_paged_too(
    admin_client: Client, row: Interaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's clock writes three digits where Django writes six."""
    monkeypatch.setattr(export, "PAGE", 1)
    for number in range(5):
        row.pk = uuid.uuid4()
        row.address = f"+1415555010{number}"
        row.idempotency_key = row.contact_id = row.pk.hex
        row.created_at = Interaction._meta.get_field("created_at").get_default()
        row.save(force_insert=True)
    assert len({line["id"] for line in take(admin_client)}) == 6 == len(take(admin_client))


def test_a_page_of_the_file_is_one_query(admin_client: Client, click: Click, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        click(NOW - timedelta(minutes=number))
    monkeypatch.setattr(export, "PAGE", 10)
    response: Any = admin_client.get(EXPORT)
    with CaptureQueriesContext(connection) as captured:
        response.getvalue()
    # The third finds nothing.
    assert len(captured) == 3


def test_nothing_is_held_open_by_a_reader_who_leaves(admin_client: Client, click: Click, settings: Any) -> None:
    for number in range(3):
        click(NOW - timedelta(minutes=number))
    pieces = export.lines(Interaction.objects.all(), User(is_superuser=True))
    next(pieces)
    next(pieces)
    before = len(connection.queries_log)
    pieces.close()
    assert len(connection.queries_log) == before
    assert Interaction.objects.count() == 3


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\tplain", "'\tplain"),
        ("＝1", "'＝1"),
        ("﹦1", "'﹦1"),
        (" =1", "' =1"),
        ("\u00a0\u200b\ufeff=1", "'\u00a0\u200b\ufeff=1"),
        ('"=1', "'\"=1"),
        ("a;=1", "a;'=1"),
        ("a,=1", "a,'=1"),
        ("a\t=1", "a\t'=1"),
        ("a\n=1", "a\n'=1"),
        ("a; =1", "a;' =1"),
        ('a;"=1', "a;'\"=1"),
        ("a;+1+cmd|' /C calc'!A0", "a;'+1+cmd|' /C calc'!A0"),
        ("a;＠SUM(1)", "a;'＠SUM(1)"),
        ("=1;=2,-3\t@4", "'=1;'=2,'-3\t'@4"),
        ("Doe, Jane; Acme-West", "Doe, Jane; Acme-West"),
        ("+14155550123", "+14155550123"),
        ("-7", "-7"),
        ("a=1", "a=1"),
        (None, ""),
        (0, "0"),
    ],
)
def test_no_cell_is_run_by_a_spreadsheet(value: Any, cell: str) -> None:
    assert export.safe(value) == cell


BITS = ["=", "+", "-", "@", "＝", "＋", "1", "a", " ", ";", ",", "\t", '"', "'", "\n", "\u00a0", "\ufeff"]


@given(value=st.lists(st.sampled_from(BITS), max_size=8).map("".join), separator=st.sampled_from(",;\t"))
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_no_separator_makes_a_formula_of_a_cell(value: str, separator: str) -> None:
    text = export._csv([["first", export.safe(value), "last"]])
    for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        for cell in line:
            # A program that knows nothing of quotes, or drops white space, finds no formula either.
            bare = cell.strip(' \t\r\n"\u00a0\ufeff')
            assert bare[:1] not in set("=+-@＝＋") or re.fullmatch(r"[+-]?\d+", bare), (text, cell)


def test_names_are_made_harmless_and_quoted(admin_client: Client, click: Click) -> None:
    click(NOW, contact_name='=1+1,"x"\nSecond line; Ünï 漢')
    (line,) = take(admin_client)
    assert line["contact_name"] == '\'=1+1,"x"\nSecond line; Ünï 漢'


def test_who_took_what_is_kept_without_what_was_searched_for(row: Interaction) -> None:
    viewer = staff("viewer", "view_interaction")
    take(viewer, status__exact="review", q="Ann Example")
    entry = LogEntry.objects.get()
    assert entry.user.get_username() == "viewer"
    assert entry.change_message == "Exported as CSV: status__exact=review & q=…"
    take(viewer)
    assert LogEntry.objects.first().change_message == "Exported as CSV: everything"  # type: ignore[union-attr]


def test_only_who_may_see_interactions_may_take_them(client: Client, row: Interaction) -> None:
    assert staff("nobody", "view_account").get(EXPORT).status_code == 403
    assert client.get(EXPORT).status_code == 302
    assert staff("viewer", "view_interaction").post(EXPORT).status_code == 405
    assert not LogEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_streams_though_requests_are_transactions(
    admin_client: Client, click: Click, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    monkeypatch.setattr(export, "PAGE", 2)
    for number in range(5):
        click(NOW - timedelta(minutes=number))
    response: Any = admin_client.get(EXPORT)
    assert not connection.in_atomic_block
    assert len(list(csv.reader(io.StringIO(response.getvalue().decode())))) == 6
    assert LogEntry.objects.count() == 1
