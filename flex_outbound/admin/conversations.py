"""Conversations, their messages, and the index of contacts' addresses: to find and to read, not to edit.

What was said is not shown here. The contact's page shows it to users who may read it.
"""

import json
from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound import addresses
from flex_outbound.admin import badges
from flex_outbound.admin.base import ReadOnly
from flex_outbound.admin.bounded_list import BoundedChangeList, BoundedListAdmin
from flex_outbound.admin.filters import AgentFilter, FoldedRelated
from flex_outbound.admin.search import addresses_in, sid_in
from flex_outbound.admin.sites import link_on
from flex_outbound.models import ContactAddress, Conversation, Interaction, Message
from flex_outbound.models.conversation import ConversationQuerySet, key_of
from flex_outbound.outbox.contact_index import key_of as index_key
from flex_outbound.outbox.conversations import linking
from flex_outbound.outbox.visible import hidden_from, shown_conversations, shown_to
from flex_outbound.sids import SidKind

NONE = "–"
MOST_MESSAGES = 200
MOST_FOUND = 200


def mask(address_key: str) -> str:
    """Return an address with most of it masked: enough to recognise it, and not enough to learn it."""
    local, at, domain = address_key.rpartition("@")
    if at:
        return f"{local[:1]}…@{domain}"
    return f"{address_key[:4]}…{address_key[-2:]}" if len(address_key) > 6 else "…"


def conversations_meant(text: str) -> Q:
    """Return the condition on conversations that a SID or an address means; none where it is neither."""
    sid = sid_in(text)
    if sid:
        return Q(pk__in=_keys_by_sid(sid))
    keys = [index_key(one) for one in addresses_in(text)] or [index_key(text)]
    return Q(address_key__in=keys)


def _keys_by_sid(sid: str) -> list[Any]:
    kind = sid[:2]
    if kind == SidKind.CONVERSATION:
        return [key_of(sid)]
    if kind == SidKind.MESSAGE:
        return list(Message.objects.filter(message_sid=sid).values_list("conversation", flat=True))
    columns = {SidKind.INTERACTION: "interaction_sid", SidKind.TASK: "task_sid", SidKind.CHANNEL: "channel_sid"}
    column = next((name for prefix, name in columns.items() if prefix == kind), None)
    if column is None:
        return []
    found = Interaction.objects.filter(**{column: sid}, conversation_sid__isnull=False)
    return [key_of(one) for one in found.values_list("conversation_sid", flat=True)[:MOST_FOUND] if one]


class UnmatchedFilter(admin.SimpleListFilter):
    """Those of which nobody knows whose they are."""

    title = gettext_lazy("contact")
    parameter_name = "unmatched"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the one choice."""
        return [("1", gettext_lazy("Unmatched"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Return the conversations that are nobody's."""
        if self.value() != "1":
            return queryset
        return queryset.filter(pk__in=Conversation.objects.unmatched().values("pk"))


