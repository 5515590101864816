"""The OpenAPI description: a table of our operations, and the shapes of what they answer.

``extend_schema`` takes its base class from the host's DEFAULT_SCHEMA_CLASS, which may not be drf-spectacular's. A table
of our own works in any project. The shapes are used for the description only; a test compares them with real answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import get_script_prefix
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from flex_outbound import __version__
from flex_outbound.api.serializers import (
    ChannelField,
    ClickSerializer,
    ConfirmSerializer,
    RetrySerializer,
    TimelineQuery,
    choices_schema,
)
from flex_outbound.channels import Channel
from flex_outbound.phases import Phase
from flex_outbound.statuses import (
    ChannelStatus,
    ConversationState,
    DeliveryStatus,
    MessageStatus,
    Status,
    TaskStatus,
)

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
Base = serializers.Serializer[Any]


@extend_schema_field(choices_schema(Status), component_name="FlexOutboundStatus")
class StatusField(serializers.CharField):
    """The status of an interaction."""


@extend_schema_field(choices_schema(MessageStatus), component_name="FlexOutboundMessageStatus")
class MessageStatusField(serializers.CharField):
    """The status of a first message."""


@extend_schema_field(choices_schema(TaskStatus), component_name="FlexOutboundTaskStatus")
class TaskStatusField(serializers.CharField):
    """TaskRouter's status."""


@extend_schema_field(choices_schema(ChannelStatus), component_name="FlexOutboundChannelStatus")
class ChannelStatusField(serializers.CharField):
    """The interaction channel's status."""


@extend_schema_field(choices_schema(ConversationState), component_name="FlexOutboundConversationState")
class ConversationStateField(serializers.CharField):
    """The conversation's state, where Twilio told it."""


@extend_schema_field(choices_schema(DeliveryStatus), component_name="FlexOutboundDeliveryStatus")
class DeliveryStatusField(serializers.CharField):
    """The status of a delivery receipt."""


@extend_schema_field(choices_schema(Phase), component_name="FlexOutboundPhase")
class PhaseField(serializers.CharField):
    """What a page says of an interaction."""


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class AnyKey(serializers.CharField):
    """The primary key of any user model."""


@extend_schema_serializer(component_name="FlexOutboundAgent")
class AgentShape(Base):
    """The agent who clicked."""

    id = AnyKey()
    name = serializers.CharField()


@extend_schema_serializer(component_name="FlexOutboundMessage")
class MessageShape(Base):
    """The first message, without its text."""

    status = MessageStatusField()
    status_label = serializers.CharField()
    error_message = serializers.CharField()
    message_sid = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="FlexOutboundOpenConversation")
class OpenConversationShape(Base):
    """The conversation in which the customer is already."""

    agent = serializers.CharField(help_text="Whose it is or was; may be empty.")
    flex_url = serializers.CharField(allow_null=True, help_text="Its task in Flex, while it has one.")


@extend_schema_serializer(component_name="FlexOutboundInteraction")
class InteractionShape(Base):
    """A request to open one channel to one contact. SIDs are null until Twilio has assigned them."""

    id = serializers.UUIDField()
    status = StatusField()
    status_label = serializers.CharField(help_text="The phase in the agent's language.")
    phase = PhaseField(help_text="The status, and what Twilio says of task, channel and first message.")
    is_final = serializers.BooleanField(help_text="True: it will not change any more; stop polling.")
    channel = ChannelField(Channel.choices)
    contact_type = serializers.CharField()
    contact_id = serializers.CharField()
    contact_name = serializers.CharField()
    address = serializers.CharField()
    sender = serializers.IntegerField(allow_null=True)
    sender_address = serializers.CharField()
    subject = serializers.CharField()
    interaction_sid = serializers.CharField(allow_null=True)
    channel_sid = serializers.CharField(allow_null=True)
    task_sid = serializers.CharField(allow_null=True)
    conversation_sid = serializers.CharField(allow_null=True)
    invite_sid = serializers.CharField(allow_null=True)
    task_status = TaskStatusField(allow_null=True)
    channel_status = ChannelStatusField(allow_null=True)
    conversation_state = ConversationStateField(allow_null=True)
    named_task_sid = serializers.CharField(
        allow_null=True, help_text="The task that a person linked, while Twilio is asked about it."
    )
    duplicates = serializers.IntegerField(help_text="Duplicates that Twilio opened; they are closed.")
    duplicates_open = serializers.IntegerField(help_text="Duplicates that are not closed yet.")
    error_code = serializers.IntegerField(allow_null=True, help_text="Twilio's.")
    error_reason = serializers.CharField(help_text="Stable, for programs.")
    error_message = serializers.CharField(help_text="For the agent.")
    delivery_status = DeliveryStatusField(allow_null=True, help_text="Of the first message: Twilio's.")
    message = MessageShape(allow_null=True)
    agent = AgentShape(allow_null=True)
    can_retry = serializers.BooleanField()
    can_confirm = serializers.BooleanField()
    can_cancel = serializers.BooleanField()
    is_left_open = serializers.BooleanField(help_text="It has ended, and its conversation stays open.")
    can_close = serializers.BooleanField(help_text="The conversation that close_url closes stays open.")
    is_closing = serializers.BooleanField(help_text="That conversation is being closed.")
    open_conversation = OpenConversationShape(allow_null=True, help_text="What is in the way.")
    flex_url = serializers.CharField(allow_null=True, help_text="The task in Flex.")
    status_url = serializers.CharField()
    retry_url = serializers.CharField()
    confirm_url = serializers.CharField()
    cancel_url = serializers.CharField()
    close_url = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="FlexOutboundTimeline")
