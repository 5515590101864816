"""One message as pages and API show it: who wrote it, when, what became of it, and its files.

Texts are data: ``body`` and ``subject`` are never HTML, whatever the customer sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from django.db.models import Model, OuterRef, Subquery
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _

from flex_outbound import keywords
from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.current import local
from flex_outbound.models import Account, Conversation, Interaction, Message, MessageText
from flex_outbound.models.conversation import sid_of
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox.conversations import keeping, receipts
from flex_outbound.outbox.conversations.authors import decoded, is_worker
from flex_outbound.outbox.conversations.media import PICTURES, is_text
from flex_outbound.outbox.texts import name_of
from flex_outbound.statuses import MessageStatus
from flex_outbound.twilio_statuses import DELIVERY_ORDER, UNDELIVERED, DeliveryStatus, Party

FOLD: Final = 700
"""Characters of a text after which a page shows the rest on demand."""

FOLD_LINES: Final = 14

TEXTS: Final = frozenset({"body", "history"})
"""Categories of files that are an email's own text, and the emails that it answers."""

UNSENT: Final = frozenset({MessageStatus.WAITING, MessageStatus.SENDING, MessageStatus.UNCONFIRMED})
"""States of a message that stands at the end, wherever it will come to stand."""

RELATED: Final = ("agent", "conversation__agent", "conversation__interaction__worker", "interaction")
"""What is read with messages to describe them."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: a user, and the name of the contact whose page it is."""

    user: Any
    contact_name: str = field(repr=False)


class Folded(NamedTuple):
    """A text in two parts; the second is "" where the text is short."""

    beginning: str
    rest: str


def with_policy(messages: Any) -> Any:
    """Return messages with the rule of their account for texts, past its secrets."""
    rule = Account.objects.filter(pk=OuterRef("account")).order_by().values("message_text")
    return messages.annotate(text_policy=Subquery(rule))


def api_root() -> str:
    """Return where the API is, such as ``/flex/api/``."""
    return reverse("flex_outbound:interaction-list").removesuffix("interactions/")


def describe_message(message: Message, reader: Reader) -> dict[str, Any]:
    """Return a message for the API and for ``_message.html``. Load it with ``RELATED`` and ``with_policy``."""
    channel = _channel_of(message)
    state, label = state_of(message)
    is_removed = message.removed_at is not None
    is_hidden = not is_removed and _is_text_hidden(message)
    key: Any = message.conversation_id
    return {
        "id": message.pk,
        "message_sid": message.message_sid,
        "conversation_sid": sid_of(key) if key else None,
        "interaction": str(message.interaction_id) if message.interaction_id else None,
        "channel": channel,
        "channel_label": str(Channel(channel).label) if channel in Channel.values else "",
        "index": message.index,
        "direction": _direction(message),
        "party": str(message.party),
        "author": _author(message, reader),
        "is_own": _is_by(message, reader.user),
        "said_at": local(message.said_at),
        "edited_at": local(message.edited_at) if message.edited_at and not is_removed else None,
        "removed_at": local(message.removed_at) if message.removed_at else None,
        "subject": "" if is_removed or is_hidden else message.subject,
        "body": "" if is_removed or is_hidden else message.body,
        "is_text_kept": is_removed or (message.is_text_kept and not (is_hidden and keeping.has_text(message))),
        "content_sid": message.content_sid or None,
        "media": [] if is_removed else [_file(message, item) for item in _items(message, is_hidden=is_hidden)],
        "state": state,
        "state_label": label,
        "error_code": message.error_code,
        "error_reason": message.error_reason,
        "error_message": _problem(message),
        "attempts": message.attempt,
    }


