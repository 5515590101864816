"""The baseline's views: a click, and nothing at all."""

import json

from django.http import HttpRequest, HttpResponse, JsonResponse

from tests.benchmarks.bare.models import Click
from tests.benchmarks.bare.tasks import send


def click(request: HttpRequest) -> HttpResponse:
    """Insert one row for the signed-in user and publish to Celery inline."""
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    data = json.loads(request.body)
    row = Click.objects.create(
        agent=request.user, contact_id=data["contact_id"], channel=data["channel"], address="+15005550006"
    )
    send.delay(row.pk)
    return JsonResponse({"id": row.pk, "status": row.status}, status=202)


def null(request: HttpRequest) -> HttpResponse:
    """Answer 304 to whoever is signed in."""
    return HttpResponse(status=304 if request.user.is_authenticated else 403)
