"""Registrations for events of interactions.

https://www.twilio.com/docs/flex/developer/conversations/interactions-webhooks; the page's table and its samples
have different names for two fields, so both are accepted.
"""

from __future__ import annotations

from dataclasses import replace

from flex_outbound.sandbox.errors import TwilioError, bad_request, not_found
from flex_outbound.sandbox.ids import new_ttid
from flex_outbound.sandbox.openapi.values import url_problem
from flex_outbound.sandbox.records import InteractionWebhook
from flex_outbound.sandbox.wire import JSON, Call, Form, Reply, iso, now, page, resource_url

EVENTS = (
    "onInteractionCreated",
    "onChannelCreated",
    "onChannelCreateFailed",
    "onChannelStatusUpdated",
    "onParticipantJoined",
    "onParticipantLeft",
    "onParticipantUpdated",
)
TYPES = ("global", "interaction")


def _check_instance(call: Call) -> None:
    if call.params["instance"] != call.world.flex_instance_sid:
        raise not_found(call.path)


def invalid(message: str) -> TwilioError:
    """Return the refusal of a registration."""
    return bad_request(20001, message)


def _events(form: Form) -> list[str]:
    given = form.all("WebhookEvents") or form.all("Filters")
    names = [name.strip() for text in given for name in text.split(",") if name.strip()]
    if set(names) - set(EVENTS):
        raise invalid(f"Invalid WebhookEvents: they must be among {', '.join(EVENTS)}")
    return names


def _configure(form: Form, webhook: InteractionWebhook) -> None:
    wrong = url_problem(form.get("WebhookUrl")) if form.get("WebhookUrl") else ""
    if wrong:
        raise invalid(f"Invalid WebhookUrl: {wrong}")
    webhook.events = _events(form) or webhook.events
    webhook.url = form.get("WebhookUrl") or webhook.url
    webhook.method = (form.get("WebhookMethod") or form.get("Method") or webhook.method).upper()
    webhook.type = form.get("Type") or webhook.type
    webhook.name = form.get("FriendlyName") or webhook.name
    if not webhook.url or not webhook.events:
        raise invalid("WebhookUrl and WebhookEvents are required")
    if webhook.method not in ("GET", "POST") or webhook.type not in TYPES:
        raise invalid("WebhookMethod must be GET or POST, Type global or interaction")


def create_webhook(call: Call) -> Reply:
    """POST InteractionWebhooks: WebhookUrl, WebhookEvents (repeated), WebhookMethod, Type, FriendlyName."""
    _check_instance(call)
    webhook = InteractionWebhook(new_ttid(), "", [])
    _configure(call.form, webhook)
    call.world.interaction_webhooks[webhook.ttid] = webhook
    return Reply(show(call, webhook), 201)


def list_webhooks(call: Call) -> Reply:
    """GET InteractionWebhooks, by ``type`` if given."""
    _check_instance(call)
    wanted = call.query.get("type")
    if wanted and wanted not in TYPES:
        raise invalid(f"Invalid type: it must be one of {', '.join(TYPES)}")
    found = [one for one in call.world.interaction_webhooks.values() if wanted in ("", one.type)]
    return page(call, "data", found, lambda one: show(call, one))


def fetch_webhook(call: Call) -> Reply:
    """GET one registration."""
    _check_instance(call)
    return Reply(show(call, call.find(call.world.interaction_webhooks, "ttid")))


def update_webhook(call: Call) -> Reply:
    """POST one registration."""
    _check_instance(call)
    webhook = call.find(call.world.interaction_webhooks, "ttid")
    # A copy, so that a refusal leaves the registration as it was.
    changed = replace(webhook, updated=now())
    _configure(call.form, changed)
    call.world.interaction_webhooks[webhook.ttid] = changed
    return Reply(show(call, changed))


def delete_webhook(call: Call) -> Reply:
    """DELETE one registration."""
    _check_instance(call)
    del call.world.interaction_webhooks[call.find(call.world.interaction_webhooks, "ttid").ttid]
    return Reply(None, 204)


def show(call: Call, webhook: InteractionWebhook) -> JSON:
    """Return ``webhook`` as Twilio writes it."""
    path = f"/v1/Instances/{call.world.flex_instance_sid}/InteractionWebhooks/{webhook.ttid}"
    return {
        "ttid": webhook.ttid,
        "account_sid": call.world.account_sid,
        "instance_sid": call.world.flex_instance_sid,
        "friendly_name": webhook.name or None,
        "type": webhook.type,
        "webhook_url": webhook.url,
        "webhook_method": webhook.method,
        "webhook_events": webhook.events,
        "date_created": iso(webhook.created),
        "date_updated": iso(webhook.updated),
        "url": resource_url("flex-api", path),
    }
