"""The query and the answer of a contact's messages, for their description; a test compares them with real answers."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from flex_outbound.api.inbox_shapes import PartyField
from flex_outbound.api.serializers import ChannelField, PageQuery
from flex_outbound.channels import Channel
from flex_outbound.timeline import MAX_PAGE_SIZE, PAGE_SIZE

Base = serializers.Serializer[Any]


class MessagesQuery(PageQuery):
    """The query of a contact's messages."""

    cursor = serializers.CharField(required=False, max_length=500, help_text=_("From ``next``."))
    page_size = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_PAGE_SIZE, help_text=_("Default: %d.") % PAGE_SIZE
    )


@extend_schema_serializer(component_name="FlexOutboundMedia")
class MediaShape(Base):
    """A file of a message."""

    sid = serializers.CharField()
    content_type = serializers.CharField(help_text="As its sender says.")
    filename = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes declared fields off the class
    size = serializers.IntegerField(allow_null=True, help_text="Bytes.")
    size_label = serializers.CharField()
    category = serializers.CharField(help_text="Twilio's: media, body or history; may be empty.")
    is_picture = serializers.BooleanField(help_text="A page may show it; everything else is for download.")
    url = serializers.CharField(help_text="Where this server streams it from Twilio.")


@extend_schema_serializer(component_name="FlexOutboundContactMessage")
class ContactMessageShape(Base):
    """One message, of whichever author. The text is text, never HTML."""

    id = serializers.IntegerField()
    message_sid = serializers.CharField(allow_null=True, help_text="Null until Twilio has it.")
    conversation_sid = serializers.CharField(allow_null=True)
    interaction = serializers.UUIDField(allow_null=True, help_text="Whose first message it is.")
    channel = ChannelField(Channel.choices)
    channel_label = serializers.CharField()
    index = serializers.IntegerField(allow_null=True, help_text="Twilio's, in the conversation.")
    direction = serializers.ChoiceField(["in", "out"])
    party = PartyField()
    author = serializers.CharField(help_text="For people.")
    is_own = serializers.BooleanField(help_text="You wrote it.")
    said_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    removed_at = serializers.DateTimeField(allow_null=True, help_text="It has no text and no files any more.")
    subject = serializers.CharField()
    body = serializers.CharField()
    is_text_kept = serializers.BooleanField(help_text="False: the text is at Twilio only.")
    content_sid = serializers.CharField(allow_null=True)
    media = MediaShape(many=True)
    state = serializers.CharField(help_text="Of the message, then of its delivery; received for a customer's.")
    state_label = serializers.CharField(help_text="In the agent's language; empty for a customer's.")
    error_code = serializers.IntegerField(allow_null=True, help_text="Twilio's.")
    error_reason = serializers.CharField(help_text="Stable, for programs.")
    error_message = serializers.CharField(help_text="For the agent.")
    attempts = serializers.IntegerField(help_text="To send it from here.")


@extend_schema_serializer(component_name="FlexOutboundContactMessages")
class MessagesShape(Base):
    """One page, the newest first."""

    next = serializers.CharField(allow_null=True)
    results = ContactMessageShape(many=True)
