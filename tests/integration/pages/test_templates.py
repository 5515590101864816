"""Choosing a template without JavaScript, and the parts that the script loads."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.contacts import adapter_for, content_type_of
from flex_outbound.models import Account, Conversation, ConversationContact, Interaction, Message, Sender, Template
from flex_outbound.sandbox import defaults
from flex_outbound.twilio_statuses import ConversationState
from tests.integration.pages.strict import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders")]
BY_NAME = {one.name: one.sid for one in defaults.CONTENT_TEMPLATES}
EVIL = '<script>alert("1")</script>'


@pytest.fixture(autouse=True)
def kept(account: Account) -> None:
    """The sandbox's templates, as a sync keeps them."""
    for one in defaults.CONTENT_TEMPLATES:
        make(account, one.types, one.variables, content_sid=one.sid, name=one.name, language=one.language,
             category=one.category, content_type=one.kind, whatsapp_status=one.status)  # fmt: skip


def make(account: Account, types: Any, variables: Any = None, **values: Any) -> Template:
    known = {"content_sid": "HX" + uuid.uuid4().hex, "name": "a_template", "whatsapp_status": "approved"}
    kind = next(iter(types), "")
    return Template.objects.create(
        account=account, types=types, variables=dict(variables or {}), **{"content_type": kind, **known, **values}
    )


@pytest.fixture
def conversation(senders: Any, worker: Any, agent: Any, contact: Contact) -> Conversation:
    """An own conversation by WhatsApp."""
    sender = senders[Channel.WHATSAPP]
    room = Conversation.objects.create(
        pk=uuid.uuid4(),
        account=sender.account,
        sender=sender,
        sender_address=sender.address,
        agent=agent,
        channel="whatsapp",
        address="+14155550123",
        state=ConversationState.ACTIVE,
    )
    kind = content_type_of(adapter_for(Contact))
    ConversationContact.objects.create(conversation=room, contact_type=kind, contact_id=str(contact.pk))
    return room


def url(contact: Contact, channel: str = "whatsapp", name: str = "") -> str:
    tail = f"{BY_NAME.get(name, name)}/" if name else ""
    return f"/flex/templates/crm_demo.contact/{channel}/{tail}?id={contact.pk}"


def html(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query) if query else client.get(address)
    assert response.status_code == 200
    return strict(response)


def strict(response: Any) -> str:
    """Return a page's markup. It must hold nothing that the strictest policy would refuse, and no id twice."""
    text: str = response.content.decode()
    page = read(text)
    assert page.faults == []
    assert len(page.ids()) == len(set(page.ids()))
    return text


# -- the list ----------------------------------------------------------------------------------------------------------


def test_the_list_has_what_may_be_sent_and_nothing_else(client_agent: Client, contact: Contact) -> None:
    page = html(client_agent, url(contact))
    for one in defaults.CONTENT_TEMPLATES:
        assert (one.name in page) is (one.status == "approved"), one.name
    assert "Hello Ann, we look forward to seeing you on Monday at 10:00." in page


def test_by_sms_the_list_has_plain_texts(client_agent: Client, contact: Contact) -> None:
    page = html(client_agent, url(contact, "sms"))
    assert "termin_erinnerung" in page
    assert "summer_tours" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=question", {"follow_up"}),
        ("q=APPOINTMENT+reminder", {"appointment_reminder"}),
        ("q=uhr", set()),
        ("q=termin", {"termin_erinnerung"}),
        ("language=de", {"termin_erinnerung"}),
        ("category=AUTHENTICATION", {"sign_in_code"}),
        ("language=de&category=MARKETING", set()),
        ("language=xx", set()),
        ("q=%00", set()),
    ],
)
def test_the_list_is_searched_and_filtered(query: str, found: set[str], client_agent: Client, contact: Contact) -> None:
    page = html(client_agent, f"{url(contact)}&{query}")
    assert {name for name in BY_NAME if f'<strong dir="auto">{name}</strong>' in page} == found
    if not found:
        assert "Change the search or the filters" in page


def test_without_templates_it_says_whom_to_ask(client_agent: Client, contact: Contact) -> None:
    Template.objects.all().delete()
    assert "There is no template that may be sent by WhatsApp from here." in html(client_agent, url(contact))


def test_another_accounts_templates_are_not_offered(client_agent: Client, contact: Contact) -> None:
    other = Account.objects.create(name="Other", account_sid=defaults.ACCOUNT2_SID, auth_token="x")
    make(other, {"twilio/text": {"body": "Foreign"}}, name="foreign")
    assert "foreign" not in html(client_agent, url(contact))


