"""What the demo has no address for: requests as programs make them, changed tasks, and answering first messages."""

import json

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from flex_outbound import interactions
from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Interaction, Sender
from flex_outbound.setup import inbound


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


@require_POST
def answer_first_messages(request: HttpRequest) -> HttpResponse:
    """Have customers answered who write to a sender first, as the button on the page of callbacks does."""
    sender = Sender.objects.select_related("account").get(address=json.loads(request.body)["sender"], channel="sms")
    [row] = [one for one in inbound.look(sender.account) if one.sender.pk == sender.pk]
    inbound.switch_on(sender, row.digest, take_over=True)
    return HttpResponse(status=204)
