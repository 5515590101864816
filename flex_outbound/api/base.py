"""What all our endpoints share, so that none of it depends on the host's REST_FRAMEWORK, save who signs in how."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.conf import settings
from django.utils.cache import patch_cache_control, patch_vary_headers
from rest_framework.authentication import BaseAuthentication
from rest_framework.metadata import SimpleMetadata
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from flex_outbound.api.errors import TooLarge, handle
from flex_outbound.api.parsers import Utf8JSONParser
from flex_outbound.api.permissions import HasAccount
from flex_outbound.api.schema import FlexSchema, Operation
from flex_outbound.api.throttles import PollThrottle

VARY = ("Accept-Language", "Authorization", "Cookie")


class ApiView(APIView):
    """The base of our endpoints: JSON out, JSON or a form in, signed-in users, answers that no proxy keeps.

    ``operations`` describes each HTTP method for the schema.
    """

    schema = FlexSchema()
    operations: ClassVar[dict[str, Operation]] = {}

    renderer_classes = [JSONRenderer]
    parser_classes = [Utf8JSONParser, FormParser, MultiPartParser]
    permission_classes = [HasAccount]
    throttle_classes = [PollThrottle]
    content_negotiation_class = DefaultContentNegotiation
    metadata_class = SimpleMetadata
    versioning_class = None

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return the host's ways to sign in (DRF's own defaults include the session), read live."""
        classes: list[type[BaseAuthentication]] = api_settings.DEFAULT_AUTHENTICATION_CLASSES  # type: ignore[assignment]
        return [authentication() for authentication in classes]

    def get_exception_handler(
        self,
    ) -> Callable[[Exception, dict[str, Any]], Response | None]:
        """Return ours, so that errors have the shape that docs and schema promise."""
        return handle

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse an oversized body before anything reads it: DRF's parsers know no limit."""
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if most is not None and int(request.META.get("CONTENT_LENGTH") or 0) > most:
            raise TooLarge
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep answers, which hold customers' addresses, out of shared and browser caches."""
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(response, private=True, no_store=True)
        patch_vary_headers(response, VARY)
        return response
