"""Whatever a program makes of the schema, or against it: no server error, and answers as described."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import Permission, User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from flex_outbound.channels import Channel
from flex_outbound.statuses import Status
from tests.integration.api.conftest import LIST, MakeRow

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Keep the test's connection, which Django would close after each request, as its own test client does."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.fixture
def api(agent: User, make_row: MakeRow, settings: Settings, one_connection: None) -> Any:
    """The schema over the WSGI application, without limits, by a header of the host's."""
    agent.user_permissions.add(Permission.objects.get(codename="start_interaction"))
    for status in (Status.QUEUED, Status.REVIEW, Status.FAILED, Status.ACTIVE):
        make_row(status)
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["tests.integration.api.authentication.HeaderAuthentication"]
    }
    settings.FLEX_OUTBOUND = {"RATE_LIMITS": {"click": None, "poll": None}}
    return schemathesis.openapi.from_wsgi("/flex/api/schema/", get_wsgi_application())


INTERACTIONS = [f"interactions_{name}" for name in ("list", "create", "retrieve", "retry", "confirm", "cancel")]
INTERACTIONS.append("requests_create")
BY_THE_SCHEMA = [(name, GenerationMode.POSITIVE) for name in [*INTERACTIONS, "contact_channels"]]
# Of the channels there is nothing against the schema: any text may be a contact's id.
AGAINST_IT = [(name, GenerationMode.NEGATIVE) for name in INTERACTIONS]


@pytest.mark.parametrize(("name", "mode"), BY_THE_SCHEMA + AGAINST_IT)
def test_nothing_breaks_an_endpoint(api: Any, name: str, mode: GenerationMode) -> None:
    operation = api.find_operation_by_id(f"flex_outbound_{name}")

    @given(case=operation.as_strategy(generation_mode=mode))
    @FEW
    def run(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": "Agent ada"}, checks=CHECKS)

    run()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
FIELDS = ["address", "sender", "body", "subject", "to", "cc", "bcc", "content_sid", "content_variables"]
FIELDS += ["idempotency_key"]


def test_no_field_of_a_good_click_can_break_it(api: Any, client: Client, payload: dict[str, Any]) -> None:
    """Past the contact, where what is made from the schema alone seldom comes."""
    seen = set()

    @given(changes=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=2), channel=st.sampled_from(Channel.values))
    @settings(FEW, max_examples=150)
    def run(changes: dict[str, Any], channel: str) -> None:
        answer = client.post(
            LIST,
            {**payload, "channel": channel, **changes},
            content_type="application/json",
            headers={"Authorization": "Agent ada"},
        )
        assert answer.status_code in {202, 400, 409}
        seen.add(answer.status_code)

    run()
    assert seen >= {202, 400}


def test_no_field_of_a_good_request_can_break_it(api: Any, client: Client) -> None:
    seen = set()
    fields = ["address", "name", "attributes", "sender", "account", "conversation_sid", "contact_type", "contact_id"]

    @given(
        changes=st.dictionaries(st.sampled_from(fields), JSON, max_size=2),
        attributes=st.dictionaries(st.text(max_size=5), JSON, max_size=3),
        channel=st.sampled_from(Channel.values),
    )
    @settings(FEW, max_examples=150)
    def run(changes: dict[str, Any], attributes: dict[str, Any], channel: str) -> None:
        address = "ann@example.com" if channel == "email" else "+14155550123"
        answer = client.post(
            "/flex/api/requests/",
            {"channel": channel, "address": address, "attributes": attributes, **changes},
            content_type="application/json",
            headers={"Authorization": "Agent ada"},
        )
        assert answer.status_code in {202, 400, 409}
        seen.add(answer.status_code)

    run()
    assert seen >= {202, 400}
