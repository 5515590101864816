"""What pages and API show: contexts for templates, and the one description of an interaction that both use.

It stands between the pipeline (``outbox``) and the surfaces above it, so that these say the same.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format

from flex_outbound import channels, consenting, dispositions, live, opened
from flex_outbound.channels import Address, Channel
from flex_outbound.contacts import ContactAdapter, adapter_for, id_of, label_of
from flex_outbound.current import (
    cancel_label,
    current_context,
    describe_wait,
    flex_url_of,
    isolated,
    local,
    retry_label,
)
from flex_outbound.current import may_decide as may_decide
from flex_outbound.live import Live
from flex_outbound.models import Closing, Interaction, Message
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import closings, consent, likeness, lingering, standing, taking
from flex_outbound.outbox.consent import Ledger
from flex_outbound.outbox.preflight import ChannelOption, Setup, channel_options, doubtful_addresses, option_for
from flex_outbound.outbox.texts import name_of as name_of
from flex_outbound.outbox.visible import shown_to
from flex_outbound.phases import OFFERED_TO_ALL, OFFERED_TO_ANOTHER, Phase
from flex_outbound.sids import LENGTH, SidKind
from flex_outbound.statements import load_permissions
from flex_outbound.statuses import UNSETTLED, MessageStatus, Status
from flex_outbound.twilio_statuses import DELIVERY_SETTLED
from flex_outbound.writing import writing_context

TYPED = ("address", "sender", "body", "subject", "to", "cc", "bcc")
"""The fields of the composer that a person fills in."""
SIDS = ("interaction_sid", "channel_sid", "task_sid", "conversation_sid", "invite_sid")
MOST_CURRENT = 20
"""How many open interactions of one contact a page looks at."""
LIMITS = {"body": channels.MAX_BODY, "subject": channels.MAX_SUBJECT}


def user_of(request: HttpRequest) -> Any:
    """Return the request's user; an anonymous one where the project has no authentication middleware."""
    return getattr(request, "user", None) or AnonymousUser()


def setup_of(request: HttpRequest) -> Setup:
    """Return the user's permission and senders, read once per request."""
    user = user_of(request)
    kept: tuple[Any, Setup] | None = getattr(request, "_flex_outbound_setup", None)
    if kept is None or kept[0] != user.pk:
        load_permissions(user)
        kept = (user.pk, Setup.load(user))
        request._flex_outbound_setup = kept  # type: ignore[attr-defined]
    return kept[1]


def new_key() -> str:
    """Return a new idempotency key; the channel is appended to it where it is used."""
    return uuid.uuid4().hex


def identify(adapter: ContactAdapter, contact: Any) -> dict[str, Any]:
    """Return how the API and the plain form name a contact, and its name for people."""
    return {
        "contact_type": label_of(adapter.model),
        "contact_id": id_of(adapter, contact),
        "contact_name": adapter.get_name(contact),
    }


def buttons_context(request: HttpRequest, contact: Any) -> dict[str, Any]:
    """Return the context of ``buttons.html``. Raises LookupError for a contact of an unregistered model."""
    adapter = adapter_for(type(contact))
    user = user_of(request)
    if not user.is_authenticated:
        return {"signed_out": True}
    setup = setup_of(request)
    rows, ledger = _rows_for_buttons(request, setup, adapter, contact)
    found = standing.standing(rows)
    shown = next((one for one in rows if is_unfinished(one) and is_own(one.agent_id, user)), None)
    options = channel_options(user, contact, setup, ledger)
    names = identify(adapter, contact)
    is_likely = opened.is_likely(rows)
    panel = opened.panel_context(request, adapter, contact, options, rows, user, is_wanted=is_likely, is_first=True)
    told = {one["interaction_id"] for one in panel["opened"] if one["is_told"]} | {str(shown.pk) if shown else ""}
    current = [] if setup.reason else [one for one in found.current if str(one.pk) not in told]
    return {
        **names,
        **writing_context(user, names),
        **panel,
        "uid": f"flex-{uuid.uuid4().hex[:12]}",
        "options": options,
        **live.page_context(adapter, contact, options),
        "reasons": group_reasons(options),
        "consent_url": consenting.link_for(user, adapter, contact, options),
        "key": new_key(),
        "next": request.get_full_path(),
        "limits": LIMITS,
        "values": dict.fromkeys(TYPED, ""),
        # A reloaded page goes on with the user's newest unsettled interaction.
        "interaction": interaction_context(shown, user) if shown else None,
        "current": [current_context(one, user) for one in current],
    }


