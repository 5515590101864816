"""What the template tags render, for whom, and at what cost."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.urls import set_script_prefix
from django.utils import translation

from crm_demo.models import Contact
from flex_outbound.models import Interaction, Sender
from flex_outbound.models.setup import forget_setup
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages.conftest import Render
from tests.integration.pages.strict import read, shown

BUTTONS = "{% flex_buttons contact %}"
COMPACT = "{% flex_buttons contact compact=True %}"
TIMELINE = "{% flex_timeline contact %}"

pytestmark = pytest.mark.django_db


def click(agent: Any, contact: Any, channel: str = "sms", **more: Any) -> Interaction:
    return enqueue(Click(agent, "crm_demo.contact", str(contact.pk), channel, **more))


def is_hidden(html: str, act: str) -> bool:
    [form] = [given for _tag, given in read(html).tags if given.get("data-act") == act]
    return "hidden" in form


def test_each_channel_is_a_form_that_posts_by_itself(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    page = read(render(BUTTONS, agent, contact=contact))
    forms = [given for tag, given in page.tags if tag == "form" and "data-open" in given]
    assert [form["data-channel"] for form in forms] == ["sms", "whatsapp", "email"]
    assert {(form["method"], form["action"]) for form in forms} == {("post", "/flex/send/")}
    hidden = [(given["name"], given["value"]) for tag, given in page.tags if given.get("type") == "hidden"]
    assert ("contact_type", "crm_demo.contact") in hidden
    assert ("contact_id", str(contact.pk)) in hidden
    assert ("next", "/people/1/?tab=2") in hidden
    assert all(value for name, value in hidden if name == "csrfmiddlewaretoken")


@pytest.mark.parametrize("tag", [BUTTONS, COMPACT, TIMELINE])
@pytest.mark.parametrize(("ending", "target"), [(" %}", None), (" new_tab=True %}", "_blank")])
def test_what_leaves_the_page_may_lead_to_a_new_tab(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, tag: str, ending: str, target: str | None
) -> None:
    for number in range(21):
        row = click(agent, contact, "email", body=str(number))
        Interaction.objects.filter(pk=row.pk).update(status="canceled", next_at=None, finished_at="2026-01-01T00:00Z")
    page = read(render(tag.replace(" %}", ending), agent, contact=contact))
    leaving = [given for name, given in page.tags if name in ("a", "form")]
    own = [given for given in leaving if given.get("class") != "flex-outbound__open"]  # links into Flex
    assert own
    assert {given.get("target") for given in own} == {target}


def test_every_render_has_a_key_of_its_own(render: Render, agent: Any, worker: Any, senders: Any, contact: Any) -> None:
    keys = set()
    for _time in range(2):
        page = read(render(BUTTONS, agent, contact=contact))
        keys |= {
            given["value"] for _tag, given in page.tags if given.get("name") == "idempotency_key" and given["value"]
        }
    assert len(keys) == 2


def test_nobody_is_asked_to_sign_in(render: Render, contact: Any) -> None:
    assert "Sign in to message this contact." in render(BUTTONS, contact=contact)
    assert "<form" not in render(BUTTONS + TIMELINE, contact=contact)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"mobile": "", "phone": ""}, "This contact has no phone number."),
        ({"email": "", "email_work": ""}, "This contact has no email address."),
        ({"mobile": "12", "phone": ""}, "This phone number has the wrong length for its country."),
        ({"mobile": "+442071234567", "phone": ""}, "This is a landline number; text messages need a mobile number."),
        ({"do_not_contact": True}, "This customer has asked not to be messaged."),
    ],
)
def test_a_disabled_button_says_why(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, values: dict[str, Any], reason: str
) -> None:
    Contact.objects.filter(pk=contact.pk).update(**values)
    contact.refresh_from_db()
    html = render(BUTTONS, agent, contact=contact)
    assert reason in html
    page = read(html)
    dead = [given for tag, given in page.tags if tag == "button" and given.get("aria-disabled") == "true"]
    assert dead
    assert all(given["type"] == "button" and given["aria-describedby"] in page.ids() for given in dead)


def test_one_reason_of_all_channels_is_said_once(render: Render, agent: Any, contact: Any) -> None:
    html = render(BUTTONS, agent, contact=contact)
    assert html.count('<p class="flex-outbound__reason"') == 1
    assert "SMS, WhatsApp, Email:" in html


def test_without_the_permission_nothing_can_be_opened(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, django_user_model: Any
) -> None:
    agent.user_permissions.clear()
    agent.groups.clear()
    html = render(BUTTONS, django_user_model.objects.get(pk=agent.pk), contact=contact)
    assert "You may not open conversations." in html
    assert ("channel", "submit") not in {(given.get("name"), given.get("type")) for _tag, given in read(html).tags}


def test_several_senders_and_addresses_are_offered_in_the_composer(
    render: Render, agent: Any, worker: Any, senders: Any, account: Any, contact: Any
) -> None:
    Contact.objects.filter(pk=contact.pk).update(mobile="+14155550123", phone="+14155550199")
    contact.refresh_from_db()
    first = Sender.objects.filter(channel="sms").first()
    assert first is not None
    Sender.objects.create(
        account=account, channel="sms", address="+14155550177", display_name="Support", queue_sid=first.queue_sid
    )
    html = render(BUTTONS, agent, contact=contact)
    assert html.count('name="address"') == 2  # SMS and WhatsApp
    assert html.count('name="sender"') == 1
    assert "Support (+14155550177)" in html


def test_names_are_data_and_never_markup(render: Render, agent: Any, worker: Any, senders: Any, contact: Any) -> None:
    nasty = '<script>alert(1)</script>" onmouseover="x' + "ü" * 250
    Contact.objects.filter(pk=contact.pk).update(full_name=nasty)
    contact.refresh_from_db()
    click(agent, contact, "email", subject='</p><img src=x onerror="alert(1)">')
    html = render(BUTTONS + COMPACT + TIMELINE, agent, contact=contact)
    assert read(html).faults == []
    assert "<img" not in html


def test_ids_are_unique_however_often_the_tags_stand_on_a_page(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    ids = read(render(BUTTONS * 3 + COMPACT * 3 + TIMELINE, agent, contact=contact)).ids()
    assert len(ids) == len(set(ids))


def test_pages_without_a_timeline_carry_no_line_of_one(render: Render, agent: Any, contact: Any) -> None:
    assert "flex-timeline-row" not in render("{% flex_assets %}" + COMPACT, agent, contact=contact)
    page = render(TIMELINE, agent, contact=contact)
    assert page.count("<template data-line") == 1
    assert "flex-timeline-row" not in shown(page)


def test_permissions_of_groups_and_ones_own_count_alike(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, django_user_model: Any
) -> None:
    permission = Permission.objects.get(codename="add_interaction")
    agent.user_permissions.clear()
    assert "You may not open conversations." in render(
        COMPACT, django_user_model.objects.get(pk=agent.pk), contact=contact
    )
    agent.groups.add(group := Group.objects.create(name="Agents"))
    group.permissions.add(permission)
    member = django_user_model.objects.get(pk=agent.pk)
    assert "You may not open" not in render(COMPACT, member, contact=contact)
    assert member.get_all_permissions() == {"flex_outbound.add_interaction"}
    member = django_user_model.objects.get(pk=agent.pk)
    member.is_active = False
    assert "You may not open conversations." in render(COMPACT, member, contact=contact)


def test_the_timeline_is_two_queries_however_long(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(40):
        row = click(agent, contact, "email", subject=f"Number {number}", body="Hello")
        Interaction.objects.filter(pk=row.pk).update(status="canceled", next_at=None, finished_at="2026-01-01T00:00Z")
    # Permissions, the interactions with their agents and first messages, and the messages of conversations.
    with django_assert_max_num_queries(3):
        html = shown(render(TIMELINE, agent, contact=contact))
    assert html.count('data-testid="flex-timeline-row"') == 30
    assert html.index("Number 38") < html.index("Number 39")
    [older] = [str(given["href"]) for tag, given in read(html).tags if tag == "a" and "data-older" in given]
    assert older.startswith("/people/1/?tab=2&flex_before=")
    older_html = shown(render(TIMELINE, agent, older, contact=contact))
    assert older_html.count('data-testid="flex-timeline-row"') == 10
    assert "Newest messages" in older_html
    assert "Older messages" not in older_html


def test_a_contact_page_is_five_queries_and_one_for_the_senders(
    render: Render,
    agent: Any,
    worker: Any,
    senders: Any,
    contact: Any,
    django_user_model: Any,
    django_assert_num_queries: Any,
) -> None:
    click(agent, contact, body="Hello")
    fresh = django_user_model.objects.get(pk=agent.pk)
    # The user's permissions, what is not settled yet, of the timeline what was opened and what was said, and the user's
    # own conversations, which can be answered; the senders are known from the click.
    with django_assert_num_queries(5):
        render("{% flex_assets %}" + BUTTONS + TIMELINE, fresh, contact=contact)
    forget_setup()
    fresh = django_user_model.objects.get(pk=agent.pk)
    with django_assert_num_queries(6):
        html = render("{% flex_assets %}" + BUTTONS + TIMELINE, fresh, contact=contact)
    assert "SMS: Waiting to be sent" in html


@pytest.mark.parametrize("cursor", ["0", "-1", "x", "²", "99999999999", "", "WyJ4Il0:1abc:def", "%00"])
def test_a_cursor_that_is_none_is_the_newest_page(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, cursor: str
) -> None:
    click(agent, contact)
    html = render(TIMELINE, agent, f"/people/1/?flex_before={cursor}", contact=contact)
    assert "Waiting to be sent" in html
    assert "Newest messages" not in html


def test_the_timeline_shows_what_the_user_may_see(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, django_user_model: Any
) -> None:
    click(agent, contact)
    other = django_user_model.objects.create_user("other")
    assert "flex-timeline-row" not in shown(render(TIMELINE, other, contact=contact))
    other.user_permissions.add(Permission.objects.get(codename="view_interaction"))
    watching = django_user_model.objects.get(pk=other.pk)
    html = shown(render(TIMELINE, watching, contact=contact))
    assert "Waiting to be sent" in html
    # To watch is not to decide: the Cancel of another agent's click stays hidden.
    assert is_hidden(html, "cancel_url")
    assert not is_hidden(shown(render(TIMELINE, agent, contact=contact)), "cancel_url")


@pytest.mark.parametrize("tag", [BUTTONS, TIMELINE])
def test_a_model_nobody_registered_is_explained_to_developers_only(
    render: Render, agent: Any, settings: Any, tag: str
) -> None:
    settings.DEBUG = True
    with pytest.raises(TemplateSyntaxError, match=r"auth\.Group is not registered with flex_outbound: decorate"):
        render(tag, agent, contact=Group(name="x"))
    settings.DEBUG = False
    assert render(tag, agent, contact=Group(name="x")).strip() == ""


def test_a_context_without_the_request_is_explained(contact: Any) -> None:
    with pytest.raises(TemplateSyntaxError, match="needs the request"):
        Template("{% load flex_outbound %}" + BUTTONS).render(Context({"contact": contact}))


def test_the_request_may_come_from_the_context(rf: RequestFactory, agent: Any, contact: Any) -> None:
    request = rf.get("/")
    request.user = agent
    html = Template("{% load flex_outbound %}" + BUTTONS).render(Context({"contact": contact, "request": request}))
    assert "<flex-outbound " in html


def test_the_pages_speak_the_language_of_the_reader(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    click(agent, contact)
    with translation.override("de"):
        html = render("{% flex_assets %}" + BUTTONS + TIMELINE, agent, contact=contact)
    for words in (
        "Nachricht (freiwillig)",
        "Wartet auf den Versand",
        "Verbindung verloren",
        "SMS: Optionen …",
    ):
        assert words in html


def test_addresses_do_not_turn_round_where_no_markup_can_stand(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    Contact.objects.filter(pk=contact.pk).update(phone="+14155550199")
    contact.refresh_from_db()
    with translation.override("ar"):
        html = render(BUTTONS + COMPACT, agent, contact=contact)
    titles = [str(given.get("title")) for _tag, given in read(html).tags if given.get("data-testid") == "flex-sms"]
    assert len(titles) == 2
    assert all("\u2068+14155550123\u2069" in title for title in titles)
    assert ">\u2068+14155550199\u2069" in html
    assert "\u2068" not in render(BUTTONS + COMPACT, agent, contact=contact)


def test_the_script_finds_everything_below_a_prefix_and_the_projects_header(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, settings: Any
) -> None:
    settings.CSRF_HEADER_NAME = "HTTP_X_XSRF_TOKEN"
    set_script_prefix("/crm/")
    try:
        html = render("{% flex_assets %}" + BUTTONS + COMPACT + TIMELINE, agent, contact=contact)
    finally:
        set_script_prefix("/")
    page = read(html)
    assert [given["data-header"] for _tag, given in page.tags if given.get("data-token") is not None] == [
        "X-XSRF-TOKEN"
    ]
    addresses = [
        value for _tag, given in page.tags for name in ("href", "action", "data-url") if (value := given.get(name))
    ]
    assert [value for value in addresses if value.startswith("/flex/")] == []
    assert any(value.startswith("/crm/flex/compose/") for value in addresses)
    # What is kept of one prefix is not shown under another.
    assert "/crm/" not in render(COMPACT, agent, contact=contact)
