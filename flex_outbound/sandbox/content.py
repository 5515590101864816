"""Content templates and their WhatsApp approvals. https://www.twilio.com/docs/content/content-api-resources"""

from __future__ import annotations

from flex_outbound.sandbox.defaults import Template
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.wire import JSON, Call, Reply, page, parse_date, resource_url

CREATED = "2025-01-15T09:00:00Z"
STATUSES = ("unsubmitted", "received", "pending", "approved", "rejected", "paused", "disabled")


def _base(call: Call, template: Template) -> JSON:
    return {
        "sid": template.sid,
        "account_sid": call.world.account_sid,
        "friendly_name": template.name,
        "language": template.language,
        "variables": dict(template.variables),
        "types": template.types,
        "date_created": CREATED,
        "date_updated": CREATED,
    }


def show(call: Call, template: Template) -> JSON:
    """Return ``template`` as the Content resource writes it."""
    url = resource_url("content", f"/v1/Content/{template.sid}")
    links = {
        "approval_create": f"{url}/ApprovalRequests/whatsapp",
        "approval_fetch": f"{url}/ApprovalRequests",
    }
    return _base(call, template) | {"url": url, "links": links}


def _approval(template: Template) -> JSON:
    return {
        "name": template.name,
        "category": template.category,
        "content_type": template.kind,
        "status": template.status,
        "rejection_reason": template.rejection_reason,
        "allow_category_change": True,
    }


def _wanted(call: Call) -> list[Template]:
    """Return the templates that the query's filters leave; only v2 has any."""
    found = list(call.world.templates.values())
    for text in call.query.all("ChannelEligibility"):
        channel, _, status = text.partition(":")
        if channel != "whatsapp" or status not in STATUSES:
            raise bad_request(20001, f"Invalid ChannelEligibility {text!r}: write whatsapp:approved")
        found = [one for one in found if one.status == status]
    languages, kinds = call.query.all("Language"), call.query.all("ContentType")
    name, text = call.query.get("ContentName").lower(), call.query.get("Content").lower()
    found = [one for one in found if name in one.name and (not languages or one.language in languages)]
    found = [one for one in found if text in one.body.lower() and (not kinds or not one.types.keys().isdisjoint(kinds))]
    return _sorted(call, found if _in_time(call) else [])


def _in_time(call: Call) -> bool:
    """Return whether the day on which all templates were made is between DateCreatedAfter and -Before."""
    made = parse_date(CREATED)
    after, before = call.query.get("DateCreatedAfter"), call.query.get("DateCreatedBefore")
    return (not after or made >= parse_date(after)) and (not before or made <= parse_date(before))


def _sorted(call: Call, found: list[Template]) -> list[Template]:
    """Sort by SortByContentName; SortByDate changes nothing, since all are of one day. Raises 20001."""
    for rule in ("SortByDate", "SortByContentName"):
        if call.query.get(rule).lower() not in ("", "asc", "desc"):
            raise bad_request(20001, f"Invalid {rule}: it must be asc or desc")
    by_name = call.query.get("SortByContentName").lower()
    return sorted(found, key=lambda one: one.name, reverse=by_name == "desc") if by_name else found


def list_content(call: Call) -> Reply:
    """GET Content."""
    return page(call, "contents", _wanted(call), lambda one: show(call, one))


def fetch_content(call: Call) -> Reply:
    """GET one template."""
    return Reply(show(call, call.find(call.world.templates, "content")))


def list_approvals(call: Call) -> Reply:
    """GET ContentAndApprovals: each template with ``approval_requests``."""
    return page(
        call,
        "contents",
        _wanted(call),
        lambda one: _base(call, one) | {"approval_requests": _approval(one)},
    )


def fetch_approval(call: Call) -> Reply:
    """GET the approval of one template: under ``whatsapp``, its status and any reason of a rejection."""
    template = call.find(call.world.templates, "content")
    return Reply(
        {
            "sid": template.sid,
            "account_sid": call.world.account_sid,
            "whatsapp": {"type": "whatsapp"} | _approval(template),
            "url": resource_url("content", call.path),
        }
    )