class TimelineShape(Base):
    """One page, the newest first."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = InteractionShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundAddress")
class AddressShape(Base):
    """An address of the contact."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes declared fields off the class
    remark = serializers.CharField(help_text="What the agent should check before sending.")


@extend_schema_serializer(component_name="FlexOutboundSender")
class SenderShape(Base):
    """An address of the business."""

    id = serializers.IntegerField()
    address = serializers.CharField()
    name = serializers.CharField()
    is_default = serializers.BooleanField()


@extend_schema_serializer(component_name="FlexOutboundChannelOption")
class ChannelShape(Base):
    """A channel; if it is not enabled, the reason."""

    channel = ChannelField(Channel.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes declared fields off the class
    enabled = serializers.BooleanField()
    reason = serializers.CharField(help_text="Stable, for programs; empty if enabled.")
    reason_text = serializers.CharField(help_text="For the agent.")
    addresses = AddressShape(many=True)
    senders = SenderShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundChannels")
class ChannelsShape(Base):
    """The channels of a contact."""

    contact_type = serializers.CharField()
    contact_id = serializers.CharField()
    name = serializers.CharField()
    channels = ChannelShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundError")
class ErrorShape(Base):
    """An error of the whole request."""

    detail = serializers.CharField(help_text="For people.")
    code = serializers.CharField(help_text="Stable, for programs.")


@extend_schema_serializer(component_name="FlexOutboundInTheWay")
class InTheWayShape(Base):
    """The interaction that is open already, or that does not allow the request."""

    id = serializers.UUIDField()
    status = StatusField()
    status_url = serializers.CharField()


@extend_schema_serializer(component_name="FlexOutboundConflict")
class ConflictShape(ErrorShape):
    """An error caused by an interaction, which is left out if the user may not see it."""

    interaction = InTheWayShape(required=False)
    differs_in = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="The fields that differ from those that came with the same key before.",
    )


INVALID = OpenApiResponse(
    {
        "type": "object",
        "additionalProperties": {
            "oneOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "string"},
            ]
        },
    },
    description="The errors of each field; or `detail` and `code` if the body cannot be read.",
)
COMMON: dict[int, Any] = {
    400: INVALID,
    401: OpenApiResponse(ErrorShape, description="Not signed in."),
    403: OpenApiResponse(ErrorShape, description="Not signed in, no CSRF token, or not allowed."),
    406: OpenApiResponse(ErrorShape, description="Only JSON is available."),
    429: OpenApiResponse(ErrorShape, description="Too many requests; Retry-After says when to try again."),
}
MISSING: dict[int, Any] = {404: OpenApiResponse(ErrorShape, description="Not found, or you may not see it.")}
UPLOAD: dict[int, Any] = {
    413: OpenApiResponse(ErrorShape, description="Too large."),
    415: OpenApiResponse(ErrorShape, description="Neither JSON nor a form."),
}


@dataclass(frozen=True)
class Operation:
    """One HTTP method of a view.

    ``request``: a serializer class, None for no body. ``responses``: by status code, serializer classes or
    ``OpenApiResponse``. ``parameters``: query and header parameters, or a serializer class that holds the query.
    """

    id: str
    summary: str
    responses: Mapping[int, Any]
    request: Any = None
    parameters: Sequence[Any] = field(default_factory=tuple)


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


