"""The text of one message, from its row or, where it is not kept, from Twilio for the one who reads it.

What Twilio answers is written nowhere: neither in the database, nor in a cache, nor in a log.
"""

from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from flex_outbound.exceptions import ConfigurationError, GatewayError, TextUnavailable
from flex_outbound.gateway.base import MessageRecord
from flex_outbound.models import Message, MessageText
from flex_outbound.models.message import MAX_SUBJECT
from flex_outbound.outbox import alerts, ratelimit
from flex_outbound.outbox.conversations import heard, keeping, parts
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.messages import conversation_sid_of
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import MessageStatus

AGAIN: Final = 5.0
"""Seconds after which Twilio is worth asking once more."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a message says. ``subject``: of an email, "" for others."""

    body: str = field(repr=False)
    subject: str = field(default="", repr=False)


def fetch_text(message: Message) -> str:
    """Return the text of a message. Raises TextUnavailable. Call it in no transaction: it may ask Twilio."""
    return fetch(message).body


def fetch(message: Message) -> Text:
    """Return the text of a message with its subject. Raises TextUnavailable, as ``fetch_text`` does.

    ``message``: with its account, its conversation and its interaction, which are read otherwise.
    """
    _check(message)
    if message.is_text_kept:
        return Text(message.body, message.subject)
    record = _ask(message)
    if record is None:
        raise _gone()
    return Text(heard.text(record.body, heard.MAX_BODY), heard.text(record.subject, MAX_SUBJECT))


def _check(message: Message) -> None:
    """Raise TextUnavailable where a message has no text that may be shown."""
    if message.removed_at is not None:
        raise _gone()
    is_settled = message.status in (MessageStatus.SENT, MessageStatus.RECEIVED)
    if is_settled and keeping.mode_of(message.account) is MessageText.NONE:
        words = _("The texts of messages are not shown here. Open the conversation in Flex.")
        raise TextUnavailable(words, code="hidden")
    if message.is_text_kept:
        return
    if keeping.is_erased(message):
        raise TextUnavailable(_("This text was erased."), code="erased")
    if not (message.message_sid and conversation_sid_of(message)):
        raise _gone()


def _ask(message: Message) -> MessageRecord | None:
    account = message.account
    wait = ratelimit.take(Budget.CONVERSATIONS, account.account_sid)
    if wait:
        words = _("Twilio is asked for too much at the moment. Try again in a few seconds.")
        raise TextUnavailable(words, code="busy", retry_after=wait)
    try:
        gateway = gateway_for(account)
        record = gateway.fetch_message(conversation_sid_of(message), message.message_sid or "")
        service = message.conversation.chat_service_sid if message.conversation is not None else ""
        if record is None or not parts.parts_of(record) or not service:
            return record
        return parts.with_text(record, gateway, service)
    except (GatewayError, ConfigurationError) as error:
        alerts.note_access(account, error)
    # Raised out here, so that no tracker follows the error to what Twilio said.
    words = _("Twilio could not be asked for this text. Try again, or open the conversation in Flex.")
    raise TextUnavailable(words, code="unreachable", retry_after=AGAIN)


def _gone() -> TextUnavailable:
    return TextUnavailable(_("Twilio does not have this text, or does not have it any more."), code="gone")
