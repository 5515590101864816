"""What the endpoints that write into a task take."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from flex_outbound.api.serializers import Text, Unshown
from flex_outbound.models.disposition import MAX_NOTES, MAX_OUTCOME


@extend_schema_field({"type": "object", "additionalProperties": True})
class Attributes(serializers.Field[Any, Any, Any, Any]):
    """An object of names and values; ``outbox.attribute_rules`` checks what is in it."""

    default_error_messages = {"invalid": serializers.DictField.default_error_messages["not_a_dict"]}

    def to_internal_value(self, data: Any) -> Any:
        """Return the object."""
        if not isinstance(data, dict):
            self.fail("invalid", input_type=type(data).__name__)
        return data


@extend_schema_serializer(component_name="FlexOutboundTaskAttributes")
class AttributesSerializer(Unshown, serializers.Serializer[Any]):
    """Changes of a task's attributes."""

    attributes = Attributes(help_text="Merged into the task's: objects are merged, null drops a key.")


@extend_schema_serializer(component_name="FlexOutboundOutcome")
class OutcomeSerializer(Unshown, serializers.Serializer[Any]):
    """The outcome of a conversation and the agent's notes."""

    outcome = Text(max_length=MAX_OUTCOME, help_text="One of the setting OUTCOMES.")
    notes = Text(
        required=False,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        max_length=10 * MAX_NOTES,
        help_text=f"Up to {MAX_NOTES} characters.",
    )
