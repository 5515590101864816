"""The one address that the demo lacks: come into a conversation that exists."""

import json

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from flex_outbound.exceptions import ClickConflict, ClickNotAllowed
from flex_outbound.models import Conversation
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import joining


@require_POST
def join(request: HttpRequest, conversation_sid: str) -> HttpResponse:
    """Have the signed-in user invited to a conversation; 409 or 403 with the code where that is refused."""
    conversation = get_object_or_404(Conversation, pk=key_of(conversation_sid))
    key = json.loads(request.body)["idempotency_key"]
    try:
        row = joining.join(conversation, request.user, idempotency_key=key)
    except (ClickConflict, ClickNotAllowed) as error:
        return JsonResponse({"code": error.code}, status=409 if isinstance(error, ClickConflict) else 403)
    return JsonResponse({"id": str(row.pk)}, status=202)
