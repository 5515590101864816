"""What comes in. This module checks types and lengths, so that every bad field is named; ``outbox`` checks meaning."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.core.validators import RegexValidator
from django.db.models import TextChoices
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from flex_outbound import channels
from flex_outbound.channels import CHANNEL_ENDED, ENDED, Channel
from flex_outbound.contexts import task_sid_in
from flex_outbound.sids import SidKind, validator
from flex_outbound.statuses import Status

PAGE_SIZE = 25
MAX_PAGE_SIZE = 100
MAX_TYPE, MAX_ID, MAX_KEY, MAX_COPIES, MAX_VARIABLES, MAX_NAME = 201, 255, 64, 10, 100, 64
MAX_SENDER = 2**63 - 1
MAX_FILE_NAME = 255
MAX_PASTED = 2000

_KEY = RegexValidator(r"^[!-~]+\Z", _("A key is made of printable ASCII characters without spaces."))


def choices_schema(choices: type[TextChoices]) -> dict[str, object]:
    """Return an enumeration for the schema.

    Each has a component of its own: drf-spectacular names an enumeration after its field, and ``status`` means several
    things here, let alone in a host.
    """
    return {"type": "string", "enum": list(choices.values)}


class Unshown:
    """A serializer whose ``repr`` leaves out what was sent; DRF's own shows it, and error trackers collect it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class OneOf(serializers.ChoiceField):
    """One of a few words; the error names them and not what was sent."""

    default_error_messages = {"invalid_choice": _("Choose one of: {choices}.")}

    def to_internal_value(self, data: Any) -> Any:
        """Return the word. What is no text is refused unread; DRF would write it out to compare it."""
        if not isinstance(data, str) or data not in self.choices:
            self.fail("invalid_choice", choices=", ".join(map(str, self.choices)))
        return data


@extend_schema_field(choices_schema(Channel), component_name="FlexOutboundChannel")
class ChannelField(OneOf):
    """One of our channels. A value that Twilio still lists and whose service has ended is refused in words."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the channel."""
        if isinstance(data, str) and data in ENDED:
            raise serializers.ValidationError(ENDED[data], code=CHANNEL_ENDED)
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A string and nothing else, while DRF accepts numbers too. A line end counts as one character."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data.replace("\r\n", "\n"))


class Number(serializers.IntegerField):
    """A whole number, as such or as text."""

    def to_internal_value(self, data: Any) -> int:
        """Return the number. What is neither is refused unread; DRF would write it out to read it."""
        if not isinstance(data, str | int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class ShortList(serializers.ListField):
    """A list that is refused by its length, before its items are read: DRF reads all of them first."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the items."""
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        items: list[Any] = super().to_internal_value(data)
        return items


class Addresses(ShortList):
    """Some email addresses."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=Text(max_length=channels.MAX_EMAIL), required=False, max_length=MAX_COPIES, **kwargs)


@extend_schema_field({"oneOf": [{"type": "string", "maxLength": MAX_ID}, {"type": "integer"}]})
class ContactId(Text):
    """A primary key of any type, as text or as an integer."""

    def to_internal_value(self, data: Any) -> str:
        """Return the key as text."""
        whole = isinstance(data, int) and not isinstance(data, bool)
        return super().to_internal_value(str(data) if whole else data)


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": channels.MAX_BODY},
        "maxProperties": MAX_VARIABLES,
    }
)
class Variables(serializers.Field[dict[str, str], Any, Any, Any]):
    """A template's variables: names and texts; in a form, the same as JSON."""

    default_error_messages = {
        "invalid": _("Expected an object of names and texts, such as {{“1”: “Ada”}}."),
        "too_many": _("At most {most} variables are allowed."),
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Return names and texts."""
        if isinstance(data, str):
            data = self._read(data)
        if not isinstance(data, Mapping):
            self.fail("invalid")
        if len(data) > MAX_VARIABLES:
            self.fail("too_many", most=MAX_VARIABLES)
        name = Text(max_length=MAX_NAME)
        text = Text(max_length=channels.MAX_BODY, allow_blank=True)
        return {name.run_validation(key): self._value(text, key, value) for key, value in data.items()}

    @staticmethod
    def _value(text: Text, key: Any, value: Any) -> str:
        """Return a value. Raises ValidationError that names the variable."""
        try:
            found: str = text.run_validation(value)
        except serializers.ValidationError as error:
            raise serializers.ValidationError([f"{str(key)[:MAX_NAME]}: {one}" for one in error.detail]) from error
        return found

    def _read(self, text: str) -> Any:
        try:
            return json.loads(text or "{}")
        except (ValueError, RecursionError):
            self.fail("invalid")

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        """Return the variables as they are."""
        return value


class Keyed(Unshown, serializers.Serializer[Any]):
    """A request that may be repeated: its key is in the body or in the header ``Idempotency-Key``."""

    idempotency_key = Text(
        required=False,
        allow_blank=True,
        max_length=MAX_KEY,
        validators=[_KEY],
        help_text=_("Requests with the same key are carried out once."),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take the key from the header if the body has none."""
        header = self.context["request"].headers.get("Idempotency-Key")
        if not header:
            return attrs
        try:
            key = self.fields["idempotency_key"].run_validation(header)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"idempotency_key": error.detail}) from error
        if attrs.get("idempotency_key", "") not in {"", key}:
            raise serializers.ValidationError(
                {"idempotency_key": [_("The header Idempotency-Key has another key. Send only one.")]}
            )
        return {**attrs, "idempotency_key": key}


