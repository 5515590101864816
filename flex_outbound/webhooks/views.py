"""Where Twilio calls: answers within milliseconds, whatever the event means."""

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from flex_outbound.exceptions import WebhookError
from flex_outbound.models import Account, Source
from flex_outbound.webhooks.store import store
from flex_outbound.webhooks.verify import verify_form

logger = logging.getLogger(__name__)


@csrf_exempt  # Twilio has no cookie of ours; the signature takes its place
@require_POST
def taskrouter(request: HttpRequest, account_id: int) -> HttpResponse:
    """Take one event of a workspace: 204, or 403 for what is not Twilio's.

    Source: https://www.twilio.com/docs/taskrouter/api/event#event-callbacks
    """
    account = get_object_or_404(Account, pk=account_id, is_active=True)
    try:
        params = verify_form(request, account)
    except WebhookError as error:
        logger.warning("A callback for account %s was refused: %s", account_id, error.code)
        return HttpResponse(str(error), status=403, content_type="text/plain")
    store(account, Source.TASKROUTER, params)
    return HttpResponse(status=204)
