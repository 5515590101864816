"""A template is checked when it is chosen and once more before it is sent; what does not go is not sent at all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Account, Conversation, Interaction, Message, Template, TemplateUse
from flex_outbound.outbox import answers, decisions, messages
from flex_outbound.outbox.answers import Reply
from flex_outbound.outbox.templates import Place, offered
from flex_outbound.sandbox import defaults
from flex_outbound.setup import templates
from flex_outbound.statuses import MessageStatus, Status

from .conftest import Sandbox, make_agent, run_due

Clicker = Callable[..., Interaction]
FOLLOW_UP = defaults.CONTENT_TEMPLATES[1].sid
BY_NAME = {one.name: one.sid for one in defaults.CONTENT_TEMPLATES}
VALUES = {"1": "Ann", "2": "Ada"}


@pytest.fixture(autouse=True)
def synced(account: Account, sandbox: Sandbox) -> None:
    """Know the sandbox's templates."""
    templates.sync(account)


@pytest.fixture
def pick(click: Clicker) -> Clicker:
    """Click with a template by WhatsApp."""

    def make(name: str = "follow_up", values: dict[str, str] | None = None, **more: Any) -> Interaction:
        given = VALUES if values is None else values
        return click(**{"channel": "whatsapp", "content_sid": BY_NAME[name], "content_variables": given, **more})

    return make


@pytest.fixture
def conversation(click: Clicker, agent: User) -> Conversation:
    """An own conversation by WhatsApp, in which the customer has not written."""
    row = click(channel="whatsapp")
    for seconds in (0, 2.5):
        run_due(seconds)
    row.refresh_from_db()
    found = answers.own_conversation(agent, row.conversation_sid or "")
    assert found is not None
    return found


def said(sandbox: Sandbox) -> list[str]:
    return [one["body"] for room in sandbox.state()["conversations"] for one in room["messages"]]


# -- when it is chosen -------------------------------------------------------------------------------------------------


def test_an_approved_template_is_sent_whole(pick: Clicker, sandbox: Sandbox, agent: User) -> None:
    row = pick()
    for seconds in (0, 2.5, 1):
        run_due(seconds)
    row.refresh_from_db()
    assert row.message.status == MessageStatus.SENT
    assert said(sandbox) == ["Hello Ann, this is Ada. May we follow up on your question?"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("Ann\nOther", "line_break"),
        ("Ann\r\nOther", "line_break"),
        ("Ann\u2028Other", "line_break"),
        ("Ann\tOther", "tab"),
        ("Ann     Other", "spaces"),
        ("x" * 1601, "too_long"),
        ("", "missing_variable"),
        ("  ", "missing_variable"),
    ],
)
def test_a_value_that_whatsapp_refuses_names_its_variable(value: str, code: str, pick: Clicker) -> None:
    with pytest.raises(InvalidClick) as caught:
        pick(values={"1": "Ann", "2": value})
    assert (caught.value.field, caught.value.item, caught.value.code) == ("content_variables", "2", code)
    assert "“2”" in caught.value.message
    assert not Interaction.objects.exists()


def test_the_longest_value_goes(pick: Clicker) -> None:
    assert pick(values={"1": "x" * 1600, "2": "a    b"}).message.content_variables["1"] == "x" * 1600


def test_a_value_is_checked_whether_or_not_the_template_is_known(click: Clicker) -> None:
    Template.objects.all().delete()
    with pytest.raises(InvalidClick) as caught:
        click(channel="sms", content_sid="HX" + "0" * 32, content_variables={"1": "a\nb"})
    assert (caught.value.item, caught.value.code) == ("1", "line_break")


@pytest.mark.parametrize(("values", "item"), [({"1": "Ann"}, "2"), ({}, "1")])
def test_every_variable_is_required(values: dict[str, str], item: str, pick: Clicker) -> None:
    with pytest.raises(InvalidClick) as caught:
        pick(values=values)
    assert (caught.value.item, caught.value.code) == (item, "missing_variable")


def test_a_variable_that_the_template_does_not_have_is_refused(pick: Clicker) -> None:
    with pytest.raises(InvalidClick) as caught:
        pick(values=VALUES | {"3": "x"})
    assert (caught.value.item, caught.value.code) == ("3", "unknown_variable")


