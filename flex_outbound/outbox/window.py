"""WhatsApp's window: free text reaches a customer for 24 hours after their last message to the same sender.

Only what our rows know of is in it. Where they know of no message at all, the customer may all the same have written to
somebody else's program, so that is no reason to refuse, unless the project says so.

Source: https://www.twilio.com/docs/whatsapp/key-concepts#the-24-hour-window
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.db.models import Case, DateTimeField, Max, OuterRef, Q, Subquery, When
from django.db.models.functions import Now
from django.utils import timezone

from flex_outbound import addresses
from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Conversation, Interaction, Message, Sender
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox.preflight import Rejection, words_of

HOURS: Final = timedelta(hours=24)
LAST_HOUR: Final = timedelta(hours=1)

JUST_CHECKED: Final = timedelta(minutes=1)
"""A first message that goes so soon after its interaction is not checked a second time."""

REASON: Final = "outside_window"


class State(StrEnum):
    """Whether free text reaches the customer; ``CLOSING``: for less than an hour, ``UNKNOWN``: nobody has written."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Window:
    """The window between one address of a customer and one sender. ``last``: when the customer wrote last."""

    address: str = field(repr=False)
    sender_id: int | None
    last: datetime | None
    now: datetime
    sender_name: str = ""

    @property
    def until(self) -> datetime | None:
        """When it closes, or closed; None where nobody knows."""
        return None if self.last is None else self.last + HOURS

    @property
    def state(self) -> State:
        """Whether it is open."""
        return state_of(self.last, self.now)

    @property
    def is_open(self) -> bool:
        """True while free text reaches the customer."""
        return self.state in (State.OPEN, State.CLOSING)


def state_of(last: datetime | None, now: datetime) -> State:
    """Return the state of a window at some moment. ``last``: when the customer wrote last."""
    if last is None:
        return State.UNKNOWN
    left = last + HOURS - now
    if left <= timedelta(0):
        return State.CLOSED
    return State.CLOSING if left <= LAST_HOUR else State.OPEN


def refuses(state: State) -> bool:
    """Tell whether free text is not to be sent."""
    return state is State.CLOSED or (state is State.UNKNOWN and conf.whatsapp_window == "refuse")


def windows_of(customer: Collection[str], senders: Collection[Sender]) -> list[Window]:
    """Return the window of each of a customer's addresses with each sender, in one query; [] without either."""
    if not customer or not senders:
        return []
    found, now = _last_inbound({addresses.key(one) for one in customer}, senders)
    return [
        Window(address, sender.pk, found.get((addresses.key(address), sender.pk)), now, sender.display_name)
        for address in customer
        for sender in senders
    ]


def _last_inbound(
    keys: Collection[str], senders: Collection[Sender]
) -> tuple[Mapping[tuple[str, int], datetime], datetime]:
    by_address = {(one.account_id, one.address): one.pk for one in senders}
    own = Q(sender__in=[one.pk for one in senders])
    own |= Q(sender=None, sender_address__in=sorted({one.address for one in senders}))
    rows = _inbound().filter(own, address_key__in=sorted(keys)).order_by()
    names = ("address_key", "sender_id", "account_id", "sender_address")
    found: dict[tuple[str, int], datetime] = {}
    now = timezone.now()
    for key, sender_id, account_id, address, last, moment in rows.values_list(*names).annotate(
        last=Max("last_inbound_at"), moment=Max(Now())
    ):
        sender = sender_id or by_address.get((account_id, address))
        now = moment
        if sender is not None:
            found[key, sender] = max(last, found.get((key, sender), last))
    return found, now


def _inbound() -> Any:
    return Conversation.objects.ours().filter(channel=Channel.WHATSAPP, last_inbound_at__isnull=False)


