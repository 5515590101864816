"""The path without JavaScript: the forms post, and the answer is a page."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client

from flex_outbound.models import Interaction, Message
from tests.integration.pages import rows
from tests.integration.pages.strict import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]


@pytest.fixture
def form(contact: Any) -> dict[str, Any]:
    return {
        "contact_type": "crm_demo.contact",
        "contact_id": str(contact.pk),
        "channel": "sms",
        "idempotency_key": "k" * 32,
        "next": "/?q=grace",
    }


@pytest.fixture
def signed_in(client: Client, agent: Any) -> Client:
    client.force_login(agent)
    return client


def test_a_click_goes_back_where_it_came_from(signed_in: Client, form: dict[str, Any]) -> None:
    response = signed_in.post("/flex/send/", form)
    assert (response.status_code, response["Location"]) == (302, "/?q=grace")
    assert Interaction.objects.get().channel == "sms"
    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert said == [f"SMS to {Interaction.objects.get().contact_name}: Waiting to be sent."]


def test_the_same_form_sent_twice_opens_one(signed_in: Client, form: dict[str, Any]) -> None:
    for _time in range(2):
        assert signed_in.post("/flex/send/", form).status_code == 302
    assert Interaction.objects.count() == 1


def test_the_three_buttons_of_one_page_do_not_share_a_click(signed_in: Client, form: dict[str, Any]) -> None:
    for channel in ("sms", "whatsapp", "email"):
        assert signed_in.post("/flex/send/", form | {"channel": channel}).status_code == 302
    assert Interaction.objects.count() == 3


@pytest.mark.parametrize(
    "evil", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "http:evil", "\\\\evil.example", ""]
)
def test_an_address_of_another_site_is_not_gone_to(
    signed_in: Client, form: dict[str, Any], contact: Any, evil: str
) -> None:
    response = signed_in.post("/flex/send/", form | {"next": evil})
    assert response["Location"] == contact.get_absolute_url()


def test_a_bad_field_comes_back_with_everything_typed(signed_in: Client, form: dict[str, Any]) -> None:
    typed = {"channel": "email", "subject": 'Say "hi" & <b>', "cc": "nobody, a@example.com", "body": "Line 1\r\nLine 2"}
    response = signed_in.post("/flex/send/", form | typed)
    html = response.content.decode()
    assert response.status_code == 400
    assert "Say &quot;hi&quot; &amp; &lt;b&gt;" in html
    assert "nobody, a@example.com" in html
    assert "nobody: This is not a valid email address." in html
    # Browsers drop the first line break of a textarea, so one is written for them to drop.
    assert ">\nLine 1\nLine 2</textarea>" in html.replace("\r\n", "\n")
    assert 'name="idempotency_key" value="' + "k" * 32 in html
    assert 'name="next" value="/?q=grace"' in html
    assert not Interaction.objects.exists()
    mended = signed_in.post("/flex/send/", form | typed | {"cc": "a@example.com"})
    assert mended.status_code == 302
    assert Message.objects.get().body == "Line 1\nLine 2"


def test_a_number_in_no_known_range_is_remarked_on(signed_in: Client, form: dict[str, Any], contact: Any) -> None:
    remark = "This number is in no range that is known here."
    assert remark not in signed_in.post("/flex/send/", form | {"body": "x" * 1601}).content.decode()
    type(contact).objects.filter(pk=contact.pk).update(mobile="+44 7700 900123")
    assert remark in signed_in.post("/flex/send/", form | {"body": "x" * 1601}).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("address", "+14155559999", "not one of the contact&#x27;s own addresses"),
        ("sender", "x", "Choose a sender from the list."),
        ("sender", "99999999", "This sender does not exist"),
        ("sender", "9" * 40, "Choose a sender from the list."),
        ("body", "x" * 1601, "1601 characters long"),
    ],
)
def test_each_refusal_stands_by_its_field(
    signed_in: Client, form: dict[str, Any], field: str, value: str, words: str
) -> None:
    response = signed_in.post("/flex/send/", form | {field: value})
    assert response.status_code == 400
    assert words in response.content.decode()


def test_a_channel_the_contact_cannot_take_is_said(signed_in: Client, form: dict[str, Any], contact: Any) -> None:
    type(contact).objects.update(email="", email_work="")
    response = signed_in.post("/flex/send/", form | {"channel": "email"})
    assert response.status_code == 400
    assert "This contact has no email address." in response.content.decode()
    assert signed_in.post("/flex/send/", form | {"channel": "fax"}).status_code == 400


def test_a_policy_is_a_403_in_words(signed_in: Client, form: dict[str, Any], contact: Any) -> None:
    type(contact).objects.update(do_not_contact=True)
    response = signed_in.post("/flex/send/", form)
    assert response.status_code == 403
    assert "This customer has asked not to be messaged." in response.content.decode()


def test_an_open_conversation_is_a_409_with_a_link(signed_in: Client, form: dict[str, Any]) -> None:
    signed_in.post("/flex/send/", form)
    task_sid = rows.open_in_flex(Interaction.objects.get())
    response = signed_in.post("/flex/send/", form | {"idempotency_key": "other", "body": "Hello"})
    assert response.status_code == 409
    assert "You already have a conversation with this customer." in response.content.decode()
    assert task_sid in response.content.decode()


def test_another_agents_conversation_is_named_and_not_linked(
    signed_in: Client, form: dict[str, Any], agent: Any, django_user_model: Any
) -> None:
    signed_in.post("/flex/send/", form)
    task_sid = rows.open_in_flex(Interaction.objects.get())
    other = django_user_model.objects.create_user("other", first_name="Otto", last_name="Other")
    Interaction.objects.update(agent=other)
    response = signed_in.post("/flex/send/", form | {"idempotency_key": "new"})
    assert response.status_code == 409
    assert "Otto Other" in response.content.decode()
    assert task_sid not in response.content.decode()


@pytest.mark.parametrize(
    "values", [{"contact_type": "auth.user"}, {"contact_type": ""}, {"contact_id": "0"}, {"contact_id": "x\x00"}]
)
def test_a_contact_that_is_none_is_not_found(signed_in: Client, form: dict[str, Any], values: dict[str, str]) -> None:
    assert signed_in.post("/flex/send/", form | values).status_code == 404


def test_nobody_is_sent_to_the_login(client: Client, form: dict[str, Any]) -> None:
    response = client.post("/flex/send/", form)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("name", ["send", "retry", "confirm", "cancel"])
def test_reading_changes_nothing(signed_in: Client, name: str) -> None:
    path = "/flex/send/" if name == "send" else f"/flex/interactions/{uuid4()}/{name}/"
    assert signed_in.get(path).status_code == 405


def test_a_form_without_its_token_is_refused(agent: Any, form: dict[str, Any]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(agent)
    assert strict.post("/flex/send/", form).status_code == 403
    assert not Interaction.objects.exists()


def test_messages_need_not_be_installed(signed_in: Client, form: dict[str, Any], settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "messages" not in name]
    assert signed_in.post("/flex/send/", form).status_code == 302


def test_retry_and_cancel_act_once(signed_in: Client, form: dict[str, Any], contact: Any) -> None:
    signed_in.post("/flex/send/", form)
    row = Interaction.objects.get()
    rows.fail(row, "Opted out.")
    for _time in range(2):
        response = signed_in.post(f"/flex/interactions/{row.pk}/retry/", {"idempotency_key": "again"})
        assert response["Location"] == contact.get_absolute_url()
    second = Interaction.objects.exclude(pk=row.pk).get()
    signed_in.post(f"/flex/interactions/{second.pk}/cancel/", {"next": "/"})
    second.refresh_from_db()
    assert second.status == "canceled"
    late = signed_in.post(f"/flex/interactions/{second.pk}/cancel/")
    assert late.status_code == 409
    assert "too late to cancel" in late.content.decode()


def test_what_one_may_not_see_is_not_found_and_what_one_may_only_watch_is_forbidden(
    client: Client, signed_in: Client, form: dict[str, Any], django_user_model: Any
) -> None:
    signed_in.post("/flex/send/", form)
    path = f"/flex/interactions/{Interaction.objects.get().pk}/cancel/"
    other = django_user_model.objects.create_user("other")
    client.force_login(other)
    assert client.post(path).status_code == 404
    other.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    assert client.post(path).status_code == 403
    assert Interaction.objects.get().status == "queued"


def compose(client: Client, contact: Any, channel: str = "sms", **headers: str) -> Any:
    return client.get(f"/flex/compose/crm_demo.contact/{channel}/?id={contact.pk}", headers=headers)


def test_a_link_in_a_list_leads_to_the_form_and_back(signed_in: Client, contact: Any) -> None:
    response = compose(signed_in, contact, referer="http://testserver/?q=grace")
    assert response.status_code == 200
    page = read(response.content.decode())
    assert page.faults == []
    filled = {given["name"]: given.get("value") for tag, given in page.tags if tag == "input" and given.get("name")}
    assert filled["channel"] == "sms"
    assert "+14155550123" in response.content.decode()
    sent = signed_in.post("/flex/send/", {**filled, "body": "Hello"})
    assert sent["Location"] == "/?q=grace"
    assert Message.objects.get().body == "Hello"


def test_every_form_has_a_key_of_its_own(signed_in: Client, contact: Any) -> None:
    def key() -> str | None:
        page = read(compose(signed_in, contact).content.decode())
        keys = [given["value"] for _tag, given in page.tags if given.get("name") == "idempotency_key"]
        [found] = filter(None, keys)
        return found

    assert key() != key()


@pytest.mark.parametrize("referer", ["", "https://evil.example/", "javascript:alert(1)"])
def test_a_link_from_nowhere_or_elsewhere_leads_back_to_the_contact(
    signed_in: Client, contact: Any, referer: str
) -> None:
    html = compose(signed_in, contact, referer=referer).content.decode()
    assert f'name="next" value="{contact.get_absolute_url()}"' in html


def test_the_way_back_is_a_path_of_this_site(signed_in: Client, contact: Any) -> None:
    html = compose(signed_in, contact, referer="http://testserver//evil.example/").content.decode()
    assert 'name="next" value="/evil.example/"' in html


def test_a_link_to_a_channel_that_cannot_be_used_says_why(signed_in: Client, contact: Any) -> None:
    type(contact).objects.update(email="", email_work="")
    html = compose(signed_in, contact, "email").content.decode()
    assert "This contact has no email address." in html
    assert "<textarea" not in html


def test_a_link_shows_nothing_to_who_may_not_see_the_contact(client: Client, signed_in: Client, contact: Any) -> None:
    for path in ("crm_demo.contact/fax/?id=1", "auth.user/sms/?id=1", "crm_demo.contact/sms/?id=x%00"):
        assert signed_in.get(f"/flex/compose/{path}").status_code == 404
    assert signed_in.post(f"/flex/compose/crm_demo.contact/sms/?id={contact.pk}").status_code == 405
    client.logout()
    assert compose(client, contact)["Location"].startswith("/accounts/login/")
