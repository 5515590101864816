"""The OpenAPI description: a table of our operations; ``shapes`` has what they answer.

``extend_schema`` takes its base class from the host's DEFAULT_SCHEMA_CLASS, which may not be drf-spectacular's. A table
of our own works in any project.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import get_script_prefix
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from flex_outbound import __version__
from flex_outbound.api.attributes_shapes import AttributesSerializer, OutcomeSerializer
from flex_outbound.api.drafts_shapes import (
    DraftConflictShape,
    DraftSerializer,
    DraftsShape,
    SavedShape,
    VersionQuery,
)
from flex_outbound.api.inbox_shapes import (
    InboxQuery,
    InboxShape,
    ReadSerializer,
    ReadShape,
    UnreadShape,
)
from flex_outbound.api.inviting_shapes import ColleaguesShape, InviteSerializer, LeaveSerializer
from flex_outbound.api.messages_shapes import (
    MessagesQuery,
    MessagesShape,
)
from flex_outbound.api.open_shapes import OpenConversationShape
from flex_outbound.api.replies_shapes import RepliesQuery, RepliesShape, ReplySerializer, ReplyShape
from flex_outbound.api.requests_shapes import RequestSerializer
from flex_outbound.api.serializers import (
    AnswerSerializer,
    ClickSerializer,
    ConfirmSerializer,
    RetrySerializer,
    TimelineQuery,
)
from flex_outbound.api.shapes import (
    AnswerShape,
    ChannelsShape,
    ConflictShape,
    ErrorShape,
    InteractionShape,
    TimelineShape,
)
from flex_outbound.api.templates_shapes import ContactTemplatesQuery, TemplatesQuery, TemplatesShape

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data"

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
    ``media_types``: those of the body.
    """

    id: str
    summary: str
    responses: Mapping[int, Any]
    request: Any = None
    parameters: Sequence[Any] = field(default_factory=tuple)
    media_types: Sequence[str] = (JSON, FORM)


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


