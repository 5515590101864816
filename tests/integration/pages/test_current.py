"""What a page says before a click: who is in conversation with the contact, and that the customer has unsubscribed."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import ConsentEvent, Interaction
from flex_outbound.outbox import consent
from flex_outbound.outbox.consent import Entry
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages import rows
from tests.integration.pages.conftest import Render
from tests.integration.pages.strict import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]

BUTTONS = "{% flex_buttons contact %}"
LIST = "{% for contact in contacts %}{% flex_buttons contact compact=True %}{% endfor %}"


def words(html: str) -> str:
    """Return the text of the notes on the page."""
    parts = html.split('data-testid="flex-current"')[1:]
    texts = (read_text(part.split("</p>")[0].split(">", 1)[1]) for part in parts)
    return " | ".join(texts)


def read_text(markup: str) -> str:
    text, inside = "", False
    for sign in markup:
        inside = sign == "<" or (inside and sign != ">")
        text += "" if inside or sign == ">" else sign
    return " ".join(text.split())


@pytest.fixture
def row(other_agent: Any, contact: Any) -> Interaction:
    """A colleague's conversation with the contact, since today 13:53."""
    row = enqueue(Click(other_agent, "crm_demo.contact", str(contact.pk), "sms"))
    rows.open_in_flex(row)
    at = timezone.localtime().replace(hour=13, minute=53)
    rows.change(row, "active", opened_at=at, conversation_sid=rows.CONVERSATION)
    return Interaction.objects.get()


def test_a_colleagues_conversation_is_on_the_page_and_not_linked(
    render: Render, agent: Any, contact: Any, row: Interaction
) -> None:
    html = render(BUTTONS, agent, contact=contact)
    assert words(html) == "SMS: In conversation with Bea since 1:53 p.m."
    assert str(row.task_sid) not in html


def test_it_is_in_a_list_too_for_one_query_more(
    render: Render, agent: Any, contact: Any, row: Interaction, django_assert_num_queries: Any, django_user_model: Any
) -> None:
    people = Contact.objects.bulk_create(Contact(full_name=f"P {n}", mobile=f"+1415555{n:04}") for n in range(50))
    fresh = django_user_model.objects.get(pk=agent.pk)
    # Permissions and channels are one query, who is in conversation with whom another.
    with django_assert_num_queries(2):
        html = render(LIST, fresh, contacts=[*people, contact])
    assert words(html) == "SMS: In conversation with Bea since 1:53 p.m."


def test_a_list_that_no_variable_holds_can_be_named(
    render: Render, agent: Any, contact: Any, row: Interaction, django_assert_num_queries: Any
) -> None:
    page = {"people": [contact]}
    tag = "{% for one in page.people %}{% flex_buttons one compact=True among=page.people %}{% endfor %}"
    assert "In conversation with Bea" in words(render(tag, agent, page=page))
    # Without it nothing is asked, for it would be a query for each line.
    assert words(render(tag.replace(" among=page.people", ""), agent, page=page)) == ""


def test_ones_own_conversation_is_linked(render: Render, agent: Any, contact: Any, row: Interaction) -> None:
    Interaction.objects.update(agent=agent)
    html = render(BUTTONS, agent, contact=contact)
    assert words(html).startswith("SMS: In conversation with you since 1:53 p.m.")
    assert str(row.task_sid) in html


def test_in_a_list_the_link_is_set_off_from_the_time(
    render: Render, agent: Any, contact: Any, row: Interaction
) -> None:
    Interaction.objects.update(agent=agent)
    told = words(render(LIST, agent, contacts=[contact]))
    assert told == "SMS: In conversation with you since 1:53 p.m. · Continue in Flex SMS"


def test_what_has_ended_is_not_on_the_page(render: Render, agent: Any, contact: Any, row: Interaction) -> None:
    rows.change(row, "closed")
    assert words(render(BUTTONS, agent, contact=contact)) == ""


def test_who_may_not_open_conversations_is_told_nothing(
    render: Render, agent: Any, contact: Any, row: Interaction, django_user_model: Any
) -> None:
    other = django_user_model.objects.create_user("other")
    for tag in (BUTTONS, LIST):
        assert words(render(tag, other, contact=contact, contacts=[contact])) == ""


def test_an_earlier_day_is_named(render: Render, agent: Any, contact: Any, row: Interaction) -> None:
    Interaction.objects.update(opened_at=timezone.now() - timedelta(days=2))
    year = (timezone.localtime() - timedelta(days=2)).year
    assert str(year) in words(render(BUTTONS, agent, contact=contact))


@pytest.fixture
def unsubscribed(row: Interaction) -> Interaction:
    """A conversation that has ended, whose first message was refused because the customer has unsubscribed."""
    rows.change(row, "closed", error_reason="opted_out", error_code=21610, delivery_status="failed")
    told = Entry("sms", row.address, "opted_out", "receipt", row.account_id, row.sender_address)
    consent.append([told])
    return row


def enabled(html: str) -> list[str]:
    """Return the channels that can be opened."""
    tags = read(html).tags
    return [
        str(given["data-testid"]).removeprefix("flex-")
        for tag, given in tags
        if "flex-outbound__button" in str(given.get("class")) and (given.get("type") == "submit" or tag == "a")
    ]


@pytest.mark.parametrize("tag", [BUTTONS, LIST])
def test_a_channel_that_the_customer_left_is_not_offered(
    render: Render, agent: Any, contact: Any, unsubscribed: Interaction, tag: str
) -> None:
    html = render(tag, agent, contact=contact, contacts=[contact])
    assert enabled(html) == ["whatsapp", "email"]
    assert "This customer has unsubscribed from messages." in html


def test_another_number_of_the_customer_is_offered(
    render: Render, agent: Any, contact: Any, unsubscribed: Interaction
) -> None:
    Contact.objects.update(phone="+14155550199")
    contact.refresh_from_db()
    html = render(BUTTONS, agent, contact=contact)
    assert "sms" in enabled(html)
    assert "SMS to +14155550199" in html


def test_who_subscribes_again_is_offered_it_again(
    render: Render, agent: Any, contact: Any, unsubscribed: Interaction
) -> None:
    ConsentEvent.objects.update(happened_at=timezone.now() - timedelta(minutes=1))
    consent.append([Entry("sms", unsubscribed.address, "opted_in", "keyword", unsubscribed.account_id)])
    assert "sms" in enabled(render(BUTTONS, agent, contact=contact))


def test_nobody_can_overrule_it(
    render: Render, agent: Any, contact: Any, unsubscribed: Interaction, django_user_model: Any
) -> None:
    for name in ("change_interaction", "change_consent"):
        agent.user_permissions.add(Permission.objects.get(codename=name))
    lead = django_user_model.objects.get(pk=agent.pk)
    assert "sms" not in enabled(render(BUTTONS, lead, contact=contact))
    with pytest.raises(InvalidClick, match="unsubscribed"):
        enqueue(Click(lead, "crm_demo.contact", str(contact.pk), "sms"))


def test_the_compose_page_says_it_too(client: Any, agent: Any, contact: Any, unsubscribed: Interaction) -> None:
    client.force_login(agent)
    html = client.get(f"/flex/compose/crm_demo.contact/sms/?id={contact.pk}").content.decode()
    assert "This customer has unsubscribed from messages." in html
    assert "<textarea" not in html