class ConversationList(BoundedChangeList):
    """A page of conversations, without those with contacts that the user may not see."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and the names of its contacts together."""
        super().get_results(request)
        self.result_list = shown_conversations(request.user, self.result_list)
        names = linking.names_of(self.result_list, request.user)
        for one in self.result_list:
            one.shown_contacts = names.get(one.pk, [])


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, BoundedListAdmin):
    """Conversations with whose they are, and the life of their messages."""

    change_form_template = "admin/flex_outbound/conversation/change_form.html"
    list_display = ("created_at", "customer", "whose", "channel", "state", "agent", "last_at")
    list_display_links = ("created_at", "customer")
    list_filter = (UnmatchedFilter, "channel", "state", AgentFilter, ("sender", FoldedRelated), "account")
    list_select_related = ("agent",)
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    search_fields = ("address_key",)
    search_help_text = gettext_lazy("A SID of whatever kind, a phone number in any format, or an email address.")
    readonly_fields = ("sid", "whose")
    fields = (
        ("sid", "state"),
        ("customer_name", "channel", "address"),
        "whose",
        ("sender", "sender_address"),
        ("agent", "interaction"),
        ("created_at", "last_at", "last_inbound_at"),
        ("inbound", "read_at", "next_at"),
        ("chat_service_sid", "account"),
    )

    class Media:
        css = {"all": (badges.CSS,)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        """Return the conversations of our senders."""
        return cast("ConversationQuerySet", super().get_queryset(request)).ours()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that asks the contacts' adapters."""
        return ConversationList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Conversation | None:
        """Return a conversation, None where there is none that the user may see."""
        found: Conversation | None = super().get_object(request, object_id, from_field)
        if found is None or not shown_conversations(request.user, [found]):
            return None
        found.shown_contacts = linking.names_of([found], request.user).get(found.pk, [])  # type: ignore[attr-defined]
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        """Return what was searched for; False, because no conversation can be in it twice."""
        text = search_term.replace("\0", "").strip()
        return (queryset.filter(conversations_meant(text)) if text else queryset), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a conversation with its newest messages, without their texts."""
        extra = dict(extra_context or {})
        conversation = self.get_object(request, object_id)
        if conversation is not None and self.has_view_permission(request, conversation):
            extra["said"] = list(self._messages(request, conversation))
        return super().change_view(request, object_id, form_url, extra)

    def _messages(self, request: HttpRequest, conversation: Conversation) -> Iterable[dict[str, Any]]:
        may_follow = request.user.has_perm("flex_outbound.view_message")
        newest = Message.objects.filter(conversation=conversation).order_by("-said_at", "-id")
        for message in newest[:MOST_MESSAGES]:
            yield {
                "at": message.said_at,
                "party": message.get_party_display(),
                "label": _state_of(message),
                "files": len(message.media or ()),
                "sid": message.message_sid or "",
                "url": link_on(self.admin_site, "message_change", message.pk) if may_follow else "",
            }

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, conversation: Conversation) -> str:
        """Return the customer's name, the masked address where there is none."""
        return conversation.customer_name or mask(conversation.address_key) or NONE

    @admin.display(description=gettext_lazy("contacts"))
    def whose(self, conversation: Conversation) -> SafeString | str:
        """Return the contacts, as links to their pages."""
        shown: list[tuple[str, str | None]] = getattr(conversation, "shown_contacts", [])
        links = [format_html('<a href="{}">{}</a>', url, name) if url else name for name, url in shown]
        if links:
            return format_html_join(", ", "{}", ((one,) for one in links))
        return _("Unmatched") if conversation.is_unmatched else NONE

    @admin.display(description="SID")
    def sid(self, conversation: Conversation) -> str:
        """Return the SID at Twilio."""
        return conversation.conversation_sid


def _state_of(message: Message) -> str:
    """Return how far a message came: its delivery once that is known."""
    return str(message.get_delivery_status_display() if message.delivery_status else message.get_status_display())


class MessageList(BoundedChangeList):
    """A page of messages, without those of contacts that the user may not see."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        self.result_list = shown_messages(request.user, self.result_list)


def shown_messages(user: Any, messages: Iterable[Message]) -> list[Message]:
    """Return those whose conversation, or interaction where there is none yet, the user may see."""
    found = list(messages)
    conversations = {one.conversation_id: one.conversation for one in found if one.conversation is not None}
    waiting = {one.interaction_id: one.interaction for one in found if not one.conversation_id and one.interaction}
    shown = {one.pk for one in shown_conversations(user, conversations.values())}
    shown |= {one.pk for one in shown_to(user, waiting.values())}
    return [one for one in found if (one.conversation_id or one.interaction_id) in shown]


@admin.register(Message)
class MessageAdmin(ReadOnly, BoundedListAdmin):
    """Messages, both ways, without what was said in them."""

    list_display = ("said_at", "conversation", "party", "status", "delivery_status", "message_sid")
    list_filter = ("party", "status", "delivery_status", "account")
    list_select_related = ("conversation", "interaction")
    ordering = ("-pk",)
    sortable_by = ()
    search_fields = ("message_sid",)
    search_help_text = gettext_lazy("A SID of the message or its conversation, a phone number, or an email address.")
    readonly_fields = ("files", "receipts_told")
    fields = (
        ("said_at", "edited_at", "removed_at"),
        ("conversation", "interaction", "account"),
        ("party", "agent", "participant_sid"),
        ("message_sid", "content_sid", "files"),
        ("status", "delivery_status", "error_reason", "error_code"),
        "receipts_told",
        ("attempt", "sent_at", "next_at", "lookups"),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that asks the contacts' adapters."""
        return MessageList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Message | None:
        """Return a message, None where there is none that the user may see."""
        found: Message | None = super().get_object(request, object_id, from_field)
        return found if found is not None and shown_messages(request.user, [found]) else None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        """Return what was searched for; False, because no message can be in it twice."""
        text = search_term.replace("\0", "").strip()
        if not text:
            return queryset, False
        if sid_in(text).startswith(SidKind.MESSAGE):
            return queryset.filter(message_sid=sid_in(text)), False
        meant = Conversation.objects.filter(conversations_meant(text)).order_by("-created_at")
        return queryset.filter(conversation__in=list(meant.values_list("pk", flat=True)[:MOST_FOUND])), False

    @admin.display(description=gettext_lazy("files"))
    def files(self, message: Message) -> str:
        """Return type and size of each file; its name may be a person's."""
        listed = [f"{one.get('content_type', '')} ({one.get('size', 0)})" for one in message.media or ()]
        return ", ".join(listed) or NONE

    @admin.display(description=gettext_lazy("receipts"))
    def receipts_told(self, message: Message) -> SafeString | str:
        """Return what each receipt says."""
        if not message.receipts:
            return NONE
        return format_html("<pre>{}</pre>", json.dumps(message.receipts, indent=2, sort_keys=True))


class AddressList(BoundedChangeList):
    """A page of addresses, without those of contacts that the user may not see."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        hidden = hidden_from(request.user, [(one.contact_type_id, one.contact_id) for one in self.result_list])
        self.result_list = [one for one in self.result_list if (one.contact_type_id, one.contact_id) not in hidden]


@admin.register(ContactAddress)
class ContactAddressAdmin(ReadOnly, BoundedListAdmin):
    """The index of the contacts' addresses, each masked; found by the whole address alone."""

    list_display = ("address", "contact_type", "contact_id", "is_learned")
    list_filter = ("is_learned",)
    list_select_related = ("contact_type",)
    ordering = ("-pk",)
    sortable_by = ()
    search_fields = ("address_key",)
    search_help_text = gettext_lazy("A phone number in any format, an email address, or the id of a contact.")
    fields = ("address", "contact_type", "contact_id", "is_learned")
    readonly_fields = ("address",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that asks the contacts' adapters."""
        return AddressList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ContactAddress | None:
        """Return an address, None where there is none of a contact that the user may see."""
        found: ContactAddress | None = super().get_object(request, object_id, from_field)
        if found is None or hidden_from(request.user, [(found.contact_type_id, found.contact_id)]):
            return None
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ContactAddress], search_term: str
    ) -> tuple[QuerySet[ContactAddress], bool]:
        """Return what was searched for; False, because no address can be in it twice."""
        text = search_term.replace("\0", "").strip()
        if not text:
            return queryset, False
        keys = [addresses.key(one) for one in addresses_in(text)] or [index_key(text)]
        return queryset.filter(Q(address_key__in=keys) | Q(contact_id=text[:255])), False

    @admin.display(description=gettext_lazy("address"))
    def address(self, entry: ContactAddress) -> str:
        """Return the address, masked."""
        return mask(entry.address_key)
