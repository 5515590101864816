"""Whether a callback is Twilio's, about the account and the workspace it claims, and fresh."""

from collections.abc import Mapping

from django.http import HttpRequest

from flex_outbound.conf import conf
from flex_outbound.exceptions import WebhookError
from flex_outbound.gateway import signature
from flex_outbound.models import Account

SIGNATURE = "X-Twilio-Signature"


def signed_url(request: HttpRequest) -> str:
    """Return the address that Twilio signed: PUBLIC_BASE_URL and the path, never a forwarded header.

    Raises WebhookError where PUBLIC_BASE_URL is not set.
    """
    if conf.public_base_url is None:
        raise WebhookError("FLEX_OUTBOUND['PUBLIC_BASE_URL'] is not set", code="no_public_base_url")
    return conf.public_base_url + request.get_full_path()


def verify_form(request: HttpRequest, account: Account) -> Mapping[str, str]:
    """Return the parameters of a form callback.

    Raises WebhookError for a missing or wrong signature, another content type, or another account's or
    workspace's event.
    Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """
    if request.content_type != "application/x-www-form-urlencoded":
        # A JSON body would leave request.POST empty, and a signature over an empty form is easily had.
        raise WebhookError("Only form callbacks are accepted here", code="content_type")
    header = request.headers.get(SIGNATURE)
    tokens = account.signing_tokens()
    if not tokens or not signature.is_valid(tokens, signed_url(request), request.POST, header):
        raise WebhookError("The signature is missing or wrong", code="signature")
    if request.POST.get("AccountSid") != account.account_sid:
        raise WebhookError("The event is of another account", code="account")
    if request.POST.get("WorkspaceSid", account.workspace_sid) != account.workspace_sid:
        raise WebhookError("The event is of another workspace", code="workspace")
    return request.POST.dict()
