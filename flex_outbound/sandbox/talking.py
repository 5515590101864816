"""The control API's part of conversations: customer and agent write, messages change, receipts come."""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import Request

from flex_outbound.sandbox.asking import Refusal, as_object, find_conversation, find_message, flag_of, text_of
from flex_outbound.sandbox.conversations import arrivals, delivery
from flex_outbound.sandbox.conversations.changes import Changes, Draft
from flex_outbound.sandbox.flex import absence
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Conversation, Media, Message, Participant, Receipt
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.wire import now
from flex_outbound.sandbox.world import LARGEST_MEDIA, World

CATEGORIES = ("media", "body", "history")
Json = dict[str, Any]
Found = tuple[World, Conversation, Participant | None]


def customer_says(state: SandboxState, request: Request, body: Any) -> object:
    """POST messages: the customer writes, in an open conversation or, where the address creates one, first."""
    given = as_object(body)
    draft, address = _draft(given), text_of(given, "from", "address")
    files = _media(given) + _parts(given, draft)
    if not draft.body and not files:
        raise Refusal("body is missing")
    world, conversation, customer = _customer(state, given, address, draft.silent)
    changes = _changes(state, world, draft.silent)
    draft.media = _kept(world, conversation, files, address or (customer.customer if customer else None))
    if customer is not None:
        message = changes.add_reply(conversation, customer, draft)
        absence.wake(state, world, conversation)
    else:
        draft.author = address or "unknown"
        message = changes.add_message(conversation, draft)
    return _told(conversation, message)


def customer_blocks(state: SandboxState, request: Request, body: Any) -> object:
    """POST blocks: the customer blocks the business on WhatsApp, or no longer (``blocked``: false)."""
    given = as_object(body)
    address = text_of(given, "address") or ""
    if not address.startswith("whatsapp:"):
        raise Refusal("address must begin with whatsapp:")
    blocked = flag_of({"blocked": True, **given}, "blocked")
    for world in state.worlds.values():
        (world.blocked_by.add if blocked else world.blocked_by.discard)(address)
    return {"address": address, "blocked": blocked}


def agent_says(state: SandboxState, request: Request, body: Any) -> object:
    """POST replies: the agent writes."""
    given = as_object(body)
    draft, files = _draft(given), _media(given)
    if not draft.body and not files:
        raise Refusal("body is missing")
    world, conversation = find_conversation(state, str(given.get("conversation_sid")))
    draft.author = text_of(given, "author") or "agent"
    members = (one for one in conversation.participants.values() if one.identity == draft.author)
    member = next(members, None)
    draft.participant_sid = member.sid if member else None
    draft.media = _kept(world, conversation, files, draft.author)
    return _told(conversation, _changes(state, world, draft.silent).add_message(conversation, draft))


def _changes(state: SandboxState, world: World, silent: bool) -> Changes:
    return Changes(state, world, calls_webhooks=not silent)


def _told(conversation: Conversation, message: Message) -> Json:
    files = [one["sid"] for one in message.media or []]
    return {"sid": message.sid, "conversation_sid": conversation.sid, "media": files}


def _draft(given: Json) -> Draft:
    text, subject = text_of(given, "body"), text_of(given, "subject")
    return Draft(body=text or None, subject=subject or None, silent=flag_of(given, "silent"))


def _parts(given: Json, draft: Draft) -> list[Media]:
    """Return the text and the HTML of an email as files, as Twilio keeps them; the message then has no body."""
    html = text_of(given, "html")
    if not html:
        return []
    parts = [("text/plain", draft.body or ""), ("text/html", html)]
    draft.body = None
    return [Media("", "", text.encode(), kind, category="body") for kind, text in parts if text]


def _media(given: Json) -> list[Media]:
    wanted = given.get("media") or []
    if not isinstance(wanted, list):
        raise Refusal("media must be a list")
    return [_file(as_object(one)) for one in wanted]


def _file(given: Json) -> Media:
    try:
        data = base64.b64decode(text_of(given, "data") or "", validate=True)
    except ValueError as error:
        raise Refusal("data of media must be base64") from error
    if len(data) > LARGEST_MEDIA:
        raise Refusal(f"a file can have at most {LARGEST_MEDIA} bytes")
    category = text_of(given, "category") or "media"
    if category not in CATEGORIES:
        raise Refusal(f"category must be one of {', '.join(CATEGORIES)}")
    kind = text_of(given, "content_type") or "application/octet-stream"
    return Media("", "", data, kind, text_of(given, "filename") or None, category)


