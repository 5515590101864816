"""Before a click: what mends a channel that cannot be used, and words for an agent's presence and WhatsApp's window."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_MANAGER: Final = _("Ask your manager.")
_NUMBER: Final = _("Correct the number on the contact.")
_IDENTITY: Final = _("Correct the chat identity on the contact.")

REMEDIES: Final[dict[str, Promise]] = {
    "no_permission": _("Ask your manager for access."),
    "no_worker": _("Ask your manager to add you as a Flex worker."),
    "account_off": _MANAGER,
    "no_workspace": _("Ask your manager to choose the Flex workspace."),
    "no_sender": _("Ask your manager for a sender."),
    "not_allowed": _("Ask the person who looks after this contact."),
    "opted_out": _("Use another channel."),
    "no_number": _("Add a phone number to the contact."),
    "no_email": _("Add an email address to the contact."),
    "no_address": _("Add it to the contact, or use another channel."),
    "invalid_number": _NUMBER,
    "unknown_country": _NUMBER,
    "landline": _("Add a mobile number to the contact, or use another channel."),
    "invalid_email": _("Correct the email address on the contact."),
    "invalid_identity": _IDENTITY,
    "personal_identity": _IDENTITY,
    "invalid_messenger": _("Correct the Messenger id on the contact."),
    "worker_offline": _("Set your status in Flex to available."),
    "worker_full": _("Finish a conversation in Flex first."),
    "worker_channel_off": _("Ask your manager to switch it on in Flex."),
}
"""What to do about each reason why a channel cannot be used."""

MEANWHILE: Final = _("Or send a message that opens when the customer answers.")
"""What else can be done where the agent has no room, by a channel that can wait for the answer."""

AVAILABLE: Final = _("You are available in Flex.")
ASKING: Final = _("Asking Flex whether you are available…")
SILENT: Final = _("Twilio does not say whether you are available. You can send all the same.")
OFFLINE: Final = _("%(activity)s in Flex.")
OFFLINE_SINCE: Final = _("%(activity)s in Flex since %(since)s.")
FULL: Final = _("You have no room in Flex: %(channel)s %(assigned)s of %(capacity)s.")
CHANNEL_OFF: Final = _("Flex gives you no conversations of the kind %(channel)s.")

WINDOW_OPEN: Final = _("Free text until %(until)s.")
WINDOW_CLOSING: Final = _("Free text only until %(until)s: less than an hour.")
WINDOW_CLOSED: Final = _("The customer has not written for 24 hours. WhatsApp now delivers only approved templates.")
WINDOW_UNKNOWN: Final = _(
    "WhatsApp delivers free text only within 24 hours of the customer's last message; we know of none."
)


def remedy_of(reason: str) -> str:
    """Return what to do about a reason, "" where it is not known."""
    return str(REMEDIES.get(reason, ""))
