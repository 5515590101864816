"""The naive job, with everything that a careful reader of Celery's manual would add: late acks, retries, a guard."""

import json
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from crm_demo.models import Contact
from flex_outbound.sandbox import defaults
from tests.faults.naive.models import Click

PRODUCT_HOST = "https://flex-api.twilio.com"
TIMEOUT_SECONDS = 2.0
SENDERS = {one.channel: one.address for one in reversed(defaults.SENDERS)}


class _Turned(TwilioHttpClient):
    """The SDK's own client, turned towards the sandbox."""

    def request(self, method: str, url: str, **fields: Any) -> Any:
        base = settings.FLEX_OUTBOUND["API_BASE_URL"]
        return super().request(method, url.replace(PRODUCT_HOST, f"{base}/flex-api"), **fields)


@shared_task(
    name="faults_naive.send",
    acks_late=True,
    autoretry_for=(Exception,),
    retry_backoff=True,
    retry_backoff_max=10,
    max_retries=8,
    ignore_result=True,
)
def send(click_id: int) -> None:
    """Open the interaction and save what came back."""
    click = Click.objects.get(pk=click_id)
    if click.interaction_sid:
        return
    _save(click, _post(click, Contact.objects.get(pk=click.contact_id)))


def _post(click: Click, contact: Contact) -> Any:
    client = Client(
        defaults.API_KEY_SID,
        defaults.API_KEY_SECRET,
        defaults.ACCOUNT_SID,
        http_client=_Turned(timeout=TIMEOUT_SECONDS),
    )
    routing = {
        "workspace_sid": defaults.WORKSPACE_SID,
        "workflow_sid": defaults.WORKFLOW_SID,
        "queue_sid": defaults.QUEUES["Outbound"],
        "worker_sid": click.worker_sid,
        # Only for the count at the end: the naive way itself never looks for it.
        "attributes": {"customerName": contact.full_name, "flexOutboundKey": click.key},
    }
    return client.flex_api.v1.interaction.create(
        channel=_channel(click.channel, contact), routing={"properties": routing}
    )


def _channel(channel: str, contact: Contact) -> dict[str, Any]:
    sender = SENDERS[channel]
    if channel == "email":
        one = {"level": "to", "name": contact.full_name, "address": contact.email, "type": channel}
        properties = {"type": channel, "from": sender, "from_name": "Support"}
    else:
        prefix = "whatsapp:" if channel == "whatsapp" else ""
        one = {"address": prefix + contact.mobile, "proxy_address": sender, "type": channel}
        properties = {"type": channel}
    return {"type": channel, "initiated_by": "agent", "properties": properties, "participants": [one]}


def _save(click: Click, made: Any) -> None:
    task = made.routing["properties"]
    click.interaction_sid, click.channel_sid, click.task_sid = made.sid, made.channel["sid"], task["sid"]
    click.conversation_sid = json.loads(task["attributes"])["conversationSid"]
    click.status, click.opened_at = "created", timezone.now()
    click.save()
