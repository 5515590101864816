"""The ledger as CSV: out and in again, whole or not at all."""

import io
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from flex_outbound import signals
from flex_outbound.models import Account, ConsentEvent
from flex_outbound.models.digests import digest_of
from flex_outbound.outbox import consent, consent_files
from flex_outbound.outbox.consent_files import BadFile
from tests.integration.admin.conftest import staff

from .conftest import NUMBER, Say, at

pytestmark = pytest.mark.django_db

HEAD = "address,channel,sender,state,source,happened_at,reason,account\n"
CONSENTS = "/admin/flex_outbound/consentevent/"


def take(text: str) -> consent_files.Imported:
    return consent_files.take(io.StringIO(text, newline=""))


def exported() -> str:
    return "".join(consent_files.lines())


def entries() -> list[tuple[Any, ...]]:
    names = ("address", "address_key", "channel", "sender_address", "state", "source", "reason", "account_id")
    return list(ConsentEvent.objects.order_by("happened_at", "pk").values_list(*names, "happened_at", "is_newest"))


def test_what_is_exported_can_be_imported_again(account: Account, say: Say) -> None:
    say(reason='He said: "no", thanks\nreally')
    say("opted_in", 60, sender_address="+15005550006", source="person", reason="=1+1")
    say(address="ann@example.com", channel="email", account_id=None, seconds=90)
    say(address="US.13491208655302741918", channel="whatsapp", seconds=95)
    say(address=digest_of("+14155550999"), seconds=100)
    before, text = entries(), exported()
    assert take(text).added == 0
    ConsentEvent.objects.all().delete()
    assert take(text).added == 5
    after = entries()
    assert [row[:6] + row[7:] for row in after] == [row[:6] + row[7:] for row in before]
    assert exported() == text


def test_no_spreadsheet_runs_a_cell(say: Say) -> None:
    say(reason='=HYPERLINK("http://evil.example")')
    assert ",\"'=HYPERLINK" in exported()
    # A telephone number can be used.
    assert f"\n{NUMBER},sms" in exported().replace("\r", "")


def test_the_least_that_a_file_has(account: Account) -> None:
    found = take("State,Address,CHANNEL\nOPTED_OUT,(415) 555-0123,sms\n\nopted_out,Ann@example.com,email\n")
    assert (found.rows, found.added) == (2, 2)
    [first, second] = ConsentEvent.objects.order_by("pk")
    assert (first.address, first.source, first.account, first.sender_address) == (NUMBER, "import", None, "")
    assert second.address_key == "ann@example.com"
    assert consent.read([NUMBER]).refuses("sms", NUMBER, "+15005550006", account.pk)


def test_identities_are_taken_as_they_are(account: Account) -> None:
    take("state,address,channel\nopted_out,Visitor-1,chat\nopted_out,messenger:77,messenger\n")
    assert set(ConsentEvent.objects.values_list("channel", "address_key")) == {
        ("chat", "Visitor-1"),
        ("messenger", "77"),
    }
    ledger = consent.read(["Visitor-1", "visitor-1"])
    assert ledger.refuses("chat", "Visitor-1", "website", account.pk)
    assert not ledger.refuses("chat", "visitor-1", "website", account.pk)
    assert not ledger.refuses("web", "Visitor-1", "website", account.pk)


def test_a_channel_that_has_ended_is_named_in_words(account: Account) -> None:
    with pytest.raises(BadFile) as bad:
        take("state,address,channel\nopted_out,visitor-1,gbm\n")
    assert "July 2024" in str(bad.value.problems[0])


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("5550,sms,,opted_out,,,,", "address"),
        ("not an address,email,,opted_out,,,,", "address"),
        (",sms,,opted_out,,,,", "address"),
        ("+14155550124,fax,,opted_out,,,,", "channel"),
        ("visitor-1,gbm,,opted_out,,,,", "channel"),
        ("ann@example.com,chat,,opted_out,,,,", "address"),
        ("visitor-1,messenger,,opted_out,,,,", "address"),
        ("+14155550124,sms,,no,,,,", "state"),
        ("+14155550124,sms,,,,,,", "state"),
        ("+14155550124,sms,,opted_out,rumour,,,", "source"),
        ("+14155550124,sms,12,opted_out,,,,", "sender"),
        ("+14155550124,sms,,opted_in,,2999-01-01,,", "happened_at"),
        ("+14155550124,sms,,opted_in,,2026-02-31,,", "happened_at"),
        ("+14155550124,sms,,opted_in,,yesterday,,", "happened_at"),
        (f"+14155550124,sms,,opted_out,,,{'x' * 501},", "reason"),
        ("+14155550124,sms,,opted_out,,,,AC00", "account"),
        ("+14155550124,sms", ""),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_taken(account: Account, line: str, column: str) -> None:
    with pytest.raises(BadFile) as bad:
        take(f"{HEAD}{NUMBER},sms,,opted_out,,,,\n{line}\n{NUMBER},email,,opted_out,,,,\n")
    assert (bad.value.problems[0].line, bad.value.problems[0].column) == (3, column)
    assert "ine 3" in str(bad.value.problems[0])
    assert not ConsentEvent.objects.exists()


