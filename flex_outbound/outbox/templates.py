"""Which templates go where: offered to an agent, checked when they are chosen, and once more before they are sent.

Rows say what Twilio showed last (``setup.templates``). A template that has no row was made since, or is of an account
that was never asked: it goes, and Twilio decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connections, router
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from flex_outbound import contents
from flex_outbound.channels import Channel
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Conversation, Interaction, Message, Template, TemplateUse
from flex_outbound.models.template import APPROVED, ELIGIBLE
from flex_outbound.outbox.preflight import Rejection, words_of

WINDOW: Final = timedelta(hours=24)
"""How long WhatsApp takes what is not approved after the customer's last message."""

GONE: Final = "template_gone"
NOT_APPROVED: Final = "template_not_approved"
UNFIT: Final = "template"
"""Reasons of a rejection: it is not there, WhatsApp does not take it, its variables do not fit."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template is to go. ``is_open``: the customer wrote by WhatsApp within the last 24 hours."""

    account_id: int
    channel: Channel
    is_open: bool = False


def place_of(conversation: Conversation) -> Place:
    """Return the place that a conversation is."""
    last = conversation.last_inbound_at
    is_open = last is not None and last > timezone.now() - WINDOW
    return Place(conversation.account_id, Channel(conversation.channel), is_open)


def offered(place: Place, user: Any) -> QuerySet[Template]:
    """Return what may be sent at a place, what this user used last first; ``used_at``: when that was.

    What WhatsApp takes without an approval is sorted out by ``refusal_of``: its number of buttons is in no column.
    """
    found = Template.objects.filter(ELIGIBLE, account=place.account_id)
    if place.channel is Channel.SMS:
        found = found.filter(types__has_key=contents.TEXT)
    elif place.is_open:
        unapproved = [Q(types__has_key=kind) for kind in (contents.TEXT, contents.MEDIA, contents.QUICK_REPLY)]
        found = found.filter(Q(whatsapp_status=APPROVED) | unapproved[0] | unapproved[1] | unapproved[2])
    else:
        found = found.filter(whatsapp_status=APPROVED)
    used = TemplateUse.objects.filter(user=user.pk, template=OuterRef("pk"))
    dated = found.annotate(used_at=Subquery(used.values("used_at")[:1]))
    return dated.order_by(F("used_at").desc(nulls_last=True), "name", "language", "pk")


def kind_of(template: Template, place: Place) -> str:
    """Return which type of a template goes out at a place, "" where none does."""
    approved = template.content_type if template.is_approved else ""
    return contents.kind_for(template.types, place.channel, approved)


def refusal_of(template: Template, place: Place) -> str:
    """Return the reason why a template does not go at a place, "" where it does."""
    if template.account_id != place.account_id or template.gone_at is not None or not template.is_active:
        return GONE
    kind = kind_of(template, place)
    if place.channel is Channel.SMS:
        return "" if kind else UNFIT
    is_free = place.is_open and contents.needs_no_approval(kind, template.types.get(kind))
    return "" if template.is_approved or is_free else NOT_APPROVED


def required_of(template: Template, place: Place) -> dict[str, str]:
    """Return the variables that a template needs at a place, with the words around each."""
    kind = kind_of(template, place)
    return contents.variables_in(kind, template.types.get(kind))


def check(content_sid: str, variables: Mapping[str, str], place: Place) -> Template | None:
    """Check a chosen template; returns its row, None where nothing is known of it. Raises InvalidClick."""
    if not content_sid:
        return None
    template = Template.objects.filter(content_sid=content_sid).first()
    if template is None:
        return None
    reason = refusal_of(template, place)
    if reason:
        raise InvalidClick(words_of(Rejection(reason)), code=reason, field="content_sid")
    required = required_of(template, place)
    for name in required:
        if not variables.get(name, "").strip():
            words = _("The value for “%(name)s” is missing. Fill it in.") % {"name": name}
            raise InvalidClick(words, code="missing_variable", field="content_variables", item=name)
    for name in variables:
        if name not in required and name not in template.variables:
            words = _("This template has no variable “%(name)s”. Leave it out.") % {"name": name[:64]}
            raise InvalidClick(words, code="unknown_variable", field="content_variables", item=name)
    return template


def note_use(user: Any, content_sid: str, account_id: int) -> None:
    """Note that an agent used a template just now."""
    template = Template.objects.filter(content_sid=content_sid, account=account_id).only("pk").first()
    if template is None or user.pk is None:
        return
    using = router.db_for_write(TemplateUse)
    names_target = connections[using].features.supports_update_conflicts_with_target
    TemplateUse.objects.bulk_create(
        [TemplateUse(user_id=user.pk, template=template, used_at=Now())],
        update_conflicts=True,
        update_fields=["used_at"],
        unique_fields=["user", "template"] if names_target else None,
    )


# -- once more, before it is sent --------------------------------------------------------------------------------------


def recheck(messages: Iterable[Message]) -> dict[int, Rejection]:
    """Check the templates of messages that are about to be sent: one query for all, none where there is no template.

    Returns, by the message's key, why one is not sent. What the pipeline has loaded of a message is enough.
    """
    used = [one for one in messages if one.content_sid]
    if not used:
        return {}
    rows = {row.content_sid: row for row in Template.objects.filter(content_sid__in={one.content_sid for one in used})}
    found = ((one.pk, _rejection(one, rows.get(one.content_sid))) for one in used)
    return {pk: rejection for pk, rejection in found if rejection is not None}


def recheck_first(interactions: Sequence[Interaction]) -> dict[Any, Rejection]:
    """Check the templates of first messages before their conversation is opened; by the interaction's key."""
    with_message = {one.first_message.pk: one for one in interactions if one.first_message is not None}
    found = recheck(one.first_message for one in with_message.values())
    return {with_message[pk].pk: rejection for pk, rejection in found.items()}


def _rejection(message: Message, template: Template | None) -> Rejection | None:
    if template is None:
        return None
    place = _place_of(message)
    reason = refusal_of(template, place)
    if not reason and any(not message.content_variables.get(name) for name in required_of(template, place)):
        reason = UNFIT
    return Rejection(reason) if reason else None


def _place_of(message: Message) -> Place:
    if message.conversation is not None:
        return place_of(message.conversation)
    interaction = message.interaction
    assert interaction is not None
    return Place(interaction.account_id, Channel(interaction.channel))
