"""The business's WhatsApp senders. https://www.twilio.com/docs/whatsapp/api/senders"""

from __future__ import annotations

from flex_outbound.sandbox.defaults import Sender
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.ids import fixed_sid
from flex_outbound.sandbox.wire import JSON, Call, Reply, page, resource_url

CHANNELS = ("whatsapp", "rcs")
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
    return Reply(_sender(call, call.find({_sid(call, one): one for one in call.world.senders}, "sid")))


def _sid(call: Call, one: Sender) -> str:
    return fixed_sid("XE", f"{call.world.account_sid} {one.channel} {one.address}")


def _sender(call: Call, one: Sender) -> JSON:
    sid = _sid(call, one)
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