@pytest.mark.parametrize(
    ("text", "column"),
    [("", "address"), ("address,channel\n", "state"), (HEAD.replace("reason", "colour"), "colour")],
)
def test_columns_that_are_missing_or_unknown_are_named(text: str, column: str) -> None:
    with pytest.raises(BadFile) as bad:
        take(text)
    assert column in {one.column for one in bad.value.problems}


@pytest.mark.parametrize("text", [f'{HEAD}"+14155550123,sms', HEAD + "x" * 200_000, f"{HEAD}\0,,,,,,,"])
def test_what_is_no_csv_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadFile):
        take(text)


def test_many_bad_rows_are_named_up_to_a_bound() -> None:
    with pytest.raises(BadFile) as bad:
        take(HEAD + "x,sms,,opted_out,,,,\n" * 5000)
    assert len(bad.value.problems) == consent_files.MOST_PROBLEMS


def test_a_large_file_takes_little_memory_and_few_statements(
    account: Account, tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    path = tmp_path / "large.csv"
    with path.open("w", newline="") as file:
        file.write("address,channel,state\n")
        file.writelines(f"person{number}@example.com,email,opted_out\n" for number in range(4000))
    told: list[Any] = []
    signals.consent_changed.connect(lambda **given: told.append(given), weak=False, dispatch_uid="large")
    tracemalloc.start()
    try:
        with path.open(newline="") as file, django_assert_max_num_queries(4 * 20):
            assert consent_files.take(file).added == 4000
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        signals.consent_changed.disconnect(dispatch_uid="large")
    assert told == []
    assert most < 20_000_000


def test_the_command_exports_and_imports(account: Account, say: Say, tmp_path: Path) -> None:
    say()
    path = tmp_path / "out.csv"
    call_command("flex_consents", "export", str(path))
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError):
        call_command("flex_consents", "export", str(path))
    ConsentEvent.objects.all().delete()
    output = io.StringIO()
    call_command("flex_consents", "import", str(path), stdout=output)
    assert output.getvalue() == "1 of 1 entries were new.\n"
    shown = io.StringIO()
    call_command("flex_consents", "export", stdout=shown)
    assert NUMBER in shown.getvalue()
    path.write_bytes(HEAD.encode() + b"\xff\xfe,sms,,opted_out,,,,\n")
    with pytest.raises(CommandError, match="UTF-8"):
        call_command("flex_consents", "import", str(path))
    with pytest.raises(CommandError, match="nowhere"):
        call_command("flex_consents", "import", str(tmp_path / "nowhere.csv"))


# -- in the admin ------------------------------------------------------------------------------------------------------


def test_a_file_is_exported_and_imported_in_the_admin(account: Account, say: Say) -> None:
    client = staff("lea", "change_consent")
    say()
    answer = client.get(f"{CONSENTS}export/")
    text = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert NUMBER.encode() in text
    ConsentEvent.objects.all().delete()
    done = client.post(f"{CONSENTS}import/", {"file": SimpleUploadedFile("c.csv", text)}, follow=True)
    assert "1 entry of 1 was new." in done.content.decode()
    [row] = ConsentEvent.objects.all()
    assert (row.source, row.user.get_username()) == ("keyword", "lea")  # type: ignore[union-attr]
    logged = LogEntry.objects.order_by("pk").values_list("user__username", "content_type__model", "change_message")
    assert list(logged) == [
        ("lea", "consentevent", "Exported as CSV: everything"),
        ("lea", "consentevent", "1 entry of 1 was new."),
    ]


