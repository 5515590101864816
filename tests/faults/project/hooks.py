"""Holds a process at an exact place of one click's way, so that a test can kill, stop or starve it just there.

A test asks by a file ``<point>--<click key>`` in a folder. The first process that comes by takes it, leaves its
process id in ``….held`` and waits until that file is gone. Each order is for one visit: after the accident the same
row passes the same place unhindered.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from twilio.http.http_client import TwilioHttpClient

from flex_outbound.models import Interaction
from flex_outbound.outbox import callbacks, dispatch, lifecycle, lookups

POLL_SECONDS = 0.01
Function = Callable[..., Any]
_in_callback = threading.local()


class Holds:
    """The orders in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def wanted(self, point: str) -> bool:
        """Tell whether anybody is to be held at this point; the ways of all others cost nothing."""
        return any(self.folder.glob(f"{point}--*"))

    def stop_at(self, point: str, key: str) -> None:
        """Wait here if that was asked for."""
        order = self.folder / f"{point}--{key}"
        taken, held = order.with_suffix(".taken"), order.with_suffix(".held")
        try:
            order.rename(taken)
        except FileNotFoundError:
            return
        taken.write_text(str(os.getpid()))
        taken.rename(held)
        while held.exists():
            time.sleep(POLL_SECONDS)


def install(folder: Path) -> None:
    """Put a hold around each place where a worker can be lost."""
    holds = Holds(folder)
    lifecycle.claim = _claim(holds, lifecycle.claim)
    lifecycle.about_to_send = _after(holds, "before_post", lifecycle.about_to_send)
    TwilioHttpClient.request = _request(holds, TwilioHttpClient.request)
    dispatch._accepted = _around_write(holds, dispatch._accepted)
    callbacks.process = _marked(callbacks.process)
    lookups.adopt = _adopt(holds, lookups.adopt)
    lookups._search = _search(holds, lookups._search)


def _key_of(row_id: object) -> str:
    return Interaction.objects.filter(pk=row_id).values_list("idempotency_key", flat=True).first() or ""


def _claim(holds: Holds, claim: Function) -> Function:
    def wrapped(row_id: UUID, *arguments: Any) -> Any:
        if holds.wanted("before_claim"):
            holds.stop_at("before_claim", _key_of(row_id))
        row = claim(row_id, *arguments)
        if row is not None:
            holds.stop_at("after_claim", row.idempotency_key)
        return row

    return wrapped


def _after(holds: Holds, point: str, function: Function) -> Function:
    def wrapped(row: Interaction, *arguments: Any) -> Any:
        result = function(row, *arguments)
        if result:
            holds.stop_at(point, row.idempotency_key)
        return result

    return wrapped


def _before(holds: Holds, point: str, function: Function) -> Function:
    def wrapped(row: Interaction, *arguments: Any) -> Any:
        holds.stop_at(point, row.idempotency_key)
        return function(row, *arguments)

    return wrapped


def _around_write(holds: Holds, accepted: Function) -> Function:
    return _before(holds, "before_write", _finally(holds, "before_ack", accepted))


def _finally(holds: Holds, point: str, function: Function) -> Function:
    def wrapped(row: Interaction, *arguments: Any) -> Any:
        result = function(row, *arguments)
        holds.stop_at(point, row.idempotency_key)
        return result

    return wrapped


def _request(holds: Holds, request: Function) -> Function:
    """Hold on both sides of the wire: all fences passed and nothing sent; all done and not one byte of it seen."""

    def wrapped(client: Any, method: str, url: str, *arguments: Any, **fields: Any) -> Any:
        key = _sent_key(fields) if holds.wanted("behind_fence") or holds.wanted("answer_lost") else ""
        holds.stop_at("behind_fence", key)
        answer = request(client, method, url, *arguments, **fields)
        holds.stop_at("answer_lost", key)
        return answer

    return wrapped


def _sent_key(fields: dict[str, Any]) -> str:
    """Return the click that a request to open an interaction is for, "" for any other request."""
    routing = (fields.get("data") or {}).get("Routing") or "{}"
    properties = json.loads(routing if isinstance(routing, str) else json.dumps(routing)).get("properties", {})
    key = properties.get("attributes", {}).get("flexOutboundKey")
    return _key_of(key) if key else ""


def _marked(process: Function) -> Function:
    def wrapped(*arguments: Any) -> Any:
        _in_callback.active = True
        try:
            return process(*arguments)
        finally:
            _in_callback.active = False

    return wrapped


def _adopt(holds: Holds, adopt: Function) -> Function:
    """Hold a callback in the middle: the event and its row are read and locked, nothing is written."""

    def wrapped(row: Interaction, *arguments: Any) -> Any:
        if getattr(_in_callback, "active", False):
            holds.stop_at("callback", row.idempotency_key)
        return adopt(row, *arguments)

    return wrapped


def _search(holds: Holds, search: Function) -> Function:
    def wrapped(gateway: Any, account: Any, rows: list[Interaction]) -> Any:
        found = search(gateway, account, rows)
        for row in rows:
            holds.stop_at("reconcile", row.idempotency_key)
        return found

    return wrapped
