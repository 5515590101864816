"""The naive click: a row, then the job, both within the request."""

import json

from django.http import HttpRequest, HttpResponse, JsonResponse

from flex_outbound.models import Worker
from tests.faults.naive.models import Click
from tests.faults.naive.tasks import send


def click(request: HttpRequest) -> HttpResponse:
    """Insert one row for the signed-in user and publish to Celery inline."""
    worker = Worker.objects.get(user_id=request.user.pk)
    data = json.loads(request.body)
    row = Click.objects.create(
        key=data["idempotency_key"],
        contact_id=data["contact_id"],
        channel=data["channel"],
        worker_sid=worker.worker_sid,
    )
    send.delay(row.pk)
    return JsonResponse({"id": row.pk, "status": row.status}, status=202)
