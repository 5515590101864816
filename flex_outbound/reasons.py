"""Why a click came to nothing, in a word or two (vocabulary): for lists, filters and charts.

What the agent reads, with what to do next, stands on the row; Twilio's codes stand in the gateway's table.
"""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LABELS: Final[dict[str, Promise]] = {
    "address_changed": _("Address is not the contact's any more"),
    "agent_rejected": _("Declined by the agent"),
    "agent_timeout": _("Not accepted by the agent in time"),
    "already_done": _("Exists already"),
    "already_open": _("Customer is in an open conversation"),
    "busy": _("Twilio was busy"),
    "canceled": pgettext_lazy("reason", "Canceled"),
    "cannot_receive": _("Customer cannot receive it"),
    "changed": _("Changed at the same moment"),
    "channel_failed": _("Channel could not be set up"),
    "closed": _("Previous conversation has ended"),
    "conflict": _("Conflict at Twilio"),
    "contact_gone": _("Contact is gone"),
    "country_disabled": _("Country is not enabled"),
    "delayed": _("Channel is at its limit"),
    "invalid_address": _("Address cannot be used"),
    "invalid_request": _("Request could not be read"),
    "needs_review": _("Needs a decision"),
    "never_sent": _("Twilio was not reached"),
    "not_allowed": _("Refused by a rule of this application"),
    "not_delivered": _("Not delivered"),
    "not_set_up": _("Not set up"),
    "opted_out": _("Customer has unsubscribed"),
    "outcome_unknown": _("Outcome unknown"),
    "outside_window": _("Outside the 24-hour window"),
    "sender_misconfigured": _("Sender is not set up"),
    "setup_outdated": _("Setup is out of date"),
    "task_canceled": _("Task was canceled in Flex"),
    "task_deleted": _("Task was deleted in Flex"),
    "template": _("Template is wrong"),
    "unknown_error": _("Unknown error"),
    "webhook_unreachable": _("Twilio cannot reach this application"),
    "worker_unavailable": _("Agent was not available"),
    "workflow_timeout": _("Nobody took the task in time"),
}
"""Every reason that a row can have, in the order of its name."""


def label_of(reason: str) -> str:
    """Return a reason in words; one that is not in the table as it is."""
    return str(LABELS.get(reason, reason))
