"""The query and the answer of templates, for their description; a test compares them with real answers."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from flex_outbound.api.serializers import MAX_SENDER, ChannelField, Number, PageQuery
from flex_outbound.channels import Channel

Base = serializers.Serializer[Any]


class TemplatesQuery(PageQuery):
    """What is searched for among the templates that may be sent."""

    q = serializers.CharField(required=False, allow_blank=True, max_length=100, help_text=_("Words of name and text."))
    language = serializers.CharField(required=False, allow_blank=True, max_length=16)
    category = serializers.CharField(required=False, allow_blank=True, max_length=32)
    content_sid = serializers.CharField(
        required=False, max_length=34, help_text=_("This one alone, with the values that the contact fills in.")
    )


class ContactTemplatesQuery(TemplatesQuery):
    """The same, for a new conversation."""

    channel = ChannelField(Channel.choices, help_text=_("SMS or WhatsApp."))
    sender = Number(required=False, min_value=1, max_value=MAX_SENDER, help_text=_("Default: the default sender."))


@extend_schema_serializer(component_name="FlexOutboundTemplateButton")
class ButtonShape(Base):
    """What a customer can press."""

    kind = serializers.CharField(help_text="reply, url, phone, call, copy, list or flow.")
    title = serializers.CharField()
    detail = serializers.CharField(help_text="An address, a number or a code; may be empty.")


@extend_schema_serializer(component_name="FlexOutboundTemplateItem")
class ItemShape(Base):
    """A line of a list, or a product."""

    title = serializers.CharField()
    description = serializers.CharField()


@extend_schema_serializer(component_name="FlexOutboundTemplateContent")
class ContentShape(Base):
    """What a customer sees, with the marks of variables in it, as {{1}}. It is text, never HTML."""

    header = serializers.CharField()
    body = serializers.CharField()
    footer = serializers.CharField()
    media = serializers.ListField(child=serializers.CharField(), help_text="Addresses of files.")
    buttons = ButtonShape(many=True)
    items = ItemShape(many=True)
    cards = serializers.SerializerMethodField(help_text="Of a carousel: contents again.")

    @extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": {}}})
    def get_cards(self, content: Any) -> Any:
        """Return the cards."""
        return content["cards"]


@extend_schema_serializer(component_name="FlexOutboundTemplateVariable")
class VariableShape(Base):
    """A variable; each needs a value."""

    name = serializers.CharField()
    around = serializers.CharField(help_text="The words around it.")
    sample = serializers.CharField()
    value = serializers.CharField(help_text="What the contact fills in; empty in a list of several.")


@extend_schema_serializer(component_name="FlexOutboundTemplate")
class TemplateShape(Base):
    """A template that may be sent."""

    content_sid = serializers.CharField()
    name = serializers.CharField()
    language = serializers.CharField(help_text="As Twilio writes it: en, pt_BR.")
    language_label = serializers.CharField()
    category = serializers.CharField(help_text="UTILITY, MARKETING, AUTHENTICATION, or an old one; may be empty.")
    category_label = serializers.CharField()
    is_approved = serializers.BooleanField(help_text="By WhatsApp.")
    content_type = serializers.CharField(help_text="Which of its types goes out on this channel.")
    used_at = serializers.DateTimeField(allow_null=True, help_text="When you used it last.")
    content = ContentShape()
    variables = VariableShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundTemplateOption")
class OptionShape(Base):
    """What can be filtered by."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes declared fields off the class


@extend_schema_serializer(component_name="FlexOutboundTemplates")
class TemplatesShape(Base):
    """What was found, what you used last first."""

    results = TemplateShape(many=True)
    is_more = serializers.BooleanField(help_text="There are more than 50: search.")
    languages = OptionShape(many=True)
    categories = OptionShape(many=True)
