"""What goes into the endpoints of the inbox and comes out of them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from flex_outbound.api.serializers import (
    MAX_PAGE_SIZE,
    PAGE_SIZE,
    ChannelField,
    Number,
    PageQuery,
    TimelinePagination,
    Unshown,
    choices_schema,
)
from flex_outbound.api.shapes import ConversationStateField
from flex_outbound.channels import Channel
from flex_outbound.twilio_statuses import Party

MOST_INBOUND = 2**31 - 1
Base = serializers.Serializer[Any]


class InboxQuery(PageQuery):
    """The query of an inbox."""

    unread = serializers.BooleanField(required=False, help_text=_("Only conversations with unread messages."))
    cursor = serializers.CharField(required=False, help_text=_("From ``next`` or ``previous``."))
    page_size = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_PAGE_SIZE, help_text=_("Default: %d.") % PAGE_SIZE
    )


class InboxPagination(TimelinePagination):
    """The newest answer first, by cursor."""

    ordering = ("-answered_at", "-id")


@extend_schema_serializer(component_name="FlexOutboundRead")
class ReadSerializer(Unshown, serializers.Serializer[Any]):
    """How far a conversation was read."""

    inbound = Number(
        required=False,
        min_value=0,
        max_value=MOST_INBOUND,
        help_text=_("How many of the customer's messages were shown. All of them if left out."),
    )


@extend_schema_field(choices_schema(Party), component_name="FlexOutboundParty")
class PartyField(serializers.CharField):
    """Who wrote a message."""


@extend_schema_serializer(component_name="FlexOutboundInboxContact")
class InboxContactShape(Base):
    """A contact whose conversation it is, and that the user may see."""

    contact_type = serializers.CharField()
    contact_id = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField(allow_null=True, help_text="Its page.")


@extend_schema_serializer(component_name="FlexOutboundInboxConversation")
class InboxConversationShape(Base):
    """An open conversation of the user's own."""

    conversation_sid = serializers.CharField()
    channel = ChannelField(Channel.choices, allow_blank=True, help_text="Empty until Twilio has told it.")
    contacts = InboxContactShape(many=True)
    customer_name = serializers.CharField(help_text="The customer's address where no name is known.")
    last_text = serializers.CharField(help_text="How the last message begins; empty where texts are not kept.")
    last_at = serializers.DateTimeField(
        help_text="When it was written; where nothing was, when the conversation began."
    )
    last_party = PartyField(allow_null=True)
    unread = serializers.IntegerField(help_text="How many of the customer's messages the user has not seen.")
    inbound = serializers.IntegerField(help_text="How many there are.")
    state = ConversationStateField(allow_null=True)
    asked_by = serializers.CharField(allow_null=True, help_text="The colleague who asks for it.")
    url = serializers.CharField(allow_null=True, help_text="The page of the first contact that has one.")
    read_url = serializers.CharField()


@extend_schema_serializer(component_name="FlexOutboundInbox")
class InboxShape(Base):
    """One page, the newest answer first."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = InboxConversationShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundUnread")
class UnreadShape(Base):
    """What is unread."""

    unread = serializers.IntegerField(help_text="Messages.")
    conversations = serializers.IntegerField(help_text="Conversations that hold them.")
    results = InboxConversationShape(many=True, help_text="These conversations, up to 100.")


@extend_schema_serializer(component_name="FlexOutboundReadAnswer")
class ReadShape(Base):
    """What is left of a conversation."""

    conversation_sid = serializers.CharField()
    unread = serializers.IntegerField()