def _rows_for_buttons(
    request: HttpRequest, setup: Setup, adapter: ContactAdapter, contact: Any
) -> tuple[list[Any], Ledger]:
    """Return the contact's interactions that matter, and what the ledger says of its addresses.

    Both are one query where there is such an interaction: with one, the open conversations are another query.
    """
    rows = standing.rows(loaded(Interaction.objects.for_contact(contact)), opened.LEFT)
    asked = doubtful_addresses(setup, adapter, contact)
    found = list((rows.annotate(said=consent.as_column(asked)) if asked else rows)[:MOST_CURRENT])
    ledger = consent.from_column(vars(found[0])["said"], asked) if asked and found else consent.read(asked)
    request._flex_outbound_ledger = (contact, ledger)  # type: ignore[attr-defined]
    return found, ledger


def known_ledger(request: HttpRequest, contact: Any) -> Ledger:
    """Return what the buttons of a contact on the same page have read of the ledger."""
    kept: tuple[Any, Ledger] | None = getattr(request, "_flex_outbound_ledger", None)
    return kept[1] if kept is not None and kept[0] is contact else consent.NOTHING


def is_unfinished(interaction: Interaction) -> bool:
    """Tell whether the agent of an interaction still waits for something."""
    is_up = interaction.conversation_sid is not None
    return interaction.status in UNSETTLED or (interaction.status == Status.CREATED and not is_up)


def group_reasons(options: Iterable[ChannelOption]) -> list[tuple[str, str]]:
    """Return (channels, reason) of the disabled channels; channels with the same reason are one entry."""
    grouped: dict[str, list[str]] = {}
    for option in options:
        if not option.enabled:
            grouped.setdefault(option.reason_text, []).append(option.label)
    return [(", ".join(labels), text) for text, labels in grouped.items()]


def loaded(interactions: InteractionQuerySet) -> InteractionQuerySet:
    """Return interactions with everything that ``describe`` reads of their relations, in one query."""
    found = with_duplicates(interactions.select_related("agent", "message"))
    return found.annotate(is_being_closed=closings.being_closed("channel_sid"))


def find_own(user: Any, pk: UUID) -> Interaction | None:
    """Return a user's own interaction with its message, ready for ``describe``; None where they have no such one.

    What the user's program asked for is theirs as well. This is what a page polls, so it joins and counts less than
    ``loaded`` does.
    """
    if user.pk is None:
        return None
    mine = Interaction.objects.filter(Q(agent_id=user.pk) | Q(requested_by_id=user.pk), pk=pk)
    interaction = mine.select_related("message").annotate(has_duplicates=Exists(_duplicates())).first()
    if interaction is None or not is_own(interaction.agent_id, user):
        return next(iter(shown_to(user, [interaction])), None) if interaction is not None else None
    interaction.agent = user
    return interaction


def with_duplicates(interactions: InteractionQuerySet) -> InteractionQuerySet:
    """Return interactions with the number of their duplicates at Twilio, and of those that are not closed yet."""
    found = _duplicates()
    return interactions.annotate(duplicates=_number(found), duplicates_open=_number(found.filter(closed_at=None)))


def _duplicates() -> QuerySet[Closing]:
    return Closing.objects.filter(interaction=OuterRef("pk"), kind=Closing.Kind.DUPLICATE)


def _number(found: QuerySet[Closing]) -> Coalesce:
    # A subquery, not a join: a join would have to group by every column of the interaction and its relations.
    return Coalesce(Subquery(found.order_by().values("interaction").annotate(n=Count("pk")).values("n")), 0)


