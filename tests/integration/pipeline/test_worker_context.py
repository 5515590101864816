"""A host that shows rows only within a request opens its context around what the worker asks of it."""

import runpy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound import signals
from flex_outbound.contacts import contact_of
from flex_outbound.models import Interaction
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due

Clicker = Callable[..., Interaction]

TENANT: ContextVar[str] = ContextVar("tenant", default="")
OPENED: list[tuple[Any, Any]] = []


@contextmanager
def as_the_agent(account: Any, agent: Any) -> Iterator[None]:
    """What a project writes."""
    OPENED.append((account, agent))
    token = TENANT.set("acme")
    yield
    TENANT.reset(token)


@contextmanager
def broken(account: Any, agent: Any) -> Iterator[None]:
    raise RuntimeError("no tenant +14155550123")
    yield


@pytest.fixture(autouse=True)
def nothing_opened() -> None:
    OPENED.clear()


@pytest.fixture
def scoped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model's manager shows rows to a tenant's request and nobody else."""
    manager = type(Contact._default_manager)
    plain = manager.get_queryset

    def get_queryset(self: Any) -> Any:
        return plain(self) if TENANT.get() else plain(self).none()

    monkeypatch.setattr(manager, "get_queryset", get_queryset)
    monkeypatch.setattr(CrmContact, "get_queryset", lambda self, user: Contact.objects.all())


@pytest.fixture
def clicked(click: Clicker, scoped: None) -> Interaction:
    """A click in a request, before the worker comes."""
    token = TENANT.set("acme")
    row = click()
    TENANT.reset(token)
    return row


def test_a_contact_that_the_worker_cannot_see_is_not_called_deleted(
    clicked: Interaction, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    run_due()
    clicked.refresh_from_db()
    assert (clicked.status, clicked.error_reason) == (Status.FAILED, "contact_not_visible")
    assert "deleted" not in clicked.error_message
    assert "WORKER_CONTEXT" in caplog.text
    assert sandbox.interactions == []


@pytest.mark.django_db(transaction=True)  # signals are sent after the commit
def test_the_hosts_context_is_open_where_the_worker_asks(
    clicked: Interaction, sandbox: Sandbox, settings: Any, contact: Contact
) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "WORKER_CONTEXT": f"{__name__}.as_the_agent"}
    seen: list[Any] = []

    def hear(interaction: Interaction, **kwargs: Any) -> None:
        seen.append(contact_of(interaction))

    signals.interaction_created.connect(hear)
    try:
        run_due()
    finally:
        signals.interaction_created.disconnect(hear)
    clicked.refresh_from_db()
    assert clicked.status == Status.CREATED
    assert seen == [contact]
    contact = Contact._base_manager.get(pk=contact.pk)
    assert contact.last_interaction_sid == clicked.interaction_sid
    assert set(OPENED) == {(clicked.account, clicked.agent)}


def test_within_a_request_nothing_is_opened(scoped: None, click: Clicker, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "WORKER_CONTEXT": as_the_agent}
    TENANT.set("acme")
    try:
        click()
    finally:
        TENANT.set("")
    assert OPENED == []


def test_a_context_that_cannot_be_opened_stops_no_click(
    clicked: Interaction, sandbox: Sandbox, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "WORKER_CONTEXT": broken}
    run_due()
    clicked.refresh_from_db()
    assert clicked.status == Status.CREATED
    assert "sent as clicked" in caplog.text


def test_one_contact_that_is_gone_among_others_is_gone(click: Clicker, sandbox: Sandbox, contact: Contact) -> None:
    row = click()
    Contact.objects.create(full_name="Somebody Else")
    contact.delete()
    run_due()
    row.refresh_from_db()
    assert row.error_reason == "contact_gone"


@pytest.fixture
def secured(db: None) -> Iterator[Callable[[], None]]:
    """Let PostgreSQL hide the contacts of other tenants, as soon as the worker's role is taken."""
    if connection.vendor != "postgresql":
        pytest.skip("row-level security is PostgreSQL's: set TEST_DATABASE_URL")
    table = connection.ops.quote_name(Contact._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("CREATE ROLE flex_worker_of_tests NOSUPERUSER NOBYPASSRLS")
        cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO flex_worker_of_tests")
        cursor.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO flex_worker_of_tests")
        cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        cursor.execute(f"CREATE POLICY tenants ON {table} USING (current_setting('mycrm.tenant', true) = 'acme')")

    def take() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE flex_worker_of_tests")

    yield take
    # The transaction of the test takes all the rest back.
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


@pytest.fixture
def example(agent: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, Any], Any]:
    """What the page on tenants shows."""
    monkeypatch.setattr(type(agent), "company_id", "acme", raising=False)
    path = Path(__file__).parents[2] / "hosts" / "tenants" / "mycrm" / "tenants.py"
    found: Callable[[Any, Any], Any] = runpy.run_path(str(path))["worker_context"]
    return found


def test_row_level_security_is_told_from_a_deletion(
    click: Clicker,
    sandbox: Sandbox,
    secured: Callable[[], None],
    settings: Any,
    contact: Contact,
    agent: User,
    example: Callable[[Any, Any], Any],
) -> None:
    row = click()
    secured()
    run_due()
    row.refresh_from_db()
    assert row.error_reason == "contact_not_visible"
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "WORKER_CONTEXT": example}
    with example(row.account, agent):
        again = click()
    run_due()
    again.refresh_from_db()
    assert again.status == Status.CREATED
    with example(row.account, agent):
        contact.refresh_from_db()
    assert contact.last_interaction_sid == again.interaction_sid
