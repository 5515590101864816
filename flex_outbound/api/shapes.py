"""The shapes of ``outputs`` and ``errors``, for the schema alone; a test holds both to the same names."""

from typing import Any

from drf_spectacular.utils import (
    OpenApiResponse,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from flex_outbound.api.choices import (
    ChannelField,
    ChannelStatusField,
    MessageStatusField,
    StatusField,
    TaskStatusField,
)
from flex_outbound.channels import Channel

Base = serializers.Serializer[Any]


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class AnyKey(serializers.CharField):
    """The primary key of a user model, which may be any."""


@extend_schema_serializer(component_name="FlexOutboundAgent")
class AgentShape(Base):
    """Who clicked."""

    id = AnyKey()
    name = serializers.CharField()


@extend_schema_serializer(component_name="FlexOutboundMessage")
class MessageShape(Base):
    """How far the first message came; its text stays out."""

    status = MessageStatusField()
    status_label = serializers.CharField()
    error_message = serializers.CharField()
    message_sid = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="FlexOutboundInteraction")
class InteractionShape(Base):
    """One click on one channel of one contact. SIDs are null until Twilio has said them."""

    id = serializers.UUIDField()
    status = StatusField()
    status_label = serializers.CharField(help_text="In the agent's language.")
    is_final = serializers.BooleanField(help_text="True: it will not change any more, polling may stop.")
    channel = ChannelField(Channel.choices)
    contact_type = serializers.CharField()
    contact_id = serializers.CharField()
    contact_name = serializers.CharField()
    address = serializers.CharField()
    sender = serializers.IntegerField(allow_null=True)
    sender_address = serializers.CharField()
    subject = serializers.CharField()
    interaction_sid = serializers.CharField(allow_null=True)
    channel_sid = serializers.CharField(allow_null=True)
    task_sid = serializers.CharField(allow_null=True)
    conversation_sid = serializers.CharField(allow_null=True)
    invite_sid = serializers.CharField(allow_null=True)
    task_status = TaskStatusField(allow_null=True)
    channel_status = ChannelStatusField(allow_null=True)
    named_task_sid = serializers.CharField(
        allow_null=True, help_text="The task that a person named as this click's, while Twilio is asked about it."
    )
    duplicates = serializers.IntegerField(help_text="How often Twilio opened it too many; what is too many is closed.")
    duplicates_open = serializers.IntegerField(help_text="How many of these are not closed (yet).")
    error_code = serializers.IntegerField(allow_null=True, help_text="Twilio's.")
    error_reason = serializers.CharField(help_text="Stable, for programs.")
    error_message = serializers.CharField(help_text="For the agent.")
    message = MessageShape(allow_null=True)
    agent = AgentShape(allow_null=True)
    can_retry = serializers.BooleanField()
    can_confirm = serializers.BooleanField()
    can_cancel = serializers.BooleanField()
    flex_url = serializers.CharField(allow_null=True, help_text="The task in Flex.")
    status_url = serializers.CharField()
    retry_url = serializers.CharField()
    confirm_url = serializers.CharField()
    cancel_url = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="FlexOutboundTimeline")
class TimelineShape(Base):
    """One page, the newest first."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = InteractionShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundAddress")
class AddressShape(Base):
    """An address of the contact."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes declared fields off the class


@extend_schema_serializer(component_name="FlexOutboundSender")
class SenderShape(Base):
    """An address of the business."""

    id = serializers.IntegerField()
    address = serializers.CharField()
    name = serializers.CharField()
    is_default = serializers.BooleanField()


@extend_schema_serializer(component_name="FlexOutboundChannelOption")
class ChannelShape(Base):
    """A channel; where it is not enabled, why."""

    channel = ChannelField(Channel.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes declared fields off the class
    enabled = serializers.BooleanField()
    reason = serializers.CharField(help_text="Stable, for programs; empty where enabled.")
    reason_text = serializers.CharField(help_text="For the agent.")
    addresses = AddressShape(many=True)
    senders = SenderShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundChannels")
class ChannelsShape(Base):
    """What may be opened for a contact."""

    contact_type = serializers.CharField()
    contact_id = serializers.CharField()
    name = serializers.CharField()
    channels = ChannelShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundError")
class ErrorShape(Base):
    """An error of the whole request."""

    detail = serializers.CharField(help_text="For people.")
    code = serializers.CharField(help_text="Stable, for programs.")


@extend_schema_serializer(component_name="FlexOutboundInTheWay")
class InTheWayShape(Base):
    """The row that stands in the way."""

    id = serializers.UUIDField()
    status = StatusField()
    status_url = serializers.CharField()


@extend_schema_serializer(component_name="FlexOutboundConflict")
class ConflictShape(ErrorShape):
    """An error that another row is the reason of; the row is left out where the user may not see it."""

    interaction = InTheWayShape(required=False)


INVALID = OpenApiResponse(
    {
        "type": "object",
        "additionalProperties": {
            "oneOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "string"},
            ]
        },
    },
    description="By field, what is wrong with it; or `detail` and `code` where the body cannot be read at all.",
)
COMMON: dict[int, Any] = {
    400: INVALID,
    401: OpenApiResponse(ErrorShape, description="Not signed in."),
    403: OpenApiResponse(ErrorShape, description="Not signed in, no CSRF token, or not allowed."),
    406: OpenApiResponse(ErrorShape, description="Only JSON is to be had."),
    429: OpenApiResponse(ErrorShape, description="Too often; Retry-After says when."),
}
MISSING: dict[int, Any] = {404: OpenApiResponse(ErrorShape, description="There is none, or you may not see it.")}
UPLOAD: dict[int, Any] = {
    413: OpenApiResponse(ErrorShape, description="Too large."),
    415: OpenApiResponse(ErrorShape, description="Neither JSON nor a form."),
}
