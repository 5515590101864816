"""The compact buttons of a list: what they say of each contact, what they cost, and when they are asked for anew."""

from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import translation

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound.models.setup import forget_setup
from tests.integration.pages.conftest import Render
from tests.integration.pages.strict import read

COMPACT = "{% flex_buttons contact compact=True %}"

pytestmark = pytest.mark.django_db


def test_a_list_of_a_hundred_costs_two_queries(
    render: Render,
    agent: Any,
    worker: Any,
    senders: Any,
    contact: Any,
    django_assert_num_queries: Any,
) -> None:
    contacts = [Contact(full_name=f"Contact {n}", mobile=f"+1415555{n:04}", country="US") for n in range(100, 200)]
    # Django keeps it in a process, once somebody has asked.
    ContentType.objects.get_for_model(Contact)
    # The user's permissions and the channels that have a sender, however many the contacts.
    with django_assert_num_queries(2):
        html = render("{% for contact in contacts %}" + COMPACT + "{% endfor %}", agent, contacts=contacts)
    assert html.count("<flex-outbound ") == 100


def test_a_contact_of_a_list_weighs_a_kilobyte(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    both = render(COMPACT * 2, agent, contact=contact)
    assert len(both) - len(render(COMPACT, agent, contact=contact)) <= 1024


def test_the_icons_of_a_list_come_once(render: Render, agent: Any, worker: Any, senders: Any, contact: Any) -> None:
    page = read(render(COMPACT * 3, agent, contact=contact))
    shapes = {f"#{given['id']}" for tag, given in page.tags if tag == "symbol"}
    assert len(shapes) == len([tag for tag, _given in page.tags if tag == "symbol"]) == 3
    assert {given["href"] for tag, given in page.tags if tag == "use"} == shapes


def test_what_a_list_says_of_a_contact_is_that_contacts(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    first = Contact.objects.create(full_name="100 % <b>", mobile="+14155550111", email="a&b@example.com", country="US")
    second = Contact.objects.create(full_name="Nobody", do_not_contact=True, mobile="+14155550112")
    pages = [read(render(COMPACT, agent, contact=one)) for one in (first, second, contact)]
    groups = [given["aria-label"] for page in pages for _tag, given in page.tags if given.get("role") == "group"]
    assert groups == ["Message 100 % <b>", "Message Nobody", "Message Ann Example"]
    titles = [[given["title"] for _tag, given in page.tags if given.get("data-channel")] for page in pages]
    assert titles[0] == ["SMS to +14155550111", "WhatsApp to +14155550111", "Email to a&b@example.com"]
    assert titles[1] == ["This customer has asked not to be messaged."] * 2 + ["This contact has no email address."]
    kinds = [[tag for tag, given in page.tags if given.get("data-channel")] for page in pages]
    assert kinds == [["a"] * 3, ["button"] * 3, ["a"] * 3]


def test_a_list_names_a_contact_whatever_its_key_is_made_of(
    render: Render, client: Any, agent: Any, worker: Any, senders: Any
) -> None:
    page = read(render(COMPACT, agent, contact=Contact(pk=12, full_name="A", mobile="+14155550111")))
    assert [given["href"] for _tag, given in page.tags if given.get("data-testid") == "flex-sms"] == [
        "/flex/compose/crm_demo.contact/sms/?id=12"
    ]
    odd = Contact(full_name="A", mobile="+14155550111")
    odd.pk = '../a b&"?'  # type: ignore[assignment]
    [href] = [
        str(given["href"])
        for _tag, given in read(render(COMPACT, agent, contact=odd)).tags
        if given.get("data-testid") == "flex-sms"
    ]
    assert href == "/flex/compose/crm_demo.contact/sms/?id=..%2Fa%20b%26%22%3F"


def test_a_projects_own_template_of_a_list_is_used(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, settings: Any, tmp_path: Any
) -> None:
    own = tmp_path / "flex_outbound" / "compact.html"
    own.parent.mkdir()
    own.write_text("{% for option in options %}[{{ option.label }} 100% {{ option.address }}]{% endfor %}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    html = render(COMPACT, agent, contact=contact)
    assert html.endswith("[SMS 100% +14155550123][WhatsApp 100% +14155550123][Email 100% ann@example.com]")


def test_a_list_shows_what_has_changed_since_it_was_last_shown(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any
) -> None:
    assert "SMS to +14155550123" in render(COMPACT, agent, contact=contact)
    contact.do_not_contact = True
    assert "This customer has asked not to be messaged." in render(COMPACT, agent, contact=contact)
    contact.do_not_contact = False
    assert "SMS to +14155550123" in render(COMPACT, agent, contact=contact)
    contact.mobile, contact.country = "07400 123456", "GB"
    assert "SMS to +447400123456" in render(COMPACT, agent, contact=contact)
    contact.country = "XQ"
    assert "is not understood" in render(COMPACT, agent, contact=contact)
    with translation.override("de"):
        assert "is not understood" not in render(COMPACT, agent, contact=contact)
    contact.mobile = "+14155550124"
    assert "SMS to +14155550124" in render(COMPACT, agent, contact=contact)
    senders["sms"].delete()
    forget_setup()
    fresh = type(agent).objects.get(pk=agent.pk)
    assert "SMS to" not in render(COMPACT, fresh, contact=contact)


def test_a_list_asks_a_project_that_decides_by_itself_each_time(
    render: Render, agent: Any, worker: Any, senders: Any, contact: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in ("+14155550111", "+14155550112"):
        monkeypatch.setattr(CrmContact, "get_addresses", lambda *_given, number=number: [number])
        assert f"SMS to {number}" in render(COMPACT, agent, contact=contact)
    monkeypatch.undo()
    assert "SMS to +14155550123" in render(COMPACT, agent, contact=contact)
    monkeypatch.setattr(CrmContact, "get_default_region", lambda *_given: "US")
    contact.mobile = "(415) 555-0124"
    assert "SMS to +14155550124" in render(COMPACT, agent, contact=contact)
