"""What pages and API show of a conversation that is open already: whose it is, and what can be done about it.

It stands beside ``contexts``. Page, composer, failures and API show the same description of one conversation.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language

from flex_outbound import addresses, company
from flex_outbound.channels import ONE_CONVERSATION
from flex_outbound.contacts import ContactAdapter, id_of, label_of
from flex_outbound.current import current_context, local, may_decide, may_open_now, since
from flex_outbound.models import Conversation, ConversationContact, Interaction, OpenSearch, Sender
from flex_outbound.models.conversation import key_of, links_of
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import closings, lingering
from flex_outbound.outbox.conversations import handing, holding, linking, searching
from flex_outbound.outbox.conversations.holding import Held, Standing, Whose
from flex_outbound.outbox.preflight import ChannelOption
from flex_outbound.outbox.texts import name_of
from flex_outbound.phases import CLOSED_CHANNEL
from flex_outbound.statuses import UNSETTLED, WITH_CONVERSATION, Status
from flex_outbound.twilio_statuses import ChannelStatus, ConversationState
from flex_outbound.whose import said_of, words_of

MOST: Final = 10
"""Open conversations of one contact that are shown."""

ACTIONS: Final = ("join", "ask", "hand-over", "keep", "close", "invite", "leave")
"""The last segment of the addresses of what can be done about a conversation."""

INVITING: Final = frozenset({*UNSETTLED, Status.CREATED})
"""Statuses of an interaction whose agent is being invited."""

LEFT: Final = Q(
    Q(channel_status__in=[ChannelStatus.INACTIVE, ChannelStatus.PAUSE])
    | ~Q(conversation_state__in=["", ConversationState.CLOSED]),
    status=Status.CLOSED,
    is_succeeded=False,
) & ~Q(channel_status__in=sorted(CLOSED_CHANNEL))
"""Interactions that have ended and whose conversation has not, as far as Twilio said."""

NOT_ASKED: Final[dict[str, Any]] = {
    "open_conversation": None,
    "open_conversations": [],
    "is_asking": False,
    "is_known": False,
}
"""What is told of a channel where nobody asked for ``live``."""

Described = dict[str, Any]


# -- what is open with a contact ---------------------------------------------------------------------------------------


def pairs_of(options: Iterable[ChannelOption]) -> list[searching.Pair]:
    """Return the senders and addresses of a contact between which one conversation can be open."""
    given = [one for one in options if one.enabled and one.channel in ONE_CONVERSATION]
    return [(sender, address.value) for one in given for address in one.addresses for sender in one.senders]


def conversations_between(pairs: Sequence[searching.Pair], contact: Any) -> list[Any]:
    """Return the open conversations between these, the newest first, with ``is_this``: whether it is the contact's."""
    if not pairs:
        return []
    keys = {addresses.key(address)[:256] for _sender, address in pairs}
    links = links_of(contact).filter(conversation=OuterRef("pk"))
    others = ConversationContact.objects.filter(conversation=OuterRef("pk")).order_by()
    rows = Conversation.objects.open().filter(
        address_key__in=sorted(keys), sender_address__in=sorted({sender.address for sender, _address in pairs})
    )
    found = rows.annotate(is_this=Exists(links), is_linked=Exists(others), has_others=company.has_others())
    closing = closings.being_closed("interaction__channel_sid")
    found = found.select_related(*holding.RELATED).annotate(is_being_closed=closing)
    wanted = {_place(sender.account_id, sender, address) for sender, address in pairs}
    shown = found.order_by("-last_at", "-created_at", "-pk")[: 2 * MOST]
    return [one for one in shown if (one.account_id, one.channel, one.sender_address, one.address_key) in wanted][:MOST]


def _place(account_id: int, sender: Sender, address: str) -> tuple[int, str, str, str]:
    return account_id, sender.channel, sender.address, addresses.key(address)[:256]


def items(
    user: Any,
    contact: Any,
    options: Iterable[ChannelOption],
    joining: Iterable[Interaction] = (),
    *,
    is_first: bool = False,
) -> list[Described]:
    """Return the open conversations that are in the way of a click, for a template.

    ``joining``: the contact's interactions that are being opened; one of them may be somebody's invite. ``is_first``:
    for a page that the script completes: of another contact's conversation it says only that it is another's.
    """
    found = conversations_between(pairs_of(options), contact)
    under_way = (one for one in joining if one.continues_id and one.status in INVITING)
    # By the interaction with which the conversation began: an invite is told its SID only with Twilio's answer.
    invites = {one.continues_id: one for one in under_way}
    return [
        _item(one, user, invites.get(one.interaction.origin_id if one.interaction else None), is_first) for one in found
    ]