KEY_HEADER = _header("Idempotency-Key", "The same as the field idempotency_key.")
SHOWN = OpenApiResponse(InteractionShape)
ACCEPTED = OpenApiResponse(InteractionShape, description="Committed; poll the URL in Location.")
OPENED = OpenApiResponse(OpenConversationShape, description="The conversation as it is now.")
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
    ("RequestListView", "POST"): Operation(
        "requests_create",
        "Ask for an agent",
        {**COMMON, **UPLOAD, 202: ACCEPTED, 409: CONFLICT},
        request=RequestSerializer,
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
        "interactions_cancel",
        "Cancel or discard, or end the wait for an answer",
        {**COMMON, **MISSING, 200: SHOWN, 409: CONFLICT},
    ),
    ("OpenNowView", "POST"): Operation(
        "interactions_open",
        "Open what waits for the customer's answer",
        {**COMMON, **MISSING, **UPLOAD, 202: ACCEPTED, 409: CONFLICT},
        request=RetrySerializer,
        parameters=[KEY_HEADER],
    ),
    ("CloseView", "POST"): Operation(
        "interactions_close", "Close what stays open", {**COMMON, **MISSING, 202: ACCEPTED, 409: CONFLICT}
    ),
    ("AttributesView", "PATCH"): Operation(
        "interactions_attributes",
        "Change the task's attributes",
        {**COMMON, **MISSING, **UPLOAD, 202: ACCEPTED, 409: CONFLICT},
        request=AttributesSerializer,
        media_types=(JSON,),
    ),
    ("OutcomeView", "POST"): Operation(
        "interactions_outcome",
        "Say how a conversation ended",
        {**COMMON, **MISSING, **UPLOAD, 202: ACCEPTED, 409: CONFLICT},
        request=OutcomeSerializer,
    ),
    ("ConversationMessagesView", "POST"): Operation(
        "conversation_messages_create",
        "Answer in a conversation of your own",
        {
            **COMMON,
            **MISSING,
            **UPLOAD,
            202: OpenApiResponse(AnswerShape, description="Committed; poll the URL in Location."),
            409: OpenApiResponse(ConflictShape, description="The conversation has ended, or the key was used before."),
        },
        request=AnswerSerializer,
        parameters=[KEY_HEADER],
        media_types=(JSON, FORM, MULTIPART),
    ),
    ("MessageView", "GET"): Operation(
        "messages_retrieve",
        "Follow an answer",
        {**COMMON, **MISSING, 200: OpenApiResponse(AnswerShape)},
    ),
    ("ChannelsView", "GET"): Operation(
        "contact_channels",
        "List a contact's channels",
        {**COMMON, **MISSING, 200: ChannelsShape, 304: OpenApiResponse(description="Nothing has changed.")},
        parameters=[
            OpenApiParameter(
                "live",
                str,
                enum=["1", "presence"],
                description="1: also whether the agent is there in Flex, and what is open. presence: the former.",
            ),
            _header("If-None-Match", "The ETag of the last answer."),
        ],
    ),
    ("ContactTemplatesView", "GET"): Operation(
        "contact_templates",
        "List the templates for a new conversation",
        {**COMMON, **MISSING, 200: TemplatesShape},
        parameters=[ContactTemplatesQuery],
    ),
    ("ConversationTemplatesView", "GET"): Operation(
        "conversation_templates",
        "List the templates for an answer",
        {**COMMON, **MISSING, 200: TemplatesShape},
        parameters=[TemplatesQuery],
    ),
    ("JoinView", "POST"): Operation(
        "conversations_join",
        "Take up or take over an open conversation",
        {**COMMON, **MISSING, **UPLOAD, 202: ACCEPTED, 409: CONFLICT},
        request=RetrySerializer,
        parameters=[KEY_HEADER],
    ),
    ("AskView", "POST"): Operation(
        "conversations_ask", "Ask for a colleague's conversation", {**COMMON, **MISSING, 200: OPENED, 409: CONFLICT}
    ),
    ("HandOverView", "POST"): Operation(
        "conversations_hand_over",
        "Hand your conversation over to who asked for it",
        {**COMMON, **MISSING, 202: ACCEPTED, 409: CONFLICT},
    ),
    ("KeepView", "POST"): Operation(
        "conversations_keep", "Keep your conversation", {**COMMON, **MISSING, 200: OPENED, 409: CONFLICT}
    ),
    ("EndView", "POST"): Operation(
        "conversations_close", "Close what nobody has", {**COMMON, **MISSING, 202: OPENED, 409: CONFLICT}
    ),
    ("InviteView", "GET"): Operation(
        "conversations_colleagues", "List whom you can invite", {**COMMON, **MISSING, 200: ColleaguesShape}
    ),
    ("InviteView", "POST"): Operation(
        "conversations_invite",
        "Invite somebody to an open conversation, or hand it over",
        {**COMMON, **MISSING, **UPLOAD, 202: ACCEPTED, 409: CONFLICT},
        request=InviteSerializer,
        parameters=[KEY_HEADER],
    ),
    ("LeaveView", "POST"): Operation(
        "conversations_leave",
        "Leave a conversation",
        {**COMMON, **MISSING, **UPLOAD, 202: OPENED, 409: CONFLICT},
        request=LeaveSerializer,
    ),
    ("InboxView", "GET"): Operation(
        "inbox_list",
        "List your open conversations, the newest answer first",
        {**COMMON, 200: InboxShape},
        parameters=[InboxQuery],
    ),
    ("UnreadView", "GET"): Operation(
        "inbox_unread",
        "Count what is unread",
        {**COMMON, 200: UnreadShape, 304: OpenApiResponse(description="Nothing has changed.")},
        parameters=[_header("If-None-Match", "The ETag of the last answer.")],
    ),
    ("ReadView", "POST"): Operation(
        "conversations_read",
        "Mark a conversation as read",
        {**COMMON, **MISSING, **UPLOAD, 200: ReadShape},
        request=ReadSerializer,
    ),
    ("ContactMessagesView", "GET"): Operation(
        "contact_messages",
        "List a contact's messages, the newest first",
        {**COMMON, **MISSING, 200: MessagesShape},
        parameters=[MessagesQuery],
    ),
    ("RepliesView", "GET"): Operation(
        "replies_list",
        "List saved replies, filled in",
        {**COMMON, **MISSING, 200: RepliesShape},
        parameters=[RepliesQuery],
    ),
    ("RepliesView", "POST"): Operation(
        "replies_create", "Save a reply of your own", {**COMMON, **UPLOAD, 201: ReplyShape}, request=ReplySerializer
    ),
    ("ReplyView", "PATCH"): Operation(
        "replies_update",
        "Change a reply of your own",
        {**COMMON, **MISSING, **UPLOAD, 200: ReplyShape},
        request=ReplySerializer,
    ),
    ("ReplyView", "DELETE"): Operation(
        "replies_delete",
        "Delete a reply of your own",
        {**COMMON, **MISSING, 204: OpenApiResponse(description="Deleted.")},
    ),
    ("ContactDraftsView", "GET"): Operation(
        "contact_drafts",
        "List your drafts for a contact, and who is writing there",
        {**COMMON, **MISSING, 200: DraftsShape, 304: OpenApiResponse(description="Nothing has changed.")},
        parameters=[_header("If-None-Match", "The ETag of the last answer.")],
    ),
    ("DraftView", "POST"): Operation(
        "contact_drafts_save",
        "Keep what is typed",
        {**COMMON, **MISSING, **UPLOAD, 200: SavedShape, 409: OpenApiResponse(DraftConflictShape)},
        request=DraftSerializer,
    ),
    ("DraftView", "DELETE"): Operation(
        "contact_drafts_discard",
        "Discard a draft",
        {**COMMON, **MISSING, 204: OpenApiResponse(description="It is gone.")},
        parameters=[VersionQuery],
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
        """Return the body, which may come in several forms."""
        request = self.operation.request
        return dict.fromkeys(self.operation.media_types, request) if request else None

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
