"""Who is in conversation with a contact right now, for templates: told before anybody clicks."""

from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import gettext as _

from flex_outbound.display import isolated as isolated
from flex_outbound.display import local as local
from flex_outbound.models import Interaction
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox import taking
from flex_outbound.outbox.texts import name_of
from flex_outbound.phases import Phase
from flex_outbound.roles import SUPERVISE_PERMISSION
from flex_outbound.statuses import OPEN, Status
from flex_outbound.twilio_statuses import TaskStatus


def current_context(interaction: Interaction, user: Any, *, is_offered: bool = False) -> dict[str, Any]:
    """Return the context of ``_current.html``: with whom a contact is in conversation, since when, and where.

    Whose it is, is said to everybody; where it is in Flex, only to those who may see it. ``is_offered``: Flex offers it
    to the user, who is not its agent yet.
    """
    is_mine = is_own(interaction.agent_id, user)
    may_see = may_decide(user, interaction) or user.has_perm("flex_outbound.view_interaction")
    return {
        "id": str(interaction.pk),
        "channel": interaction.get_channel_display(),
        "agent": "" if is_mine else name_of(interaction.agent) or _("somebody else"),
        "is_open": interaction.status in OPEN,
        "is_unanswered": interaction.waits_since is not None,
        "begun": taking.begun_words(interaction) if taking.is_unknown(interaction) else "",
        "waits": Phase.OFFERED.label if is_offered or (is_mine and interaction.phase is Phase.OFFERED) else "",
        "since": since(interaction.opened_at or interaction.waits_since or interaction.created_at),
        "flex_url": flex_url_of(interaction) if may_see else None,
    }


def since(moment: datetime) -> SafeString:
    """Return a moment as markup: its time if it is of today, else its date as well."""
    here = local(moment)
    is_today = here.date() == local(now()).date()
    text = date_format(here, "TIME_FORMAT" if is_today else "SHORT_DATETIME_FORMAT")
    return format_html('<time datetime="{}" data-since>{}</time>', here.isoformat(), text)


def flex_url_of(interaction: Interaction) -> str | None:
    """Return the link to the task in Flex, None where there is no task, or none any more."""
    is_over = interaction.is_final or interaction.task_status in {TaskStatus.COMPLETED, TaskStatus.CANCELED}
    return None if is_over else interaction.flex_url


def may_decide(user: Any, interaction: Interaction) -> bool:
    """Tell whether a user may decide about an interaction: its agent, and anybody who may change interactions."""
    return is_own(interaction.agent_id, user) or bool(user.has_perm("flex_outbound.change_interaction"))


def may_open_now(user: Any, interaction: Interaction) -> bool:
    """Tell whether a user may open what waits for an answer: its agent, and who decides for others and supervises."""
    is_allowed = is_own(interaction.agent_id, user) or (
        may_decide(user, interaction) and bool(user.has_perm(SUPERVISE_PERMISSION))
    )
    return interaction.may_open_now and is_allowed


def describe_wait(interaction: Interaction, user: Any) -> dict[str, Any]:
    """Return what pages and API show of an interaction's wait for the customer's answer."""
    at = interaction.waits_since
    return {
        "opens_on_answer": interaction.opens_on_answer,
        "waits_since": local(at) if at is not None else None,
        "can_open_now": may_open_now(user, interaction),
    }


def retry_label(status: str) -> str:
    """Return the words of the button that sends again."""
    return _("Send again") if status == Status.REVIEW else _("Retry")


def cancel_label(status: str) -> str:
    """Return the words of the button that cancels, discards, or ends the wait for an answer."""
    return {Status.WAITING: _("End the wait"), Status.REVIEW: _("Discard")}.get(Status(status), _("Cancel"))
