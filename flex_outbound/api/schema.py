"""The OpenAPI description: each view says what its operations are, and only our endpoints are served.

``extend_schema`` takes its base class from the host's DEFAULT_SCHEMA_CLASS, which may not be drf-spectacular's; a small
table on the view holds in any project.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import get_script_prefix
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView

from flex_outbound import __version__

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


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


class FlexSchema(AutoSchema):
    """Reads ``view.operations``."""

    @property
    def operation(self) -> Operation:
        """The description of the method at hand."""
        operations: Mapping[str, Operation] = getattr(self.view, "operations", {})
        return operations[self.method]

    def get_operation_id(self) -> str:
        """Return an id that cannot meet one of the host's."""
        return f"flex_outbound_{self.operation.id}"

    def get_tags(self) -> list[str]:
        """Return one tag for all of ours."""
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
        """Return how to sign in; a host's own way that drf-spectacular does not know is passed over in silence."""
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


class SchemaView(SpectacularAPIView):
    """OpenAPI 3: JSON, or YAML on request. Who may read it is the host's SERVE_PERMISSIONS of drf-spectacular."""

    schema = None
    generator_class = OwnGenerator
    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
    ]
    throttle_classes = []
    versioning_class = None
