"""The database itself refuses what must never be, whoever writes it: no model's ``save`` stands in the way here."""

from collections.abc import Callable, Iterator

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from flex_outbound.models import (
    Account,
    Closing,
    ConsentEvent,
    ContactAddress,
    ConversationContact,
    DispatchAttempt,
    Draft,
    ImportRun,
    Interaction,
    Message,
    OpenSearch,
    Outcome,
    ReadMark,
    Resource,
    SavedReply,
    SavedReplyGroup,
    Sender,
    SenderGroup,
    TaskUpdate,
    Template,
    TemplateUse,
    WebhookEvent,
    Worker,
)
from flex_outbound.models.event import WebhookReceipt, WebhookRefusal
from tests.migrations.world import CLOSED, CREATED, FAILED, MOMENT, OLDER, SENDING, World, sid


@pytest.fixture
def world(migrated: str) -> Iterator[World]:
    """One row of everything; gone again afterwards."""
    with transaction.atomic(using=migrated):
        yield World(migrated)
        transaction.set_rollback(True, using=migrated)


Deed = Callable[[World], object]

IMPOSSIBLE: list[tuple[str, Deed]] = [
    ("account_sid", lambda world: world.make(Account, name="", account_sid=sid("AC"), workspace_sid=sid("WS", "b"))),
    ("flex_sender_address_unique", lambda world: world.make(Sender, **world.like_sender)),
    (
        "flex_sender_group_unique",
        lambda world: (
            world.make(SenderGroup, sender=world.sender, group=world.group)
            and world.make(SenderGroup, sender=world.sender, group=world.group)
        ),
    ),
    ("flex_sender_channel_known", lambda world: world.change(world.sender, channel="pigeon")),
    (
        "flex_worker_user_unique",
        lambda world: world.make(Worker, account=world.account, user=world.user, worker_sid=sid("WK", "b")),
    ),
    (
        "flex_worker_sid_unique",
        lambda world: world.make(
            Worker,
            account=world.account,
            user=world.make(User, username="bea", password="!"),
            worker_sid=world.worker.worker_sid,
        ),
    ),
    (
        "flex_open_search_unique",
        lambda world: world.make(OpenSearch, **world.like_search) and world.make(OpenSearch, **world.like_search),
    ),
    ("flex_click_unique", lambda world: world.another_row(idempotency_key=world.row.idempotency_key)),
    (
        "flex_one_in_flight",
        lambda world: world.make(Interaction, **world.like_row | {"sender_address": "+15005550009"}),
    ),
    ("flex_one_conversation", lambda world: world.make(Interaction, **world.like_row | {"contact_id": "2"})),
    (
        "flex_one_conversation",
        lambda world: (
            world.another_row(address="+525512345678") and world.another_row(contact_id="3", address="+5215512345678")
        ),
    ),
    ("flex_one_in_flight", lambda world: world.another_row(**CREATED) and world.another_row()),
    (
        "flex_interaction_sid_unique",
        lambda world: (
            world.change(world.another_row(), interaction_sid=sid("KD"))
            or world.change(world.row, interaction_sid=sid("KD"))
        ),
    ),
    (
        "flex_task_sid_unique",
        lambda world: (
            world.change(world.another_row(), task_sid=sid("WT")) or world.change(world.row, task_sid=sid("WT"))
        ),
    ),
    ("flex_status_known|flex_open_has_next_at", lambda world: world.change(world.row, status="lost")),
    ("flex_channel_known", lambda world: world.change(world.row, channel="pigeon")),
    ("flex_initiator_known", lambda world: world.change(world.row, initiated_by="robot")),
    ("flex_agents_have_contact", lambda world: world.change(world.row, contact_type=None)),
    ("flex_customers_have_conversation", lambda world: world.change(world.row, initiated_by="customer")),
    (
        "flex_request_unique",
        lambda world: [
            world.another_row(initiated_by="api", agent=None, idempotency_key="one", address=f"+1415555015{number}")
            for number in (1, 2)
        ],
    ),
    (
        "flex_one_for_conversation",
        lambda world: [
            world.another_row(
                initiated_by="customer", media_channel_sid=sid("CH"), agent=None, address=f"+1415555015{number}"
            )
            for number in (1, 2)
        ],
    ),
    ("flex_open_has_sids", lambda world: world.change(world.row, **CREATED | {"interaction_sid": None})),
    ("flex_open_has_sids", lambda world: world.change(world.row, **CREATED | {"task_sid": None})),
    ("flex_open_has_sids", lambda world: world.change(world.row, **CREATED | {"opened_at": None})),
    ("flex_open_has_sids", lambda world: world.change(world.row, **CREATED | {"status": "active", "task_sid": None})),
    ("flex_open_has_sids", lambda world: world.change(world.row, **CLOSED | {"task_sid": None})),
    ("flex_sending_has_lease", lambda world: world.change(world.row, **SENDING | {"lease_until": None})),
    ("flex_sending_has_lease", lambda world: world.change(world.row, **SENDING | {"attempt": 0})),
    ("flex_unconfirmed_was_sent", lambda world: world.change(world.row, status="unconfirmed", sent_at=None)),
    (
        "flex_unconfirmed_was_sent",
        lambda world: world.change(world.row, status="unconfirmed", sent_at=MOMENT, attempt=0),
    ),
    ("flex_open_has_next_at", lambda world: world.change(world.row, next_at=None)),
    ("flex_open_has_next_at", lambda world: world.change(world.row, **FAILED | {"next_at": MOMENT})),
    ("flex_open_has_next_at", lambda world: world.change(world.row, **FAILED | {"finished_at": None})),
    ("flex_open_has_next_at", lambda world: world.change(world.row, finished_at=MOMENT)),
    ("flex_failed_has_reason", lambda world: world.change(world.row, **FAILED | {"error_reason": ""})),
    ("flex_attempt_number_unique", lambda world: world.make(DispatchAttempt, interaction=world.row, number=1)),
    ("flex_outcome_known", lambda world: world.change(world.attempt, outcome="perhaps")),
    (
        "interaction_id",
        lambda world: world.make(Message, account=world.account, interaction=world.row, body="Hello again"),
    ),
    ("flex_message_status_known", lambda world: world.change(world.message, status="lost")),
    ("flex_message_sent_has_sid", lambda world: world.change(world.message, status="sent", message_sid=None)),
    ("flex_message_final_rests", lambda world: world.change(world.message, status="failed", next_at=MOMENT)),
    ("flex_message_says_something", lambda world: world.change(world.message, body="", content_sid="")),
    (
        "flex_message_says_something",
        lambda world: world.make(Message, account=world.account, conversation=world.conversation),
    ),
    (
        "flex_message_sid_unique",
        lambda world: (
            world.change(world.message, message_sid=sid("IM"))
            or world.make(Message, account=world.account, conversation=world.conversation, message_sid=sid("IM"))
        ),
    ),
    ("flex_message_party_known", lambda world: world.change(world.message, party="parrot")),
    ("flex_message_belongs", lambda world: world.change(world.message, interaction=None)),
    ("flex_message_sent_has_sid", lambda world: world.change(world.message, status="received", message_sid=None)),
    ("flex_conversation_channel_known", lambda world: world.change(world.conversation, channel="pigeon")),
    ("flex_conversation_state_known", lambda world: world.change(world.conversation, state="asleep")),
    ("flex_conversation_read_index", lambda world: world.change(world.conversation, last_index=1, read_index=2)),
    (
        "flex_conversation_contact_unique",
        lambda world: world.make(ConversationContact, conversation=world.conversation, **world.contact),
    ),
    (
        "flex_read_mark_unique",
        lambda world: world.make(ReadMark, user=world.user, conversation=world.conversation),
    ),
    (
        "flex_contact_address_unique",
        lambda world: world.make(ContactAddress, address_key="+14155550101", **world.contact),
    ),
    ("flex_consent_channel_known", lambda world: world.change(world.consent, channel="fax")),
    ("flex_consent_state_known", lambda world: world.change(world.consent, state="perhaps")),
    ("flex_consent_source_known", lambda world: world.change(world.consent, source="rumour")),
    ("flex_consent_newest", lambda world: world.make(ConsentEvent, **world.like_consent)),
    (
        "flex_consent_newest_of_account",
        lambda world: (
            world.make(ConsentEvent, account=world.account, **world.like_consent)
            and world.make(ConsentEvent, account=world.account, **world.like_consent)
        ),
    ),
    (
        "flex_consent_message",
        lambda world: (
            world.make(ConsentEvent, **world.like_consent | {"is_newest": False, "message_sid": sid("IM")}).pk
            and world.make(ConsentEvent, **world.like_consent | {"is_newest": False, "message_sid": sid("IM")})
        ),
    ),
    ("flex_draft_unique", lambda world: world.make(Draft, user=world.user, place="sms", **world.contact)),
    ("flex_event_unique", lambda world: world.make(WebhookEvent, **world.like_event)),
    ("flex_source_known", lambda world: world.change(world.event, source="pigeon")),
    ("flex_refusal_unique", lambda world: world.make(WebhookRefusal, **world.like_refusal)),
    ("flex_refusal_source_known", lambda world: world.change(world.refusal, source="pigeon")),
    ("flex_receipt_unique", lambda world: world.make(WebhookReceipt, **world.like_receipt)),
    ("flex_receipt_source_known", lambda world: world.change(world.receipt, source="pigeon")),
    ("flex_closing_kind_known", lambda world: world.change(world.closing, kind="boredom")),
    ("flex_resource_unique", lambda world: world.make(Resource, **world.like_resource)),
    ("flex_import_state_known", lambda world: world.make(ImportRun, account=world.account, state="pigeon")),
    ("flex_resource_kind_known", lambda world: world.change(world.resource, kind="pigeon")),
    ("flex_closing_unique", lambda world: world.make(Closing, **world.like_closing)),
    (
        "flex_leave_unique",
        lambda world: [
            world.make(Closing, **world.like_closing | {"kind": "leave", "task_sid": sid("WT")}) for _time in range(2)
        ],
    ),
    (
        "flex_one_invite",
        lambda world: [
            world.make(
                Interaction, **world.like_row | {"continues": world.row, "is_beside": True, "idempotency_key": key}
            )
            for key in ("one", "two")
        ],
    ),
    ("flex_shared_short_code", lambda world: world.make(SavedReply, title="", body="", short_code="hi")),
    (
        "flex_own_short_code",
        lambda world: world.make(SavedReply, title="", body="", short_code="hi", owner=world.user),
    ),
    ("flex_saved_reply_channel_known", lambda world: world.change(world.reply, channel="pigeon")),
    (
        "flex_saved_reply_group_unique",
        lambda world: (
            world.make(SavedReplyGroup, saved_reply=world.reply, group=world.group)
            and world.make(SavedReplyGroup, saved_reply=world.reply, group=world.group)
        ),
    ),
    (
        "flex_task_update_state_known",
        lambda world: world.make(TaskUpdate, interaction=world.row, state="lost", next_at=None),
    ),
    ("flex_task_update_waits", lambda world: world.make(TaskUpdate, interaction=world.row, next_at=None)),
    (
        "flex_task_update_waits",
        lambda world: world.make(TaskUpdate, interaction=world.row, state="written", next_at=MOMENT),
    ),
    ("flex_template_unique", lambda world: world.make(Template, **world.like_template)),
    ("flex_template_use_unique", lambda world: world.make(TemplateUse, user=world.user, template=world.template)),
]
"""What the database must refuse, by the name of the constraint, or of the column where the column itself is unique.

Where two constraints stand in the way, each database names the one that it came to first.
"""