def test_the_admin_names_what_is_wrong(db: None) -> None:
    client = staff("lea", "change_consent")
    bad = SimpleUploadedFile("c.csv", f"{HEAD}<b>,sms,,opted_out,,,,\n".encode())
    answer = client.post(f"{CONSENTS}import/", {"file": bad})
    html = answer.content.decode()
    assert (answer.status_code, "Line 2, address" in html, "<b>,sms" in html) == (400, True, False)
    assert client.post(f"{CONSENTS}import/").status_code == 400


@pytest.mark.parametrize("page", ["import/", "export/", "add/"])
def test_who_may_only_read_imports_and_exports_nothing(say: Say, page: str) -> None:
    client = staff("vera", "view_consentevent")
    assert client.get(CONSENTS).status_code == 200
    assert client.get(f"{CONSENTS}{page}").status_code == 403
    assert "Import CSV" not in client.get(CONSENTS).content.decode()


def test_a_person_adds_an_entry_with_a_reason(account: Account, say: Say) -> None:
    say()
    client = staff("lea", "change_consent")
    given = {"channel": "sms", "address": "(415) 555-0123", "account": "", "sender_address": "", "state": "opted_in"}
    answer = client.post(f"{CONSENTS}add/", given)
    assert "This field is required" in answer.content.decode()
    answer = client.post(f"{CONSENTS}add/", given | {"reason": "Asked for it by telephone."})
    assert answer.status_code == 302
    row = ConsentEvent.objects.get(is_newest=True, state="opted_in")
    assert (row.address, row.source, row.reason) == (NUMBER, "person", "Asked for it by telephone.")
    assert row.user is not None
    assert row.user.get_username() == "lea"
    assert not consent.read([NUMBER]).refuses("sms", NUMBER, "+15005550006", account.pk)
    shown = client.get(f"{CONSENTS}{row.pk}/change/").content.decode()
    assert "Asked for it by telephone." in shown
    assert 'name="_save"' not in shown


@pytest.mark.parametrize("given", [{"address": "12"}, {"sender_address": "+15005550006", "channel": "email"}])
def test_a_wrong_entry_is_refused(account: Account, senders: Any, given: dict[str, str]) -> None:
    client = staff("lea", "change_consent")
    good = {"channel": "sms", "address": NUMBER, "state": "opted_out", "reason": "Said so."}
    answer = client.post(f"{CONSENTS}add/", good | {"account": "", "sender_address": ""} | given)
    assert (answer.status_code, ConsentEvent.objects.count()) == (200, 0)


def test_nobody_changes_or_deletes_an_entry(say: Say, admin_client: Client) -> None:
    [row] = say()
    assert admin_client.get(f"{CONSENTS}{row.pk}/delete/").status_code == 403
    assert admin_client.post(f"{CONSENTS}{row.pk}/change/", {"state": "opted_in"}).status_code == 403
    answer = admin_client.post(CONSENTS, {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert answer.status_code in (200, 302)
    row.refresh_from_db()
    assert row.state == "opted_out"


@pytest.mark.parametrize("text", ["415 555 0123", "whatsapp:+14155550123", "IM" + "1" * 32])
def test_it_is_searched_by_an_address_in_any_form(admin_client: Client, say: Say, text: str) -> None:
    say(message_sid="IM" + "1" * 32)
    say(address="+14155550199")
    html = admin_client.get(CONSENTS, {"q": text}).content.decode()
    assert (NUMBER in html, "+14155550199" in html) == (True, False)


def test_an_erased_customer_is_found_by_the_address_and_not_shown(admin_client: Client, say: Say) -> None:
    say(address=digest_of(NUMBER))
    html = admin_client.get(CONSENTS, {"q": NUMBER}).content.decode()
    assert "Erased" in html
    assert at(0).strftime("%Y") in html


def test_a_file_of_wrong_rows_alone_is_not_read_to_its_end() -> None:
    """Each wrong row is kept to be told, and a file may have millions of them."""
    read = 0

    class Endless(io.StringIO):
        def __next__(self) -> str:
            nonlocal read
            read += 1
            return "channel,address,state\n" if read == 1 else "x\n"

    with pytest.raises(BadFile) as refused:
        consent_files.take(Endless())
    assert len(refused.value.problems) == consent_files.MOST_PROBLEMS
    assert read <= consent_files.MOST_PROBLEMS + 2
