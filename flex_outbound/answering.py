"""What a page shows of answering: which of a user's own conversations with a contact are open, and what goes there.

It stands beside ``contexts``. The same descriptions serve the plain form, the script and the API.
"""

from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from flex_outbound import channels, contexts, emails
from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter, adapter_for, id_of, label_of
from flex_outbound.models import Conversation, Interaction, Message
from flex_outbound.models.conversation import sid_of
from flex_outbound.outbox import answers, barriers, files, window
from flex_outbound.outbox.consent import Ledger
from flex_outbound.outbox.files import File
from flex_outbound.outbox.preflight import Setup, refusal_of, words_of
from flex_outbound.phases import Phase
from flex_outbound.problems import ANSWER, agent_message
from flex_outbound.statuses import MESSAGE_FINAL, MessageStatus
from flex_outbound.twilio_statuses import ConversationState
from flex_outbound.writing import writing_context

MOST_OPEN: Final = 10
"""Open conversations of one contact that are offered to be answered, the newest first."""

TYPED: Final = ("subject", "body")
LIMITS: Final = {"body": channels.MAX_BODY, "subject": channels.MAX_SUBJECT}


def own_of(request: HttpRequest, contact: Any) -> list[Conversation]:
    """Return the user's newest conversations with a contact, open or not, in one query."""
    user = contexts.user_of(request)
    if not user.is_authenticated or user.pk is None:
        return []
    mine = Conversation.objects.for_contact(contact).filter(agent_id=user.pk).select_related("interaction")
    mine = window.with_window(mine)
    return list(mine.order_by(F("last_at").desc(nulls_last=True), "-created_at", "-pk")[: 2 * MOST_OPEN])


def _open_of(own: list[Conversation]) -> list[Conversation]:
    return [one for one in own if one.is_open and one.channel in Channel.values][:MOST_OPEN]


def asked_of(request: HttpRequest, contact: Any, own: list[Conversation]) -> frozenset[str]:
    """Return about whom the ledger is to be asked still, for another query of the page to ask along.

    They are customers of ``own_of`` by addresses that the contact does not have: a former number, a copy of an email.
    """
    is_open = _open_of(own)
    setup = contexts.setup_of(request) if is_open else Setup(contexts.user_of(request))
    asked = answers.asked_of(is_open, setup)
    return frozenset() if contexts.known_ledger(request, contact).covers(asked) else asked


def answering_context(
    request: HttpRequest, contact: Any, own: list[Conversation] | None = None, ledger: Ledger | None = None
) -> dict[str, Any]:
    """Return the context of ``_answer.html``.

    ``answerable``: the user's own open conversations with the contact, the one with the newest message first.
    ``answer_ended``: there were some, and all have ended. ``answer_url``: where the script asks for the form anew.

    ``own``: as ``own_of`` returns it; None: it is read here. ``ledger``: what was read for ``asked_of``.

    It costs one query beside those of the buttons. Raises LookupError for a contact of an unregistered model.
    """
    adapter = adapter_for(type(contact))
    user = contexts.user_of(request)
    if not user.is_authenticated or user.pk is None:
        return {"answerable": [], "answer_ended": False, "answer_url": ""}
    names = contexts.identify(adapter, contact)
    found = own_of(request, contact) if own is None else own
    is_open = _open_of(found)
    setup = contexts.setup_of(request) if is_open else Setup(user)
    known = contexts.known_ledger(request, contact) if ledger is None else ledger
    ledger = answers.ledger_of(is_open, setup, known)
    shown = [describe_conversation(one, setup, adapter, contact, ledger) for one in is_open]
    address = reverse("flex_outbound:answer-form", args=[names["contact_type"]])
    return {
        "answerable": shown,
        "answer_ended": bool(found) and not shown,
        "answer_url": f"{address}?{urlencode({'id': names['contact_id']})}",
        "answer_next": request.get_full_path(),
        **writing_context(user, names),
    }


def describe_conversation(
    conversation: Conversation,
    setup: Setup,
    adapter: ContactAdapter | None = None,
    contact: Any = None,
    ledger: Ledger | None = None,
) -> dict[str, Any]:
    """Return what the form needs to know of one conversation. ``blocked``: why nothing can be sent, "" if it can.

    ``contact``: whom the host's policy is asked about. ``ledger``: as ``answers.ledger_of`` returns it.
    """
    sid = conversation.conversation_sid
    channel = Channel(conversation.channel)
    limits = answers.limits_of(conversation)
    hints = hints_of(conversation, has_window=False)
    blocked = _blocked(conversation, setup, adapter, contact, ledger)
    return {
        "sid": sid,
        "uid": f"flex-answer-{sid[-12:]}",
        "channel": channel.value,
        "label": str(channel.label),
        "address": conversation.address,
        "sender_address": conversation.sender_address,
        "url": reverse("flex_outbound:answer", args=[sid]),
        "api_url": reverse("flex_outbound:conversation-messages", args=[sid]),
        "key": contexts.new_key(),
        "limits": LIMITS,
        "subject": _subject_of(conversation) if channel is Channel.EMAIL else "",
        "body": "",
        "accept": limits.accept if limits else "",
        "most": limits.most if limits else 0,
        "most_image": limits.most_image if limits else 0,
        "file_words": limits.words if limits else "",
        "file_remark": limits.remark if limits else files.why_none(channel),
        "email_remarks": emails.remarks_of_answer(conversation, setup) if channel is Channel.EMAIL else [],
        "contact_type": label_of(adapter.model) if adapter is not None else "",
        "contact_id": id_of(adapter, contact) if adapter is not None else "",
        "hints": hints,
        "blocked": blocked,
        "windows": window.windows_in([conversation]),
        # The script shows the form anew where it differs.
        "version": f"{len(hints)}{len(blocked)}",
    }


