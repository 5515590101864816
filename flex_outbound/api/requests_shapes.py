"""What comes in with a request for an agent."""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from flex_outbound import channels
from flex_outbound.api.serializers import (
    MAX_ID,
    MAX_SENDER,
    MAX_TYPE,
    ChannelField,
    ContactId,
    Keyed,
    Number,
    Text,
)
from flex_outbound.channels import Channel
from flex_outbound.outbox import starting
from flex_outbound.sids import LENGTH

MAX_GIVEN: Final = 6 * starting.MAX_ATTRIBUTES
"""Characters of attributes as a text: JSON may write one character as six."""


@extend_schema_field({"type": "object", "additionalProperties": True})
class Attributes(serializers.Field[dict[str, Any], Any, Any, Any]):
    """An object of JSON; in a form, the same as text. ``outbox.starting`` checks size, depth and names."""

    default_error_messages = {"invalid": _("Give the attributes as an object of names and values.")}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return names and values."""
        if isinstance(data, str) and len(data) <= MAX_GIVEN:
            try:
                data = json.loads(data or "{}")
            except (ValueError, RecursionError):
                self.fail("invalid")
        if not isinstance(data, Mapping):
            self.fail("invalid")
        return dict(data)

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes as they are."""
        return value


@extend_schema_serializer(component_name="FlexOutboundRequest")
class RequestSerializer(Keyed):
    """A request for an agent: the channel, who the customer is, and what they want."""

    channel = ChannelField(Channel.choices)
    address = Text(
        required=False,
        allow_blank=True,
        max_length=channels.MAX_EMAIL,
        help_text=_("The customer's, in any format; empty for the contact's preferred one."),
    )
    contact_type = Text(required=False, allow_blank=True, max_length=MAX_TYPE, help_text=_("``app_label.model``"))
    contact_id = ContactId(required=False, allow_blank=True, max_length=MAX_ID, trim_whitespace=False)
    name = Text(
        required=False,
        allow_blank=True,
        max_length=starting.MAX_NAME,
        help_text=_("What Flex shows; empty for the contact's."),
    )
    attributes = Attributes(required=False, help_text=_("For the task."))
    sender = Number(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_SENDER,
        help_text=_("Id of a sender; none for the channel's default."),
    )
    account = Text(required=False, allow_blank=True, max_length=LENGTH, help_text=_("SID of a Twilio account: AC…"))
    conversation_sid = Text(
        required=False,
        allow_blank=True,
        max_length=LENGTH,
        help_text=_("A conversation that exists, with its customer in it."),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check that a contact is named by both of its fields, or by none."""
        names = ("contact_type", "contact_id")
        missing = [name for name in names if not attrs.get(name)]
        if len(missing) == 1:
            raise serializers.ValidationError(
                {missing[0]: [gettext("A contact is named by contact_type and contact_id together.")]}
            )
        return super().validate(attrs)
