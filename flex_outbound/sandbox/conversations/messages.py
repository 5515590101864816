"""The Messages resource and its delivery receipts.

https://www.twilio.com/docs/conversations/api/conversation-message-resource
"""

from __future__ import annotations

import json
import re

from flex_outbound.sandbox.conversations import delivery
from flex_outbound.sandbox.conversations.changes import Draft
from flex_outbound.sandbox.conversations.common import (
    REST,
    changes_of,
    conversation_of,
    date_of,
    listing,
    root_of,
    service_fields,
    stamp,
    unknown,
)
from flex_outbound.sandbox.defaults import MARK
from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.records import Conversation, Media, Message, Receipt
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso, json_object

MAX_BODY = 1600
MAX_SUBJECT = 256
REST_AUTHOR = "system"
"""Who changes or removes a message, in callbacks, where a REST request did."""

UNFIT = re.compile(r"[\n\r\t]| {5}")
"""What no variable may hold: https://www.twilio.com/docs/api/errors/21656"""


def create_message(call: Call) -> Reply:
    """POST Messages; ``ContentSid`` wins over ``Body``; webhooks fire only if a header asks for it."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    draft = _draft(call)
    fault = call.fault("undelivered")
    draft.failure = (fault.code if fault.code != 20500 else 30003) if fault else 0
    author = draft.author
    match = (one for one in conversation.participants.values() if author in (one.identity, one.address))
    sender = next(match, None)
    draft.participant_sid = sender.sid if sender else None
    message = changes_of(call).add_message(conversation, draft)
    return Reply(show(call, conversation, message), 201)


def _draft(call: Call) -> Draft:
    form = call.form
    body, content_sid = form.get("Body"), form.get("ContentSid")
    attributes = form.get("Attributes") or "{}"
    json_object(attributes, "Attributes", 20001)
    if len(form.get("Subject")) > MAX_SUBJECT:
        raise bad_request(20001, f"Subject is longer than {MAX_SUBJECT} characters")
    media: list[Media] = []
    if content_sid:
        body = _content(call, content_sid)
    elif form.get("MediaSid"):
        media = [_media(call, form.get("MediaSid"))]
    elif not body:
        raise bad_request(50501, "The message needs a body, media or content")
    body = _checked_body(body)
    author = form.get("Author") or "system"
    created, updated = date_of(call, "DateCreated"), date_of(call, "DateUpdated")
    subject = form.get("Subject") or None
    return Draft(
        author, body or None, attributes, subject, content_sid or None, media=media, created=created, updated=updated
    )


def _checked_body(body: str) -> str:
    if len(body) > MAX_BODY:
        raise bad_request(50502, f"Body is longer than {MAX_BODY} characters")
    return body


def _media(call: Call, sid: str) -> Media:
    """Return the file that was uploaded to the conversation's service; raises 20404 for an unknown one."""
    found = call.world.media_of(conversation_of(call).service_sid, sid)
    if found is None:
        raise unknown("MediaSid", sid)
    return found


def _content(call: Call, content_sid: str) -> str:
    """Return the template's text with the request's variables in it; raises 50528 or 21656 (HTTP 400)."""
    template = call.world.templates.get(content_sid)
    if template is None:
        raise bad_request(50528, f"Content {content_sid} was not found")
    text = call.form.get("ContentVariables")
    given = _variables(text)
    values = dict(template.variables) | given
    missing = [name for name in template.marks if not values.get(name)]
    unknown = set(given) - template.marks - set(template.variables)
    if missing or unknown or (text == "" and template.variables) or any(map(UNFIT.search, given.values())):
        raise bad_request(21656, "The ContentVariables do not fit the template")
    return MARK.sub(lambda match: str(values[match.group(1)]), template.body)


def _variables(text: str) -> dict[str, str]:
    if not text:
        return {}
    values = json_object(text, "ContentVariables", 21656)
    if not all(isinstance(value, str) for value in values.values()):
        raise bad_request(21656, "The ContentVariables must be an object of texts")
    return values


