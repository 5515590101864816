"""What goes into the endpoints of inviting and leaving, and comes out of them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from flex_outbound.api.serializers import MAX_ID, ContactId, Keyed, Unshown
from flex_outbound.outbox.readiness import There

Base = serializers.Serializer[Any]


@extend_schema_serializer(component_name="FlexOutboundInvite")
class InviteSerializer(Keyed):
    """Whom to invite, and whether the conversation is handed over to them."""

    agent = ContactId(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=MAX_ID,
        help_text=_("The key of a colleague's user; null: whom Flex chooses."),
    )
    hand_over = serializers.BooleanField(
        required=False, default=False, help_text=_("Who invites leaves once the other one has accepted.")
    )


@extend_schema_serializer(component_name="FlexOutboundLeave")
class LeaveSerializer(Unshown, serializers.Serializer[Any]):
    """Whether to leave also where nobody else is in the conversation."""

    confirmed = serializers.BooleanField(
        required=False, default=False, help_text=_("Leave also where nobody else is in it.")
    )


@extend_schema_field({"type": "string", "enum": [one.value for one in There]}, component_name="FlexOutboundThere")
class PresenceField(serializers.CharField):
    """Whether a colleague is there in Flex."""


@extend_schema_serializer(component_name="FlexOutboundColleague")
class ColleagueShape(Base):
    """Somebody who can be invited."""

    id = serializers.CharField(help_text="For agent.")
    name = serializers.CharField()
    presence = PresenceField()
    words = serializers.CharField(help_text="The same in words; empty where nobody knows.")


@extend_schema_serializer(component_name="FlexOutboundColleagues")
class ColleaguesShape(Base):
    """Whom the user can invite to a conversation, those who are there first."""

    colleagues = ColleagueShape(many=True)
