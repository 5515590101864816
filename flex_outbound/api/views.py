"""The endpoints. Each reads its input, calls the pipeline and describes the result.

``ApiView`` makes them independent of the host's REST_FRAMEWORK settings, except for authentication.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import parse_etags
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular import renderers
from drf_spectacular.views import SpectacularAPIView
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.metadata import SimpleMetadata
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from flex_outbound import contexts, rates
from flex_outbound.api.errors import BoundedFormParser, TooLarge, Utf8JSONParser, collection_of, handle
from flex_outbound.api.schema import FlexSchema, OwnGenerator
from flex_outbound.api.serializers import (
    ClickSerializer,
    ConfirmSerializer,
    RetrySerializer,
    TimelinePagination,
    TimelineQuery,
)
from flex_outbound.contacts import adapter_by_label, content_type_of, stored_id
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Interaction
from flex_outbound.outbox import decisions, drafts, opening_now
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.outbox.preflight import require_permission
from flex_outbound.outbox.visible import shown_to, visible_to
from flex_outbound.sensitive import sensitive_view
from flex_outbound.statements import load_permissions, version_of

VARY = ("Accept-Language", "Authorization", "Cookie")


class HasAccount(IsAuthenticated):
    """A signed-in user with a row in the user table.

    A host's own authentication may yield users without a primary key; ``None`` would match interactions whose agent was
    deleted.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether interactions can belong to this user."""
        return super().has_permission(request, view) and request.user.pk is not None


class ClickThrottle(BaseThrottle):
    """Limits the clicks of one user, counted together with those of the plain form."""

    _wait = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count a click."""
        self._wait = rates.take_click(request.user)
        return not self._wait

    def wait(self) -> float:
        """Return the seconds until the next click is allowed."""
        return self._wait


class PollThrottle(BaseThrottle):
    """Limits the reads of one user, counted together with those of the pages: see ``rates.take_poll``."""

    _wait = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count a read."""
        self._wait = rates.take_poll(request.user)
        return not self._wait

    @classmethod
    def reset(cls) -> None:
        """Forget all counts, for tests."""
        rates.forget_polls()

    def wait(self) -> float:
        """Return the seconds until the next window."""
        return self._wait


class ApiView(APIView):
    """The base of our endpoints: JSON out, JSON or a form in, signed-in users only, and no caching by proxies."""

    schema = FlexSchema()
    renderer_classes = [JSONRenderer]
    parser_classes = [Utf8JSONParser, BoundedFormParser, MultiPartParser]
    permission_classes = [HasAccount]
    throttle_classes: list[type[BaseThrottle]] = [PollThrottle]
    content_negotiation_class = DefaultContentNegotiation
    metadata_class = SimpleMetadata
    versioning_class = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return the view, on whose error pages nothing stands that was posted: it may be somebody's text."""
        return sensitive_view(super().as_view(**initkwargs))

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return the host's authentication (DRF's own defaults include the session), read live."""
        classes: list[type[BaseAuthentication]] = api_settings.DEFAULT_AUTHENTICATION_CLASSES  # type: ignore[assignment]
        return [authentication() for authentication in classes]

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        """Return ours, so that errors have the shape that documents and schema promise."""
        return handle

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body that says it is too large before it is read; the parsers refuse what turns out to be."""
        most, length = self.most_bytes(request), str(request.META.get("CONTENT_LENGTH") or 0)
        if most is not None and length.isdecimal() and int(length) > most:
            raise TooLarge
        super().initial(request, *args, **kwargs)

    def most_bytes(self, request: Request) -> int | None:
        """Return how large a request may be; None for any size."""
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep answers, which hold customers' addresses, out of shared and browser caches."""
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(response, private=True, no_store=True)
        patch_vary_headers(response, VARY)
        return response