def _item(conversation: Any, user: Any, invite: Interaction | None, is_first: bool) -> Described:
    collection, is_this = reverse("flex_outbound:interaction-list"), is_theirs(conversation)
    described = describe(conversation, user, collection, is_this=is_this, is_first=is_first)
    found = holding.held(conversation, user)
    interaction = conversation.interaction
    is_ours = interaction is not None and interaction.task_sid == found.task_sid and bool(found.task_sid)
    is_told = described["conversation_sid"] is not None
    # Of another's conversation the page gets no more than the API: a name by which the script tells them apart.
    sid = conversation.conversation_sid if is_told else blake2b(conversation.pk.bytes, digest_size=16).hexdigest()
    invite = invite if is_told else None
    is_offered = found.whose is Whose.MINE and found.standing is Standing.OFFERED
    current = current_context(interaction, user, is_offered=is_offered) if is_ours and is_told else None
    if current is not None and "open" in described["choices"]:
        current["flex_url"] = None
    return described | {
        "sid": sid,
        "uid": f"flex-open-{sid[-12:]}",
        "answer_id": f"flex-answer-{sid[-12:]}-body",
        "current": current,
        "is_told": current is not None or found.standing is Standing.UNANSWERED,
        "interaction_id": str(interaction.pk) if interaction is not None and is_told else "",
        "channel_label": conversation.get_channel_display(),
        "since_time": since(found.since) if found.since is not None else "",
        "invite": name_of(invite.agent) if invite is not None and not is_own(invite.agent_id, user) else "",
        "is_invited": invite is not None and is_own(invite.agent_id, user),
        "close_failed": bool(getattr(getattr(conversation, "holder", None), "close_error", "")),
    }


def is_likely(rows: Iterable[Interaction]) -> bool:
    """Tell whether a contact's interactions say that a conversation is open, so that it is worth a query.

    What they do not say, the script asks for once the page is shown.
    """
    return any(one.conversation_sid and (one.status in WITH_CONVERSATION or one.is_left_open) for one in rows)


def is_theirs(conversation: Any) -> bool:
    """Tell whether a conversation of ``conversations_between`` is the contact's, or nobody's yet."""
    return bool(conversation.is_this or not conversation.is_linked)


# -- one of them -------------------------------------------------------------------------------------------------------


def describe(
    conversation: Conversation, user: Any, collection: str, *, is_this: bool | None = None, is_first: bool = False
) -> Described:
    """Return an open conversation as this user sees it: the API's answer, and what templates show.

    ``collection``: the URL of the API's list of interactions. ``is_this``: whether it is with the contact that the page
    is about; None where no contact is meant. Of another contact's that the user may not see, nothing more is told than
    with whom it is; where ``is_first``, the host is not asked about that contact yet. Load it with ``holding.RELATED``.
    """
    found = holding.held(conversation, user)
    is_late = is_first and is_this is False
    is_seen = bool(is_this) or (not is_late and handing.may_see(user, conversation))
    other = None if is_this or not is_seen else _contact_of(conversation, user)
    sid = conversation.conversation_sid
    base = f"{collection.removesuffix('interactions/')}conversations/{sid}/"
    asked_by = conversation.asked_by if conversation.asked_by_id not in (None, conversation.agent_id) else None
    closing = is_seen and found.is_in_the_way and handing.is_closing(conversation)
    there = company.of(conversation, user) if is_seen else company.NOBODY
    choices = [] if not is_seen or closing else there.choices(_choices(conversation, user, found), found, user)
    urls = {f"{name.replace('-', '_')}_url": f"{base}{name}/" if is_seen else None for name in (*ACTIONS, "messages")}
    waiting = conversation.interaction if is_seen and found.standing is Standing.UNANSWERED else None
    return {
        "conversation_sid": sid if is_seen else None,
        **{name: getattr(conversation, name) for name in ("channel", "address", "sender_address")},
        "sender": conversation.sender_id,
        "whose": found.whose.value,
        "standing": found.standing.value,
        "agent": found.name,
        "since": local(found.since) if found.since is not None else None,
        "words": words_of(found, is_seen=is_seen, other=other, is_this=is_this, is_late=is_late),
        "contact": other,
        "is_another_contact": is_this is False,
        "flex_url": (there.flex_url or _flex_url(found, user)) if is_seen else None,
        "asked_by": name_of(asked_by) if asked_by is not None and is_seen else None,
        "asked_at": local(conversation.asked_at) if asked_by is not None and conversation.asked_at else None,
        "is_asked_by_you": asked_by is not None and asked_by.pk == user.pk,
        "is_closing": closing,
        **there.described,
        "choices": choices,
        **_wait_urls(waiting, collection),
        **urls,
    }


