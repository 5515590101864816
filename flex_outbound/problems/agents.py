"""Reasons why an interaction or its message failed, each with its label and its words for the agent (vocabulary).

A reason is a short stable word, stored in ``error_reason``. ``gateway.errors`` says which of Twilio's codes mean which.
Its words are never stored: ``stored_message`` makes them where they are shown, in the reader's language.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _


class Reason(NamedTuple):
    """``label``: the reason in a few words, for lists, filters and charts. ``message``: what happened, what to do."""

    label: Promise
    message: Promise


REASONS: Final[dict[str, Reason]] = {
    "address_changed": Reason(
        _("Address no longer belongs to the contact"),
        _("This address no longer belongs to the contact. Nothing was sent; press the button again."),
    ),
    "agent_not_allowed": Reason(
        _("Agent may no longer send"),
        _("You may no longer open conversations, or are no longer a Flex worker. Nothing was sent. Ask your manager."),
    ),
    "agent_rejected": Reason(
        _("Declined by the agent"),
        _("You declined the task in Flex, so the conversation was closed. Send again?"),
    ),
    "agent_timeout": Reason(
        _("Not accepted by the agent in time"),
        _("You did not accept the task in Flex in time, so the conversation was closed. Send again?"),
    ),
    "already_done": Reason(
        _("Exists already"),
        _("This conversation exists already; nothing more needs to be done."),
    ),
    "already_open": Reason(
        _("Customer is in an open conversation"),
        _("This customer is already in an open conversation with this sender. Continue there, or close it first."),
    ),
    "busy": Reason(
        _("Twilio was busy"),
        _("Twilio is busy. This will be sent shortly."),
    ),
    "canceled": Reason(
        pgettext_lazy("reason", "Canceled"),
        _("This was canceled before it was sent."),
    ),
    "cannot_receive": Reason(
        _("Customer cannot receive it"),
        _("This customer cannot receive messages on this channel. Choose another channel."),
    ),
    "changed": Reason(
        _("Changed at the same moment"),
        _("Twilio changed this at the same moment. It will be sent again shortly."),
    ),
    "channel_failed": Reason(
        _("Channel could not be set up"),
        _("Flex could not open the conversation. Close its task in Flex, then send again."),
    ),
    "closed": Reason(
        _("Previous conversation has ended"),
        _("The previous conversation has ended. Send again to begin a new one."),
    ),
    "conflict": Reason(
        _("Conflict at Twilio"),
        _("Twilio was changing this at the same moment. We are checking the outcome; please do not send again."),
    ),
    "consent_unknown": Reason(
        _("Consent could not be checked"),
        _("It could not be checked whether this customer wants messages. Nothing was sent; try again in a minute."),
    ),
    "contact_gone": Reason(
        _("Contact is gone"),
        _("This contact was deleted, or you may no longer see it. Nothing was sent."),
    ),
    "contact_not_visible": Reason(
        _("Contacts are not visible to the worker"),
        _(
            "The background worker cannot see any contact, this one included. Nothing was sent. "
            "Tell your administrator."
        ),
    ),
    "country_disabled": Reason(
        _("Country is not enabled"),
        _("Messages to this country are not enabled. Your administrator can enable it in Twilio."),
    ),
    "delayed": Reason(
        _("Channel is at its limit"),
        _("The channel is at its limit. The message is delayed."),
    ),
    "invalid_address": Reason(
        _("Address cannot be used"),
        _("This address cannot be used on this channel. Check the contact, or choose another channel."),
    ),
    "invalid_request": Reason(
        _("Request could not be read"),
        _("Twilio could not read the request. Check the contact's address; if it is right, tell your administrator."),
    ),
    "media_refused": Reason(
        _("File was not taken"),
        _("Twilio did not take the file, so nothing was sent. Choose another file, or send the text alone."),
    ),
    "needs_review": Reason(
        _("Needs a decision"),
        _("Flex did not answer, and no conversation was found. Send it again?"),
    ),
    "never_sent": Reason(
        _("Twilio was not reached"),
        _("Twilio could not be reached just now. This will be sent shortly."),
    ),
    "no_consent": Reason(
        _("Customer has not agreed"),
        _("This customer has not agreed to messages on this channel. Nothing was sent; use another channel."),
    ),
    "not_allowed": Reason(
        _("Refused by a rule of this application"),
        _("You may not message this contact."),
    ),
    "not_delivered": Reason(
        _("Not delivered"),
        _("The message did not reach the customer. Check the address, or use another channel."),
    ),
    "not_own": Reason(
        _("Another agent's conversation"),
        _("This conversation has become another agent's. Nothing was sent; ask them, or begin a new one."),
    ),
    "not_set_up": Reason(
        _("Not set up"),
        _("Messaging is not set up correctly. Your administrator has been told; nothing was sent."),
    ),
    "opted_out": Reason(
        _("Customer has unsubscribed"),
        _("This customer has unsubscribed from messages. Do not send again; use another channel."),
    ),
    "outcome_unknown": Reason(
        _("Outcome unknown"),
        _("Twilio did not answer clearly. We are checking whether the conversation was opened; do not send again."),
    ),
    "outside_window": Reason(
        _("Outside the 24-hour window"),
        _(
            "The customer has not written within 24 hours, so WhatsApp takes only an approved template. Choose one "
            "with “Use a template”, or use another channel."
        ),
    ),
    "sender_misconfigured": Reason(
        _("Sender is not set up"),
        _("The address this is sent from is not set up correctly. Choose another sender, or tell your administrator."),
    ),
    "setup_outdated": Reason(
        _("Setup is out of date"),
        _("The setup refers to something that was deleted in Twilio. Your administrator has to choose it again."),
    ),
    "task_canceled": Reason(
        _("Task was canceled in Flex"),
        _("The task was canceled in Flex before the conversation ended."),
    ),
    "task_deleted": Reason(
        _("Task was deleted in Flex"),
        _("The task was deleted in Flex before the conversation ended."),
    ),
    "template": Reason(
        _("Template is wrong"),
        _("The template is missing or its variables are wrong. Choose another template, or correct the variables."),
    ),
    "template_gone": Reason(
        _("Template is no longer there"),
        _(
            "This template was withdrawn, or belongs to another account than the sender. Nothing was sent; choose "
            "another template."
        ),
    ),
    "template_not_approved": Reason(
        _("Template is not approved"),
        _("WhatsApp does not approve this template, or no longer does. Nothing was sent; choose another template."),
    ),
    "unknown_error": Reason(
        _("Unknown error"),
        _("Twilio refused this for a reason this app does not know. Tell your administrator if it happens again."),
    ),
    "webhook_unreachable": Reason(
        _("Twilio cannot reach this application"),
        _("Twilio cannot reach this application."),
    ),
    "worker_channel_off": Reason(
        _("Channel was switched off for the agent in Flex"),
        _("Flex gives you no conversations of this kind. Nothing was sent. Ask your manager to switch it on in Flex."),
    ),
    "worker_full": Reason(
        _("Agent had no room in Flex"),
        _("You had no room in Flex. Nothing was sent. Finish a conversation there, then send again."),
    ),
    "worker_offline": Reason(
        _("Agent was offline in Flex"),
        _("You are offline in Flex. Nothing was sent. Set your status there to available, then send again."),
    ),
    "worker_unavailable": Reason(
        _("Agent was not available"),
        _("You are not available in Flex. Set your status there to available, then send again."),
    ),
    "workflow_timeout": Reason(
        _("Nobody took the task in time"),
        _("Nobody took the task in Flex in time, so the conversation was closed. Send again?"),
    ),
}
"""Every reason that an interaction can have, by name."""

LABELS: Final = {name: reason.label for name, reason in REASONS.items()}

GAVE_UP: Final = "gave_up"
"""The case of a request that Twilio did not take, after its last attempt."""

MESSAGE: Final = "message"
"""The case of a first message, where it differs from its interaction's."""

