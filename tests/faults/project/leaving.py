"""Holds on the way of an agent who leaves a conversation, known by the key of the click that brought them into it."""

import re
from collections.abc import Callable
from typing import Any, Final

from flex_outbound.gateway.http import GatewayHttpClient
from flex_outbound.models import Closing
from flex_outbound.outbox import claims, closings
from tests.faults import times

Function = Callable[..., Any]
KEY: Final = "interaction__idempotency_key"
LEAVING: Final = re.compile(r"/Channels/(UO\w+)/Participants/UT\w+$")


def install(holds: Any) -> None:
    """Put a hold around each place where a worker can be lost. Each agent who leaves is a batch of their own."""
    closings.BATCH = 1
    closings.LEASE = float(times.LEASE)
    closings.close_due = _due(holds, closings.close_due)
    claims.take = _take(holds, claims.take)
    closings._close = _closed(holds, closings._close)
    closings._leave = _left(holds, closings._leave)
    GatewayHttpClient.request = _request(holds, GatewayHttpClient.request)


def _due(holds: Any, close_due: Function) -> Function:
    """Hold before the claim: it is known what is due, and nothing is taken."""

    def wrapped(account_id: int) -> Any:
        if holds.wanted("leave_due"):
            due = Closing.objects.due().filter(interaction__account=account_id, kind=Closing.Kind.LEAVE)
            for key in due.exclude(**_held(holds)).values_list(KEY, flat=True):
                holds.stop_at("leave_due", key)
        return close_due(account_id)

    return wrapped


def _take(holds: Any, take: Function) -> Function:
    def wrapped(due: Any, *arguments: Any, **values: Any) -> Any:
        if due.model is Closing and holds.wanted("leave_due"):
            due = due.exclude(**_held(holds))
        return take(due, *arguments, **values)

    return wrapped


def _held(holds: Any) -> dict[str, list[str]]:
    return {f"{KEY}__in": holds.held("leave_due")}


def _closed(holds: Any, close: Function) -> Function:
    """Hold on both sides of all that is done about one."""

    def wrapped(closing: Closing) -> Any:
        key = closing.interaction.idempotency_key if closing.kind == Closing.Kind.LEAVE else ""
        holds.stop_at("leave_claimed", key)
        done = close(closing)
        holds.stop_at("leave_written", key)
        return done

    return wrapped


def _left(holds: Any, leave: Function) -> Function:
    """Hold when Twilio's answer was read and nothing is written."""

    def wrapped(closing: Closing) -> None:
        leave(closing)
        holds.stop_at("leave_answered", closing.interaction.idempotency_key)

    return wrapped


def _request(holds: Any, request: Function) -> Function:
    """Hold on both sides of the wire: the participant is known and nothing is asked; all done and nothing seen."""

    def wrapped(client: Any, method: str, url: str, *arguments: Any, **fields: Any) -> Any:
        found = LEAVING.search(url) if method == "POST" else None
        key = _key_of(found[1]) if found and (holds.wanted("leave_unsent") or holds.wanted("leave_posted")) else ""
        holds.stop_at("leave_unsent", key)
        answer = request(client, method, url, *arguments, **fields)
        holds.stop_at("leave_posted", key)
        return answer

    return wrapped


def _key_of(channel_sid: str) -> str:
    rows = Closing.objects.filter(kind=Closing.Kind.LEAVE, channel_sid=channel_sid)
    return rows.values_list(KEY, flat=True).first() or ""
