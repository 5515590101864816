"""Whether two clicks are the same one and, where they are not, in what they differ.

A fingerprint has two halves: what will be sent, with defaults and formats resolved, and what the caller said. With the
same idempotency key either is enough: a repeated request stays the same when the contact's preferred address or the
default sender has changed since, and so does one that writes the same number in another way.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.exceptions import ClickConflict
from flex_outbound.models import Interaction, Message
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import texts
from flex_outbound.statuses import Status

if TYPE_CHECKING:
    from flex_outbound.outbox.enqueue import Click

HALF: Final = 32
"""Hexadecimal digits of each half."""

ONE_CLICK_FOR: Final = timedelta(minutes=5)
"""For how long the same text to a customer whose answer is waited for counts as one click, made twice."""

NOT_CONTENT: Final = frozenset({"user", "idempotency_key"})
"""What tells whose click it is; every other field of a click is content."""

LABELS: Final[Mapping[str, Any]] = {
    "contact_type": gettext_lazy("kind of contact"),
    "contact_id": gettext_lazy("contact"),
    "channel": gettext_lazy("channel"),
    "address": gettext_lazy("address"),
    "sender": gettext_lazy("sender"),
    "body": gettext_lazy("text"),
    "subject": gettext_lazy("subject"),
    "to": gettext_lazy("further recipients"),
    "cc": gettext_lazy("cc"),
    "bcc": gettext_lazy("bcc"),
    "content_sid": gettext_lazy("template"),
    "content_variables": gettext_lazy("variables of the template"),
    "conversation_sid": gettext_lazy("conversation"),
    "media": gettext_lazy("file"),
    "opens_on_answer": gettext_lazy("when it is opened"),
}


def fingerprint(click: "Click", interaction: Interaction, message: Message | None) -> str:
    """Return the digest of everything that makes a click: 64 hexadecimal digits."""
    return _digest(kept(interaction, message, list(said(click)))) + _digest(said(click))


def said(click: "Click") -> dict[str, Any]:
    """Return the content of a click as its caller gave it, by field; an empty one means the same as none."""
    content = {one.name: _plain(getattr(click, one.name)) for one in fields(click) if one.name not in NOT_CONTENT}
    return content | {"contact_type": click.contact_type.lower(), "body": texts.plain(click.body)}


def kept(interaction: Interaction, message: Message | None, names: list[str]) -> dict[str, Any]:
    """Return the same fields as they are stored, resolved. The sender is told by its account and its address."""
    own = {
        "contact_type": contact_label(interaction),
        "sender": [interaction.account_id, interaction.sender_address],
        # The signature is the sender's: the same text stays the same when that has changed since.
        "body": message.typed.strip() if message is not None else "",
        "opens_on_answer": interaction.opens_on_answer,
    }
    return {name: own[name] if name in own else _stored(interaction, message, name) for name in names}


def contact_label(interaction: Interaction) -> str:
    """Return the kind of an interaction's contact as the API spells it, ``app_label.model``; "" where it has none."""
    if interaction.contact_type_id is None:
        return ""
    # Content types are cached for the whole process, which is cheaper than a join.
    contact_type = ContentType.objects.get_for_id(interaction.contact_type_id)
    return f"{contact_type.app_label}.{contact_type.model}"


def is_same_content(one: Interaction, other: Interaction) -> bool:
    """Tell whether two clicks send the same to the same."""
    return one.fingerprint[:HALF] == other.fingerprint[:HALF]


def is_made_again(open_one: Interaction, click: Interaction) -> bool:
    """Tell whether a click with a key of its own is the open one once more: the same agent sends the same.

    A wait goes on for days, and a text that is repeated then is a reminder: it must not look sent without being so.
    """
    if not (is_own(open_one.agent_id, click.agent) and is_same_content(open_one, click)):
        return False
    return open_one.status != Status.WAITING or timezone.now() - open_one.created_at < ONE_CLICK_FOR


def is_same_request(fingerprint: str, click: "Click") -> bool:
    """Tell whether a click says what the one with this fingerprint said."""
    return fingerprint[HALF:] == _digest(said(click))


def differences(click: "Click", earlier: Interaction, new: tuple[Interaction, Message | None] | None) -> list[str]:
    """Return the fields in which a click differs from an earlier one. ``new``: what it would be, if that is known."""
    wanted = said(click)
    before = kept(earlier, earlier.first_message, list(wanted))
    if new is not None:
        wanted = kept(*new, list(wanted))
    else:
        before["sender"] = earlier.sender_id
        # Without an address or a sender the caller leaves the choice to us.
        wanted = {name: value for name, value in wanted.items() if value or name not in ("address", "sender")}
    return [name for name, value in wanted.items() if value != before[name]]


def reused(click: "Click", earlier: Interaction, new: tuple[Interaction, Message | None] | None) -> ClickConflict:
    """Return the error of a key that came with another content before; it names what differs."""
    names = differences(click, earlier, new)
    return ClickConflict(reused_words(names), code="idempotency_key_reused", interaction=earlier, fields=names)


def reused_words(names: Sequence[str]) -> str:
    """Return in words that a key came with another content before; ``names``: of the fields that differ, if known."""
    if not names:
        return _("This key was used for another message. Use a new key for a new message.")
    words = _("This key was used for another message, which differs in: %(fields)s. Use a new key for a new message.")
    return words % {"fields": ", ".join(str(LABELS.get(name, name)) for name in names)}


def _stored(interaction: Interaction, message: Message | None, name: str) -> Any:
    holder = interaction if hasattr(interaction, name) else message
    value = getattr(holder, name, None)
    return _plain(value) if value else ({} if name == "content_variables" else [] if isinstance(value, list) else "")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple | list) else value.strip() if isinstance(value, str) else value


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:HALF]