@extend_schema_serializer(component_name="FlexOutboundClick")
class ClickSerializer(Keyed):
    """A request to open a channel: the contact, the channel, and the first message."""

    contact_type = Text(max_length=MAX_TYPE, help_text=_("``app_label.model``"))
    contact_id = ContactId(max_length=MAX_ID, trim_whitespace=False)
    channel = ChannelField(Channel.choices)
    address = Text(
        required=False,
        allow_blank=True,
        max_length=channels.MAX_EMAIL,
        help_text=_("One of the contact's own; empty for the preferred one."),
    )
    sender = Number(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_SENDER,
        help_text=_("Id of a sender; none for the channel's default."),
    )
    body = Text(required=False, allow_blank=True, max_length=channels.MAX_BODY)
    subject = Text(required=False, allow_blank=True, max_length=channels.MAX_SUBJECT)
    to = Addresses(help_text=_("Further recipients of an email."))
    cc = Addresses()
    bcc = Addresses()
    content_sid = Text(required=False, allow_blank=True, validators=[validator(SidKind.CONTENT)])
    content_variables = Variables(required=False)
    opens_on_answer = serializers.BooleanField(
        required=False,
        default=False,
        help_text=_("The message is sent now, and a task made when the customer answers."),
    )
    draft = Text(
        required=False,
        allow_blank=True,
        max_length=MAX_KEY,
        help_text=_("The version of the draft that this was; it is deleted."),
    )

    RECIPIENTS: ClassVar[tuple[str, ...]] = ("to", "cc", "bcc")
    FROM_THE_USER: ClassVar[tuple[str, ...]] = ("worker", "worker_sid")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Check every field. The worker in Flex is never taken from the request."""
        names = self.FROM_THE_USER if isinstance(data, Mapping) else ()
        words = _("This is taken from the signed-in user. Leave it out.")
        errors: dict[str, Any] = {name: [words] for name in names if name in data}
        try:
            values: dict[str, Any] = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**error.detail, **errors}) from error  # type: ignore[dict-item]
        if errors:
            raise serializers.ValidationError(errors)
        return {**values, **{name: tuple(values.get(name, ())) for name in self.RECIPIENTS}}


@extend_schema_field({"type": "string", "format": "binary"})
class Upload(serializers.FileField):
    """A file; an empty one is refused later, in our words."""


@extend_schema_serializer(component_name="FlexOutboundAnswer")
class AnswerSerializer(Keyed):
    """An answer: a text, a text with a file, a file, or a template."""

    body = Text(required=False, allow_blank=True, max_length=channels.MAX_BODY)
    subject = Text(
        required=False,
        allow_blank=True,
        max_length=channels.MAX_SUBJECT,
        help_text=_("Of an email only; may be empty."),
    )
    content_sid = Text(required=False, allow_blank=True, validators=[validator(SidKind.CONTENT)])
    content_variables = Variables(required=False)
    media = Upload(
        required=False,
        allow_empty_file=True,
        max_length=MAX_FILE_NAME,
        help_text=_("One file; the request is then multipart/form-data."),
    )
    draft = Text(
        required=False,
        allow_blank=True,
        max_length=MAX_KEY,
        help_text=_("The version of the draft that this was; it is deleted."),
    )


@extend_schema_serializer(component_name="FlexOutboundRetry")
class RetrySerializer(Keyed):
    """A retry: an optional key."""


class TaskSid(Text):
    """A task's SID, alone or within a longer text, such as the address of its page in Flex."""

    def to_internal_value(self, data: Any) -> str:
        """Return the SID, or the text itself if it has none; ``outbox`` refuses that."""
        if isinstance(data, str) and len(data) > MAX_PASTED:
            raise serializers.ValidationError(_("This text is too long. Enter the task's SID alone."))
        return task_sid_in(super().to_internal_value(data))


