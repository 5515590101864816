"""Errors of the database that our statements meet name no customer, whoever logs them."""

import io
import logging
import traceback
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from django.test import Client

from flex_outbound import discretion
from flex_outbound.models import Interaction
from tests.integration.conftest import Click

NAME, NUMBER = "Ann Example", "+14155550123"


@pytest.fixture
def row(click: Click, agent: User) -> Interaction:
    """An interaction in review."""
    return click(datetime.now(UTC), None, "review", contact_name=NAME, address=NUMBER, agent=agent)


def shown(error: BaseException) -> str:
    """Return what a log shows of an error: its whole chain."""
    log = io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(log))
    logger.error("Failed", exc_info=error)
    return log.getvalue() + "".join(traceback.format_exception(error)) + repr(error) + repr(error.__context__)


def broken_by(act: Callable[[], object]) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        act()
    return caught.value


@pytest.mark.django_db
def test_a_row_that_breaks_a_constraint_is_not_shown(row: Interaction) -> None:
    error = broken_by(lambda: Interaction.objects.filter(pk=row.pk).update(status="nonsense"))

    assert isinstance(error, IntegrityError)
    assert "flex_" in str(error)
    assert NAME not in shown(error)
    assert NUMBER not in shown(error)


@pytest.mark.django_db
def test_a_second_row_of_the_same_key_is_not_shown(row: Interaction) -> None:
    def again() -> None:
        row.pk = uuid.uuid4()
        row.save(force_insert=True)

    error = broken_by(again)
    assert isinstance(error, IntegrityError)
    assert NUMBER not in shown(error)
    assert NAME not in shown(error)


@pytest.mark.django_db
def test_a_value_that_does_not_fit_is_not_shown(row: Interaction) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite takes any value into any column")

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE flex_outbound_interaction SET attempt = %s", [NAME])

    assert NAME not in shown(broken_by(write))


@pytest.mark.django_db
def test_the_tables_of_the_project_keep_their_errors(agent: User) -> None:
    error = broken_by(lambda: User.objects.create(username=agent.username))
    assert error.__cause__ is not None


class _Diagnosis:
    constraint_name, table_name, column_name = "flex_one_in_flight", "flex_outbound_interaction", None


class _PostgreSQL(Exception):
    diag, sqlstate = _Diagnosis(), "23505"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (
            _PostgreSQL(f"duplicate key …\nDETAIL:  Key (address)=({NUMBER}) already exists."),
            "flex_one_in_flight of flex_outbound_interaction: refused (23505); values are not shown",
        ),
        (
            Exception(1062, f"Duplicate entry '7-{NUMBER}' for key 'flex_one_in_flight'"),
            "flex_one_in_flight: refused (1062); values are not shown",
        ),
        (
            Exception(1406, "Data too long for column 'contact_name' at row 1"),
            "contact_name: refused (1406); values are not shown",
        ),
        (Exception(f"invalid input for {NAME}"), "a statement about flex_outbound: refused; values are not shown"),
    ],
)
@pytest.mark.parametrize("kind", [IntegrityError, DataError])
def test_each_database_is_told_without_values(cause: Exception, words: str, kind: type[DatabaseError]) -> None:
    def execute(*args: Any) -> None:
        raise kind(*cause.args) from cause

    with pytest.raises(kind) as caught:
        discretion.discreet(execute, "INSERT INTO flex_outbound_interaction", (), False, {})
    assert str(caught.value) == words
    assert NUMBER not in shown(caught.value)
    assert NAME not in shown(caught.value)


@pytest.mark.django_db
def test_the_log_of_the_web_names_nobody(
    row: Interaction, agent: User, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        Interaction.objects.filter(pk=row.pk).update(status="nonsense")

    monkeypatch.setattr("flex_outbound.outbox.decisions.cancel", fail)
    client = Client(raise_request_exception=False)
    client.force_login(agent)
    with transaction.atomic():
        answer = client.post(f"/flex/api/interactions/{row.pk}/cancel/")
        transaction.set_rollback(True)

    assert answer.status_code == 500
    told = "".join(shown(record.exc_info[1]) for record in caplog.records if record.exc_info and record.exc_info[1])
    assert "refused" in told
    assert NAME not in caplog.text + told
    assert NUMBER not in caplog.text + told