def test_a_variable_of_a_picture_or_a_button_is_required_too(pick: Clicker) -> None:
    with pytest.raises(InvalidClick) as caught:
        pick("order_status", {"1": "Ann"})
    assert caught.value.item == "2"


def test_a_text_and_a_template_are_refused_together(pick: Clicker) -> None:
    with pytest.raises(InvalidClick) as caught:
        pick(body="Hello")
    assert caught.value.code == "text_and_template"


@pytest.mark.parametrize(
    ("name", "code"),
    [("spring_offer", "template_not_approved"), ("win_a_car", "template_not_approved"), ("bewertung", None)],
)
def test_what_whatsapp_does_not_approve_is_refused(name: str, code: str | None, pick: Clicker) -> None:
    with pytest.raises(InvalidClick) as caught:
        pick(name, {"1": "Ann"} if code else {"first_name": "Ann"})
    assert (caught.value.field, caught.value.code) == ("content_sid", code or "template_not_approved")
    assert "choose another template" in caught.value.message


@pytest.mark.parametrize("change", [{"gone_at": timezone.now()}, {"is_active": False}])
def test_what_is_gone_or_switched_off_is_refused(change: dict[str, Any], pick: Clicker) -> None:
    Template.objects.update(**change)
    with pytest.raises(InvalidClick) as caught:
        pick()
    assert caught.value.code == "template_gone"


def test_another_accounts_template_is_refused(pick: Clicker) -> None:
    other = Account.objects.create(name="Other", account_sid=defaults.ACCOUNT2_SID, auth_token="x")
    Template.objects.filter(content_sid=FOLLOW_UP).update(account=other)
    with pytest.raises(InvalidClick) as caught:
        pick()
    assert caught.value.code == "template_gone"


def test_by_sms_goes_a_plain_text_and_nothing_else(pick: Clicker) -> None:
    with pytest.raises(InvalidClick) as caught:
        pick("summer_tours", {"1": "Ann"}, channel="sms")
    assert caught.value.code == "template"
    assert pick("termin_erinnerung", {"first_name": "Ann", "2": "Montag"}, channel="sms").message is not None


def test_by_sms_nobody_asks_for_an_approval(pick: Clicker) -> None:
    assert pick("spring_offer", {"1": "Ann"}, channel="sms").message is not None


def test_an_unknown_template_goes_and_twilio_decides(click: Clicker, sandbox: Sandbox) -> None:
    row = click(channel="whatsapp", content_sid="HX" + "0" * 32)
    for seconds in (0, 2.5, 1):
        run_due(seconds)
    message = Message.objects.get(interaction=row)
    assert (message.status, message.error_reason) == (MessageStatus.FAILED, "template")


# -- in an answer ------------------------------------------------------------------------------------------------------


def answer(conversation: Conversation, agent: User, name: str, values: dict[str, str]) -> Message:
    found = answers.own_conversation(agent, conversation.conversation_sid)
    assert found is not None
    return answers.answer(Reply(agent, found, content_sid=BY_NAME[name], content_variables=values))


def test_an_answer_is_checked_as_a_click_is(conversation: Conversation, agent: User) -> None:
    with pytest.raises(InvalidClick) as caught:
        answer(conversation, agent, "spring_offer", {"1": "Ann"})
    assert caught.value.code == "template_not_approved"
    with pytest.raises(InvalidClick) as caught:
        answer(conversation, agent, "follow_up", {"1": "Ann"})
    assert caught.value.item == "2"


def test_within_the_window_a_few_types_need_no_approval(conversation: Conversation, agent: User) -> None:
    Conversation.objects.update(last_inbound_at=timezone.now() - timedelta(hours=23))
    assert answer(conversation, agent, "spring_offer", {"1": "Ann"}).pk
    with pytest.raises(InvalidClick):
        answer(conversation, agent, "bewertung", {"first_name": "Ann"})
    Conversation.objects.update(last_inbound_at=timezone.now() - timedelta(hours=25))
    with pytest.raises(InvalidClick):
        answer(conversation, agent, "spring_offer", {"1": "Ann"})


# -- once more, before it is sent --------------------------------------------------------------------------------------