ANSWER: Final = "answer"
"""The case of what an agent writes into a conversation that is open."""

JOIN: Final = "join"
"""The case of an agent who is invited to a conversation that exists: it stays as it is."""

ASKED: Final = "asked"
"""The case of what no agent began: a form, a program or the customer asked for one."""

COPY: Final = "copy"
"""The case of an email of whose further recipients one is the reason."""

CASES: Final[dict[tuple[str, str], Promise]] = {
    ("agent_rejected", JOIN): _("You declined the task in Flex. The conversation is as it was before. Try again?"),
    ("agent_timeout", JOIN): _(
        "You did not accept the task in Flex in time. The conversation is as it was before. Try again?"
    ),
    ("workflow_timeout", JOIN): _(
        "Nobody took the task in Flex in time. The conversation is as it was before. Try again?"
    ),
    ("task_canceled", JOIN): _("The task was canceled in Flex. The conversation is as it was before. Try again?"),
    ("task_deleted", JOIN): _("The task was deleted in Flex. The conversation is as it was before. Try again?"),
    ("closed", JOIN): _("This conversation has ended, so you were not invited to it. Begin a new one."),
    ("contact_gone", JOIN): _("This contact was deleted, or you may no longer see it. You were not invited."),
    ("needs_review", JOIN): _("Flex did not answer, and no invite of yours was found. Invite again?"),
    ("agent_rejected", ASKED): _(
        "The agent declined this request in Flex. Call the customer or write to them, or send the request again."
    ),
    ("agent_timeout", ASKED): _(
        "Nobody accepted this request in time. Call the customer or write to them, or send the request again."
    ),
    ("workflow_timeout", ASKED): _(
        "Nobody took this request in time. Call the customer or write to them, or send the request again."
    ),
    ("task_canceled", ASKED): _(
        "The task of this request was canceled in Flex. If the customer still waits, call them or write to them."
    ),
    ("task_deleted", ASKED): _(
        "The task of this request was deleted in Flex. If the customer still waits, call them or write to them."
    ),
    ("already_open", ASKED): _(
        "This customer was in an open conversation already, so Flex made no task of this request. Continue there."
    ),
    ("closed", ASKED): _(
        "The conversation that this request is about has ended. Write to the customer to begin a new one."
    ),
    ("invalid_address", ASKED): _(
        "The address that was given cannot be used on this channel, so no agent was asked. If there is another one, "
        "use that."
    ),
    ("needs_review", ASKED): _("Flex did not answer, and no task of this request was found. Send it again?"),
    ("", GAVE_UP): _("Twilio could not be reached for several minutes. Nothing was sent; you can try again."),
    ("canceled", MESSAGE): _("Not sent: the conversation was not opened."),
    ("not_opened", MESSAGE): _("Not sent: the conversation was not opened."),
    ("outcome_unknown", MESSAGE): _("It is not known whether the message was sent. Check the conversation in Flex."),
    ("closed", ANSWER): _("This conversation has ended, so nothing was sent. Begin a new one with the buttons."),
    ("setup_outdated", ANSWER): _(
        "This conversation no longer exists at Twilio, so nothing was sent. Begin a new one with the buttons."
    ),
    ("invalid_request", ANSWER): _(
        "Twilio did not take this message. Change it and send it again; if it is right, tell your administrator."
    ),
    ("sender_misconfigured", ANSWER): _(
        "The number or address of this conversation was switched off, or is no longer yours to use. Nothing was sent; "
        "ask your manager."
    ),
    ("not_delivered", "30003"): _(
        "The phone is switched off or out of reach. Try again later, or use another channel."
    ),
    ("not_delivered", "30004"): _("The number is blocked for messages. Use another channel."),
    ("not_delivered", "30005"): _("The number is not in use. Correct it on the contact, then send again."),
    ("not_delivered", "30006"): _("The number is a landline, or cannot take text messages. Use another channel."),
    ("not_delivered", "30007"): _("The carrier filtered the message. Word it differently, or use another channel."),
    ("opted_out", "63014"): _(
        "This customer has blocked or unsubscribed from your WhatsApp messages. Do not send again; use another channel."
    ),
    ("opted_out", COPY): _(
        "Another recipient of this email has unsubscribed, so nothing was sent. Send it again without them."
    ),
    ("needs_review", "conversation_begun"): _(
        "A conversation with this customer began at that time. Check in Flex before you send it again."
    ),
    ("needs_review", "task_not_found"): _("Flex accepted the conversation, but its task cannot be found."),
    ("needs_review", "named_anothers"): _(
        "Flex accepted this, but named a conversation that belongs to another click. Look in Flex for the "
        "conversation with this customer before you decide."
    ),
    ("needs_review", "not_recorded"): _(
        "Flex accepted this, but its answer could not be stored. Look in Flex for the conversation with this customer "
        "before you decide."
    ),
    ("needs_review", "not_checked_in_time"): _(
        "It was not possible to check in time whether the conversation was opened."
    ),
    ("needs_review", "not_asked"): _(
        "Twilio could not be asked whether the conversation was opened. Check in Flex before you decide."
    ),
    # An agent named a task that cannot be linked; the interaction stays in review.
    ("needs_review", "task_unknown"): _("Twilio does not know this task, or no longer. Is it the right one?"),
    ("needs_review", "task_taken"): _("This task belongs to another interaction."),
    ("needs_review", "task_without_conversation"): _("This task has no conversation that was opened through Flex."),
}
"""Words for a reason in one case, by reason and case; with "" as reason for all reasons. Twilio's codes are cases."""

