"""Who is in an open conversation, who was invited and who did not come: what pages and API show of it.

It stands beside ``opened``, which describes the conversation itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from flex_outbound.models import Closing, Conversation, Interaction
from flex_outbound.models.in_the_way import INVITING
from flex_outbound.models.ownership import is_own
from flex_outbound.outbox.conversations import handing, holding, inviting
from flex_outbound.outbox.conversations.holding import Held, Standing, Whose
from flex_outbound.outbox.readiness import There
from flex_outbound.outbox.texts import name_of
from flex_outbound.roles import SUPERVISE_PERMISSION
from flex_outbound.statuses import Status

SHOWN_FOR: Final = timedelta(minutes=30)
"""How long a page says that somebody did not come."""

IN, INVITED, DECLINED, MISSED = "in", "invited", "declined", "missed"

OTHERS_ONLY: Final = frozenset({"ask", "take_over", "take_up"})
"""What nobody does about a conversation in which they are."""


@dataclass(frozen=True, slots=True)
class Company:
    """Who is in a conversation. ``own``: the user's interaction in it. ``is_open``: somebody can be invited."""

    described: dict[str, Any]
    own: Interaction | None = None
    is_open: bool = False

    @property
    def flex_url(self) -> str | None:
        """The user's own task in Flex, while they are in the conversation."""
        return self.own.flex_url if self.own is not None else None

    def choices(self, known: Sequence[str], found: Held, user: Any) -> list[str]:
        """Return what a user can do about the conversation. ``known``: without what this module knows of."""
        chosen = [one for one in known if self.own is None or one not in OTHERS_ONLY]
        if self.own is not None and "open" not in chosen and self.flex_url:
            chosen.insert(0, "open")
        is_live = found.standing is Standing.LIVE and found.whose in (Whose.MINE, Whose.COLLEAGUE)
        may_invite = self.own is not None or user.has_perm(SUPERVISE_PERMISSION)
        people = self.described["people"]
        is_inviting = any(one["state"] == INVITED for one in people)
        if self.is_open and is_live and may_invite and not is_inviting:
            chosen.append("invite")
        if self.own is not None and not any(one["is_you"] and one["is_leaving"] for one in people):
            chosen.append("leave")
        return chosen


NOBODY: Final = Company({"people": [], "leaves_nobody": False})


def has_others() -> Combinable:
    """Return a column of a conversation: whether anybody was invited to it, or leaves it. Else that is looked up."""
    origin = Coalesce(OuterRef("interaction__continues"), OuterRef("interaction"))
    invites = Interaction.objects.filter(continues=origin)
    leaving = Closing.objects.filter(kind=Closing.Kind.LEAVE, interaction=OuterRef("interaction"))
    return ExpressionWrapper(Q(Exists(invites)) | Q(Exists(leaving)), BooleanField())


def of(conversation: Conversation, user: Any) -> Company:
    """Return who is in a conversation, as far as it went on here. Load it with ``holding.RELATED``."""
    newest = conversation.interaction
    if newest is None or not conversation.is_open:
        return NOBODY
    is_single = newest.continues_id is None and not getattr(conversation, "has_others", True)
    rows = [newest] if is_single else _rows(newest)
    people = [_person(one, user) for one in _newest_of_each(rows)]
    inside = [one for one in rows if one.status == Status.ACTIVE]
    # What went on in Flex alone is told by what Twilio shows.
    is_elsewhere = holding.held(conversation, user).task_sid not in ("", *[one.task_sid for one in inside])
    own = next((one for one in inside if is_own(one.agent_id, user)), None)
    if is_elsewhere:
        return NOBODY
    staying = [one for one in people if one["state"] == IN and not one["is_leaving"] and not one["is_you"]]
    shown = [one for one in people if one["state"]]
    described = {"people": shown, "leaves_nobody": own is not None and not staying}
    return Company(described, own, handing.is_joinable(conversation))


def _rows(newest: Interaction) -> list[Interaction]:
    """Return who is in the conversation of an interaction, is invited to it, or did not come lately."""
    origin = newest.origin_id
    same = Interaction.objects.filter(Q(pk=origin) | Q(continues=origin)).select_related("agent")
    failed = Q(status=Status.FAILED, invited_from__isnull=False, finished_at__gt=timezone.now() - SHOWN_FOR)
    leaving = Closing.objects.filter(kind=Closing.Kind.LEAVE, interaction=OuterRef("pk"))
    leaving = leaving.exclude(closed_at=None, next_at=None)
    found = same.filter(Q(status=Status.ACTIVE) | INVITING | failed).annotate(is_leaving=Exists(leaving))
    return list(found.order_by(F("created_at"), "id"))


def _newest_of_each(rows: Sequence[Interaction]) -> list[Interaction]:
    """Return of each agent what happened last: who was asked twice and came is in it."""
    kept = {(one.agent_id if one.agent_id is not None else one.pk): one for one in rows}
    return [one for one in rows if one in kept.values()]


def _person(interaction: Interaction, user: Any) -> dict[str, Any]:
    agent = interaction.agent
    return {
        "name": name_of(agent),
        "state": _state(interaction),
        "is_you": agent is not None and agent.pk == user.pk,
        "is_leaving": bool(vars(interaction).get("is_leaving", False)),
    }


def _state(interaction: Interaction) -> str:
    if interaction.status == Status.ACTIVE:
        return IN
    if interaction.status == Status.FAILED:
        return DECLINED if interaction.error_reason == "agent_rejected" else MISSED
    return INVITED if interaction.continues_id is not None else ""


# -- whom to invite ----------------------------------------------------------------------------------------------------


def colleagues(conversation: Conversation, user: Any) -> list[dict[str, Any]]:
    """Return whom a user can invite to a conversation, those who are there first."""
    return [
        {"id": str(one.user.pk), "name": one.name, "presence": one.state.there.value, "words": _there(one.state.there)}
        for one in inviting.colleagues(conversation, user)
    ]


def _there(there: There) -> str:
    """Return in words whether a colleague is there, "" where nobody knows."""
    known = {
        There.AVAILABLE: _("available"),
        There.OFFLINE: _("not available in Flex"),
        There.FULL: _("no room in Flex"),
    }
    return known.get(there, "")