def with_last_inbound(interactions: InteractionQuerySet) -> InteractionQuerySet:
    """Return interactions with ``claimed_at``, and with ``last_inbound_at`` for those of WhatsApp, in their query."""
    same_sender = Q(sender=OuterRef("sender")) | Q(sender=None, sender_address=OuterRef("sender_address"))
    same = _inbound().filter(same_sender, account=OuterRef("account"), address_key=OuterRef("address_key"))
    last = Subquery(same.order_by("-last_inbound_at").values("last_inbound_at")[:1])
    when = When(channel=Channel.WHATSAPP, then=last)
    return interactions.annotate(
        claimed_at=Now(), last_inbound_at=Case(when, default=None, output_field=DateTimeField())
    )


def with_window(conversations: Any) -> Any:
    """Return conversations with ``pair_inbound_at``: when the customer wrote last to the same sender, in their query.

    An earlier conversation counts as well: the customer may have written into that one an hour ago.
    """
    same_sender = Q(sender=OuterRef("sender")) | Q(sender=None, sender_address=OuterRef("sender_address"))
    same = _inbound().filter(same_sender, account=OuterRef("account"), address_key=OuterRef("address_key"))
    last = Subquery(same.order_by("-last_inbound_at").values("last_inbound_at")[:1])
    when = When(channel=Channel.WHATSAPP, then=last)
    return conversations.annotate(
        pair_inbound_at=Case(when, default=None, output_field=DateTimeField()), read_now=Now()
    )


def windows_in(conversations: Iterable[Conversation]) -> list[Window]:
    """Return the windows of those conversations that are on WhatsApp; best read by ``with_window``."""
    found: list[Window] = []
    for one in conversations:
        if one.channel == Channel.WHATSAPP:
            read: Any = vars(one)
            last = read.get("pair_inbound_at") or one.last_inbound_at
            found.append(Window(one.address, one.sender_id, last, read.get("read_now") or timezone.now()))
    return found


def barrier_of(interaction: Interaction) -> Rejection | None:
    """Return why a claimed interaction is not sent, None where it may go. It costs no query.

    Without a free text there is nothing to refuse: the agent may send a template from Flex.
    """
    message = interaction.first_message
    if interaction.channel != Channel.WHATSAPP or not _is_free_text(message):
        return None
    claimed: Any = vars(interaction)
    if "claimed_at" not in claimed:
        return None
    state = state_of(claimed["last_inbound_at"], claimed["claimed_at"])
    return Rejection(REASON) if refuses(state) else None


def barrier_of_message(message: Message) -> Rejection | None:
    """Return why a message that is about to be sent is not, None where it may go.

    Most cost no query: those of other channels, and those whose conversation is surely within the window.
    """
    interaction, conversation = message.interaction, message.conversation
    about: Any = conversation or interaction
    if about is None or about.channel != Channel.WHATSAPP or not _is_free_text(message):
        return None
    now = timezone.now()
    last = conversation.last_inbound_at if conversation is not None else None
    if state_of(last, now) is State.OPEN:
        return None
    if interaction is not None and interaction.sent_at is not None and now - interaction.sent_at < JUST_CHECKED:
        return None
    return Rejection(REASON) if refuses(asked(about)) else None


def check(about: Conversation | Interaction, message: Message | None) -> None:
    """Raise InvalidClick for free text that would not reach the customer, so that the agent reads it at once.

    ``about``: what the message goes into, which need not be saved. It costs one query for free text on WhatsApp.
    """
    if about.channel == Channel.WHATSAPP and _is_free_text(message) and refuses(asked(about)):
        raise InvalidClick(words_of(Rejection(REASON)), code=REASON, field="body")


def asked(about: Any) -> State:
    """Return the state of the window of a conversation or an interaction, by the database's clock; one query."""
    same_sender = Q(sender=None, sender_address=about.sender_address)
    if about.sender_id is not None:
        same_sender |= Q(sender=about.sender_id)
    rows = _inbound().filter(same_sender, account=about.account_id, address_key=addresses.key(about.address))
    last = rows.order_by("-last_inbound_at").annotate(moment=Now()).values_list("last_inbound_at", "moment").first()
    return State.UNKNOWN if last is None else state_of(*last)


def _is_free_text(message: Message | None) -> bool:
    return message is not None and not message.content_sid and bool(message.body or message.has_media)
