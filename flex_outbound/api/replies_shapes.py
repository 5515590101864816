"""What goes into the endpoints of saved replies and comes out of them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from flex_outbound import channels
from flex_outbound.api.serializers import MAX_ID, MAX_TYPE, ChannelField, PageQuery, Text, Unshown
from flex_outbound.channels import Channel
from flex_outbound.sids import SidKind, validator

Base = serializers.Serializer[Any]


class RepliesQuery(PageQuery):
    """The query of the list: for which channel, and for whom the placeholders are filled in."""

    channel = ChannelField(Channel.choices, required=False)
    contact_type = Text(required=False, max_length=MAX_TYPE, help_text=_("``app_label.model``"))
    contact_id = Text(required=False, max_length=MAX_ID, trim_whitespace=False, help_text=_("Needs ``contact_type``."))
    conversation_sid = Text(
        required=False,
        validators=[validator(SidKind.CONVERSATION)],
        help_text=_("One of your own, in the place of a contact."),
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Check every parameter, and that type and id of a contact come together."""
        values = super().to_internal_value(data)
        for name, other in (("contact_id", "contact_type"), ("contact_type", "contact_id")):
            if name in values and other not in values:
                words = _("{name} needs {other}.").format(name=name, other=other)
                raise serializers.ValidationError({other: [words]})
        return values


@extend_schema_serializer(component_name="FlexOutboundOwnReply")
class ReplySerializer(Unshown, serializers.Serializer[Any]):
    """A saved reply of the user's own, as it is written."""

    title = Text(max_length=100)
    category = Text(required=False, allow_blank=True, max_length=50)
    short_code = Text(
        required=False,
        allow_blank=True,
        max_length=32,
        help_text=_("Letters, digits, - and _; no two of yours have the same."),
    )
    channel = ChannelField(Channel.choices, required=False, allow_blank=True, help_text=_("Empty: any."))
    subject = Text(required=False, allow_blank=True, max_length=channels.MAX_SUBJECT, help_text=_("Of an email."))
    body = Text(max_length=channels.MAX_BODY, help_text=_("With placeholders, as {{contact.name}}."))


@extend_schema_serializer(component_name="FlexOutboundReply")
class ReplyShape(Base):
    """A saved reply as it was written, and filled in."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    category = serializers.CharField()
    short_code = serializers.CharField(help_text="Empty for none.")
    channel = ChannelField(Channel.choices, allow_blank=True, help_text="Empty: any.")
    subject = serializers.CharField()
    body = serializers.CharField()
    filled_subject = serializers.CharField()
    filled_body = serializers.CharField(help_text="For the contact or the conversation that was asked for.")
    missing = serializers.ListField(child=serializers.CharField(), help_text="Placeholders without a value.")
    is_own = serializers.BooleanField(help_text="False: shared.")
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="FlexOutboundReplies")
class RepliesShape(Base):
    """What the user can insert."""

    results = ReplyShape(many=True)
