"""The account itself and its phone numbers, in the API of 2010, which has other dates and pages.

https://www.twilio.com/docs/iam/api/account and
https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from flex_outbound.sandbox.defaults import Sender
from flex_outbound.sandbox.errors import not_found
from flex_outbound.sandbox.ids import fixed_sid
from flex_outbound.sandbox.wire import JSON, Call, Reply, paging

CREATED = "Wed, 15 Jan 2025 09:00:00 +0000"
SUBRESOURCES = {"incoming_phone_numbers": "IncomingPhoneNumbers", "messages": "Messages", "calls": "Calls"}
NULLS = (
    "address_sid",
    "bundle_sid",
    "emergency_address_sid",
    "identity_sid",
    "trunk_sid",
    "sms_application_sid",
    "voice_application_sid",
)


def root_of(call: Call) -> str:
    """Return the path of the account that asks; the path's account must be that one, else 20404."""
    if call.params["account"] != call.world.account_sid:
        raise not_found(call.path)
    return f"/2010-04-01/Accounts/{call.world.account_sid}"


def fetch_account(call: Call) -> Reply:
    """GET the account. Its auth token is left out, as for API keys."""
    root = root_of(call)
    return Reply(
        {
            "sid": call.world.account_sid,
            "friendly_name": call.world.name,
            "status": "suspended" if call.world.suspended else "active",
            "type": "Full",
            "auth_token": None,
            "owner_account_sid": call.world.account_sid,
            "date_created": CREATED,
            "date_updated": CREATED,
            "subresource_uris": {name: f"{root}/{path}.json" for name, path in SUBRESOURCES.items()},
            "uri": f"{root}.json",
        }
    )


def list_phone_numbers(call: Call) -> Reply:
    """GET IncomingPhoneNumbers: the numbers that the account sends text messages from.

    Filters: ``PhoneNumber`` (a part of it, ``*`` for any digit), ``FriendlyName``, ``Beta``, ``Origin``.
    """
    root, query = root_of(call), call.query
    part = re.compile(re.escape(query.get("PhoneNumber")).replace(r"\*", r"\d"), re.ASCII)
    numbers = [
        one for one in _numbers(call) if part.search(one.address) and query.get("FriendlyName") in ("", one.name)
    ]
    if query.get("Origin") not in ("", "twilio") or query.flag("Beta"):
        numbers = []
    return _page(call, "incoming_phone_numbers", [_show(call, root, one) for one in numbers])


def fetch_phone_number(call: Call) -> Reply:
    """GET one number of the account."""
    root = root_of(call)
    return Reply(_show(call, root, call.find({_sid(call, one): one for one in _numbers(call)}, "number")))


def _numbers(call: Call) -> list[Sender]:
    return [one for one in call.world.senders if one.channel == "sms"]


def _sid(call: Call, one: Sender) -> str:
    return fixed_sid("PN", f"{call.world.account_sid} {one.address}")


def _show(call: Call, root: str, one: Sender) -> JSON:
    sid = _sid(call, one)
    body: JSON = dict.fromkeys(NULLS)
    return body | {
        "sid": sid,
        "account_sid": call.world.account_sid,
        "friendly_name": one.name,
        "phone_number": one.address,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "emergency_status": "Inactive",
        "emergency_address_status": "unregistered",
        "sms_url": "",
        "sms_method": "POST",
        "sms_fallback_url": "",
        "sms_fallback_method": "POST",
        "status_callback": "",
        "status_callback_method": "POST",
        "voice_receive_mode": "voice",
        "voice_caller_id_lookup": False,
        "voice_url": None,
        "voice_method": "POST",
        "voice_fallback_url": None,
        "voice_fallback_method": "POST",
        "date_created": CREATED,
        "date_updated": CREATED,
        "uri": f"{root}/IncomingPhoneNumbers/{sid}.json",
    }


def _page(call: Call, key: str, items: list[JSON]) -> Reply:
    """Answer with one page as the API of 2010 writes it: paths without a host, beside the items."""
    size, number = paging(call)
    start, end = number * size, (number + 1) * size
    part = items[start:end]
    return Reply(
        {
            key: part,
            "page": number,
            "page_size": size,
            "start": start,
            "end": max(start, start + len(part) - 1),
            "uri": _uri(call, size, number),
            "first_page_uri": _uri(call, size, 0),
            "previous_page_uri": _uri(call, size, number - 1) if number else None,
            "next_page_uri": _uri(call, size, number + 1) if len(items) > end else None,
        }
    )


def _uri(call: Call, size: int, number: int) -> str:
    paging = {"PageSize": size, "Page": number} | ({"PageToken": f"PAPN{number * size}"} if number else {})
    return f"{call.path}?{urlencode(paging)}"
