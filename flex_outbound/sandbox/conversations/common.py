"""What the handlers of Conversations share: the service and the conversation of the path, dates, lists, changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol, TypeVar

from flex_outbound.sandbox.conversations.changes import Changes
from flex_outbound.sandbox.errors import TwilioError, bad_request
from flex_outbound.sandbox.records import ChatService, Conversation, Role
from flex_outbound.sandbox.wire import JSON, Call, Reply, now, page, parse_date, resource_url

T = TypeVar("T")
REST = "conversation_writes"


class Dated(Protocol):
    """A resource with the two dates that a request may set."""

    created: datetime
    updated: datetime


def service_of(call: Call) -> ChatService:
    """Return the service that the path names, else the account's default one; raises 20404."""
    return call.found(call.world.services.get(call.params.get("service", call.world.default_service_sid)))


def root_of(call: Call) -> str:
    """Return Twilio's URL above the resources: of the account, or of the service that the path names."""
    path = f"/v1/Services/{call.params['service']}" if "service" in call.params else "/v1"
    return resource_url("conversations", path)


def service_fields(call: Call) -> JSON:
    """Return ``chat_service_sid`` where the path names a service; elsewhere most resources lack it."""
    return {"chat_service_sid": call.params["service"]} if "service" in call.params else {}


def conversation_of(call: Call) -> Conversation:
    """Return the conversation that the path names by SID or unique name; raises 20404."""
    return call.found(call.world.conversation(call.params["conversation"], service_of(call).sid))


def role_of(call: Call, name: str) -> Role | None:
    """Return the role whose SID is in the field ``name``, None where there is none; raises 20404."""
    sid = call.form.get(name)
    if not sid:
        return None
    role = service_of(call).roles.get(sid)
    if role is None:
        raise unknown(name, sid)
    return role


def unknown(name: str, sid: str) -> TwilioError:
    """Return the refusal of a field ``name`` whose ``sid`` leads to nothing."""
    return TwilioError(404, 20404, f"The requested resource {sid} ({name}) was not found")


def date_of(call: Call, name: str) -> datetime | None:
    """Return the date in the field ``name``, None where it is absent; raises 20001."""
    return parse_date(call.form.get(name)) if call.form.get(name) else None


def stamp(call: Call, record: Dated, is_new: bool = False) -> None:
    """Set the dates of ``record``: those of the request, else the present moment for the update."""
    record.created = date_of(call, "DateCreated") or record.created
    record.updated = date_of(call, "DateUpdated") or (record.created if is_new else now())


def listing(call: Call, key: str, items: Iterable[T], show: Callable[[T], JSON], most: int) -> Reply:
    """Answer with one page as ``page`` does; more than ``most`` items in a page are refused (20001)."""
    if call.query.integer("PageSize", most) > most:
        raise bad_request(20001, f"Invalid PageSize: it must be from 1 to {most}")
    return page(call, key, items, show, size=min(most, 50))


def changes_of(call: Call) -> Changes:
    """Return the changes of a REST request. They call webhooks only with ``X-Twilio-Webhook-Enabled: true``."""
    calls_webhooks = call.headers.get("x-twilio-webhook-enabled", "").lower() == "true"
    return Changes(call.state, call.world, calls_webhooks=calls_webhooks, rest=True)