def bubble(message: Message, reader: Reader) -> dict[str, Any]:
    """Return the context of ``_message.html``: the description, and what only a page needs."""
    described = describe_message(message, reader)
    files = _shown_files(message, described["media"])
    folded = fold(described["body"])
    return described | {
        "kind": "message",
        "key": f"m{message.pk}",
        "version": version_of(message),
        "at": message.said_at,
        "beginning": folded.beginning,
        "rest": folded.rest,
        "is_unsent": message.status in UNSENT,
        "is_bad": bool(described["error_message"]) or described["state"] in UNDELIVERED,
        "text_url": _text_url(message),
        "is_text_hidden": _is_text_hidden(message),
        "consent": _consent_of(message, described),
        "pictures": [one for one in files if one["is_picture"]],
        "files": [one for one in files if not one["is_picture"]],
        "conversation": message.conversation,
        "address": _address_of(message),
    }


def _consent_of(message: Message, described: dict[str, Any]) -> str:
    """Return in words what a customer said about being written to by a keyword, "" where it is none."""
    if message.party != Party.CUSTOMER:
        return ""
    subject, body = described["subject"], described["body"]
    said = keywords.said_in_email(subject, body) if described["channel"] == Channel.EMAIL else keywords.said_in(body)
    if said == keywords.STOP:
        return _("The customer has unsubscribed.")
    return _("The customer has subscribed again.") if said == keywords.START else ""


def version_of(message: Message) -> str:
    """Return what changes with everything that a page shows of a message."""
    moments = (message.edited_at, message.removed_at)
    seen = [str(int(one.timestamp())) if one else "" for one in moments]
    arrived, total = receipts.counts(message.receipts or {})
    parts = (message.status, message.delivery_status, arrived, total, *seen, message.attempt, message.party)
    contents = (bool(message.body), len(message.media or ()), message.conversation_id is not None)
    return ".".join(str(one) for one in (*parts, *map(int, contents)))


def state_of(message: Message) -> tuple[str, str]:
    """Return what became of a message, as a stable word and in the agent's; ("received", "") for a customer's."""
    if message.status == MessageStatus.RECEIVED or message.party not in (Party.AGENT, Party.SYSTEM):
        return MessageStatus.RECEIVED.value, ""
    if message.status == MessageStatus.WAITING and message.interaction_id is None:
        return MessageStatus.WAITING.value, _("Queued")
    if message.status != MessageStatus.SENT:
        return str(message.status), message.get_status_display()
    delivery = _delivery(message)
    arrived, total = receipts.counts(message.receipts or {})
    if total > 1 and 0 < arrived < total:
        words = _("Delivered to %(arrived)d of %(total)d") % {"arrived": arrived, "total": total}
        return delivery or DeliveryStatus.SENT.value, words
    if delivery in DeliveryStatus.values:
        return delivery, str(DeliveryStatus(delivery).label)
    return MessageStatus.SENT.value, message.get_status_display()


def fold(text: str) -> Folded:
    """Return a text in two parts, cut where a line or a word ends if there is one nearby."""
    most = min(FOLD, _end_of_line(text, FOLD_LINES))
    if len(text) <= most + FOLD // 4 and text.count("\n", most) < FOLD_LINES // 3:
        return Folded(text, "")
    cut = max(text.rfind(sign, max(most - 200, 0), most) for sign in "\n ") + 1 or most
    return Folded(text[:cut], text[cut:])


def _end_of_line(text: str, number: int) -> int:
    end = -1
    for _line in range(number):
        end = text.find("\n", end + 1, FOLD)
        if end < 0:
            return FOLD
    return end + 1


def _delivery(message: Message) -> str:
    """Return the delivery that is known: a first message's is asked for through its interaction as well."""
    first: Interaction | None = message.interaction
    known = [message.delivery_status, first.delivery_status if first else ""]
    return str(max(known, key=lambda one: DELIVERY_ORDER.get(one, -1)))


def _problem(message: Message) -> str:
    """Return why a message did not arrive and what to do next, "" where nothing is wrong."""
    own: str = message.error_message
    first: Interaction | None = message.interaction
    if own or first is None or _delivery(message) not in UNDELIVERED:
        return own
    return str(first.error_message)


def _direction(message: Message) -> str:
    return "out" if message.party in (Party.AGENT, Party.SYSTEM) else "in"


