"""Every page that the app's admin has, found in its address book, so that new ones are walked without being named."""

import uuid
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.urls import NoReverseMatch, URLPattern, reverse
from django.utils import timezone

from flex_outbound.models import (
    Account,
    Closing,
    ConsentEvent,
    ContactAddress,
    Conversation,
    DispatchAttempt,
    Heartbeat,
    ImportRun,
    Interaction,
    Message,
    Resource,
    SavedReply,
    Sender,
    WebhookEvent,
    WebhookReceipt,
    WebhookRefusal,
    Worker,
)

VERBS = ("confirm", "retry", "cancel")


def fill(account: Account, sender: Sender, worker: Worker) -> None:
    """Have one row of everything."""
    row = Interaction.objects.create(
        contact_type=ContentType.objects.get_for_model(Sender),
        contact_id=str(sender.pk),
        channel="sms",
        address="+14155550123",
        account=account,
        sender=sender,
        sender_address=sender.address,
        agent=worker.user,
        worker_sid=worker.worker_sid,
        idempotency_key="k",
        status="review",
        error_reason="outcome_unknown",
    )
    Message.objects.create(interaction=row, body="Hi")
    conversation = Conversation.objects.create(
        id=uuid.uuid4(), account=account, channel="sms", address="+14155550123", sender=sender
    )
    Message.objects.create(
        account=account, conversation=conversation, message_sid="IM" + "f" * 32, party="customer", status="received"
    )
    ContactAddress.objects.create(contact_type=row.contact_type, contact_id=row.contact_id, address_key="+14155550123")
    DispatchAttempt.objects.create(interaction=row, number=1)
    Closing.objects.create(interaction=row, kind="orphan", interaction_sid="KD" + "f" * 32, channel_sid="UO" + "f" * 32)
    WebhookEvent.objects.create(account=account, source="taskrouter", event_id="1", event_type="task.created")
    WebhookRefusal.objects.create(account=account, source="taskrouter", code="signature")
    WebhookReceipt.objects.create(account=account, source="taskrouter", event_type="task.created")
    Resource.objects.create(account=account, kind="task_queue", sid="WQ" + "1" * 32, seen_at=timezone.now())
    ImportRun.objects.create(account=account)
    SavedReply.objects.create(title="Greeting", body="Hi {{contact.name}}")
    ConsentEvent.objects.create(channel="sms", address="+14155550123", state="opted_out", source="person")
    Heartbeat.objects.get_or_create(name="sweep")


def models() -> list[type[Model]]:
    """Return the app's models that have screens."""
    return [model for model in apps.get_app_config("flex_outbound").get_models() if admin.site.is_registered(model)]


def pages_of(model: type[Model]) -> Iterator[str]:
    """Yield the address of every page of a model's screens, those of one row for the first row there is."""
    row = model._default_manager.first()
    for pattern in admin.site.get_model_admin(model).urls:
        if isinstance(pattern, URLPattern) and pattern.name:
            yield from _addresses(pattern, row)


def _addresses(pattern: URLPattern, row: Any) -> Iterator[str]:
    converters = pattern.pattern.converters
    given: list[dict[str, Any]] = [{}]
    if "object_id" in converters:
        if row is None:
            return
        given = [{"object_id": quote(row.pk)}]
    if "verb" in converters:
        given = [one | {"verb": verb} for one in given for verb in VERBS]
    for one in given:
        try:
            yield reverse(f"admin:{pattern.name}", kwargs=one)
        except NoReverseMatch:
            raise AssertionError(f"Nobody knows how to walk to {pattern.name}: {sorted(converters)}") from None
