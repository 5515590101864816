"""What the demo has no address for: a click that waits for the customer's answer, and reading conversations at once."""

import json

from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from flex_outbound.models import Conversation
from flex_outbound.outbox.enqueue import Click, enqueue


@require_POST
def wait(request: HttpRequest) -> HttpResponse:
    """Write to a contact by SMS as the signed-in user, and wait for the answer."""
    given = json.loads(request.body)
    row = enqueue(
        Click(
            user=request.user,
            contact_type="crm_demo.contact",
            contact_id=given["contact"],
            channel="sms",
            body=given["body"],
            idempotency_key=given["idempotency_key"],
            opens_on_answer=True,
        )
    )
    return JsonResponse({"id": str(row.pk)}, status=202)


@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Make every conversation due to be read."""
    Conversation.objects.open().update(next_at=Now())
    return HttpResponse(status=204)