def duplicates_of(interaction: Interaction) -> dict[str, int]:
    """Return the numbers of ``with_duplicates``, counted now if the interaction was loaded without them."""
    names = ("duplicates", "duplicates_open")
    known: Any = vars(interaction)
    # An interaction that was never sent cannot have been opened twice, so a click costs no query.
    if names[0] not in known and known.get("has_duplicates", interaction.attempt):
        known = with_duplicates(Interaction.objects.filter(pk=interaction.pk)).values(*names).first() or {}
    return {name: known.get(name, 0) for name in names}


def named_task(interaction: Interaction) -> str | None:
    """Return the task that a person named for an interaction, while Twilio is asked about it."""
    return interaction.named_task_sid or None if interaction.status == Status.REVIEW else None


def task_sid_in(text: str) -> str:
    """Return the one task SID in what somebody pasted, such as the address of a page in Flex; else the text itself."""
    kind, digits = SidKind.TASK.value, LENGTH - 2
    found = set(re.findall(rf"(?<![0-9A-Za-z]){kind}[0-9a-fA-F]{{{digits}}}(?![0-9A-Za-z])", text))
    return found.pop() if len(found) == 1 else text.strip()


def describe(interaction: Interaction, user: Any, collection: str) -> dict[str, Any]:
    """Return an interaction as this user sees it: the answer of the API, and what templates show.

    ``collection``: the URL of the API's list. Load the interaction with ``loaded`` or ``find_own``. Neither the
    message's text nor the worker's SID is part of the description.
    """
    is_theirs = may_decide(user, interaction)
    in_the_way = lingering.blocking(interaction)
    to_close = in_the_way or interaction
    url = f"{collection}{interaction.pk}/"
    return {
        "id": str(interaction.pk),
        "status": str(interaction.status),
        "status_label": label_of_phase(interaction, user),
        "phase": interaction.phase.value,
        "is_final": interaction.is_final,
        "channel": str(interaction.channel),
        "initiated_by": str(interaction.initiated_by),
        "initiated_by_label": taking.begun_words(interaction),
        **_describe_contact(interaction),
        "address": interaction.address,
        "sender": interaction.sender_id,
        **{name: getattr(interaction, name) for name in ("sender_address", "subject", *SIDS)},
        "task_status": interaction.task_status or None,
        "channel_status": interaction.channel_status or None,
        "conversation_state": interaction.conversation_state or None,
        "named_task_sid": named_task(interaction),
        **duplicates_of(interaction),
        **{name: getattr(interaction, name) for name in ("error_code", "error_reason", "error_message")},
        "delivery_status": interaction.delivery_status or None,
        "message": _describe_message(interaction),
        "agent": _describe_agent(interaction.agent),
        "agent_label": taking.who_words(interaction),
        "can_retry": is_theirs and interaction.may_retry,
        "retried_as": str(interaction.retried_as_id) if interaction.retried_as_id else None,
        "can_confirm": is_theirs and interaction.may_confirm,
        "can_cancel": is_theirs and interaction.may_cancel,
        **describe_wait(interaction, user),
        "is_left_open": interaction.is_left_open,
        **_describe_closing(to_close, user, is_named=in_the_way is not None),
        "open_conversation": opened.of_failure(interaction, in_the_way, user, collection),
        "flex_url": flex_url_of(interaction),
        "status_url": url,
        "retry_url": f"{url}retry/",
        "confirm_url": f"{url}confirm/",
        "cancel_url": f"{url}cancel/",
        "open_url": f"{url}open/",
        "close_url": f"{collection}{to_close.pk}/close/",
        **dispositions.describe(interaction, user, url),
        "created_at": local(interaction.created_at),
        "updated_at": local(interaction.updated_at),
    }


def _describe_contact(interaction: Interaction) -> dict[str, str]:
    if interaction.is_contact_hidden:
        return {"contact_type": "", "contact_id": "", "contact_name": ""}
    names = {name: getattr(interaction, name) for name in ("contact_id", "contact_name")}
    return {"contact_type": likeness.contact_label(interaction), **names}


def _describe_closing(interaction: Interaction, user: Any, *, is_named: bool) -> dict[str, bool]:
    """Return whether a conversation that stays open, or that is in the way, is being closed or may be by this user.

    For all others, and for what was ``loaded``, this costs no query.
    """
    is_open = interaction.may_close and (interaction.is_left_open or is_named)
    is_closing = is_open and closings.is_closing(interaction)
    return {"can_close": is_open and not is_closing and may_decide(user, interaction), "is_closing": is_closing}


