"""Who has taken the task of an interaction that no agent began: nobody knows before somebody has accepted it."""

from typing import Any

from flex_outbound.channels import InitiatedBy
from flex_outbound.models import Interaction, Worker


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
