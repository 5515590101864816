"""The registrations of conversations' webhooks: for all conversations, or for one.

https://www.twilio.com/docs/conversations/api/webhook-configuration-resource,
https://www.twilio.com/docs/conversations/api/conversation-scoped-webhook-resource
"""

from __future__ import annotations

from flex_outbound.sandbox.conversations.common import (
    REST,
    conversation_of,
    listing,
    root_of,
    service_fields,
    service_of,
)
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Conversation, ScopedWebhook, ServiceWebhooks
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, now

TARGETS = ("webhook", "trigger", "studio")


def fetch_service_webhooks(call: Call) -> Reply:
    """GET Configuration/Webhooks, of the account or of its chat service."""
    settings = _settings(call)
    own = service_fields(call) or {"target": settings.target}
    return Reply(
        {
            "account_sid": call.world.account_sid,
            **own,
            "pre_webhook_url": settings.pre_url or None,
            "post_webhook_url": settings.post_url or None,
            "method": settings.method,
            "filters": settings.filters,
            "url": f"{root_of(call)}/Configuration/Webhooks",
        }
    )


def _settings(call: Call) -> ServiceWebhooks:
    return service_of(call).webhooks if "service" in call.params else call.world.account_webhooks


def update_service_webhooks(call: Call) -> Reply:
    """POST Configuration/Webhooks: PreWebhookUrl (kept, never called), PostWebhookUrl, Method, Filters; Target."""
    settings, form = _settings(call), call.form
    method = form.get("Method", settings.method).upper()
    if method not in ("GET", "POST"):
        raise bad_request(20001, "Invalid Method: it must be GET or POST")
    if "service" not in call.params and form.get("Target", settings.target) not in ("webhook", "flex"):
        raise bad_request(20001, "Invalid Target: it must be webhook or flex")
    settings.target = form.get("Target", settings.target)
    settings.method = method
    settings.pre_url = form.get("PreWebhookUrl", settings.pre_url)
    settings.post_url = form.get("PostWebhookUrl", settings.post_url)
    if "Filters" in form:
        settings.filters = [name for name in form.all("Filters") if name]
    return fetch_service_webhooks(call)


def create_webhook(call: Call) -> Reply:
    """POST a webhook of one conversation: Target, Configuration.Url, .Method, .Filters."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    target = call.form.required("Target")
    if target not in TARGETS:
        raise bad_request(20001, f"Invalid Target: it must be one of {', '.join(TARGETS)}")
    webhook = ScopedWebhook(new_sid("WH"), target, {})
    _configure(call, webhook)
    conversation.webhooks[webhook.sid] = webhook
    return Reply(show(call, conversation, webhook), 201)


def _configure(call: Call, webhook: ScopedWebhook) -> None:
    names = {"url": "Url", "method": "Method", "flow_sid": "FlowSid"}
    if call.form.get("Configuration.ReplayAfter"):
        webhook.configuration["replay_after"] = call.form.integer("Configuration.ReplayAfter", 0)
    for key, name in names.items():
        if f"Configuration.{name}" in call.form:
            webhook.configuration[key] = call.form.get(f"Configuration.{name}")
    for key, name in {"filters": "Filters", "triggers": "Triggers"}.items():
        if f"Configuration.{name}" in call.form:
            webhook.configuration[key] = call.form.all(f"Configuration.{name}")


def list_webhooks(call: Call) -> Reply:
    """GET the webhooks of one conversation."""
    conversation = conversation_of(call)
    return listing(call, "webhooks", conversation.webhooks.values(), lambda one: show(call, conversation, one), 5)


def fetch_webhook(call: Call) -> Reply:
    """GET one webhook of one conversation."""
    conversation = conversation_of(call)
    return Reply(show(call, conversation, call.find(conversation.webhooks, "webhook")))


def update_webhook(call: Call) -> Reply:
    """POST one webhook of one conversation."""
    conversation = conversation_of(call)
    webhook = call.find(conversation.webhooks, "webhook")
    _configure(call, webhook)
    webhook.updated = now()
    return Reply(show(call, conversation, webhook))


def delete_webhook(call: Call) -> Reply:
    """DELETE one webhook of one conversation."""
    conversation = conversation_of(call)
    del conversation.webhooks[call.find(conversation.webhooks, "webhook").sid]
    return Reply(None, 204)


def show(call: Call, conversation: Conversation, webhook: ScopedWebhook) -> JSON:
    """Return ``webhook`` as Twilio writes it."""
    return {
        "sid": webhook.sid,
        "account_sid": call.world.account_sid,
        **service_fields(call),
        "conversation_sid": conversation.sid,
        "target": webhook.target,
        "configuration": webhook.configuration,
        "date_created": iso(webhook.created),
        "date_updated": iso(webhook.updated),
        "url": f"{root_of(call)}/Conversations/{conversation.sid}/Webhooks/{webhook.sid}",
    }