def label_of_phase(interaction: Interaction, user: Any) -> str:
    """Return what this user is told about the state of an interaction."""
    phase = interaction.phase
    if phase is not Phase.OFFERED or is_own(interaction.agent_id, user):
        return str(phase.label)
    return str(OFFERED_TO_ALL if interaction.is_untaken else OFFERED_TO_ANOTHER)


def message_label(interaction: Interaction) -> str:
    """Return the state of the first message in words: its delivery once that is known, "" where there is none."""
    message: Message | None = interaction.first_message
    if message is None:
        return ""
    is_known = message.status == MessageStatus.SENT and interaction.delivery_status in DELIVERY_SETTLED
    return str(interaction.get_delivery_status_display() if is_known else message.get_status_display())


def _describe_message(interaction: Interaction) -> dict[str, Any] | None:
    message: Message | None = interaction.first_message
    if message is None:
        return None
    return {
        "status": str(message.status),
        "status_label": message_label(interaction),
        "error_message": message.error_message,
        "message_sid": message.message_sid,
    }


def _describe_agent(user: Any) -> dict[str, Any] | None:
    return None if user is None else {"id": user.pk, "name": name_of(user)}


def describe_channels(
    adapter: ContactAdapter,
    contact: Any,
    options: Iterable[ChannelOption],
    known: Live | None = None,
    open_ones: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return which channels can be opened for a contact, and why the others cannot.

    ``known``: of the agent's presence, None where nobody asked for it. ``open_ones``: by channel, what ``opened.live``
    tells of those that can.
    """
    more = open_ones or {}
    return {
        "contact_type": label_of(adapter.model),
        "contact_id": id_of(adapter, contact),
        "name": adapter.get_name(contact),
        "channels": [
            _describe_channel(option)
            | live.describe(option, known)
            | opened.NOT_ASKED
            | more.get(option.channel.value, {})
            for option in options
        ],
    }


def _describe_address(address: Address) -> dict[str, str]:
    return {"value": address.value, "label": address.label, "remark": address.remark}


def _describe_channel(option: ChannelOption) -> dict[str, Any]:
    return {
        "channel": option.channel.value,
        "label": option.label,
        "enabled": option.enabled,
        "reason": option.reason,
        "reason_text": option.reason_text,
        "addresses": [_describe_address(one) for one in option.addresses],
        "senders": [
            {"id": one.pk, "address": one.address, "name": one.display_name, "is_default": one.is_default}
            for one in option.senders
        ],
    }


def interaction_context(interaction: Interaction, user: Any) -> dict[str, Any]:
    """Return an interaction for a template: the API's answer, and what the forms and icons need besides."""
    described = describe(interaction, user, reverse("flex_outbound:interaction-list"))
    return {
        **described,
        "close_id": described["close_url"].rstrip("/").split("/")[-2],
        "channel_label": interaction.get_channel_display(),
        "which": _which(interaction),
        "asked": taking.asked(interaction),
        "retried_link": None,
        "message_error": _message_error(interaction),
        "retry_label": retry_label(interaction.status),
        "cancel_label": cancel_label(interaction.status),
        "key": new_key(),
    }


def _which(interaction: Interaction) -> str:
    """Return what tells the links of one interaction from those of another."""
    moment = date_format(local(interaction.created_at), "SHORT_DATETIME_FORMAT")
    return f"{interaction.get_channel_display()}, {isolated(interaction.address)}, {moment}"


def _message_error(interaction: Interaction) -> str:
    """Return why the first message was not sent or delivered, "" where the interaction says so itself."""
    message = interaction.first_message
    words: str = message.error_message if message is not None else ""
    return "" if words == interaction.error_message else words


def channel_option(request: HttpRequest, contact: Any, channel: str) -> ChannelOption:
    """Return one channel of a contact."""
    adapter = adapter_for(type(contact))
    option = option_for(setup_of(request), adapter, contact, Channel(channel))
    return live.with_windows([option])[0]
