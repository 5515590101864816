"""The endpoints. Each reads its input, calls the pipeline and shapes the answer."""

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from flex_outbound.api import outputs, rows, shapes
from flex_outbound.api.base import ApiView
from flex_outbound.api.etags import asks_if_changed, etag, etag_of, is_known
from flex_outbound.api.inputs import ClickSerializer, ConfirmSerializer, RetrySerializer, TimelineQuery
from flex_outbound.api.links import Links
from flex_outbound.api.pagination import TimelinePagination
from flex_outbound.api.schema import Operation
from flex_outbound.api.throttles import ClickThrottle, PollThrottle
from flex_outbound.contacts import adapter_by_label, find_contact
from flex_outbound.models import Interaction
from flex_outbound.outbox import decisions
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.outbox.preflight import channel_options
from flex_outbound.outbox.visible import visible_to

ROW = OpenApiResponse(shapes.InteractionShape)
UNCHANGED = OpenApiResponse(description="Nothing has changed.")
ACCEPTED = OpenApiResponse(shapes.InteractionShape, description="Committed; Location is where to poll.")
CONFLICT = OpenApiResponse(shapes.ConflictShape, description="The row's state, or another row, stands in the way.")
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same as the field idempotency_key.",
)
ETAG_HEADER = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the last answer.",
)


class InteractionListView(ApiView):
    """The clicks: make one, or read what was made."""

    operations = {
        "GET": Operation(
            "interactions_list",
            "List interactions, the newest first",
            {**shapes.COMMON, 200: shapes.TimelineShape},
            parameters=[TimelineQuery],
        ),
        "POST": Operation(
            "interactions_create",
            "Open a channel to a contact",
            {**shapes.COMMON, **shapes.UPLOAD, 202: ACCEPTED, 409: CONFLICT},
            request=ClickSerializer,
            parameters=[KEY_HEADER],
        ),
    }

    def get_throttles(self) -> list[BaseThrottle]:
        """Return the throttle of clicks for a click, of reads for the rest."""
        return [ClickThrottle() if self.request.method == "POST" else PollThrottle()]

    def get(self, request: Request) -> Response:
        """Your own interactions; with the permission view_interaction, everybody's."""
        query = TimelineQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        found = rows.loaded(visible_to(request.user)).filter(**rows.filters(query.validated_data))
        paginator = TimelinePagination()
        page = paginator.paginate_queryset(found, request, self)
        links = Links.of(request)
        return paginator.get_paginated_response([outputs.row(row, request.user, links) for row in page or ()])

    def post(self, request: Request) -> Response:
        """Takes the click and answers at once; poll status_url until is_final. The worker is the signed-in user's."""
        click = ClickSerializer(data=request.data, context={"request": request})
        click.is_valid(raise_exception=True)
        values = click.validated_data
        row = enqueue(Click(user=request.user, **values))
        if not (values.get("body") or values.get("content_sid")):
            # There is no first message; to look for one would be a query.
            Interaction.message.related.set_cached_value(row, None)
        return rows.answer(request, row, 202)


class InteractionView(ApiView):
    """One interaction, made to be polled."""

    operations = {
        "GET": Operation(
            "interactions_retrieve",
            "Read an interaction",
            {**shapes.COMMON, **shapes.MISSING, 200: ROW, 304: UNCHANGED},
            parameters=[ETAG_HEADER],
        )
    }

    def get(self, request: Request, pk: UUID) -> Response:
        """Send the ETag back as If-None-Match: as long as nothing has changed, the answer is an empty 304."""
        return self._unchanged(request, pk) or self._row(request, pk)

    def _unchanged(self, request: Request, pk: UUID) -> Response | None:
        if not asks_if_changed(request):
            return None
        own = Interaction.objects.filter(pk=pk, agent_id=request.user.pk)
        for version, message_status in own.values_list("version", "message__status"):
            tag = etag(pk, version, message_status)
            if is_known(request, tag):
                return Response(status=304, headers={"ETag": tag})
        return None

    def _row(self, request: Request, pk: UUID) -> Response:
        row = rows.find(request.user, pk)
        if is_known(request, etag_of(row)):
            return Response(status=304, headers={"ETag": etag_of(row)})
        return rows.answer(request, row)


class RetryView(ApiView):
    """Sending again."""

    throttle_classes = [ClickThrottle]
    operations = {
        "POST": Operation(
            "interactions_retry",
            "Send again",
            {**shapes.COMMON, **shapes.MISSING, **shapes.UPLOAD, 202: ACCEPTED, 409: CONFLICT},
            request=RetrySerializer,
            parameters=[KEY_HEADER],
        )
    }

    def post(self, request: Request, pk: UUID) -> Response:
        """What failed or was canceled is sent as a new interaction, one that needs a decision as itself."""
        form = RetrySerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        row = rows.find_to_decide(request.user, pk)
        return rows.answer(request, decisions.retry(row, request.user, **form.validated_data), 202)


class ConfirmView(ApiView):
    """Saying that it is there; a click, for Twilio is asked about the task."""

    throttle_classes = [ClickThrottle]
    operations = {
        "POST": Operation(
            "interactions_confirm",
            "Say which task in Flex it is",
            {**shapes.COMMON, **shapes.MISSING, **shapes.UPLOAD, 202: ACCEPTED, 409: CONFLICT},
            request=ConfirmSerializer,
        )
    }

    def post(self, request: Request, pk: UUID) -> Response:
        """What needs a decision takes the task's SIDs once Twilio has shown it; error_message says where it is not."""
        form = ConfirmSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row = rows.find_to_decide(request.user, pk)
        return rows.answer(request, decisions.confirm(row, request.user, **form.validated_data), 202)


class CancelView(ApiView):
    """Calling off; counted with the reads, so that an agent who clicked too often can still do it."""

    operations = {
        "POST": Operation(
            "interactions_cancel",
            "Call off",
            {**shapes.COMMON, **shapes.MISSING, 200: ROW, 409: CONFLICT},
        )
    }

    def post(self, request: Request, pk: UUID) -> Response:
        """Calls off what has not been sent, or drops what needs a decision."""
        return rows.answer(request, decisions.cancel(rows.find_to_decide(request.user, pk), request.user))


class ChannelsView(ApiView):
    """What may be opened for a contact."""

    operations = {
        "GET": Operation(
            "contact_channels",
            "List a contact's channels",
            {**shapes.COMMON, **shapes.MISSING, 200: shapes.ChannelsShape},
        )
    }

    def get(self, request: Request, contact_type: str, contact_id: str) -> Response:
        """Always three channels; one that is not enabled says why, in words for the agent."""
        try:
            adapter = adapter_by_label(contact_type)
        except LookupError:
            raise Http404 from None
        contact = None if "\x00" in contact_id else find_contact(adapter, request.user, contact_id)
        if contact is None:
            raise Http404
        return Response(outputs.channels(adapter, contact, channel_options(request.user, contact)))


class NowhereView(ApiView):
    """Everything else below ``api/``: a program is answered in JSON, not with the host's page for people."""

    schema = None  # type: ignore[assignment]

    def get(self, request: Request) -> Response:
        """There is nothing here."""
        raise Http404

    post = put = patch = delete = get
