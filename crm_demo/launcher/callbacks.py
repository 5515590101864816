"""Tells the sandbox where the CRM takes its callbacks, as one does in Twilio's console."""

import base64
import http.client
import urllib.parse
from collections.abc import Iterator

from django.urls import reverse

from crm_demo.launcher.plan import HOST, Plan
from flex_outbound.models import Account, Source
from flex_outbound.sandbox import defaults
from flex_outbound.setup.comparing import EVENTS

SECONDS = 3.0

Fields = list[tuple[str, str]]


def register_callbacks(plan: Plan, public_url: str) -> bool:
    """Register the callbacks of all three services; return False where that did not work: then everything is polled.

    Source: docs/webhooks.md
    """
    account = Account.objects.filter(account_sid=defaults.ACCOUNT_SID).first()
    if account is None:
        return False
    connection = http.client.HTTPConnection(HOST, plan.sandbox_port, timeout=SECONDS)
    try:
        return all(_post(connection, path, fields) for path, fields in _registrations(public_url, account.pk))
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _registrations(public_url: str, account_id: int) -> Iterator[tuple[str, Fields]]:
    def url(service: str) -> str:
        return public_url + reverse(f"flex_outbound:webhook-{service}", args=[account_id])

    yield f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}", [("EventCallbackUrl", url("taskrouter"))]
    yield (
        "/conversations/v1/Configuration/Webhooks",
        [
            ("PostWebhookUrl", url("conversations")),
            ("Method", "POST"),
            *(("Filters", name) for name in EVENTS[Source.CONVERSATIONS]),
        ],
    )
    yield (
        f"/flex-api/v1/Instances/{defaults.FLEX_INSTANCE_SID}/InteractionWebhooks",
        [
            ("WebhookUrl", url("interactions")),
            ("WebhookMethod", "POST"),
            ("Type", "global"),
            ("FriendlyName", "crm_demo"),
            *(("WebhookEvents", name) for name in EVENTS[Source.INTERACTIONS]),
        ],
    )


def _post(connection: http.client.HTTPConnection, path: str, fields: Fields) -> bool:
    headers = {
        "Authorization": f"Basic {_basic(defaults.API_KEY_SID, defaults.API_KEY_SECRET)}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", path, urllib.parse.urlencode(fields), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status < 300


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