def _blocked(
    conversation: Conversation, setup: Setup, adapter: ContactAdapter | None, contact: Any, ledger: Ledger | None
) -> str:
    if setup.reason:
        return setup.reason_text
    if not any(one.pk == conversation.sender_id for one in setup.senders):
        return agent_message("sender_misconfigured", ANSWER)
    rejection = answers.unsubscribed(conversation, setup, ledger)
    if rejection is not None:
        return words_of(rejection)
    if adapter is None or contact is None:
        return ""
    channel = Channel(conversation.channel)
    barrier = barriers.host_barrier(adapter, contact, channel, conversation.address, conversation.sender_address)
    return agent_message(barrier) if barrier else refusal_of(adapter, setup.user, contact, channel)


def _subject_of(conversation: Conversation) -> str:
    """Return the subject of an answer to the email with which a conversation began, "" where it had none."""
    interaction: Interaction | None = conversation.interaction
    subject = interaction.subject if interaction is not None else ""
    prefix = "" if not subject or subject[:3].lower() == "re:" else "Re: "
    return f"{prefix}{subject}"[: channels.MAX_SUBJECT]


def hints_of(conversation: Conversation, *, has_window: bool = True) -> list[str]:
    """Return in words what the agent should know before answering: nobody is there in Flex, or it may not arrive.

    ``has_window``: also what WhatsApp's window says; the form shows that by itself, because it changes with time.

    https://www.twilio.com/docs/flex/developer/conversations/leave-conversation and
    https://www.twilio.com/docs/flex/developer/conversations/park-an-interaction
    """
    interaction: Interaction | None = conversation.interaction
    phase = interaction.phase if interaction is not None else None
    hints = []
    if interaction is not None and interaction.waits_since is not None:
        hints.append(_("You wait for an answer. What you add here goes to the customer as well, and opens nothing."))
    elif phase is Phase.PAUSED:
        hints.append(
            _("This conversation is paused in Flex. The customer gets your message; the answer stands here as well.")
        )
    elif phase in (Phase.LEFT, Phase.PARKED) or conversation.state == ConversationState.INACTIVE:
        hints.append(
            _(
                "Nobody is in this conversation in Flex. The customer gets your message; the answer stands here, and "
                "goes in Flex to any agent, unless your Flex routes it in another way."
            )
        )
    if has_window and any(not one.is_open for one in window.windows_in([conversation])):
        hints.append(
            _(
                "The customer has not written for 24 hours. WhatsApp then delivers only approved templates; "
                "a text or a file will probably not arrive."
            )
        )
    return hints


def describe_answer(message: Message, collection: str) -> dict[str, Any]:
    """Return what an agent wrote, and what became of it: the answer of the API.

    ``collection``: the URL below which messages are. Neither the text nor the file is part of it.
    """
    key: Any = message.conversation_id
    return {
        "id": message.pk,
        "message_sid": message.message_sid,
        "conversation_sid": sid_of(key) if key else None,
        "status": str(message.status),
        "status_label": status_label(message),
        "is_final": message.status in MESSAGE_FINAL,
        "delivery_status": message.delivery_status or None,
        "error_code": message.error_code,
        "error_reason": message.error_reason,
        "error_message": message.error_message,
        "status_url": f"{collection}{message.pk}/",
    }


def status_label(message: Message) -> str:
    """Return the state of a message in words: its delivery, once that is known."""
    if message.status == MessageStatus.WAITING and message.interaction_id is None:
        return _("Waiting to be sent")
    if message.status == MessageStatus.SENT and message.delivery_status:
        return str(message.get_delivery_status_display())
    return str(message.get_status_display())


def read_file(posted: Any) -> File | None:
    """Return a file that was posted, None where none was chosen; what is too large for any channel is not read.

    ``posted``: a Django ``UploadedFile`` or None. Raises InvalidClick.
    """
    if posted is None or not (posted.name or posted.size):
        return None
    if (posted.size or 0) > files.LARGEST:
        raise files.too_large(posted.size or 0)
    return File(posted.name or "", posted.content_type or "", posted.read())
