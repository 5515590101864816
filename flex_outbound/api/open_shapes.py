"""The shape of an open conversation, for the API's description only; a test compares it with real answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from flex_outbound import company
from flex_outbound.api.serializers import ChannelField
from flex_outbound.channels import Channel
from flex_outbound.outbox.conversations.holding import Standing, Whose

Base = serializers.Serializer[Any]
CHOICES = ["hand_over", "keep", "open", "open_now", "add", "end", "ask", "take_over", "take_up", "close"]
CHOICES += ["invite", "leave"]


@extend_schema_field({"type": "string", "enum": [one.value for one in Whose]}, component_name="FlexOutboundWhose")
class WhoseField(serializers.CharField):
    """Whose a conversation is, for the user who asks."""


@extend_schema_field({"type": "string", "enum": [one.value for one in Standing]}, component_name="FlexOutboundStanding")
class StandingField(serializers.CharField):
    """How a conversation stands in Flex."""


@extend_schema_field({"type": "string", "enum": CHOICES}, component_name="FlexOutboundChoice")
class ChoiceField(serializers.CharField):
    """What the user can do about a conversation."""


@extend_schema_serializer(component_name="FlexOutboundOpenContact")
class OpenContactShape(Base):
    """The contact whose conversation it is."""

    contact_type = serializers.CharField()
    contact_id = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField(allow_null=True, help_text="Its page.")


@extend_schema_field(
    {"type": "string", "enum": [company.IN, company.INVITED, company.DECLINED, company.MISSED]},
    component_name="FlexOutboundPersonState",
)
class PersonStateField(serializers.CharField):
    """Whether somebody is in a conversation."""


@extend_schema_serializer(component_name="FlexOutboundPerson")
class PersonShape(Base):
    """An agent who is in a conversation, was invited to it, or did not come."""

    name = serializers.CharField(help_text="Empty for whom Flex chooses, before somebody has accepted.")
    state = PersonStateField()
    is_you = serializers.BooleanField()
    is_leaving = serializers.BooleanField()


@extend_schema_serializer(component_name="FlexOutboundOpenConversation")
class OpenConversationShape(Base):
    """The conversation in which the customer is already."""

    conversation_sid = serializers.CharField(allow_null=True, help_text="Null where you may see none of its contacts.")
    channel = ChannelField(Channel.choices, allow_blank=True)
    address = serializers.CharField()
    sender = serializers.IntegerField(allow_null=True)
    sender_address = serializers.CharField()
    whose = WhoseField()
    standing = StandingField()
    agent = serializers.CharField(help_text="Who has it or had it last; may be empty.")
    since = serializers.DateTimeField(allow_null=True)
    words = serializers.CharField(help_text="All of this for the agent.")
    contact = OpenContactShape(allow_null=True, help_text="Another contact with the same number, if you may see it.")
    is_another_contact = serializers.BooleanField()
    flex_url = serializers.CharField(allow_null=True, help_text="Its task in Flex, while it has one.")
    asked_by = serializers.CharField(allow_null=True, help_text="Who asks its agent to hand it over.")
    asked_at = serializers.DateTimeField(allow_null=True)
    is_asked_by_you = serializers.BooleanField()
    is_closing = serializers.BooleanField()
    people = PersonShape(many=True, help_text="Who is in it, was invited, or did not come within half an hour.")
    leaves_nobody = serializers.BooleanField(help_text="You are in it, and nobody else is.")
    choices = serializers.ListField(child=ChoiceField(), help_text="What you can do about it, the likeliest first.")
    open_now_url = serializers.CharField(allow_null=True, help_text="While it waits for the customer's answer.")
    end_url = serializers.CharField(allow_null=True, help_text="For end: closes it, and ends that wait.")
    join_url = serializers.CharField(allow_null=True, help_text="For take_over and take_up.")
    ask_url = serializers.CharField(allow_null=True)
    hand_over_url = serializers.CharField(allow_null=True)
    keep_url = serializers.CharField(allow_null=True)
    close_url = serializers.CharField(allow_null=True)
    invite_url = serializers.CharField(allow_null=True)
    leave_url = serializers.CharField(allow_null=True)
    messages_url = serializers.CharField(allow_null=True, help_text="For add: what was typed goes there.")