def answer(request: Request, interaction: Interaction, status: int = 200) -> Response:
    """Answer with an interaction and its ETag; a 202 says where to poll."""
    data = contexts.describe(interaction, request.user, collection_of(request))
    headers = {"ETag": _etag_of(interaction)} | ({"Location": data["status_url"]} if status == 202 else {})
    return Response(data, status=status, headers=headers)


def _etag(pk: UUID, version: int, message_status: str | None) -> str:
    """Return the ETag of an interaction in the active language, without describing it.

    It is weak: the labels are translated and a proxy may compress, so equal tags mean equal content, not equal bytes.
    """
    return f'W/"{pk.hex}.{version}.{message_status or "none"}.{get_language() or "none"}"'


def _etag_of(interaction: Interaction) -> str:
    message = interaction.first_message
    return _etag(interaction.pk, interaction.version, message.status if message else None)


def is_known(request: Request, tag: str) -> bool:
    """Tell whether the caller's ``If-None-Match`` holds ``tag`` (weak comparison, RFC 9110, section 8.8.3.2)."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or tag.removeprefix("W/") in {other.removeprefix("W/") for other in known}


def _find(user: Any, pk: UUID) -> Interaction:
    """Return an interaction that the user may see, with everything that an answer needs. Raises Http404."""
    # Most users ask for their own, and that needs no permissions.
    found = contexts.find_own(user, pk)
    if found is None:
        load_permissions(user)
        found = next(iter(shown_to(user, contexts.loaded(visible_to(user).filter(pk=pk)))), None)
    if found is None:
        raise Http404
    return found


def _find_to_decide(user: Any, pk: UUID) -> Interaction:
    """Return an interaction that the user may retry or cancel. Raises Http404, PermissionDenied."""
    interaction = _find(user, pk)
    if not contexts.may_decide(user, interaction):
        raise PermissionDenied(_("This is another agent's. Only its agent may do this."), code="no_permission")
    return interaction


class InteractionListView(ApiView):
    """All interactions: open one, or list them."""

    def get_throttles(self) -> list[BaseThrottle]:
        """Return the throttle of clicks for a click, of reads for everything else."""
        return [ClickThrottle() if self.request.method == "POST" else PollThrottle()]

    def get(self, request: Request) -> Response:
        """Your own interactions; with the permission view_interaction, also those of others with contacts you may see.

        A page may hold fewer than page_size, even none, where some are hidden: follow next.
        """
        query = TimelineQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        load_permissions(request.user)
        found = contexts.loaded(visible_to(request.user)).filter(**self._conditions(query.validated_data))
        paginator = TimelinePagination()
        page = shown_to(request.user, paginator.paginate_queryset(found, request, self) or ())
        collection = collection_of(request)
        return paginator.get_paginated_response([contexts.describe(one, request.user, collection) for one in page])

    @staticmethod
    def _conditions(query: dict[str, Any]) -> dict[str, Any]:
        """Return the filters of a query. Raises InvalidClick for a contact type that is not registered."""
        conditions: dict[str, Any] = {
            name: query[name] for name in ("contact_id", "status", "channel") if name in query
        }
        if "contact_type" in query:
            try:
                adapter = adapter_by_label(query["contact_type"])
            except LookupError as error:
                words = _("This is not a contact type that can be messaged.")
                raise InvalidClick(words, code="unknown_contact_type", field="contact_type") from error
            conditions["contact_type"] = content_type_of(adapter)
            if "contact_id" in query:
                conditions["contact_id"] = stored_id(adapter, query["contact_id"])
        return conditions

    def post(self, request: Request) -> Response:
        """Answers at once; poll status_url until is_final. The worker is the signed-in user's."""
        load_permissions(request.user)
        require_permission(request.user)
        click = ClickSerializer(data=request.data, context={"request": request})
        click.is_valid(raise_exception=True)
        values = dict(click.validated_data)
        draft = values.pop("draft", "")
        interaction = enqueue(Click(user=request.user, **values))
        drafts.forget_sent(request.user, interaction.channel, draft, drafts.contact_of(interaction))
        if not (values.get("body") or values.get("content_sid")):
            # There is no first message; asking for one would be a query.
            Interaction.message.related.set_cached_value(interaction, None)
        return answer(request, interaction, 202)


