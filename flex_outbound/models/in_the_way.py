"""Which interactions stand in the way of which: conditions of the unique indexes, and of the code alike."""

from django.db.models import Q

from flex_outbound.channels import ONE_CONVERSATION, InitiatedBy
from flex_outbound.phases import GOING_ON
from flex_outbound.statuses import UNSETTLED, WITH_CONVERSATION, Status
from flex_outbound.twilio_statuses import UNDELIVERED

IN_THE_WAY = Q(is_beside=False, initiated_by=InitiatedBy.AGENT) & (
    Q(status__in=[*sorted(UNSETTLED), Status.CREATED])
    | Q(status__in=[Status.WAITING, Status.ACTIVE], channel__in=list(ONE_CONVERSATION))
)
"""Rows beside which no second one may stand for the same contact, channel and address.

A telephone number and a sender share one open conversation at Twilio, so an active one counts, and so do a Messenger
user and a page. Twilio lets a chat identity into several conversations; but a person who chats has one window for it,
so there an active one counts as well. An agent may well have two emails open with one customer, so there only what is
still being opened does. A customer may write to several numbers of the business, so of those that customers or programs
begin only the number and the sender count.
Source: https://www.twilio.com/docs/api/errors/50416
"""

IN_THE_WAY_OF_ALL = Q(
    ~Q(address_key=""),
    is_beside=False,
    status__in=[*sorted(UNSETTLED), *sorted(WITH_CONVERSATION)],
    channel__in=list(ONE_CONVERSATION),
)
"""Rows beside which no second one may stand for the same address and sender, whosever address that is. No emails.

What a program asked for in a conversation that is not known here has no address.
"""

INVITING = Q(continues__isnull=False, status__in=[*sorted(UNSETTLED), Status.CREATED])
"""Rows that invite an agent into a conversation that exists: one at a time for each conversation."""

ANSWERING = Q(media_channel_sid__isnull=False, status__in=[*sorted(UNSETTLED), Status.CREATED, Status.ACTIVE])
"""Rows that bring somebody into a conversation that was there before: one at a time for each conversation.

Twilio refuses a second channel of a conversation with 45353.
"""

NOT_DELIVERED = Q(status__in=sorted(GOING_ON), delivery_status__in=sorted(UNDELIVERED))
"""Interactions that were opened, and whose first message did not reach the customer: ``Phase.UNDELIVERED``."""

NOT_AGAIN = frozenset({"opted_out", "already_done"})
"""Reasons of a failure after which nothing is sent again: the customer does not want it, or has it already."""