KEY_HEADER = _header("Idempotency-Key", "The same as the field idempotency_key.")
SHOWN = OpenApiResponse(InteractionShape)
ACCEPTED = OpenApiResponse(InteractionShape, description="Committed; poll the URL in Location.")
CONFLICT = OpenApiResponse(ConflictShape, description="Not possible in this state, or another interaction is open.")

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("InteractionListView", "GET"): Operation(
        "interactions_list",
        "List interactions, the newest first",
        {**COMMON, 200: TimelineShape},
        parameters=[TimelineQuery],
    ),
    ("InteractionListView", "POST"): Operation(
        "interactions_create",
        "Open a channel to a contact",
        {**COMMON, **UPLOAD, 202: ACCEPTED, 409: CONFLICT},
        request=ClickSerializer,
        parameters=[KEY_HEADER],
    ),
    ("InteractionView", "GET"): Operation(
        "interactions_retrieve",
        "Read an interaction",
        {**COMMON, **MISSING, 200: SHOWN, 304: OpenApiResponse(description="Nothing has changed.")},
        parameters=[_header("If-None-Match", "The ETag of the last answer.")],
    ),
    ("RetryView", "POST"): Operation(
        "interactions_retry",
        "Send again",
        {**COMMON, **MISSING, **UPLOAD, 202: ACCEPTED, 409: CONFLICT},
        request=RetrySerializer,
        parameters=[KEY_HEADER],
    ),
    ("ConfirmView", "POST"): Operation(
        "interactions_confirm",
        "Link the task in Flex",
        {**COMMON, **MISSING, **UPLOAD, 202: ACCEPTED, 409: CONFLICT},
        request=ConfirmSerializer,
    ),
    ("CancelView", "POST"): Operation(
        "interactions_cancel", "Cancel or discard", {**COMMON, **MISSING, 200: SHOWN, 409: CONFLICT}
    ),
    ("CloseView", "POST"): Operation(
        "interactions_close", "Close what stays open", {**COMMON, **MISSING, 202: ACCEPTED, 409: CONFLICT}
    ),
    ("ChannelsView", "GET"): Operation(
        "contact_channels", "List a contact's channels", {**COMMON, **MISSING, 200: ChannelsShape}
    ),
}
"""By view and method."""


class FlexSchema(AutoSchema):
    """Describes our views by ``OPERATIONS``."""

    @property
    def operation(self) -> Operation:
        """The description of the method at hand."""
        return OPERATIONS[type(self.view).__name__, self.method]

    def get_operation_id(self) -> str:
        """Return an id that cannot collide with one of the host's."""
        return f"flex_outbound_{self.operation.id}"

    def get_tags(self) -> list[str]:
        """Return one tag for all of our operations."""
        return ["flex_outbound"]

    def get_summary(self) -> str:
        """Return one line."""
        return self.operation.summary

    def get_override_parameters(self) -> list[Any]:
        """Return query and header parameters."""
        return list(self.operation.parameters)

    def get_request_serializer(self) -> Any:
        """Return the body, which may come as JSON or as a form."""
        request = self.operation.request
        return {JSON: request, FORM: request} if request else None

    def get_response_serializers(self) -> Any:
        """Return the answers by status code."""
        return dict(self.operation.responses)

    def get_auth(self) -> list[dict[str, Any]]:
        """Return how to sign in. Authentication of the host's own that drf-spectacular does not know is left out."""
        given = self.view.get_authenticators()
        known = [one for one in given if OpenApiAuthenticationExtension.get_match(one)]
        self.view.get_authenticators = lambda: known  # type: ignore[method-assign]
        try:
            return super().get_auth()
        finally:
            del self.view.get_authenticators


class OwnEndpoints(EndpointEnumerator):
    """Our endpoints at the paths where the host put them."""

    def should_include_endpoint(self, path: str, callback: Any) -> bool:
        """Tell whether an endpoint is ours."""
        ours = getattr(getattr(callback, "cls", None), "__module__", "").startswith("flex_outbound.api.")
        return ours and super().should_include_endpoint(path, callback)


class OwnGenerator(SchemaGenerator):
    """A document of our endpoints alone, under our name."""

    endpoint_inspector_cls = OwnEndpoints

    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        """Return the document."""
        document = super().get_schema(*args, **kwargs)  # type: ignore[no-untyped-call]
        document["info"] = {"title": "django-flex-outbound", "version": __version__}
        if get_script_prefix() != "/":
            document["servers"] = [{"url": get_script_prefix().rstrip("/")}]
        return document