def _wait_urls(waiting: Interaction | None, collection: str) -> dict[str, str | None]:
    """Return where to open or to end what waits for an answer. ``waiting``: None where nothing does."""
    base = f"{collection}{waiting.pk}/" if waiting is not None else None
    return {"open_now_url": base and f"{base}open/", "end_url": base and f"{base}cancel/"}


def _wait_choices(waiting: Interaction | None, user: Any) -> list[str]:
    if waiting is None or not may_decide(user, waiting):
        return []
    return ["open_now", "end"] if may_open_now(user, waiting) else ["end"]


def _contact_of(conversation: Conversation, user: Any) -> Described | None:
    """Return the first contact of a conversation that the user may see."""
    found = next(linking.contacts_of(conversation, user), None)
    if found is None:
        return None
    adapter, contact = found
    return {
        "contact_type": label_of(adapter.model),
        "contact_id": id_of(adapter, contact),
        "name": adapter.get_name(contact),
        "url": adapter.get_url(contact),
    }


def _choices(conversation: Conversation, user: Any, found: Held) -> list[str]:
    """Return what this user can do about a conversation, the likeliest first."""
    asked_by = conversation.asked_by_id if conversation.asked_by_id != conversation.agent_id else None
    is_mine = is_own(conversation.agent_id, user)
    is_handed = found.whose is Whose.COLLEAGUE and found.user is not None and handing.is_joinable(conversation)
    may_take = handing.may_take(user, conversation, found)
    waited_for = _wait_choices(conversation.interaction if found.standing is Standing.UNANSWERED else None, user)
    possible = {
        "hand_over": is_mine and asked_by is not None and found.whose is Whose.MINE,
        "keep": is_mine and asked_by is not None and found.whose is Whose.MINE,
        "open": _flex_url(found, user) is not None,
        "open_now": "open_now" in waited_for,
        "add": is_mine and found.whose is Whose.MINE,
        "end": "end" in waited_for,
        "ask": is_handed and asked_by is None,
        "take_over": may_take and found.whose is Whose.COLLEAGUE,
        "take_up": may_take and found.whose is Whose.NOBODY,
        "close": found.is_in_the_way,
    }
    return [name for name, is_possible in possible.items() if is_possible]


def _flex_url(found: Held, user: Any) -> str | None:
    """Return the link to the task in Flex, for who has it and who may see what others do."""
    if not found.task_sid or found.standing not in (Standing.LIVE, Standing.OFFERED):
        return None
    may_follow = found.whose is Whose.MINE or user.has_perm("flex_outbound.view_interaction")
    return Interaction(task_sid=found.task_sid).flex_url if may_follow else None


# -- where a click or an interaction meets one -------------------------------------------------------------------------


def of_failure(interaction: Interaction, blocking: Interaction | None, user: Any, collection: str) -> Described | None:
    """Return what is in the way of an interaction that Twilio refused with ``already_open``; None for all others.

    ``blocking``: the interaction of ours whose conversation it is, as ``lingering.blocking`` returns it.
    """
    if interaction.status != Status.FAILED or interaction.error_reason != "already_open":
        return None
    conversation = _in_the_way_of(interaction, blocking)
    if conversation is not None:
        contact = {"contact_type": interaction.contact_type_id, "contact_id": interaction.contact_id}
        links = ConversationContact.objects.filter(conversation=conversation)
        is_this = links.filter(**contact).exists() or not links.exists()
        return describe(conversation, user, collection, is_this=is_this)
    return of_interaction(blocking, user, collection) if blocking is not None else None


def _in_the_way_of(interaction: Interaction, blocking: Interaction | None) -> Conversation | None:
    rows = Conversation.objects.open().select_related(*holding.RELATED).filter(account=interaction.account_id)
    named = {str(blocking.conversation_sid)} if blocking is not None else lingering.named_in(interaction)
    found = rows.filter(pk__in=[key_of(sid) for sid in named if sid and sid != "None"]).first()
    if found is not None or blocking is not None:
        return found
    same = {"address_key": addresses.key(interaction.address)[:256], "sender_address": interaction.sender_address}
    is_sent = Q(created_at__lt=interaction.finished_at or timezone.now()) | Q(interaction=None)
    return rows.filter(is_sent, channel=interaction.channel, **same).order_by("-created_at").first()