POSSIBLE: list[tuple[str, Deed]] = [
    ("every kind of row beside the others", lambda world: world.row),
    ("sending with a lease", lambda world: world.change(world.row, **SENDING)),
    ("created with its SIDs", lambda world: world.change(world.row, **CREATED)),
    ("closed with its SIDs", lambda world: world.change(world.row, **CLOSED)),
    ("failed with a reason", lambda world: world.change(world.row, **FAILED)),
    (
        "a new click once the former has ended",
        lambda world: world.change(world.row, **CLOSED) or world.make(Interaction, **world.like_row),
    ),
    (
        "two emails at a time once the first is in conversation",
        lambda world: (
            world.change(world.row, **CREATED | {"status": "active", "channel": "email"})
            or world.make(Interaction, **world.like_row | {"channel": "email"})
        ),
    ),
    ("an accepted attempt", lambda world: world.change(world.attempt, outcome=Outcome.ACCEPTED)),
    ("every known channel of one sender", lambda world: world.make(Sender, **world.like_sender | {"channel": "email"})),
    (
        "an answer beside a first message",
        lambda world: world.make(Message, account=world.account, conversation=world.conversation, body="Hello"),
    ),
    (
        "a message of a file alone",
        lambda world: world.make(Message, account=world.account, conversation=world.conversation, has_media=True),
    ),
    ("a conversation read to its end", lambda world: world.change(world.conversation, last_index=2, read_index=2)),
    (
        "saved replies without a short code",
        lambda world: (
            world.make(SavedReply, title="", body="")
            and world.make(SavedReply, title="", body="")
            and world.make(SavedReply, title="", body="", owner=world.user)
            and world.make(SavedReply, title="", body="", owner=world.user)
        ),
    ),
    (
        "the short code of another user's",
        lambda world: world.make(
            SavedReply,
            title="",
            body="",
            short_code="hi",
            owner=world.make(User, username="bea", password="!"),
        ),
    ),
    ("an older entry about an address", lambda world: world.make(ConsentEvent, **world.like_consent | OLDER)),
    (
        "an entry of an account beside one of all",
        lambda world: world.make(ConsentEvent, account=world.account, **world.like_consent),
    ),
    (
        "an entry for one sender beside one for all",
        lambda world: world.make(ConsentEvent, sender_address=world.sender.address, **world.like_consent),
    ),
    ("a change of a task that waits", lambda world: world.make(TaskUpdate, interaction=world.row, next_at=MOMENT)),
    (
        "a change of a task that was written",
        lambda world: world.make(TaskUpdate, interaction=world.row, state="written", next_at=None),
    ),
    ("another attempt", lambda world: world.make(DispatchAttempt, interaction=world.row, number=2)),
]
"""What lies right beside it and must be taken, so that no constraint refuses too much."""


@pytest.mark.parametrize(
    ("name", "deed"), IMPOSSIBLE, ids=[f"{name}-{i}" for i, (name, _deed) in enumerate(IMPOSSIBLE)]
)
def test_the_database_refuses(name: str, deed: Deed, world: World) -> None:
    with pytest.raises(IntegrityError) as refused, transaction.atomic(using=world.alias):
        deed(world)

    # SQLite names the columns of a plain unique constraint instead of the constraint.
    words = str(refused.value)
    assert any(one in words for one in name.split("|")) or words.startswith("flex_outbound_")


@pytest.mark.parametrize(("what", "deed"), POSSIBLE, ids=[what for what, _deed in POSSIBLE])
def test_the_database_takes(what: str, deed: Deed, world: World) -> None:
    with transaction.atomic(using=world.alias):
        deed(world)


def test_no_constraint_goes_untried() -> None:
    ours = apps.get_app_config("flex_outbound").get_models()
    there = {constraint.name for model in ours for constraint in model._meta.constraints}

    assert there - {one for name, _deed in IMPOSSIBLE for one in name.split("|")} == set()
