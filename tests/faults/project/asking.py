"""What the demo has no address for: to ask for an agent as a program does, and to change a task's attributes."""

import json

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from flex_outbound import interactions
from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Interaction


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Start an interaction with what the body names; 409 with the code where another one is in the way."""
    try:
        made = interactions.start(channel="sms", **json.loads(request.body))
    except ClickConflict as error:
        return JsonResponse({"code": error.code}, status=409)
    return JsonResponse({"id": str(made.pk)}, status=202)


@require_POST
def change(request: HttpRequest, interaction_id: str) -> HttpResponse:
    """Have the attributes of an interaction's task changed."""
    interactions.update_task_attributes(get_object_or_404(Interaction, pk=interaction_id), json.loads(request.body))
    return HttpResponse(status=202)
