"""SQL that is kept gives the rows of now, on the connection of its thread, and is built once."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connections
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.test.utils import CaptureQueriesContext

from flex_outbound.models import Account, Interaction, Sender
from flex_outbound.outbox import compiled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("senders")]


def _senders() -> QuerySet[Sender]:
    return Sender.objects.select_related("account").order_by("address")[:5]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables of which SQL was built."""
    tables: list[str] = []
    build: Callable[..., Any] = SQLCompiler.as_sql

    def noted(compiler: Any, *arguments: Any, **options: Any) -> Any:
        tables.append(compiler.query.model._meta.db_table)
        return build(compiler, *arguments, **options)

    monkeypatch.setattr(SQLCompiler, "as_sql", noted)
    return tables


def test_the_rows_are_those_of_now(account: Account, built: list[str]) -> None:
    before = [one.address for one in compiled.rows(_senders, "senders of now")]
    Sender.objects.filter(address=before[0]).update(display_name="Another name")
    built.clear()

    [first, *_others] = compiled.rows(_senders, "senders of now")

    assert (first.address, first.display_name) == (before[0], "Another name")
    assert built == []


def test_what_is_joined_is_there(account: Account) -> None:
    compiled.rows(_senders, "senders joined")
    with CaptureQueriesContext(connections["default"]) as captured:
        accounts = {one.account.pk for one in compiled.rows(_senders, "senders joined")}
    assert (accounts, len(captured)) == ({account.pk}, 1)


def test_without_a_key_nothing_is_kept(account: Account, built: list[str]) -> None:
    compiled.rows(_senders, None)
    built.clear()
    compiled.rows(_senders, None)
    assert built


def test_each_thread_has_its_own_connection(account: Account) -> None:
    compiled.rows(_senders, "senders of threads")
    found: list[int] = []

    def read() -> None:
        try:
            found.append(len(compiled.rows(_senders, "senders of threads")))
        finally:
            connections.close_all()

    for _time in range(2):
        thread = Thread(target=read)
        thread.start()
        thread.join()

    assert found == [len(_senders())] * 2


def test_only_all_that_is_due_in_an_account_has_a_name(account: Account) -> None:
    due = Interaction.objects.filter(channel="sms").due_of(account.pk)
    assert due.all_of == account.pk
    assert str(due.query) == str(Interaction.objects.due().filter(account=account.pk).query)
    assert due.exclude(channel="sms").all_of is None
