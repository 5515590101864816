"""Who has taken the task of an interaction that no agent began: nobody knows before somebody has accepted it."""

import json
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.channels import InitiatedBy
from flex_outbound.models import Interaction, Worker
from flex_outbound.outbox.texts import name_of

_BEGUN: Final[dict[str, Promise]] = {
    InitiatedBy.API: gettext_lazy("Asked for by a form"),
    InitiatedBy.CUSTOMER: gettext_lazy("Began with the customer's message"),
}


def is_open_to_all(interaction: Interaction) -> bool:
    """Tell whether Flex chooses who gets an interaction's task."""
    return interaction.initiated_by != InitiatedBy.AGENT


def taken_by(interaction: Interaction, worker_sid: str | None) -> dict[str, Any]:
    """Return agent and worker as facts, by column; {} where that is no news, or the interaction has its agent anyway.

    A worker who is nobody's here is noted without an agent. Of several who accept it one after the other, as in a
    transfer, the last one has it.
    """
    is_known = worker_sid == interaction.worker_sid and not _is_only_offered(interaction)
    if not worker_sid or not is_open_to_all(interaction) or is_known:
        return {}
    worker = Worker.objects.filter(account=interaction.account_id, worker_sid=worker_sid).first()
    user_id = worker.user_id if worker is not None else None
    return {"worker_sid": worker_sid, "worker_id": worker.pk if worker is not None else None, "agent_id": user_id}


def is_unknown(interaction: Interaction) -> bool:
    """Tell whether nobody knows yet who has the task of an interaction that no agent began."""
    return is_open_to_all(interaction) and (not interaction.worker_sid or _is_only_offered(interaction))


def _is_only_offered(interaction: Interaction) -> bool:
    """Tell whether a task was offered to a worker of ours: once they have accepted it, the agent is noted as well."""
    return interaction.worker_id is not None and interaction.agent_id is None


def begun_words(interaction: Interaction) -> str:
    """Return how an interaction began, in the active language; "" where an agent began it."""
    return str(_BEGUN.get(interaction.initiated_by, ""))


def who_words(interaction: Interaction) -> str:
    """Return the agent's name, or in words that there is none; "" for an agent who was deleted. Load it with its agent.

    What nobody has taken and has ended is nobody's any more.
    """
    if interaction.agent is not None:
        return name_of(interaction.agent)
    if not is_open_to_all(interaction):
        return ""
    if not is_unknown(interaction):
        return _("An agent in Flex")
    return "" if interaction.is_final else _("Waiting for an agent")


def asked(interaction: Interaction) -> list[tuple[str, str]]:
    """Return what a form or a program gave for the task, as names and texts; what is no text is JSON."""
    given = interaction.attributes.items()
    return [(name, one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)) for name, one in given]
