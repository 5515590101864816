"""The doctor looks into the schema of the tenant that it is asked in, also from its threads."""

from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from flex_outbound.models.setup import tenant
from flex_outbound.outbox import sweep
from flex_outbound.setup.doctor import local
from flex_outbound.setup.doctor.results import Check, CheckResult, Level, run_all


class Tenant:
    """As of django-tenants: what a connection is given to work for."""

    schema_name = "acme"


@pytest.fixture
def schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that begin in the public schema and can be sent into another."""

    def set_schema(self: Any, name: str) -> None:
        self.schema_name = name

    def set_tenant(self: Any, tenant: Tenant) -> None:
        self.tenant = tenant
        self.schema_name = tenant.schema_name

    monkeypatch.setattr(BaseDatabaseWrapper, "schema_name", "public", raising=False)
    monkeypatch.setattr(BaseDatabaseWrapper, "set_schema", set_schema, raising=False)
    monkeypatch.setattr(BaseDatabaseWrapper, "set_tenant", set_tenant, raising=False)


@pytest.fixture(params=["by tenant", "by name"])
def in_acme(request: pytest.FixtureRequest, schemas: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """This thread works for a tenant, as within ``tenant_command``."""
    monkeypatch.setattr(connection, "schema_name", "acme", raising=False)
    monkeypatch.setattr(connection, "tenant", Tenant() if request.param == "by tenant" else None, raising=False)


def test_the_threads_of_the_doctor_work_in_the_same_schema(in_acme: None) -> None:
    check = Check("schema", lambda: [CheckResult("schema", Level.OK, tenant())], "")
    assert [result.summary for result in run_all([check, check], 5)] == ["acme", "acme"]


@pytest.mark.django_db
def test_the_schema_is_named(in_acme: None) -> None:
    sweep.sweep(lambda job, row_id: None)
    first, *others = local.check_database()
    assert "in the schema acme" in first.summary
    assert {result.level for result in others} == {Level.OK}


@pytest.mark.django_db
def test_a_schema_without_our_tables_is_another_one(schemas: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.introspection, "table_names", lambda cursor: ["django_migrations"])
    _database, result = local.check_database()
    assert (result.part, result.level) == ("migrations", Level.ERROR)
    assert "The schema public does not have the tables" in result.summary
    assert "tenant" in result.remedy