def test_a_part_is_for_the_script_and_a_long_list_says_so(
    client_agent: Client, contact: Contact, account: Account
) -> None:
    for number in range(60):
        make(account, {"twilio/text": {"body": f"Number {number}"}}, name=f"n{number:02}")
    part = html(client_agent, f"{url(contact)}&part=1")
    assert "<html" not in part
    assert part.count("data-template=") == 50
    assert "There are more." in part
    assert 'form="flex-template-none"' in part


@pytest.mark.parametrize(
    "address",
    [
        "/flex/templates/crm_demo.contact/email/?id={id}",
        "/flex/templates/crm_demo.contact/pigeon/?id={id}",
        "/flex/templates/crm_demo.contact/whatsapp/?id=0",
        "/flex/templates/auth.user/whatsapp/?id=1",
        "/flex/templates/crm_demo.contact/whatsapp/?id={id}&sender=0",
        "/flex/templates/crm_demo.contact/whatsapp/?id={id}&sender=x",
        "/flex/templates/crm_demo.contact/whatsapp/HX0/?id={id}",
        "/flex/templates/crm_demo.contact/whatsapp/%00/?id={id}",
        "/flex/templates/crm_demo.contact/whatsapp/{pending}/?id={id}",
        "/flex/conversations/CH00000000000000000000000000000000/templates/",
    ],
)
def test_what_is_not_there_is_not_found(address: str, client_agent: Client, contact: Contact) -> None:
    given = address.format(id=contact.pk, pending=BY_NAME["spring_offer"])
    assert client_agent.get(given).status_code == 404


def test_who_may_not_send_finds_none(client: Client, contact: Contact, agent: User) -> None:
    client.force_login(agent)  # who is no worker
    assert client.get(url(contact)).status_code == 404
    client.logout()
    assert client.get(url(contact)).status_code == 302


# -- one ---------------------------------------------------------------------------------------------------------------


def test_a_template_has_a_field_for_each_variable_and_a_preview(client_agent: Client, contact: Contact) -> None:
    page = html(client_agent, url(contact, name="order_status"))
    for name in ("1", "2"):
        assert f'name="content_variables.{name}"' in page
    assert "Example Ltd" in page
    assert "Follow it" in page
    assert '<textarea id="flex-whatsapp-body"' not in page
    assert f'<input type="hidden" name="content_sid" value="{BY_NAME["order_status"]}">' in " ".join(page.split())


CONTENTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "twilio/text": ({"body": "Hello {{1}}"}, ["Hello "]),
    "twilio/media": ({"body": "Look", "media": ["https://example.com/a/house.jpg"]}, ["Look", "house.jpg"]),
    "twilio/quick-reply": ({"body": "Yes?", "actions": [{"title": "Certainly", "id": "y"}]}, ["Yes?", "Certainly"]),
    "twilio/call-to-action": (
        {"body": "Go", "actions": [{"type": "URL", "title": "There", "url": "https://example.com/x"}]},
        ["Go", "There", "https://example.com/x", "Link"],
    ),
    "twilio/list-picker": (
        {"body": "Pick", "button": "Open", "items": [{"item": "Tea", "id": "t", "description": "green"}]},
        ["Pick", "Open", "Tea", "green"],
    ),
    "twilio/card": ({"title": "Head", "subtitle": "Foot", "body": "Mid"}, ["Head", "Foot", "Mid"]),
    "whatsapp/card": (
        {"header_text": "Top", "body": "Mid", "footer": "Low", "actions": [{"type": "COPY_CODE", "title": "Code", "code": "X9"}]},  # noqa: E501
        ["Top", "Mid", "Low", "Code", "X9", "Copy"],
    ),
    "whatsapp/authentication": (
        {"add_security_recommendation": True, "code_expiration_minutes": 5, "actions": [{"copy_code_text": "Take it"}]},
        ["is your verification code.", "do not share this code", "expires in 5 minutes", "Take it"],
    ),
    "twilio/carousel": (
        {"body": "Two", "cards": [{"title": "One", "body": "First", "media": "https://example.com/1.jpg", "actions": []}]},  # noqa: E501
        ["Two", "One", "First", "1.jpg"],
    ),
    "whatsapp/flows": ({"body": "Fill", "button_text": "Begin", "subtitle": "Soon"}, ["Fill", "Begin", "Soon"]),
    "twilio/flows": ({"body": "Fill", "button_text": "Begin", "media_url": "https://e.com/f.png"}, ["Fill", "f.png"]),
    "twilio/location": ({"label": "Shop", "address": "High Street", "latitude": 48.2, "longitude": 16.37},
                        ["Shop", "High Street", "48.2, 16.37"]),
    "twilio/catalog": (
        {"title": "New", "body": "Hats", "items": [{"id": "1", "name": "Bowler", "price": 25, "description": "black"}]},
        ["New", "Hats", "Bowler", "25 · black"],
    ),
    "twilio/schedule": ({"id": "1", "title": "When?", "timeSlots": "10:00, 11:00"}, ["When?", "10:00", "11:00"]),
    "pigeon/post": ({"body": "Coo", "feathers": 2}, ["Coo"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTENTS)
def test_every_type_is_shown(kind: str, client_agent: Client, contact: Contact, account: Account) -> None:
    given, texts = CONTENTS[kind]
    row = make(account, {kind: given}, {"1": "Ann"})
    page = html(client_agent, url(contact, name=row.content_sid))
    preview = page[page.index("data-template-preview") :]
    for text in texts:
        assert text in preview
    assert "<img" not in preview


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize(
    "wrong", [[], None, "text", {"body": 5, "actions": "x", "cards": [1], "items": {}, "media": 7}]
)
def test_a_type_of_another_shape_is_no_error(
    kind: str, wrong: Any, client_agent: Client, contact: Contact, account: Account
) -> None:
    row = make(account, {kind: wrong})
    html(client_agent, url(contact, name=row.content_sid))
    html(client_agent, url(contact))


def test_nothing_in_a_template_is_markup_or_a_link_of_another_kind(
    client_agent: Client, contact: Contact, account: Account
) -> None:
    kind = "whatsapp/card"
    parts = {
        "header_text": EVIL,
        "body": f"{EVIL} {{{{1}}}}",
        "media": ["javascript:alert(1)", "https://example.com/{{1}}.jpg", "http://[", "data:text/html,x"],
        "actions": [{"type": "URL", "title": EVIL, "url": "javascript:alert(2)"}],
    }
    row = make(account, {kind: parts}, {"1": EVIL}, name=EVIL, language="<b>", category="<i>")
    Contact.objects.filter(pk=contact.pk).update(full_name=EVIL)
    page = html(client_agent, url(contact, name=row.content_sid)) + html(client_agent, url(contact))
    assert EVIL not in page
    assert 'href="javascript' not in page
    assert 'href="https://example.com/{{1}}.jpg' not in page
    assert 'href="data:' not in page


# -- filled from the contact -------------------------------------------------------------------------------------------


def value(page: str, name: str) -> str:
    field = page[page.index(f'name="content_variables.{name}"') :]
    return field[field.index('value="') + 7 :].split('"')[0]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the adapter's hook returns."""
    given: dict[str, Any] = {}
    adapter = type(adapter_for(Contact))
    monkeypatch.setattr(adapter, "get_template_variables", lambda _self, _contact, _template: given)
    return given


def test_a_field_of_the_contact_fills_what_a_manager_chose(
    client_agent: Client, contact: Contact, hook: dict[str, Any]
) -> None:
    Template.objects.update(sources={"1": "full_name", "2": "no_such_field"})
    page = html(client_agent, url(contact, name="delivery_photo"))
    assert value(page, "1") == "Ann Example"
    assert value(page, "2") == ""
    assert 'placeholder="AB-1234"' in page


def test_the_adapters_hook_goes_first_and_fits_on_one_line(
    client_agent: Client, contact: Contact, hook: dict[str, Any]
) -> None:
    Template.objects.update(sources={"1": "full_name", "2": "company"})
    hook.update({"1": " Ann\n\tO. ", "3": "nobody asks"})
    page = html(client_agent, url(contact, name="delivery_photo"))
    assert value(page, "1") == "Ann O."
    assert value(page, "2") == "Example"


def test_a_hook_that_fails_leaves_the_fields_empty(
    client_agent: Client, contact: Contact, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: Any) -> dict[str, str]:
        raise ValueError(contact.full_name)

    monkeypatch.setattr(type(adapter_for(Contact)), "get_template_variables", fail)
    assert value(html(client_agent, url(contact, name="delivery_photo")), "1") == ""
    assert "ValueError" in caplog.text
    assert contact.full_name not in caplog.text


# -- sent without JavaScript -------------------------------------------------------------------------------------------


def form(contact: Contact, name: str, **values: str) -> dict[str, str]:
    return {
        "contact_type": "crm_demo.contact",
        "contact_id": str(contact.pk),
        "channel": "whatsapp",
        "idempotency_key": uuid.uuid4().hex,
        "next": "/",
        "content_sid": BY_NAME[name],
        **{f"content_variables.{key.removeprefix('v')}": value for key, value in values.items()},
    }


def test_the_form_sends_the_template(client_agent: Client, contact: Contact) -> None:
    response = client_agent.post("/flex/send/", form(contact, "follow_up", v1="Ann", v2="Ada"))
    assert response.status_code == 302
    message = Message.objects.get()
    assert (message.content_sid, message.content_variables) == (BY_NAME["follow_up"], {"1": "Ann", "2": "Ada"})


@pytest.mark.parametrize(
    ("second", "words"),
    [("", "is missing"), ("a\nb", "has a line break"), ("x" * 1601, "is too long"), ("a\tb", "tab")],
)
def test_a_wrong_value_is_said_beside_its_field_and_nothing_typed_is_lost(
    second: str, words: str, client_agent: Client, contact: Contact
) -> None:
    response = client_agent.post("/flex/send/", form(contact, "follow_up", v1="Grace", v2=second))
    page = strict(response)
    assert response.status_code == 400
    assert value(page, "1") == "Grace"
    field = page[page.index('name="content_variables.2"') :]
    assert 'aria-invalid="true"' in field[: field.index("<p")]
    assert words in field[: field.index("</p>")]
    assert not Interaction.objects.exists()


def test_a_template_withdrawn_between_choice_and_sending_is_refused_and_another_can_be_chosen(
    client_agent: Client, contact: Contact
) -> None:
    Template.objects.filter(name="follow_up").update(gone_at=timezone.now())
    response = client_agent.post("/flex/send/", form(contact, "follow_up", v1="Ann", v2="Ada"))
    page = strict(response)
    assert response.status_code == 400
    assert "This template was withdrawn" in page
    assert "Use a template" in page
    assert not Interaction.objects.exists()


def test_a_text_beside_a_template_is_refused(client_agent: Client, contact: Contact) -> None:
    given = form(contact, "follow_up", v1="Ann", v2="Ada") | {"body": "Hello"}
    page = client_agent.post("/flex/send/", given)
    assert page.status_code == 400
    assert "either a text or a template" in page.content.decode()


def test_an_answer_is_chosen_and_sent_without_javascript(client_agent: Client, conversation: Conversation) -> None:
    sid = conversation.conversation_sid
    listed = html(client_agent, f"/flex/conversations/{sid}/templates/")
    assert f"/flex/conversations/{sid}/templates/{BY_NAME['follow_up']}/" in listed
    page = html(client_agent, f"/flex/conversations/{sid}/templates/{BY_NAME['follow_up']}/")
    assert f'action="/flex/conversations/{sid}/answer/"' in page
    given = {"content_sid": BY_NAME["follow_up"], "content_variables.1": "Ann", "content_variables.2": "Ada"}
    assert client_agent.post(f"/flex/conversations/{sid}/answer/", given).status_code == 302
    assert Message.objects.get().content_variables == {"1": "Ann", "2": "Ada"}


def test_a_wrong_value_of_an_answer_is_said_beside_its_field(client_agent: Client, conversation: Conversation) -> None:
    given = {"content_sid": BY_NAME["follow_up"], "content_variables.1": "Ann", "content_variables.2": "a     b"}
    response = client_agent.post(f"/flex/conversations/{conversation.conversation_sid}/answer/", given)
    page = strict(response)
    assert response.status_code == 400
    assert "more than four spaces in a row" in page
    assert value(page, "1") == "Ann"


def test_within_the_window_an_answer_is_offered_more(client_agent: Client, conversation: Conversation) -> None:
    address = f"/flex/conversations/{conversation.conversation_sid}/templates/"
    assert "spring_offer" not in html(client_agent, address)
    Conversation.objects.update(last_inbound_at=timezone.now())
    page = html(client_agent, address)
    assert "spring_offer" in page
    assert "not approved by WhatsApp" in page
    assert "bewertung" not in page


def test_the_senders_account_decides(client_agent: Client, contact: Contact, senders: dict[Channel, Sender]) -> None:
    chosen = senders[Channel.WHATSAPP]
    assert f"sender={chosen.pk}" in html(client_agent, f"{url(contact)}&sender={chosen.pk}")


@pytest.mark.parametrize(
    ("language", "quoted"),
    [
        ("en", "“seeing you on …”"),
        ("de", "„seeing you on …“"),
        ("es", "«seeing you on …»"),
        ("fr", "«\N{NO-BREAK SPACE}seeing you on …\N{NO-BREAK SPACE}»"),
    ],
)
def test_the_words_around_a_variable_are_quoted_as_the_reader_does(
    client: Client, agent: User, worker: Any, contact: Contact, language: str, quoted: str
) -> None:
    client.force_login(agent)
    page = client.get(url(contact, name="appointment_reminder"), headers={"accept-language": language})
    assert quoted in page.content.decode()