def _author(message: Message, reader: Reader) -> str:
    """Return who wrote a message, in words: "You", or a name."""
    if message.party == Party.AGENT:
        return _("You") if _is_by(message, reader.user) else _agents_name(message)
    if message.party == Party.CUSTOMER:
        conversation: Conversation | None = message.conversation
        return reader.contact_name or (conversation.customer_name if conversation else "") or message.author
    return str(Party(message.party).label) if message.party in Party.values else ""


def _agents_name(message: Message) -> str:
    agent = _agent_of(message)
    return name_of(agent) if agent is not None else decoded(message.author) or str(Party.AGENT.label)


def _agent_of(message: Message) -> Any:
    """Return the user who wrote a message, None where that is not known: in Flex, people are workers."""
    if message.agent is not None:
        return message.agent
    conversation: Conversation | None = message.conversation
    opened: Interaction | None = conversation.interaction if conversation else None
    worker = opened.worker if opened else None
    if conversation is None or worker is None or conversation.agent_id != (opened.agent_id if opened else None):
        return None
    is_theirs = message.key is not None or is_worker(message.author, [worker.friendly_name])
    return conversation.agent if is_theirs else None


def _is_by(message: Message, user: Any) -> bool:
    if message.party != Party.AGENT:
        return False
    first: Interaction | None = message.interaction
    if message.agent_id is None and first is not None:
        return is_own(first.agent_id, user)
    agent = _agent_of(message)
    return agent is not None and agent.pk == user.pk


def _channel_of(message: Message) -> str:
    source: Model | None = message.conversation or message.interaction
    return str(getattr(source, "channel", ""))


def _address_of(message: Message) -> str:
    source: Model | None = message.conversation or message.interaction
    return str(getattr(source, "address", ""))


def _items(message: Message, *, is_hidden: bool) -> Iterable[dict[str, Any]]:
    """Return what is known of a message's files: without their names, which may quote it, where its text is hidden."""
    if keeping.is_erased(message):
        return []
    items = [one for one in message.media or () if isinstance(one, dict) and one.get("sid")]
    if _policy_of(message) == MessageText.NONE:
        items = [one for one in items if not is_text(one)]
    return keeping.without_names(items) if is_hidden else items


def _shown_files(message: Message, described: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the files that stand below a text: not those that are the email's own text, where that can be read
    here, or may not be read at all.
    """
    has_text = bool(message.body) or not message.is_text_kept or _is_text_hidden(message)
    return [one for one in described if not (has_text and one["category"] in TEXTS)]


def _file(message: Message, item: dict[str, Any]) -> dict[str, Any]:
    """Return one file: where to get it, and whether it may be a picture; the view looks at its bytes once more."""
    kind, category = str(item.get("content_type") or ""), str(item.get("category") or "")
    name = str(item.get("filename") or "")
    size = item.get("size") or None
    return {
        "sid": str(item["sid"]),
        "content_type": kind,
        "filename": name,
        "label": name or _label_of(kind, category),
        "size": size,
        "size_label": filesizeformat(size) if size else "",
        "category": category,
        "is_picture": kind in PICTURES and category in ("", "media") and message.conversation_id is not None,
        "url": reverse("flex_outbound:media", args=[message.pk, str(item["sid"])]),
    }


def _label_of(kind: str, category: str) -> str:
    if category == "history":
        return _("Earlier emails")
    if category == "body":
        return _("Email as text") if kind == "text/plain" else _("Email as HTML")
    return _("Picture") if kind.startswith("image/") else _("File")


def _text_url(message: Message) -> str | None:
    """Return where the text of a message can be had that is not kept here; None where it is, or may not be fetched."""
    if message.is_text_kept or message.removed_at or not message.message_sid or _policy_of(message) == MessageText.NONE:
        return None
    return f"{api_root().removesuffix('api/')}messages/{message.pk}/text/"


def _is_text_hidden(message: Message) -> bool:
    """Tell whether an account shows no texts, and so not the ones either that were stored before it was told so."""
    is_settled = message.status in (MessageStatus.SENT, MessageStatus.RECEIVED)
    return is_settled and _policy_of(message) == MessageText.NONE


def _policy_of(message: Message) -> str:
    return str(getattr(message, "text_policy", "") or conf.message_text)