def test_a_template_withdrawn_meanwhile_opens_nothing(pick: Clicker, account: Account, sandbox: Sandbox) -> None:
    row = pick()
    sandbox.http.post(f"templates/{FOLLOW_UP}", json={"status": "paused"}).raise_for_status()
    templates.sync(account)
    for seconds in (0, 2.5):
        run_due(seconds)
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "template_not_approved")
    assert "choose another template" in row.error_message
    assert sandbox.interactions == []
    assert Message.objects.get(interaction=row).status == MessageStatus.FAILED


def test_a_template_withdrawn_while_the_conversation_opens_is_not_sent(pick: Clicker, sandbox: Sandbox) -> None:
    row = pick()
    run_due()
    Template.objects.update(gone_at=timezone.now())
    for seconds in (2.5, 1):
        run_due(seconds)
    message = Message.objects.get(interaction=row)
    assert (message.status, message.error_reason) == (MessageStatus.FAILED, "template_gone")
    assert said(sandbox) == []
    row.refresh_from_db()
    assert row.is_undelivered


def test_an_answer_with_a_withdrawn_template_is_not_sent(
    conversation: Conversation, agent: User, sandbox: Sandbox
) -> None:
    message = answer(conversation, agent, "follow_up", VALUES)
    Template.objects.filter(content_sid=FOLLOW_UP).update(whatsapp_status="rejected")
    run_due()
    message.refresh_from_db()
    assert (message.status, message.error_reason) == (MessageStatus.FAILED, "template_not_approved")
    assert message.error_message
    assert said(sandbox) == []


def test_a_template_that_has_a_new_variable_is_not_sent_with_the_old_ones(pick: Clicker, sandbox: Sandbox) -> None:
    row = pick()
    Template.objects.filter(content_sid=FOLLOW_UP).update(types={"twilio/text": {"body": "{{1}} {{2}} {{3}}"}})
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "template")


def test_a_retry_is_checked_as_well(pick: Clicker, agent: User, sandbox: Sandbox) -> None:
    row = pick()
    Template.objects.update(whatsapp_status="paused")
    run_due()
    row.refresh_from_db()
    with pytest.raises(InvalidClick):
        decisions.retry(row, agent)
    Template.objects.update(whatsapp_status="approved")
    assert decisions.retry(row, agent).message.content_sid == FOLLOW_UP


def test_the_check_costs_one_query_for_all_and_none_without_a_template(
    conversation: Conversation, agent: User, sandbox: Sandbox
) -> None:
    answer(conversation, agent, "follow_up", VALUES)
    with CaptureQueriesContext(connection) as queries:
        messages.deliver(conversation.account_id)
    asked = [one["sql"] for one in queries if "flex_outbound_template" in one["sql"]]
    assert len(asked) == 1
    answers.answer(Reply(agent, conversation, body="Hello"))
    with CaptureQueriesContext(connection) as queries:
        messages.deliver(conversation.account_id)
    assert [one["sql"] for one in queries if "flex_outbound_template" in one["sql"]] == []


# -- what is offered ---------------------------------------------------------------------------------------------------


def names(place: Place, user: User) -> list[str]:
    return [one.name for one in offered(place, user)]


def test_what_an_agent_used_last_is_offered_first(account: Account, pick: Clicker, agent: User) -> None:
    place = Place(account.pk, Channel.WHATSAPP)
    approved = sorted(one.name for one in defaults.CONTENT_TEMPLATES if one.status == "approved")
    assert names(place, agent) == approved
    pick("welcome_back", {})
    TemplateUse.objects.update(used_at=timezone.now() - timedelta(hours=1))
    pick("sign_in_code", {"1": "123"}, contact_id=str(another_contact()))
    assert names(place, agent)[:2] == ["sign_in_code", "welcome_back"]
    assert names(place, make_agent(account, "bea")) == approved


def another_contact() -> int:
    return Contact.objects.create(full_name="Bo", mobile="+14155550124", country="US").pk


def test_a_template_that_is_used_again_is_one_row(pick: Clicker, agent: User, conversation: Conversation) -> None:
    answer(conversation, agent, "follow_up", VALUES)
    first = TemplateUse.objects.get().used_at
    answer(conversation, agent, "follow_up", VALUES)
    assert TemplateUse.objects.get().used_at > first


def test_by_sms_what_is_a_plain_text_is_offered(account: Account, agent: User) -> None:
    found = names(Place(account.pk, Channel.SMS), agent)
    assert "termin_erinnerung" in found
    assert "follow_up" in found
    assert "summer_tours" not in found
    assert "delivery_photo" not in found
