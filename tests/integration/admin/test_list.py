"""The list of interactions: found by anything that names them, filtered, and no slower for being long."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm_demo.models import Contact
from flex_outbound.admin import bounded_list, search
from flex_outbound.models import (
    Account,
    Closing,
    ConsentEvent,
    ContactAddress,
    Conversation,
    ConversationContact,
    Interaction,
    Message,
    Resource,
    SavedReply,
    Sender,
    Template,
    WebhookEvent,
    WebhookRefusal,
    Worker,
)
from flex_outbound.models.conversation import key_of
from tests.integration.admin.conftest import INTERACTIONS, page_of
from tests.integration.conftest import Click
from tests.integration.pages import rows
from tests.integration.pages.strict import read

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def found(client: Client, **asked: Any) -> int:
    """Return how many rows the list shows."""
    response = client.get(INTERACTIONS, asked)
    assert response.status_code == 200, response["Location"]
    html = response.content.decode()
    assert read(html).faults == []
    return html.count('class="field-created_at')


@pytest.fixture
def known(row: Interaction, click: Click) -> Interaction:
    """One row with every SID and a duplicate, beside another that nobody looks for."""
    rows.open_in_flex(row)
    rows.add_conversation(row)
    rows.open_twice(row)
    Interaction.objects.filter(pk=row.pk).update(
        invite_sid="KG" + "1" * 32, named_task_sid="WT" + "2" * 32, address="+14155552671", contact_name="Grace Hopper"
    )
    Message.objects.filter(interaction=row).update(message_sid="IM" + "3" * 32)
    click(NOW, address="someone@example.com", contact_name="Hopper of Hops")
    return Interaction.objects.get(pk=row.pk)


@pytest.mark.parametrize(
    "column", ["interaction_sid", "channel_sid", "task_sid", "conversation_sid", "invite_sid", "named_task_sid", "id"]
)
def test_a_row_is_found_by_each_of_its_sids(admin_client: Client, known: Interaction, column: str) -> None:
    sid = str(getattr(known, column))
    for written in (sid, f"  {sid} ", sid[:2] + sid[2:].upper()):
        html = admin_client.get(INTERACTIONS, {"q": written}).content.decode()
        assert html.count('class="field-created_at') == 1
        assert page_of(known) in html


@pytest.mark.parametrize("sid", ["KD" + "e" * 32, "UO" + "e" * 32, "WT" + "e" * 32, "IM" + "3" * 32])
def test_a_row_is_found_by_its_duplicate_and_its_message(admin_client: Client, known: Interaction, sid: str) -> None:
    assert page_of(known) in admin_client.get(INTERACTIONS, {"q": sid}).content.decode()
    assert found(admin_client, q=sid[:2] + "9" * 32) == 0


def test_a_row_is_found_by_an_answer_in_its_conversation(admin_client: Client, known: Interaction) -> None:
    room = Conversation.objects.create(
        pk=key_of(known.conversation_sid or ""), account=known.account, interaction=known, channel="sms"
    )
    Message.objects.create(account=known.account, conversation=room, message_sid="IM" + "4" * 32, status="sent")
    assert page_of(known) in admin_client.get(INTERACTIONS, {"q": "IM" + "4" * 32}).content.decode()


@pytest.mark.parametrize(
    "number",
    ["+14155552671", "(415) 555-2671", "+1 415 555 2671", "14155552671", "001 415 555 2671", "whatsapp:+14155552671"],
)
def test_a_number_is_found_however_it_is_written(admin_client: Client, known: Interaction, number: str) -> None:
    assert found(admin_client, q=number) == 1
    assert found(admin_client, q=number.replace("71", "72")) == 0


def test_a_number_is_found_in_another_national_form(admin_client: Client, click: Click) -> None:
    click(NOW, address="+5511987654321")
    click(NOW, address="+5511987654322")
    assert found(admin_client, q="+55 11 8765 4321") == found(admin_client, q="+55 11 98765-4321") == 1


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("someone@EXAMPLE.com", 1),
        ("someone@example", 0),
        ("hopper", 2),
        ("grace hop", 1),
        ("nobody", 0),
        ("  ", 2),
        ("%", 0),
        ("WT123", 0),
        ("\0", 2),
        ("1" * 5000, 0),
    ],
)
def test_what_else_is_typed(admin_client: Client, known: Interaction, text: str, number: int) -> None:
    assert found(admin_client, q=text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("hopper", 1), ("hopper of", 1), ("Grace", 1), ("grace hop", 1), ("race", 0), ("of hops", 1), ("nobody", 0)],
)
def test_without_trigrams_old_names_are_found_by_their_beginning(
    admin_client: Client, known: Interaction, monkeypatch: pytest.MonkeyPatch, text: str, number: int
) -> None:
    """The words of a name are found anywhere in it only among the newest interactions."""
    monkeypatch.setattr(search, "_has_trigrams", lambda alias: False)
    monkeypatch.setattr(search, "NEWEST", 1)
    Interaction.objects.filter(pk=known.pk).update(created_at=NOW - DAY)
    assert found(admin_client, q=text) == number


@pytest.mark.parametrize(
    ("text", "number"), [("hopper", 2), ("opp", 2), ("ho of", 1), ("ho", 2), ("op", 0), ("gr ho", 1), ("hops of", 1)]
)
def test_with_trigrams_words_of_three_letters_are_found_anywhere(
    admin_client: Client, known: Interaction, monkeypatch: pytest.MonkeyPatch, text: str, number: int
) -> None:
    """Shorter words alone have no trigram within a name, and are found at the beginning of its words."""
    monkeypatch.setattr(search, "_has_trigrams", lambda alias: True)
    assert found(admin_client, q=text) == number


def test_rows_are_filtered_by_reason_agent_and_day(
    admin_client: Client,
    click: Click,
    agent: User,
    other_agent: User,
) -> None:
    click(NOW, None, "failed")
    click(NOW - 10 * DAY, None, "failed", error_reason="busy", agent=other_agent)
    click(NOW - 60 * DAY, channel="email", agent=other_agent)
    day = (NOW - 10 * DAY).date().isoformat()
    for asked, number in [
        ({"reason": "busy"}, 1),
        ({"reason": "opted_out"}, 1),
        ({"reason": "nonsense"}, 0),
        ({"agent": other_agent.pk}, 2),
        ({"agent": agent.pk}, 1),
        ({"days": "1"}, 1),
        ({"days": "30"}, 2),
        ({"days": "90"}, 3),
        ({"since": day, "until": day}, 1),
        ({"since": day}, 2),
        ({"until": day}, 2),
        ({"since": "", "until": ""}, 3),
        ({"status__exact": "failed", "channel__exact": "sms", "days": "7"}, 1),
    ]:
        assert found(admin_client, **asked) == number, asked


@pytest.mark.parametrize(
    "asked",
    [{"since": "yesterday"}, {"until": "9999-12-31"}, {"days": "5"}, {"agent": "x"}, {"agent": "0"}, {"nonsense": "1"}],
)
@pytest.mark.parametrize("path", [INTERACTIONS, INTERACTIONS + "export/"])
def test_what_makes_no_sense_is_no_error_page(admin_client: Client, path: str, asked: dict[str, str]) -> None:
    response = admin_client.get(path, asked)
    assert response.status_code == 302
    assert admin_client.get(response["Location"]).status_code == 200


def test_an_agent_who_is_no_worker_any_more_can_be_asked_for(admin_client: Client, click: Click, agent: User) -> None:
    click(NOW)
    html = admin_client.get(INTERACTIONS, {"agent": agent.pk}).content.decode()
    assert "Agent" in html[html.index("By agent") :]
    assert html.count('class="field-created_at') == 1


def test_the_form_of_days_keeps_the_other_filters(admin_client: Client, click: Click) -> None:
    click(NOW)
    html = admin_client.get(INTERACTIONS, {"status__exact": "closed", "q": "Ann", "days": "7"}).content.decode()
    form = html[html.index('class="flex-days"') :].partition("</form>")[0]
    assert '<input type="hidden" name="status__exact" value="closed">' in form
    assert '<input type="hidden" name="q" value="Ann">' in form
    assert 'name="days"' not in form


def test_no_more_is_counted_than_is_leafed_through(
    admin_client: Client,
    click: Click,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_list, "MOST", 3)
    for number in range(3):
        click(NOW - number * DAY)
    assert "There are more." not in admin_client.get(INTERACTIONS).content.decode()
    click(NOW)
    html = admin_client.get(INTERACTIONS, {"q": "Ann"}).content.decode()
    assert "There are more." in html
    assert "3 results" not in html


def make(number: int, account: Account) -> None:
    """Add a row to every list of the admin."""
    sid = f"{number:032x}"
    user = User.objects.create_user(f"u{number}")
    Worker.objects.create(account=account, user=user, worker_sid="WK" + sid, friendly_name=f"u{number}")
    other = Account.objects.create(
        name=f"A{number}", account_sid="AC" + sid, api_key_sid="SK" + sid, api_key_secret="s", auth_token="t"
    )
    sender = Sender.objects.create(
        account=other, channel="sms", address=f"+1415555{number:04d}", display_name=f"S{number}", queue_sid="WQ" + sid
    )
    row = Interaction.objects.order_by("created_at").first()
    assert row is not None
    pk = row.pk
    row.pk, row.idempotency_key, row.contact_id, row.agent, row.sender = None, sid, sid, user, sender
    row.id = Interaction._meta.pk.get_default()
    row.interaction_sid = row.task_sid = None
    row.status, row.next_at, row.finished_at, row.error_reason = "failed", None, NOW, "opted_out"
    row.save(force_insert=True)
    Closing.objects.create(interaction=row, kind="orphan", interaction_sid="KD" + sid, channel_sid="UO" + sid)
    WebhookEvent.objects.create(
        account=account, source="taskrouter", event_id=sid, event_type="task.created", interaction=row, error="Oh!"
    )
    conversation = Conversation.objects.create(
        id=uuid.UUID(int=number),
        account=account,
        channel="sms",
        address=f"+1415556{number:04d}",
        sender=sender,
        agent=user,
    )
    contact = Contact.objects.create(full_name=f"P{number}")
    whose = {"contact_type": row.contact_type, "contact_id": str(contact.pk)}
    ConversationContact.objects.create(conversation=conversation, **whose)
    ContactAddress.objects.create(address_key=conversation.address_key, **whose)
    Message.objects.create(
        account=account, conversation=conversation, message_sid="IM" + sid, party="customer", status="received"
    )
    Template.objects.create(account=account, content_sid="HX" + sid, name=f"t{number}")
    SavedReply.objects.create(title=f"r{number}", body="Hello")
    ConsentEvent.objects.create(
        account=account, channel="sms", address=f"+1415557{number:04d}", state="opted_out", source="person", user=user
    )
    WebhookRefusal.objects.create(account=other, source="taskrouter", code="bad_signature")
    Resource.objects.create(account=account, kind="worker", sid="WK" + sid, name=f"u{number}", seen_at=NOW)
    assert row.pk != pk


LISTS = [
    "account",
    "closing",
    "consentevent",
    "contactaddress",
    "conversation",
    "interaction",
    "message",
    "savedreply",
    "sender",
    "template",
    "webhookevent",
    "webhookrefusal",
    "worker",
]


@pytest.mark.parametrize("name", LISTS)
def test_no_list_asks_more_for_more_rows(admin_client: Client, row: Interaction, account: Account, name: str) -> None:
    url = f"/admin/flex_outbound/{name}/"
    # Senders have filters only where there are many of them.
    few = 12 if name == "sender" else 2
    asked = []
    for numbers in (range(few), range(few, 50)):
        for number in numbers:
            make(number, account)
        # What is read once in a process.
        admin_client.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(url).status_code == 200
        asked.append(len(captured))
    assert asked[0] == asked[1], [query["sql"][-200:] for query in captured.captured_queries]


@pytest.mark.parametrize("value", ["9" * 40, "-" + "9" * 40, "a\0b"])
@pytest.mark.parametrize("name", sorted({*LISTS, "interaction/export"} - {"account", "closing"}))
def test_a_filter_by_what_no_row_can_have_is_a_bad_request(
    admin_client: Client, row: Interaction, name: str, value: str
) -> None:
    assert admin_client.get(f"/admin/flex_outbound/{name}/", {"account": value}).status_code in {302, 400}


def test_every_list_of_the_admin_is_measured() -> None:
    ours = {model._meta.model_name for model in admin.site._registry if model._meta.app_label == "flex_outbound"}
    assert ours == set(LISTS)