def show(call: Call, conversation: Conversation, message: Message) -> JSON:
    """Return ``message`` as Conversations writes it."""
    url = f"{root_of(call)}/Conversations/{conversation.sid}/Messages/{message.sid}"
    return {
        "sid": message.sid,
        "account_sid": call.world.account_sid,
        **service_fields(call),
        "conversation_sid": conversation.sid,
        "index": message.index,
        "author": message.author,
        "body": message.body,
        "media": message.media,
        "attributes": message.attributes,
        "participant_sid": message.participant_sid,
        "date_created": iso(message.created),
        "date_updated": iso(message.updated),
        "delivery": delivery.summary(message),
        "content_sid": message.content_sid,
        **({"subject": message.subject} if message.subject and call.state.options.show_subject else {}),
        "url": url,
        "links": {"delivery_receipts": f"{url}/Receipts", "channel_metadata": f"{url}/ChannelMetadata"},
    }


def list_messages(call: Call) -> Reply:
    """GET Messages; ``Order`` is asc (default) or desc."""
    conversation = conversation_of(call)
    messages = list(conversation.messages.values())
    order = call.query.get("Order", "asc")
    if order not in ("asc", "desc"):
        raise bad_request(20001, "Invalid Order: it must be asc or desc")
    if order == "desc":
        messages.reverse()
    return listing(call, "messages", messages, lambda message: show(call, conversation, message), 100)


def fetch_message(call: Call) -> Reply:
    """GET one message."""
    conversation = conversation_of(call)
    return Reply(show(call, conversation, call.find(conversation.messages, "message")))


def update_message(call: Call) -> Reply:
    """POST one message: Body, Author, Attributes, Subject, DateCreated, DateUpdated."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    message = call.find(conversation.messages, "message")
    form = call.form
    if "Attributes" in form:
        message.attributes = json.dumps(json_object(form.get("Attributes"), "Attributes", 20001))
    if "Body" in form:
        message.body = _checked_body(form.get("Body"))
    message.author = form.get("Author", message.author)
    message.subject = form.get("Subject", message.subject or "") or None
    stamp(call, message)
    changes_of(call).edited(conversation, message, REST_AUTHOR)
    return Reply(show(call, conversation, message))


def delete_message(call: Call) -> Reply:
    """DELETE one message."""
    call.state.limits.spend(call.world.account_sid, REST)
    conversation = conversation_of(call)
    message = call.find(conversation.messages, "message")
    changes_of(call).delete_message(conversation, message, REST_AUTHOR)
    return Reply(None, 204)


def list_receipts(call: Call) -> Reply:
    """GET the delivery receipts of one message."""
    conversation = conversation_of(call)
    message = call.find(conversation.messages, "message")
    receipts = message.receipts.values()
    return listing(call, "delivery_receipts", receipts, lambda one: show_receipt(call, conversation, message, one), 50)


def fetch_receipt(call: Call) -> Reply:
    """GET one delivery receipt."""
    conversation = conversation_of(call)
    message = call.find(conversation.messages, "message")
    return Reply(show_receipt(call, conversation, message, call.find(message.receipts, "receipt")))


def show_receipt(call: Call, conversation: Conversation, message: Message, receipt: Receipt) -> JSON:
    """Return ``receipt`` as Conversations writes it; ``error_code`` is 0 where nothing went wrong."""
    url = f"{root_of(call)}/Conversations/{conversation.sid}/Messages/{message.sid}/Receipts/{receipt.sid}"
    return {
        "sid": receipt.sid,
        "account_sid": call.world.account_sid,
        **service_fields(call),
        "conversation_sid": conversation.sid,
        "message_sid": message.sid,
        "channel_message_sid": receipt.channel_message_sid,
        "participant_sid": receipt.participant_sid,
        "status": receipt.status,
        "error_code": receipt.error_code,
        "date_created": iso(receipt.created),
        "date_updated": iso(receipt.updated),
        "url": url,
    }
