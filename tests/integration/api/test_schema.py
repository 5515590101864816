"""The OpenAPI description: valid, ours alone, and true."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.test.utils import override_script_prefix
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.management.commands.spectacular import Command
from drf_spectacular.validation import validate_schema
from pytest_django import Settings
from rest_framework.serializers import BaseSerializer

from crm_demo.models import Contact
from flex_outbound.api import shapes
from flex_outbound.models import Message
from tests.integration.api.conftest import LIST, MakeRow

SCHEMA = "/flex/api/schema/"
PATHS = {
    "/flex/api/interactions/",
    "/flex/api/requests/",
    "/flex/api/interactions/{id}/",
    "/flex/api/interactions/{id}/retry/",
    "/flex/api/interactions/{id}/confirm/",
    "/flex/api/interactions/{id}/cancel/",
    "/flex/api/interactions/{id}/open/",
    "/flex/api/interactions/{id}/close/",
    "/flex/api/interactions/{id}/attributes/",
    "/flex/api/interactions/{id}/outcome/",
    "/flex/api/inbox/",
    "/flex/api/inbox/unread/",
    "/flex/api/conversations/{conversation_sid}/read/",
    "/flex/api/contacts/{contact_type}/{contact_id}/channels/",
    "/flex/api/conversations/{conversation_sid}/messages/",
    "/flex/api/conversations/{conversation_sid}/templates/",
    "/flex/api/contacts/{contact_type}/{contact_id}/templates/",
    "/flex/api/conversations/{conversation_sid}/join/",
    "/flex/api/conversations/{conversation_sid}/ask/",
    "/flex/api/conversations/{conversation_sid}/hand-over/",
    "/flex/api/conversations/{conversation_sid}/keep/",
    "/flex/api/conversations/{conversation_sid}/close/",
    "/flex/api/conversations/{conversation_sid}/invite/",
    "/flex/api/conversations/{conversation_sid}/leave/",
    "/flex/api/messages/{id}/",
    "/flex/api/contacts/{contact_type}/{contact_id}/messages/",
    "/flex/api/replies/",
    "/flex/api/replies/{id}/",
    "/flex/api/contacts/{contact_type}/{contact_id}/drafts/",
    "/flex/api/contacts/{contact_type}/{contact_id}/drafts/{place}/",
}


def test_the_schema_is_valid_and_ours_alone() -> None:
    document = Client().get(SCHEMA).json()

    validate_schema(document)
    assert set(document["paths"]) == PATHS
    assert document["info"]["title"] == "django-flex-outbound"


def test_spectaculars_own_command_has_nothing_to_complain(tmp_path: Any) -> None:
    call_command(Command(), validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_a_hosts_endpoints_and_ways_to_sign_in_do_not_disturb(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ROOT_URLCONF = "tests.integration.api.urls_elsewhere"
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["tests.integration.api.authentication.HeaderAuthentication"]
    }
    GENERATOR_STATS.reset()
    document = Client().get("/deep/down/here/api/schema/").json()

    assert set(document["paths"]) == {path.replace("/flex/", "/deep/down/here/") for path in PATHS}
    assert not GENERATOR_STATS
    assert capsys.readouterr().err == ""


def test_yaml_is_to_be_had_too() -> None:
    answer = Client().get(SCHEMA, headers={"Accept": "application/vnd.oai.openapi"})

    assert answer.content.startswith(b"openapi: 3")


def test_a_script_name_is_the_server() -> None:
    with override_script_prefix("/crm/"):
        assert Client().get(SCHEMA).json()["servers"] == [{"url": "/crm"}]


def test_every_status_that_can_come_is_described() -> None:
    paths = Client().get(SCHEMA).json()["paths"]

    click = paths["/flex/api/interactions/"]["post"]["responses"]
    assert set(click) == {"202", "400", "401", "403", "406", "409", "413", "415", "429"}
    assert {"200", "304", "404"} <= set(paths["/flex/api/interactions/{id}/"]["get"]["responses"])


def test_answers_hold_just_the_fields_that_are_described(client: Client, make_row: MakeRow, contact: Contact) -> None:
    row = make_row()
    Message.objects.create(interaction=row, body="Hi")
    answer = client.get(f"{LIST}{row.pk}/").json()
    channels = client.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/").json()

    assert_same(shapes.InteractionShape(), answer)
    assert_same(shapes.TimelineShape(), client.get(LIST).json())
    assert_same(shapes.ChannelsShape(), channels)


def assert_same(shape: BaseSerializer[Any], data: Any) -> None:
    """Compare names, all the way down."""
    fields = getattr(shape, "fields", None)
    if fields is None:
        for item in data:
            assert_same(shape.child, item)  # type: ignore[attr-defined]
        return
    assert list(fields) == list(data)
    for name, field in fields.items():
        if isinstance(field, BaseSerializer) and data[name] is not None:
            assert_same(field, data[name])
