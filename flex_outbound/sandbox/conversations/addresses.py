"""The business's addresses in Conversations: what happens when a customer writes to one first.

https://www.twilio.com/docs/conversations/api/address-configuration-resource
``arrivals`` is what happens by them.
"""

from __future__ import annotations

from typing import Any

from flex_outbound.sandbox.conversations.common import listing, unknown
from flex_outbound.sandbox.errors import bad_request, conflict
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import AddressConfiguration
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, now, resource_url

TYPES = ("sms", "whatsapp", "messenger", "gbm", "email", "rcs", "apple", "chat")
CREATIONS = {"webhook": "WebhookUrl", "studio": "StudioFlowSid", "default": ""}
METHODS = ("get", "post")
TEXTS = {
    "type": "Type",
    "conversation_service_sid": "ConversationServiceSid",
    "webhook_url": "WebhookUrl",
    "webhook_method": "WebhookMethod",
    "studio_flow_sid": "StudioFlowSid",
}


def list_addresses(call: Call) -> Reply:
    """GET Configuration/Addresses, by ``Type`` if given."""
    wanted = call.query.get("Type")
    if wanted and wanted not in TYPES:
        raise bad_request(20001, f"Invalid Type: it must be one of {', '.join(TYPES)}")
    found = [one for one in call.world.address_configurations.values() if wanted in ("", one.type)]
    return listing(call, "address_configurations", found, lambda one: show(call, one), 50)


def create_address(call: Call) -> Reply:
    """POST Configuration/Addresses: Type, Address (of the account: 21606; not configured yet: 20409), AutoCreation."""
    kind, address = call.form.required("Type"), call.form.required("Address")
    if kind not in TYPES:
        raise bad_request(20001, f"Invalid Type: it must be one of {', '.join(TYPES)}")
    if not call.world.owns(kind, address):
        raise bad_request(21606, f"{address} is not a sender of this account that can use {kind}")
    if any((one.type, one.address) == (kind, address) for one in call.world.address_configurations.values()):
        raise conflict(20409, f"An address configuration for {address} exists already")
    made = AddressConfiguration(
        new_sid("IG"),
        kind,
        address,
        call.form.get("FriendlyName") or None,
        _auto_creation(call, {"enabled": False, "type": "default"}),
        call.form.get("AddressCountry") or None,
    )
    call.world.address_configurations[made.sid] = made
    return Reply(show(call, made), 201)


def _auto_creation(call: Call, before: dict[str, Any]) -> dict[str, Any]:
    """Return ``before`` with the fields ``AutoCreation.…`` of the form; raises 20001, or 20404 for a service."""
    form, wanted = call.form, dict(before)
    for name, field in TEXTS.items():
        if form.get(f"AutoCreation.{field}"):
            wanted[name] = form.get(f"AutoCreation.{field}")
    enabled = form.flag("AutoCreation.Enabled")
    wanted["enabled"] = wanted["enabled"] if enabled is None else enabled
    if "AutoCreation.WebhookFilters" in form:
        wanted["webhook_filters"] = [one for one in form.all("AutoCreation.WebhookFilters") if one]
    if form.get("AutoCreation.StudioRetryCount"):
        wanted["studio_retry_count"] = form.integer("AutoCreation.StudioRetryCount", 0)
    _check(call, wanted)
    return wanted


def _check(call: Call, wanted: dict[str, Any]) -> None:
    kind = wanted["type"]
    if kind not in CREATIONS:
        raise bad_request(20001, f"Invalid AutoCreation.Type: it must be one of {', '.join(CREATIONS)}")
    needed = CREATIONS[kind]
    if needed and not any(TEXTS[name] == needed for name in wanted if name in TEXTS):
        raise bad_request(20001, f"AutoCreation.{needed} is required for AutoCreation.Type {kind}")
    if wanted.get("webhook_method", "get").lower() not in METHODS:
        raise bad_request(20001, "Invalid AutoCreation.WebhookMethod: it must be get or post")
    service = wanted.get("conversation_service_sid")
    if service and service not in call.world.services:
        raise unknown("AutoCreation.ConversationServiceSid", service)


def _one(call: Call) -> AddressConfiguration:
    """Return the configuration that the path names by its SID or by the address itself."""
    known = call.world.address_configurations
    named = (one for one in known.values() if one.address == call.params["sid"])
    return call.found(known.get(call.params["sid"]) or next(named, None))


def fetch_address(call: Call) -> Reply:
    """GET one address."""
    return Reply(show(call, _one(call)))


def update_address(call: Call) -> Reply:
    """POST one address: FriendlyName, AutoCreation."""
    one = _one(call)
    one.auto_creation = _auto_creation(call, one.auto_creation)
    one.name = call.form.get("FriendlyName", one.name or "") or None
    one.updated = now()
    return Reply(show(call, one))


def delete_address(call: Call) -> Reply:
    """DELETE one address's configuration. The account keeps the address."""
    del call.world.address_configurations[_one(call).sid]
    return Reply(None, 204)


def show(call: Call, one: AddressConfiguration) -> JSON:
    """Return ``one`` as Twilio writes it."""
    return {
        "sid": one.sid,
        "account_sid": call.world.account_sid,
        "type": one.type,
        "address": one.address,
        "friendly_name": one.name,
        "address_country": one.country,
        "auto_creation": one.auto_creation,
        "date_created": iso(one.created),
        "date_updated": iso(one.updated),
        "url": resource_url("conversations", f"/v1/Configuration/Addresses/{one.sid}"),
    }
