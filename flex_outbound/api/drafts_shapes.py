"""What goes into the endpoints of drafts and comes out of them."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from flex_outbound.api.serializers import PageQuery, Text, Unshown
from flex_outbound.outbox import drafts

MOST_CHARACTERS: Final = drafts.MOST_BYTES
MOST_VERSION: Final = 40
Base = serializers.Serializer[Any]


def _typed() -> Text:
    return Text(required=False, allow_blank=True, trim_whitespace=False, max_length=MOST_CHARACTERS)


def version_field(**kwargs: Any) -> Text:
    """Return the field that names a state of a draft."""
    return Text(required=False, allow_blank=True, max_length=MOST_VERSION, **kwargs)


@extend_schema_serializer(component_name="FlexOutboundDraftInput")
class DraftSerializer(Unshown, serializers.Serializer[Any]):
    """What is typed into a form: its fields as they are, also where they could not be sent yet."""

    version = version_field(help_text="Of the draft that you know; empty for a new one.")
    user = Text(
        required=False,
        allow_blank=True,
        max_length=MOST_VERSION,
        help_text="As ``user`` of the list: whose page this is. Refused where somebody else is signed in by now.",
    )
    address = _typed()
    sender = _typed()
    body = _typed()
    subject = _typed()
    to = _typed()
    cc = _typed()
    bcc = _typed()
    content_sid = Text(
        required=False,
        allow_blank=True,
        max_length=34,
        help_text="The template that was chosen. Each of its variables is a field ``content_variables.<name>``.",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the fields, and among them the template's variables. Raises ValidationError."""
        found: dict[str, Any] = super().to_internal_value(data)
        for name in drafts.variables_in(data):
            try:
                found[name] = _typed().run_validation(data[name])
            except serializers.ValidationError as error:
                raise serializers.ValidationError({name: error.detail}) from None
        return found


class VersionQuery(PageQuery):
    """The query of a draft that is discarded."""

    version = version_field(help_text="What was changed later is not discarded.")


@extend_schema_serializer(component_name="FlexOutboundDraftSaved")
class SavedShape(Base):
    """What became of a save."""

    place = serializers.CharField()
    version = serializers.CharField(help_text="Of the draft as it is now; empty where none is stored.")
    is_kept = serializers.BooleanField(help_text="False: the account keeps no texts, so this one is nowhere but here.")


@extend_schema_serializer(component_name="FlexOutboundDraft")
class DraftShape(Base):
    """A draft of yours. It is text, never HTML."""

    place = serializers.CharField(help_text="A channel, or the SID of the conversation that is answered.")
    channel = serializers.CharField()
    is_open = serializers.BooleanField(help_text="False: the conversation has ended, or is not yours any more.")
    version = serializers.CharField()
    values = serializers.DictField(child=serializers.CharField(), help_text="By the form's field.")


@extend_schema_serializer(component_name="FlexOutboundDrafts")
class DraftsShape(Base):
    """Your drafts for a contact, and who else is there."""

    user = serializers.CharField(help_text="Changes with the signed-in user.")
    drafts = DraftShape(many=True)
    writing = serializers.CharField(help_text="Which colleague is writing, in words; empty for none.")
    writing_count = serializers.IntegerField()
    written = serializers.CharField(help_text="Which colleague has written within the last minute; empty for none.")
    written_at = serializers.DateTimeField(allow_null=True)
    token = serializers.CharField(help_text="A CSRF token; empty where you are not signed in by a session.")


@extend_schema_serializer(component_name="FlexOutboundDraftConflict")
class DraftConflictShape(Base):
    """Another window has changed the draft."""

    detail = serializers.CharField()
    code = serializers.CharField()
    draft = DraftShape(allow_null=True, help_text="As it is now; null where it was sent or discarded.")
