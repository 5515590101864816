"""Saved replies as pages and API show them: filled in for a contact, with what is still to be asked for.

It stands beside ``answering``. Who may use which is in ``models.saved_reply``; placeholders are in ``outbox``.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter, adapter_by_label, adapter_by_type, find_contact
from flex_outbound.models import ConversationContact, SavedReply
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import answers, locks
from flex_outbound.outbox.filling import values_of
from flex_outbound.outbox.placeholders import fill, names_in

MOST_OWN: Final = 200
"""Saved replies of one user."""

MOST_LISTED: Final = 500
"""Saved replies in one list."""

FIELDS: Final[tuple[str, ...]] = ("title", "category", "short_code", "channel", "subject", "body")
"""What a user writes of a saved reply."""

Whom = tuple[ContactAdapter | None, Any]
"""A contact and its adapter, None and None for nobody."""


class ReplyForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form of a saved reply, of a user's own and of a shared one.

    The owner is set on the instance: the short code is compared with those of the same owner.
    """

    class Meta:
        model = SavedReply
        fields: tuple[str, ...] = FIELDS
        widgets = {"body": forms.Textarea(attrs={"rows": 6, "dir": "auto"}), "subject": forms.TextInput}

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        if data is not None and data.get("body"):
            # Browsers send a line end as two characters, and the limit counts one.
            data = data.copy()
            data["body"] = data["body"].replace("\r\n", "\n")
        super().__init__(data, *args, **kwargs)
        for name in ("title", "category", "subject"):
            if name in self.fields:
                self.fields[name].widget.attrs["dir"] = "auto"
        if "channel" in self.fields:
            self.fields["channel"].choices = [("", _("Any")), *Channel.choices]  # type: ignore[attr-defined]


def whom(user: Any, contact_type: str = "", contact_id: str = "", conversation_sid: str = "") -> Whom:
    """Return whom a text is for: the contact that is named, else the first of a conversation of the user's own.

    Raises LookupError where the contact, or the conversation, is not there for this user.
    """
    if contact_type or contact_id:
        adapter = adapter_by_label(contact_type)
        contact = find_contact(adapter, user, contact_id)
        if contact is None:
            raise LookupError(_("There is no such contact, or you may not see it."))
        return adapter, contact
    return _of_conversation(user, conversation_sid) if conversation_sid else (None, None)


def _of_conversation(user: Any, conversation_sid: str) -> Whom:
    conversation = answers.own_conversation(user, conversation_sid)
    if conversation is None:
        raise LookupError(_("There is no such conversation of yours."))
    links = ConversationContact.objects.filter(conversation=conversation).order_by("pk")
    for kind, pk in links.values_list("contact_type", "contact_id"):
        adapter: ContactAdapter | None = adapter_by_type(kind)
        contact: Any = find_contact(adapter, user, pk) if adapter is not None else None
        if contact:
            return adapter, contact
    return None, None


def usable(user: Any, channel: str = "") -> list[SavedReply]:
    """Return what a user can insert, by category and title. ``channel``: only what is for it."""
    return list(SavedReply.objects.usable_by(user, channel)[:MOST_LISTED])


def describe_all(replies: Iterable[SavedReply], user: Any, of: Whom = (None, None)) -> list[dict[str, Any]]:
    """Return saved replies filled in for a contact: the answer of the API."""
    values = values_of(user, *of)
    return [describe(one, user, values) for one in replies]


def describe(reply: SavedReply, user: Any, values: Mapping[str, str]) -> dict[str, Any]:
    """Return one saved reply as it was written, and filled in. ``missing``: the placeholders without a value."""
    subject = fill(reply.subject, {name: one_line(text) for name, text in values.items()})
    body = fill(reply.body, values)
    return {
        "id": reply.pk,
        "title": reply.title,
        "category": reply.category,
        "short_code": reply.short_code,
        "channel": reply.channel,
        "subject": reply.subject,
        "body": reply.body,
        "filled_subject": subject,
        "filled_body": body,
        "missing": names_in(f"{subject}\n{body}"),
        "is_own": is_own(reply.owner_id, user),
        "updated_at": reply.updated_at,
    }


def one_line(text: str) -> str:
    """Return a text without line ends, as a subject takes it."""
    return " ".join(text.split())


def save_own(reply: SavedReply) -> None:
    """Save a user's own saved reply. Raises ValidationError, by field."""
    if reply._state.adding and SavedReply.objects.filter(owner=reply.owner_id).count() >= MOST_OWN:
        words = _("You have %(most)d saved replies, which is the limit. Delete one first.") % {"most": MOST_OWN}
        raise ValidationError({"title": ValidationError(words, code="too_many")})
    reply.full_clean()
    try:
        with transaction.atomic(using=locks.alias()):
            reply.save()
    except IntegrityError:
        # Another request took the short code since it was looked for.
        reply.full_clean()
        raise
