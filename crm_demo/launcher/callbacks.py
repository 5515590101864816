"""Tells the sandbox where the CRM takes its callbacks, as one does in Twilio's console."""

import base64
import http.client
import urllib.parse

from django.urls import reverse

from crm_demo.launcher.plan import HOST, Plan
from flex_outbound.models import Account
from flex_outbound.sandbox import defaults

SECONDS = 3.0


def register_callbacks(plan: Plan, public_url: str) -> bool:
    """Set the workspace's EventCallbackUrl; return False where that did not work: then everything is polled.

    Source: https://www.twilio.com/docs/taskrouter/api/event
    """
    account = Account.objects.filter(account_sid=defaults.ACCOUNT_SID).first()
    if account is None:
        return False
    callback = public_url + reverse("flex_outbound:webhook-taskrouter", args=[account.pk])
    path = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}"
    headers = {
        "Authorization": f"Basic {_basic(defaults.API_KEY_SID, defaults.API_KEY_SECRET)}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection = http.client.HTTPConnection(HOST, plan.sandbox_port, timeout=SECONDS)
    try:
        connection.request("POST", path, urllib.parse.urlencode({"EventCallbackUrl": callback}), headers)
        return connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