@extend_schema_serializer(component_name="FlexOutboundConfirm")
class ConfirmSerializer(Unshown, serializers.Serializer[Any]):
    """The task in Flex that an interaction is linked to."""

    task_sid = TaskSid(
        max_length=MAX_PASTED,
        allow_blank=True,
        help_text=_("WT and 32 characters, alone or within the address of the page in Flex."),
    )


class PageQuery(Unshown, serializers.Serializer[Any]):
    """A query whose parameters are all checked."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Check every parameter. An unknown one is an error, because a filter that is ignored shows too much."""
        unknown = sorted(set(data) - set(self.fields) - {"format"})
        if unknown:
            known = ", ".join(self.fields)
            words = _("Unknown parameter. The parameters are: {known}.").format(known=known)
            raise serializers.ValidationError({name: [words] for name in unknown})
        self._refuse_unclear(data)
        values: dict[str, Any] = super().to_internal_value(data)
        return values

    def _refuse_unclear(self, data: Any) -> None:
        """Refuse what DRF ignores: an empty parameter, and all but the last of one that is given several times."""
        errors = {}
        for name in self.fields.keys() & data.keys():
            if not data[name].strip():
                errors[name] = [_("This parameter is empty. Give it a value, or leave it out.")]
            elif len(data.getlist(name)) > 1:
                errors[name] = [_("This parameter is given several times. Give it once.")]
        if errors:
            raise serializers.ValidationError(errors)


class TimelineQuery(PageQuery):
    """The query of a timeline."""

    contact_type = Text(required=False, max_length=MAX_TYPE, help_text=_("``app_label.model``"))
    contact_id = Text(required=False, max_length=MAX_ID, trim_whitespace=False, help_text=_("Needs ``contact_type``."))
    status = OneOf(Status.choices, required=False)
    channel = ChannelField(Channel.choices, required=False)
    cursor = serializers.CharField(required=False, help_text=_("From ``next`` or ``previous``."))
    page_size = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_PAGE_SIZE,
        help_text=_("Default: %d.") % PAGE_SIZE,
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Check every parameter, and that an id has its type."""
        values = super().to_internal_value(data)
        if "contact_id" in values and "contact_type" not in values:
            raise serializers.ValidationError({"contact_type": [_("contact_id needs contact_type.")]})
        return values


class TimelinePagination(CursorPagination):
    """Newest first, by cursor: a new interaction neither repeats nor hides another. ``next`` and ``previous`` are
    path-absolute, as every URL in our answers."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE
    ordering = ("-created_at", "-id")

    def encode_cursor(self, cursor: Cursor) -> str:
        """Return the URL of another page."""
        # DRF's URL is absolute, with a host that a proxy may have changed.
        page = urlsplit(super().encode_cursor(cursor))
        return f"{page.path}?{page.query}"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Read a cursor. Raises ValidationError for an invalid one, before it reaches the database."""
        try:
            cursor = super().decode_cursor(request)
            if cursor and cursor.position is not None and parse_datetime(str(cursor.position)) is None:
                raise ValueError(cursor.position)
        except Exception as error:
            raise serializers.ValidationError(
                {"cursor": [gettext("This cursor is invalid. Start from the first page.")]}
            ) from error
        return cursor
