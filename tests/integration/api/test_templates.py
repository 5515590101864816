"""The templates that may be sent, over the API."""

import uuid
from typing import Any

import pytest
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.api.templates_shapes import TemplatesShape
from flex_outbound.models import Account, Interaction, Template
from flex_outbound.sandbox import defaults

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kept(account: Account) -> None:
    """The sandbox's templates, as a sync keeps them."""
    for one in defaults.CONTENT_TEMPLATES:
        Template.objects.create(
            account=account,
            content_sid=one.sid,
            name=one.name,
            language=one.language,
            types=one.types,
            variables=dict(one.variables),
            category=one.category,
            content_type=one.kind,
            whatsapp_status=one.status,
            sources={"1": "full_name"},
        )


def get(client: Client, contact: Contact, **query: Any) -> Any:
    return client.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/templates/", {"channel": "whatsapp", **query})


def test_the_list_is_as_described(client: Client, contact: Contact) -> None:
    data = get(client, contact).json()
    assert {one["name"] for one in data["results"]} == {
        one.name for one in defaults.CONTENT_TEMPLATES if one.status == "approved"
    }
    shape = TemplatesShape()
    assert data.keys() == shape.fields.keys()
    [card] = [one for one in data["results"] if one["name"] == "order_status"]
    assert card.keys() == shape.fields["results"].child.fields.keys()  # type: ignore[attr-defined]
    assert card["content"].keys() == shape.fields["results"].child.fields["content"].fields.keys()  # type: ignore[attr-defined]
    assert card["content"]["buttons"][0] == {
        "kind": "url",
        "title": "Follow it",
        "detail": "https://example.com/orders/{{2}}",
    }
    assert card["variables"][0] == {"name": "2", "around": "Order …", "sample": "4711", "value": ""}


def test_one_has_what_the_contact_fills_in(client: Client, contact: Contact) -> None:
    sid = defaults.CONTENT_TEMPLATES[1].sid
    [one] = get(client, contact, content_sid=sid).json()["results"]
    assert [variable["value"] for variable in one["variables"]] == [contact.full_name.split()[0], ""]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "question"}, {"follow_up"}),
        ({"language": "de"}, {"termin_erinnerung"}),
        ({"category": "AUTHENTICATION"}, {"sign_in_code"}),
        ({"channel": "sms", "q": "offer"}, {"spring_offer"}),
    ],
)
def test_it_is_narrowed(query: dict[str, str], names: set[str], client: Client, contact: Contact) -> None:
    assert {one["name"] for one in get(client, contact, **query).json()["results"]} == names


@pytest.mark.parametrize(
    ("query", "status"),
    [({"channel": "email"}, 404), ({"channel": "pigeon"}, 400), ({"sender": 999}, 400), ({"q": "x" * 101}, 400)],
)
def test_a_wrong_query_is_refused(query: dict[str, Any], status: int, client: Client, contact: Contact) -> None:
    assert get(client, contact, **query).status_code == status


def test_anothers_conversation_has_none(client: Client) -> None:
    assert client.get(f"/flex/api/conversations/CH{uuid.uuid4().hex}/templates/").status_code == 404


def test_an_error_names_the_variable(client: Client, contact: Contact) -> None:
    body = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "whatsapp"}
    body |= {"content_sid": defaults.CONTENT_TEMPLATES[1].sid}
    for second, words in (("a\nb", "“2” has a line break"), ("", "“2” is missing"), ("x" * 1601, "2:")):
        given = {**body, "content_variables": {"1": "Ann", "2": second}}
        response = client.post("/flex/api/interactions/", given, content_type="application/json")
        assert response.status_code == 400
        assert words in response.json()["content_variables"][0]
    assert not Interaction.objects.exists()
