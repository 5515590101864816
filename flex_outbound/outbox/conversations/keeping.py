"""What is kept of the texts of messages: ``MESSAGE_TEXT``, or what the account says in its place.

What an agent writes here is kept until Twilio has it, and after a failure for as long as it may be sent again.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db.models import Q

from flex_outbound.conf import conf
from flex_outbound.models import Account, Attachment, Conversation, Interaction, Message, MessageText
from flex_outbound.outbox.conversations.heard import Heard
from flex_outbound.statuses import MessageStatus

NO_TEXT: Final[Mapping[str, Any]] = {
    "body": "",
    "signature": "",
    "subject": "",
    "content_variables": {},
    "is_text_kept": False,
}
"""The columns of a message whose text is not here any more."""


def mode_of(account: Account) -> MessageText:
    """Return what is kept of an account's texts."""
    return MessageText(account.message_text or conf.message_text)


def keeps(account: Account) -> bool:
    """Tell whether an account's texts are kept here."""
    return mode_of(account) is MessageText.STORE


def has_text(message: Message) -> bool:
    """Tell whether anything that an agent or a customer wrote is in a message's row."""
    return bool(message.body or message.subject or message.content_variables)


def without_names(media: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return media without the names of their files, which may name or quote somebody as a text does."""
    return [{**one, "filename": ""} for one in media]


def forget_names(message: Message) -> None:
    """Empty the names of the files of a message that is over, where texts are not kept."""
    if keeps(message.account):
        return
    rows = Message.objects.filter(pk=message.pk)
    for media in rows.exclude(media=[]).values_list("media", flat=True):
        rows.update(media=without_names(media))
    Attachment.objects.filter(message=message.pk).update(filename="")


def is_forgotten(conversation: Conversation, heard: Heard) -> bool:
    """Tell whether a message was said before its conversation was erased or its old messages were deleted."""
    until = conversation.forgotten_at
    return until is not None and heard.said_at is not None and heard.said_at <= until


def is_erased(message: Message) -> bool:
    """Tell whether a message's content was erased here. ``message``: with its conversation and its interaction."""
    if message.is_text_kept:
        return False
    conversation: Conversation | None = message.conversation
    interaction: Interaction | None = message.interaction
    until = conversation.forgotten_at if conversation is not None else None
    return (until is not None and message.said_at <= until) or (interaction is not None and interaction.is_erased)


def once_sent(message: Message) -> Mapping[str, Any]:
    """Return the columns that empty a message when Twilio has it, {} where texts are kept or there is none."""
    return NO_TEXT if has_text(message) and not keeps(message.account) else {}


def forget_drafts(message: Message) -> None:
    """Empty what was kept only until a first message was sent: its email's subject, and what it was sent again for."""
    if message.interaction_id is None or keeps(message.account):
        return
    sent = Q(pk=message.interaction_id) | Q(retried_as=message.interaction_id)
    Interaction.objects.filter(sent).exclude(subject="").update(subject="")
    before = Message.objects.filter(interaction__retried_as=message.interaction_id, status=MessageStatus.FAILED)
    before.update(**NO_TEXT)
