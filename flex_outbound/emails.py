"""What a form says of emails, in words: the signature, files, and who gets an answer."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.current import isolated
from flex_outbound.models import Conversation, Interaction, Sender
from flex_outbound.outbox import files, signatures
from flex_outbound.outbox.preflight import Setup


def remarks_of_first(senders: Sequence[Sender]) -> list[str]:
    """Return what the composer says of an email. Files are for the conversation in Flex, as Twilio documents."""
    signed = [one for one in senders if one.signature.strip()]
    found = [files.why_none(Channel.EMAIL)]
    if not signed:
        return found
    every = len(signed) == len(senders)
    words = _("The sender's signature is added.") if every else _("Some senders add a signature.")
    return [" ".join([words, _("Preview shows the email as it goes.")]), *found]


def remarks_of_answer(conversation: Conversation, setup: Setup) -> list[str]:
    """Return what the form of an answer says of an email: who gets it, and its signature."""
    sender = next((one for one in setup.senders if one.pk == conversation.sender_id), None)
    found = [_goes_to(conversation)]
    if signatures.of(sender, setup.user):
        found.append(" ".join([_("The signature is added."), _("Preview shows the email as it goes.")]))
    return found


def _goes_to(conversation: Conversation) -> str:
    """Return who gets an answer: Twilio sends it to the participants, and takes no recipients of its own for it."""
    opened: Interaction | None = conversation.interaction
    others = [*opened.to, *opened.cc] if opened is not None else []
    if not others:
        return _("Everybody in the conversation gets it; recipients cannot be chosen here.")
    return _("Everybody in the conversation gets it, %(others)s as well; recipients cannot be chosen here.") % {
        "others": ", ".join(isolated(one) for one in others)
    }
