"""The page that Prometheus reads, for users who may view all interactions and for clients with the token."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from flex_outbound.conf import conf
from flex_outbound.metrics.database import DatabaseMetrics
from flex_outbound.metrics.process import ProcessMetrics

PERMISSION = "flex_outbound.view_interaction"


@transaction.non_atomic_requests  # a query that fails must not end the others' transaction
@login_not_required  # a bearer token will do, where a middleware asks everybody to sign in
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format; 401 without authentication, 403 without permission."""
    if not _knows_the_token(request):
        user = getattr(request, "user", AnonymousUser())
        if not user.is_authenticated:
            return HttpResponse("Authentication required.\n", "text/plain", 401, headers={"WWW-Authenticate": "Bearer"})
        if not user.has_perm(PERMISSION):
            return HttpResponse("You may not see this.\n", "text/plain", 403)
    registry = CollectorRegistry()
    for collector in (DatabaseMetrics(), ProcessMetrics()):
        registry.register(collector)
    return HttpResponse(generate_latest(registry), CONTENT_TYPE_LATEST)


def _knows_the_token(request: HttpRequest) -> bool:
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    token = conf.metrics_token
    return bool(token) and scheme.lower() == "bearer" and constant_time_compare(given.strip(), token or "")
