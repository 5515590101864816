"""What goes out: rows and channels, built by plain functions, for a page polls them all day."""

from datetime import datetime
from typing import Any

from rest_framework import ISO_8601, serializers

from flex_outbound.api.links import Links
from flex_outbound.contacts import ContactAdapter, label_of
from flex_outbound.contexts import duplicates_of, may_decide, name_of, named_task
from flex_outbound.models import Interaction, Message, Sender
from flex_outbound.outbox.preflight import ChannelOption

_TIME = serializers.DateTimeField(format=ISO_8601)


def row(interaction: Interaction, user: Any, links: Links) -> dict[str, Any]:
    """Return an interaction as this user sees it; ``agent``, ``message`` and ``contact_type`` had better be loaded,
    and the duplicates counted.

    Neither the message's text nor the worker's SID is in it.
    """
    pk = interaction.pk
    mine = may_decide(user, interaction)
    return {
        "id": str(pk),
        "status": str(interaction.status),
        "status_label": str(interaction.get_status_display()),
        "is_final": interaction.is_final,
        "channel": str(interaction.channel),
        **_who(interaction),
        **_twilio(interaction),
        "named_task_sid": named_task(interaction),
        **duplicates_of(interaction),
        "error_code": interaction.error_code,
        "error_reason": interaction.error_reason,
        "error_message": interaction.error_message,
        "message": _message(interaction.first_message),
        "agent": _agent(interaction.agent),
        "can_retry": mine and interaction.may_retry,
        "can_confirm": mine and interaction.may_confirm,
        "can_cancel": mine and interaction.may_cancel,
        "flex_url": interaction.flex_url,
        "status_url": links.status(pk),
        "retry_url": links.retry(pk),
        "confirm_url": links.confirm(pk),
        "cancel_url": links.cancel(pk),
        "created_at": _time(interaction.created_at),
        "updated_at": _time(interaction.updated_at),
    }


def _who(interaction: Interaction) -> dict[str, Any]:
    contact_type = interaction.contact_type
    return {
        "contact_type": f"{contact_type.app_label}.{contact_type.model}",
        "contact_id": interaction.contact_id,
        "contact_name": interaction.contact_name,
        "address": interaction.address,
        "sender": interaction.sender_id,
        "sender_address": interaction.sender_address,
        "subject": interaction.subject,
    }


def _twilio(interaction: Interaction) -> dict[str, str | None]:
    return {
        "interaction_sid": interaction.interaction_sid,
        "channel_sid": interaction.channel_sid,
        "task_sid": interaction.task_sid,
        "conversation_sid": interaction.conversation_sid,
        "invite_sid": interaction.invite_sid,
        "task_status": interaction.task_status or None,
        "channel_status": interaction.channel_status or None,
    }


def _message(message: Message | None) -> dict[str, Any] | None:
    if message is None:
        return None
    return {
        "status": str(message.status),
        "status_label": str(message.get_status_display()),
        "error_message": message.error_message,
        "message_sid": message.message_sid,
    }


def _agent(user: Any) -> dict[str, Any] | None:
    return None if user is None else {"id": user.pk, "name": name_of(user)}


def _time(value: datetime) -> Any:
    return _TIME.to_representation(value)


def channels(adapter: ContactAdapter, contact: Any, options: list[ChannelOption]) -> dict[str, Any]:
    """Return what may be opened for a contact, and why not."""
    return {
        "contact_type": label_of(adapter.model),
        "contact_id": str(contact.pk),
        "name": adapter.get_name(contact),
        "channels": [_channel(option) for option in options],
    }


def _channel(option: ChannelOption) -> dict[str, Any]:
    return {
        "channel": option.channel.value,
        "label": option.label,
        "enabled": option.enabled,
        "reason": option.reason,
        "reason_text": option.reason_text,
        "addresses": [{"value": address.value, "label": address.label} for address in option.addresses],
        "senders": [_sender(sender) for sender in option.senders],
    }


def _sender(sender: Sender) -> dict[str, Any]:
    return {
        "id": sender.pk,
        "address": sender.address,
        "name": sender.display_name,
        "is_default": sender.is_default,
    }
