"""Choices with components of their own in the schema.

drf-spectacular names an enumeration after its field, and ``status`` means several things here, let alone in a host.
"""

from django.db.models import TextChoices
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from flex_outbound.channels import Channel
from flex_outbound.statuses import ChannelStatus, MessageStatus, Status, TaskStatus


def _schema(choices: type[TextChoices]) -> dict[str, object]:
    return {"type": "string", "enum": list(choices.values)}


@extend_schema_field(_schema(Channel), component_name="FlexOutboundChannel")
class ChannelField(serializers.ChoiceField):
    """One of our three channels."""


@extend_schema_field(_schema(Status), component_name="FlexOutboundStatus")
class StatusField(serializers.CharField):
    """The status of a row."""


@extend_schema_field(_schema(MessageStatus), component_name="FlexOutboundMessageStatus")
class MessageStatusField(serializers.CharField):
    """The status of a first message."""


@extend_schema_field(_schema(TaskStatus), component_name="FlexOutboundTaskStatus")
class TaskStatusField(serializers.CharField):
    """TaskRouter's status."""


@extend_schema_field(_schema(ChannelStatus), component_name="FlexOutboundChannelStatus")
class ChannelStatusField(serializers.CharField):
    """The interaction channel's status."""