def of_interaction(interaction: Interaction, user: Any, collection: str) -> Described | None:
    """Return the conversation that one of our interactions has opened or is opening, also before it has a SID."""
    if interaction.conversation_sid:
        rows = Conversation.objects.ours().select_related(*holding.RELATED)
        conversation = rows.filter(pk=key_of(interaction.conversation_sid), account=interaction.account_id).first()
        if conversation is not None:
            return describe(conversation, user, collection)
    found = holding.by_interaction(interaction, user)
    nothing = [f"{name.replace('-', '_')}_url" for name in (*ACTIONS, "messages")]
    return {
        "conversation_sid": None,
        **{name: getattr(interaction, name) for name in ("channel", "address", "sender_address")},
        "sender": interaction.sender_id,
        "whose": found.whose.value,
        "standing": found.standing.value,
        "agent": found.name,
        "since": local(found.since) if found.since is not None else None,
        "words": said_of(found),
        "contact": None,
        "is_another_contact": False,
        "flex_url": _flex_url(found, user),
        "asked_by": None,
        "asked_at": None,
        "is_asked_by_you": False,
        "is_closing": False,
        **company.NOBODY.described,
        "choices": ["open"] if _flex_url(found, user) else [],
        **_wait_urls(None, collection),
        **dict.fromkeys(nothing),
    }


# -- live --------------------------------------------------------------------------------------------------------------


def live(user: Any, contact: Any, options: Iterable[ChannelOption], collection: str) -> dict[str, Any]:
    """Return by channel what is open with a contact, and have Twilio asked what our rows do not know.

    ``open_conversations``: all of them; ``open_conversation``: the one between the preferred address and the default
    sender, or None. ``is_asking``: whether Twilio has yet to answer. ``is_known``: False where it did not.
    """
    given = [one for one in options if one.enabled]
    pairs = pairs_of(given)
    searches = searching.want(pairs)
    rows = conversations_between(pairs, contact)
    found: dict[str, Any] = {}
    for option in given:
        mine = [one for one in rows if one.channel == option.channel]
        shown = [describe(one, user, collection, is_this=is_theirs(one)) for one in mine]
        key = addresses.key(option.addresses[0].value)[:256]
        first = next((number for number, one in enumerate(mine) if _is_of(one, option.senders[0], key)), None)
        asked = [one for one in searches if one.channel == option.channel]
        found[option.channel.value] = {
            "open_conversation": shown[first] if first is not None else None,
            "open_conversations": shown,
            **asking(asked),
        }
    return found


def _is_of(conversation: Conversation, sender: Sender, key: str) -> bool:
    return (conversation.sender_address, conversation.address_key) == (sender.address, key)


def asking(searches: Iterable[OpenSearch]) -> dict[str, bool]:
    """Return how far Twilio's answers to these questions are."""
    found = list(searches)
    is_asking = any(one.next_at is not None and one.asked_at is None and one.failed_at is None for one in found)
    is_known = bool(found) and not any(one.failed_at is not None for one in found)
    return {"is_asking": is_asking, "is_known": is_known}


def panel_context(
    request: HttpRequest,
    adapter: ContactAdapter,
    contact: Any,
    options: Sequence[ChannelOption],
    joining: Iterable[Interaction] = (),
    user: Any = None,
    *,
    is_wanted: bool = True,
    is_first: bool = False,
) -> dict[str, Any]:
    """Return the context of ``_open_conversations.html`` and of the composers: what our own rows know.

    It costs one query, and one or two more where something is open with another contact of the same number, unless it
    ``is_first``, as for ``items``. Without ``is_wanted`` it costs none, and nothing is shown until the script asks.
    """
    shown = items(user, contact, options, joining, is_first=is_first) if is_wanted else []
    url = reverse("flex_outbound:open-conversations", args=[label_of(adapter.model)])
    return {
        "opened": shown,
        "open_url": f"{url}?{urlencode({'id': id_of(adapter, contact)})}" if pairs_of(options) else "",
        "open_version": version_of(shown, user),
    }


def version_of(shown: Sequence[Described], user: Any, *more: Any) -> str:
    """Return a text that changes with whatever is shown of open conversations, in the active language."""
    told = [sorted(one.items(), key=lambda item: item[0]) for one in shown]
    return blake2b(repr((user.pk, get_language(), told, more)).encode(), digest_size=12).hexdigest()
