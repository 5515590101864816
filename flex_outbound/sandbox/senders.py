"""The business's own addresses: WhatsApp senders, and the addresses of Conversations.

https://www.twilio.com/docs/whatsapp/api/senders and
https://www.twilio.com/docs/conversations/api/address-configuration-resource
"""

from __future__ import annotations

from flex_outbound.sandbox.defaults import Sender
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.ids import fixed_sid
from flex_outbound.sandbox.wire import JSON, Call, Reply, page, resource_url

CREATED = "2025-01-15T09:00:00Z"
CHANNELS = ("whatsapp", "rcs")
TYPES = ("sms", "whatsapp", "messenger", "gbm", "email", "rcs", "apple", "chat")
MAX_ADDRESSES = 50
PROFILE = (
    "about",
    "address",
    "description",
    "logo_url",
    "banner_url",
    "privacy_url",
    "terms_of_service_url",
    "accent_color",
    "vertical",
    "websites",
    "emails",
    "phone_numbers",
)


def list_senders(call: Call) -> Reply:
    """GET Channels/Senders of a ``Channel``, which Twilio requires."""
    channel = call.query.required("Channel")
    if channel not in CHANNELS:
        raise bad_request(20001, "Invalid Channel: it must be whatsapp or rcs")
    found = [one for one in call.world.senders if one.channel == channel]
    return page(call, "senders", found, lambda one: _sender(call, one))


def fetch_sender(call: Call) -> Reply:
    """GET one sender."""
    return Reply(_sender(call, call.find({_sid(call, "XE", one): one for one in call.world.senders}, "sid")))


def list_addresses(call: Call) -> Reply:
    """GET Configuration/Addresses, by ``Type`` if given; at most 50 per page."""
    wanted = call.query.get("Type")
    if wanted and wanted not in TYPES:
        raise bad_request(20001, f"Invalid Type: it must be one of {', '.join(TYPES)}")
    if call.query.integer("PageSize", MAX_ADDRESSES) > MAX_ADDRESSES:
        raise bad_request(20001, f"Invalid PageSize: it must be at most {MAX_ADDRESSES}")
    found = [one for one in call.world.senders if wanted in ("", one.channel)]
    return page(call, "address_configurations", found, lambda one: _address(call, one))


def fetch_address(call: Call) -> Reply:
    """GET one address."""
    return Reply(_address(call, call.find({_sid(call, "IG", one): one for one in call.world.senders}, "sid")))


def _sid(call: Call, prefix: str, one: Sender) -> str:
    return fixed_sid(prefix, f"{call.world.account_sid} {one.channel} {one.address}")


def _sender(call: Call, one: Sender) -> JSON:
    sid = _sid(call, "XE", one)
    about: JSON = dict.fromkeys(PROFILE)
    return {
        "sid": sid,
        "sender_id": one.address,
        "status": "ONLINE",
        "configuration": {
            "waba_id": "12345678912345",
            "verification_method": None,
            "verification_code": None,
            "voice_application_sid": None,
        },
        "webhook": {
            "callback_url": None,
            "callback_method": "POST",
            "fallback_url": None,
            "fallback_method": "POST",
            "status_callback_url": None,
            "status_callback_method": "POST",
        },
        "profile": about | {"name": one.name},
        "properties": {"quality_rating": "HIGH", "messaging_limit": "10K Customers/24hr"},
        "offline_reasons": None,
        "compliance": None,
        "url": resource_url("messaging", f"/v2/Channels/Senders/{sid}"),
    }


def _address(call: Call, one: Sender) -> JSON:
    sid = _sid(call, "IG", one)
    return {
        "sid": sid,
        "account_sid": call.world.account_sid,
        "type": one.channel,
        "address": one.address,
        "friendly_name": one.name,
        "address_country": None,
        "auto_creation": {"enabled": True, "type": "default"},
        "date_created": CREATED,
        "date_updated": CREATED,
        "url": resource_url("conversations", f"/v1/Configuration/Addresses/{sid}"),
    }