UNAVAILABLE: Final[dict[str, Promise]] = {
    "no_permission": _("You may not open conversations. Ask your manager for access."),
    "no_worker": _("You are not set up as a Flex worker. Ask your manager to add you."),
    "account_off": _("Messaging is switched off. Ask your manager when it will be back."),
    "no_workspace": _("Messaging is not set up yet. Ask your manager to choose the Flex workspace."),
    "no_sender": _("There is no sender for %(channel)s that you may use. Ask your manager for one."),
    "no_number": _("This contact has no phone number."),
    "no_email": _("This contact has no email address."),
    "no_address": _("This contact has no address for %(channel)s."),
}
"""Why a channel of a contact cannot be used, by reason: told before the click, never stored."""


def label(reason: str) -> str:
    """Return a reason in a few words; one that is not known as it is."""
    known = REASONS.get(reason)
    return str(known.label) if known else reason


def params_of(case: str = "", said: str = "") -> dict[str, str]:
    """Return what is stored beside a reason in ``error_params``.

    ``case``: one of ``CASES``, where Twilio's code is not stored already. ``said``: what the host project said in its
    own words, which only the host can translate.
    """
    return {name: text for name, text in (("case", case), ("said", said)) if text}


def stored_message(reason: str, code: int | None, params: Mapping[str, Any], kind: str = "") -> str:
    """Return what the agent is told of a stored failure, in the active language; "" without a reason.

    ``reason``, ``code``, ``params``: as stored in ``error_reason``, ``error_code`` and ``error_params``. ``kind``: JOIN
    or ASKED, for what is no click on a channel.
    """
    if not reason:
        return ""
    # A case says more: what Flex accepted, for instance, must not be sent again unseen.
    if (reason, kind) in CASES and not params.get("case"):
        return agent_message(reason, kind)
    said: str = params.get("said", "")
    # What the host gave as a lazy translation is stored untranslated, and is in one of its catalogs.
    return gettext(said) if said else agent_message(reason, params.get("case") or str(code or ""))


def agent_message(reason: str, case: str = "", **values: object) -> str:
    """Return what the agent is told, translated: what happened and what to do next.

    ``reason``: any string; one that is not known has the words of ``unknown_error``. ``case``: one of ``CASES``, where
    a reason has several texts. ``values``: for the placeholders of the text; only ``no_sender`` and ``no_address`` have
    one, ``channel``.
    """
    words = CASES.get((reason, case)) or CASES.get(("", case)) or UNAVAILABLE.get(reason)
    text = str(words or REASONS.get(reason, REASONS["unknown_error"]).message)
    return text % values if values else text
