"""The careful baseline: a click as a project would write it that checks what has to be checked."""

import json

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404

from crm_demo.models import Contact
from tests.benchmarks.bare.models import Click, Entry
from tests.benchmarks.bare.tasks import send


def careful_click(request: HttpRequest) -> JsonResponse:
    """Check session and permission, fetch the contact as this user may see it, insert two rows, publish inline."""
    if not request.user.has_perm("flex_outbound.add_interaction"):
        raise PermissionDenied
    data = json.loads(request.body)
    contact = get_object_or_404(Contact.objects.visible_to(request.user), pk=data["contact_id"])
    with transaction.atomic():
        click = Click.objects.create(
            agent=request.user, contact_id=str(contact.pk), channel=data["channel"], address=contact.mobile
        )
        Entry.objects.create(click=click, text=f"{data['channel']} to {contact.full_name}")
    send.delay(click.pk)
    return JsonResponse({"id": click.pk, "status": click.status}, status=202)
