"""A form or a program asks for an agent: committed once, opened once, tied to whom it is about."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from crm_demo.models import Contact
from flex_outbound import interactions
from flex_outbound.channels import InitiatedBy
from flex_outbound.contacts import adapter_for
from flex_outbound.exceptions import ClickConflict, InvalidClick
from flex_outbound.models import (
    Account,
    Closing,
    Conversation,
    ConversationContact,
    DispatchAttempt,
    Interaction,
    Sender,
)
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import contact_index, decisions
from flex_outbound.phases import Phase
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status

from .conftest import Clicker, Sandbox, run_due

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+14155550177"
FORM = {"topic": "return", "text": "My parcel is broken"}


@pytest.fixture
def _ready(agent: User, sandbox: Sandbox) -> None:
    """The sandbox, its senders and an agent."""


def begin(**changes: Any) -> Interaction:
    """Ask as a form does."""
    values: dict[str, Any] = {"channel": "sms", "address": NUMBER, "name": "Ann", "attributes": FORM, "key": "form-1"}
    return interactions.start(**values | changes)


def opened(row: Interaction) -> Interaction:
    """Let a worker send it, and return it as it is then."""
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    return row


@pytest.mark.usefixtures("_ready")
class TestOpened:
    """What Twilio is asked for, and what comes of it."""

    def test_it_is_an_inbound_task_of_the_workflow(self, sandbox: Sandbox) -> None:
        row = begin()
        assert (row.status, row.initiated_by, row.agent, row.worker_sid) == ("queued", "api", None, "")
        opened(row)
        assert row.status == Status.ACTIVE
        [made] = sandbox.interactions
        assert made["initiated_by"] == "api"
        assert made["sid"] == row.interaction_sid
        [task] = sandbox.state()["tasks"]
        assert task["sid"] == row.task_sid
        told = task["data"] if "data" in task else task["attributes"]
        assert (told["topic"], told["text"], told["direction"]) == ("return", "My parcel is broken", "inbound")
        assert (told["customerName"], told["customerAddress"]) == ("Ann", NUMBER)
        attempt = DispatchAttempt.objects.get()
        assert set(attempt.request["routing"]) == {"workspace_sid", "workflow_sid"}
        assert NUMBER not in str(attempt.request)

    def test_nothing_is_sent_to_the_customer(self, sandbox: Sandbox) -> None:
        row = opened(begin())
        [conversation] = sandbox.state()["conversations"]
        assert conversation["sid"] == row.conversation_sid
        assert conversation["messages"] == []

    def test_who_accepts_it_has_it(self, agent: User, sandbox: Sandbox) -> None:
        row = opened(begin())
        assert row.phase == Phase.ACTIVE or row.agent is None
        sandbox.act(row.task_sid or "", "accept")
        for _poll in range(4):
            run_due(400)
        row.refresh_from_db()
        assert row.agent == agent
        assert row.worker_sid == defaults.WORKERS["agent"]
        assert Conversation.objects.get(pk=key_of(row.conversation_sid or "")).agent == agent

    def test_it_ends_as_every_other(self, sandbox: Sandbox) -> None:
        row = opened(begin())
        sandbox.act(row.task_sid or "", "accept")
        sandbox.act(row.task_sid or "", "complete")
        for _poll in range(4):
            run_due(400)
        row.refresh_from_db()
        assert row.status == Status.CLOSED
        assert not Closing.objects.exists()

    def test_a_task_that_nobody_takes_fails_with_the_reason(self, sandbox: Sandbox) -> None:
        row = opened(begin())
        sandbox.act(row.task_sid or "", "cancel")
        for _poll in range(4):
            run_due(400)
        row.refresh_from_db()
        assert (row.status, row.error_reason) == (Status.FAILED, "task_canceled")

    def test_a_long_form_is_kept_whole_and_shortened_in_the_task(self, sandbox: Sandbox) -> None:
        text = "My parcel is broken. " * 400
        row = opened(begin(attributes={"topic": "return", "text": text}))
        assert row.attributes["text"] == text
        [task] = sandbox.state()["tasks"]
        told = task["data"] if "data" in task else task["attributes"]
        assert told["flexOutboundShortened"] == ["text"]
        assert text.startswith(told["text"].removesuffix("…"))

    def test_a_lost_answer_is_looked_up_and_not_repeated(self, sandbox: Sandbox) -> None:
        sandbox.fault("status", status=500, after=True)
        row = begin()
        for seconds in (0, 2, 30, 125, 10):
            run_due(seconds)
        row.refresh_from_db()
        assert row.status in (Status.CREATED, Status.ACTIVE)
        assert len(sandbox.interactions) == 1


@pytest.mark.usefixtures("_ready")
class TestWhose:
    """The contact: given, found by the address, or unknown."""

    def test_a_known_address_is_its_contacts(self, contact: Contact, indexed: None) -> None:
        row = begin(address="415-555-0123", name="")
        assert (row.contact, row.contact_name) == (contact, "Ann Other")
        opened(row)
        contact.refresh_from_db()
        assert contact.last_task_sid == row.task_sid
        assert ConversationContact.objects.get().contact_id == str(contact.pk)

    def test_a_contact_without_an_address_given(self, contact: Contact) -> None:
        row = begin(contact=contact, address="")
        assert (row.contact_id, row.address) == (str(contact.pk), "+14155550123")

    def test_of_two_contacts_nobody_knows_whose(self, contact: Contact, sandbox: Sandbox) -> None:
        other = Contact.objects.create(full_name="Bo", mobile="+14155550123", country="US")
        contact_index.build(adapter_for(Contact))
        row = begin(address="+14155550123", name="")
        assert row.contact_type is None
        opened(row)
        for _read in range(3):
            run_due(400)
        linked = set(ConversationContact.objects.values_list("contact_id", flat=True))
        assert linked == {str(contact.pk), str(other.pk)}

    def test_an_unknown_one_is_unmatched(self) -> None:
        row = opened(begin())
        assert row.contact_type is None
        for _read in range(3):
            run_due(400)
        conversation = Conversation.objects.get(pk=key_of(row.conversation_sid or ""))
        assert conversation.is_unmatched

    def test_a_contact_that_has_gone_since_is_no_reason_to_refuse(self, contact: Contact) -> None:
        row = begin(contact=contact, address="")
        Contact.objects.all().delete()
        assert opened(row).status == Status.ACTIVE


@pytest.mark.usefixtures("_ready")
class TestOnce:
    """One request is one interaction."""

    def test_a_form_sent_twice(self, sandbox: Sandbox) -> None:
        assert begin().pk == begin().pk
        opened(begin())
        assert begin().pk == Interaction.objects.get().pk
        assert len(sandbox.interactions) == 1

    def test_the_same_key_with_another_content(self) -> None:
        begin()
        with pytest.raises(ClickConflict) as refused:
            begin(attributes={"topic": "other"})
        assert refused.value.code == "idempotency_key_reused"

    def test_the_same_key_of_another_scope(self) -> None:
        first = begin(scope="one")
        second = begin(scope="two", address="+14155550178")
        assert first.pk != second.pk

    def test_an_open_conversation_is_in_the_way(self, click: Clicker, contact: Contact) -> None:
        row = click()
        with pytest.raises(ClickConflict) as refused:
            begin(address="415 555 0123")
        assert (refused.value.code, refused.value.interaction) == ("already_open", row)

    def test_a_click_beside_it_is_told(self, click: Clicker, contact: Contact) -> None:
        row = begin(address="415 555 0123")
        with pytest.raises(ClickConflict) as refused:
            click()
        assert (refused.value.code, refused.value.interaction) == ("already_open", row)

    @pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite lets one writer in at a time")
    def test_twice_at_the_same_moment(self) -> None:
        def ask(_number: int) -> Any:
            try:
                return begin().pk
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            made = set(pool.map(ask, range(16)))
        assert len(made) == 1

    def test_it_can_be_sent_again_once(self, agent: User, sandbox: Sandbox) -> None:
        sandbox.fault("status", status=400, code=20001, times=1)
        row = begin()
        run_due()
        row.refresh_from_db()
        assert row.status == Status.FAILED
        made = decisions.retry(row, agent)
        assert made.pk != row.pk
        row.refresh_from_db()
        assert (made.initiated_by, made.attributes, row.retried_as) == ("api", FORM, made)
        assert decisions.retry(row, agent).pk == made.pk
        assert opened(made).status == Status.ACTIVE


@pytest.mark.usefixtures("_ready")
class TestRefused:
    """Each refusal names its field."""

    @pytest.mark.parametrize(
        ("changes", "field", "code"),
        [
            ({"channel": "gopher"}, "channel", "unknown_channel"),
            ({"address": ""}, "address", "required"),
            ({"address": "12"}, "address", "invalid_number"),
            ({"channel": "email", "address": "nobody"}, "address", "invalid_email"),
            ({"name": "x" * 256}, "name", "too_long"),
            ({"name": "a\0b"}, "name", "null_character"),
            ({"attributes": {"a": object()}}, "attributes", "invalid_attributes"),
            ({"attributes": {"a": float("nan")}}, "attributes", "invalid_attributes"),
            ({"attributes": {"a": "b\0"}}, "attributes", "null_character"),
            ({"attributes": {"a": "\ud800"}}, "attributes", "invalid_attributes"),
            ({"attributes": {"a": "x" * 20_000}}, "attributes", "too_long"),
            ({"attributes": {"a": [[[[[[[[[1]]]]]]]]]}}, "attributes", "invalid_attributes"),
            ({"attributes": {"flexOutboundKey": "x"}}, "attributes", "reserved_attribute"),
            ({"attributes": {"conversations": {}}}, "attributes", "reserved_attribute"),
            ({"attributes": ["a"]}, "attributes", "invalid_attributes"),
            ({"key": "a b"}, "idempotency_key", "invalid_key"),
            ({"conversation_sid": "CHx"}, "conversation_sid", "invalid_sid"),
            ({"contact": Account(name="x")}, "contact", "unknown_contact_type"),
        ],
    )
    def test_bad_input(self, changes: dict[str, Any], field: str, code: str) -> None:
        with pytest.raises(InvalidClick) as refused:
            begin(**changes)
        assert (refused.value.field, refused.value.code) == (field, code)
        assert not Interaction.objects.exists()

    def test_a_sender_that_is_switched_off(self) -> None:
        Sender.objects.update(is_active=False)
        with pytest.raises(InvalidClick) as refused:
            begin()
        assert refused.value.code == "no_sender"

    def test_a_sender_of_another_channel(self, senders: list[Sender]) -> None:
        email = next(one for one in senders if one.channel == "email")
        with pytest.raises(InvalidClick) as refused:
            begin(sender=email)
        assert (refused.value.field, refused.value.code) == ("sender", "unknown_sender")


@pytest.mark.usefixtures("_ready")
class TestInAConversation:
    """A conversation that exists."""

    SID = "CH" + "4" * 32

    def test_of_another_account(self, account: Account) -> None:
        other = Account.objects.create(
            name="Other", account_sid="AC" + "9" * 32, api_key_sid="SK" + "9" * 32, workspace_sid="WS" + "9" * 32
        )
        Conversation.objects.create(pk=key_of(self.SID), account=other, address=NUMBER, channel="sms")
        with pytest.raises(InvalidClick) as refused:
            begin(account=account, address="", conversation_sid=self.SID)
        assert (refused.value.field, refused.value.code) == ("conversation_sid", "unknown_conversation")
        with pytest.raises(InvalidClick):
            begin(address="", conversation_sid=self.SID)

    def test_that_has_ended(self, account: Account) -> None:
        Conversation.objects.create(pk=key_of(self.SID), account=account, address=NUMBER, channel="sms", state="closed")
        with pytest.raises(ClickConflict) as refused:
            begin(address="", conversation_sid=self.SID)
        assert refused.value.code == "conversation_closed"

    def test_that_twilio_does_not_know(self, sandbox: Sandbox) -> None:
        row = opened(begin(address="", conversation_sid=self.SID))
        assert row.status == Status.FAILED
        assert row.initiated_by == InitiatedBy.API
