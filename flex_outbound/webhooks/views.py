"""Where Twilio calls: answers within milliseconds, whatever the event means."""

from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from flex_outbound.exceptions import WebhookError
from flex_outbound.models import Source
from flex_outbound.sensitive import sensitive_view
from flex_outbound.webhooks import receipts, refusals
from flex_outbound.webhooks.accounts import active_account
from flex_outbound.webhooks.read import read
from flex_outbound.webhooks.store import store
from flex_outbound.webhooks.verify import verify

_STATUS: Final = {"too_large": 413}


@login_not_required  # nor does Twilio sign in, where a middleware asks everybody to
@csrf_exempt  # Twilio has no cookie of ours; the signature takes its place
@require_POST
@sensitive_view
def receive(request: HttpRequest, account_id: int, source: Source) -> HttpResponse:
    """Take one event: 204; or 403 for what is not Twilio's, 413 for what is too large, and the refusal is counted.

    Source: https://www.twilio.com/docs/taskrouter/api/event#event-callbacks
    """
    account = active_account(account_id)
    if account is None:
        raise Http404
    try:
        callback = read(request)
        verified = verify(request, account, source, callback)
    except WebhookError as error:
        refusals.count(account, source, error.code)
        return HttpResponse(str(error), status=_STATUS.get(error.code, 403), content_type="text/plain")
    receipts.note(account, source, callback.params.get("EventType", ""), verified.algorithm)
    store(account, source, callback, verified.event_id, is_signed=verified.is_signed)
    return HttpResponse(status=204)