def _kept(world: World, conversation: Conversation, files: list[Media], author: str | None) -> list[Media]:
    for one in files:
        one.sid, one.service_sid, one.author = new_sid("ME"), conversation.service_sid, author or "system"
        world.keep_media(one)
    return files


def _customer(state: SandboxState, given: Json, address: str | None, silent: bool) -> Found:
    """Find the customer by conversation, by address, or by both addresses; who is in none may open one.

    In a conversation that is named, another address writes without being a participant.
    """
    sid, proxy = text_of(given, "conversation_sid"), text_of(given, "to", "proxy_address")
    for world in state.worlds.values():
        known = [sid] if sid else reversed(world.addresses.get(str(address), {}))
        for conversation in filter(None, map(world.conversation, known)):
            if conversation.state == "closed":
                continue
            for one in conversation.participants.values():
                # Participants by email and of chats have no address of the business.
                is_to = one.type == "email" or one.is_visitor or proxy in (None, one.proxy)
                if one.customer and address in (None, one.customer) and is_to:
                    return world, conversation, one
            if sid and address:
                return world, conversation, None
    if address and proxy and not sid:
        return _opened(state, address, proxy, text_of(given, "name"), silent)
    raise Refusal("no open conversation with that customer", 404)


def _opened(state: SandboxState, address: str, proxy: str, name: str | None, silent: bool) -> Found:
    for world in state.worlds.values():
        configuration = arrivals.configuration_of(world, address, proxy)
        if configuration is not None:
            changes = _changes(state, world, silent)
            return world, *arrivals.open_for(changes, configuration, address, name)
    raise Refusal("no open conversation with that customer, and the address creates none", 404)


def change_message(state: SandboxState, request: Request, body: Any) -> object:
    """POST messages/{IM}: somebody (``by``) changes ``body`` or ``subject``."""
    given = as_object(body)
    world, conversation, message = find_message(state, request.path_params["message"])
    text, subject = text_of(given, "body"), text_of(given, "subject")
    message.body = message.body if text is None else text
    message.subject = message.subject if subject is None else subject or None
    message.updated = now()
    by = text_of(given, "by") or message.author
    _changes(state, world, flag_of(given, "silent")).edited(conversation, message, by)
    return {"sid": message.sid}


def delete_message(state: SandboxState, request: Request, body: Any) -> object:
    """DELETE messages/{IM}: somebody (``by``) removes it."""
    given = as_object(body)
    world, conversation, message = find_message(state, request.path_params["message"])
    by = text_of(given, "by") or message.author
    _changes(state, world, flag_of(given, "silent")).delete_message(conversation, message, by)
    return {"sid": message.sid}


def give_receipts(state: SandboxState, request: Request, body: Any) -> object:
    """POST receipts: one status of a message, with ``error_code``, for all recipients or the one that is named."""
    given = as_object(body)
    world, conversation, message = find_message(state, text_of(given, "message_sid") or "")
    status, code = text_of(given, "status"), given.get("error_code", 0)
    if status not in delivery.RANKS:
        raise Refusal(f"status must be one of {', '.join(delivery.RANKS)}")
    if isinstance(code, bool) or not isinstance(code, int) or code < 0:
        raise Refusal("error_code must be a whole number")
    told = [one for one in message.receipts.values() if _is_for(conversation, one, given)]
    if not told:
        raise Refusal("the message has no such recipient", 404)
    for one in told:
        delivery.report(state, world, conversation, message, one, status, code)
    shown = [{"sid": one.sid, "participant_sid": one.participant_sid, "status": one.status} for one in told]
    return {"receipts": shown, "delivery": delivery.summary(message)}


def _is_for(conversation: Conversation, receipt: Receipt, given: Json) -> bool:
    sid, address = text_of(given, "participant_sid"), text_of(given, "address")
    to = conversation.participants.get(receipt.participant_sid)
    return sid in (None, receipt.participant_sid) and (address is None or (to is not None and to.address == address))