class InteractionView(ApiView):
    """One interaction, made to be polled."""

    def get(self, request: Request, pk: UUID) -> Response:
        """Send the ETag back as If-None-Match: as long as nothing has changed, the answer is an empty 304."""
        return self._unchanged(request, pk) or self._changed(request, pk)

    def _unchanged(self, request: Request, pk: UUID) -> Response | None:
        if "If-None-Match" not in request.headers:
            return None
        found = version_of(pk, request.user)
        tag = _etag(pk, *found) if found else ""
        return Response(status=304, headers={"ETag": tag}) if tag and is_known(request, tag) else None

    def _changed(self, request: Request, pk: UUID) -> Response:
        interaction = _find(request.user, pk)
        tag = _etag_of(interaction)
        if is_known(request, tag):
            return Response(status=304, headers={"ETag": tag})
        return answer(request, interaction)


class RetryView(ApiView):
    """Sending again."""

    throttle_classes = [ClickThrottle]

    def post(self, request: Request, pk: UUID) -> Response:
        """A failed or canceled interaction is sent as a new one, an interaction in review as itself."""
        interaction = _find_to_decide(request.user, pk)
        form = RetrySerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        return answer(request, decisions.retry(interaction, request.user, **form.validated_data), 202)


class ConfirmView(ApiView):
    """Linking the existing task. It is limited like a click, because Twilio is asked about the task."""

    throttle_classes = [ClickThrottle]

    def post(self, request: Request, pk: UUID) -> Response:
        """An interaction in review takes the task's SIDs once Twilio has found it; otherwise error_message says why."""
        interaction = _find_to_decide(request.user, pk)
        form = ConfirmSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return answer(request, decisions.confirm(interaction, request.user, **form.validated_data), 202)


class CancelView(ApiView):
    """Canceling. It is limited like a read, so that an agent who clicked too often can still do it."""

    def post(self, request: Request, pk: UUID) -> Response:
        """Cancels an interaction that was not sent yet, discards one in review, or ends the wait for an answer."""
        return answer(request, decisions.cancel(_find_to_decide(request.user, pk), request.user))


class OpenNowView(ApiView):
    """Opening what waits for an answer."""

    throttle_classes = [ClickThrottle]

    def post(self, request: Request, pk: UUID) -> Response:
        """Makes another interaction, which has the conversation from here on; poll that one."""
        interaction = _find_to_decide(request.user, pk)
        form = RetrySerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        return answer(request, opening_now.open_now(interaction, request.user, **form.validated_data), 202)


class CloseView(ApiView):
    """Closing the conversation that an ended interaction left open."""

    def post(self, request: Request, pk: UUID) -> Response:
        """The channel is closed at Twilio in the background; poll until is_closing is false."""
        return answer(request, decisions.close(_find_to_decide(request.user, pk), request.user), 202)


class NowhereView(ApiView):
    """Everything else below ``api/``: a program gets JSON, not the host's page for people."""

    schema = None  # type: ignore[assignment]

    def get(self, request: Request) -> Response:
        """There is nothing here."""
        raise Http404

    post = put = patch = delete = get


class SchemaView(SpectacularAPIView):
    """OpenAPI 3: JSON, or YAML on request. The host's SERVE_PERMISSIONS of drf-spectacular says who may read it."""

    schema = None
    generator_class = OwnGenerator
    renderer_classes = [
        renderers.OpenApiJsonRenderer2,
        renderers.OpenApiJsonRenderer,
        renderers.OpenApiYamlRenderer,
        renderers.OpenApiYamlRenderer2,
    ]
    throttle_classes = []
    versioning_class = None

    def _get_version_parameter(self, request: Request) -> None:
        """Return None: there is one version. The base class would write ``?version=`` into a header of the answer."""
        return
