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
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from flex_outbound import broker
from flex_outbound.channels import InitiatedBy
from flex_outbound.gateway.base import InteractionResult
from flex_outbound.gateway.http import GatewayHttpClient
from flex_outbound.models import Interaction, Message
from flex_outbound.outbox import attachments, attempts, dispatch, lifecycle, lookups, message_lifecycle, messages
from flex_outbound.outbox.callbacks import processing
from flex_outbound.outbox.jobs import Job
from tests.faults.project import leaving, unasked
from tests.faults.project.unasked import CHANGED

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

    def held(self, point: str) -> list[str]:
        """Return the keys that a living process is held with at this point: nobody else may have come by with them."""
        held = self.folder.glob(f"{point}--*.held")
        return [path.stem.removeprefix(f"{point}--") for path in held if _lives(path)]

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


def _lives(held: Path) -> bool:
    try:
        return psutil.Process(int(held.read_text())).status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.NoSuchProcess):
        return False


def install(folder: Path) -> None:
    """Put a hold around each place where a worker can be lost.

    Each interaction and each callback is a batch of its own, and as many jobs as there are threads run at once: what is
    held must hold up nothing but itself.
    """
    holds = Holds(folder)
    dispatch.BATCH = processing.BATCH = messages.BATCH = attachments.AT_ONCE = 1
    broker.JOBS_AT_ONCE.update(dict.fromkeys(Job, 64))
    lifecycle.claim = _claim(holds, lifecycle.claim)
    attempts.mark_sent = _marks(holds, attempts.mark_sent)
    GatewayHttpClient.request = _request(holds, GatewayHttpClient.request)
    dispatch._record = _record(holds, dispatch._record)
    processing._apply = _marked(processing._apply)
    lookups.adopt = _adopt(holds, lookups.adopt)
    lookups._search = _search(holds, lookups._search)
    message_lifecycle.claim = _claim_messages(holds, message_lifecycle.claim)
    attachments.upload = _upload(holds, attachments.upload)
    messages._record = _record_messages(holds, messages._record)
    messages._look_up = _look_up(holds, messages._look_up)
    unasked.install(holds, name_of)
    leaving.install(holds)


def name_of(row: Interaction) -> str:
    """Return what a test knows an interaction by: the click's key, or the address where no agent began it."""
    return row.idempotency_key if row.initiated_by == InitiatedBy.AGENT else row.address


def _key_of(row_id: object) -> str:
    row = Interaction.objects.filter(pk=row_id).first()
    return name_of(row) if row is not None else ""


def _claim(holds: Holds, claim: Function) -> Function:
    def wrapped(due: Any, *arguments: Any) -> Any:
        waiting = due.exclude(idempotency_key__in=holds.held("before_claim"))
        if holds.wanted("before_claim"):
            for key in waiting.filter(status="queued").values_list("idempotency_key", flat=True)[:1]:
                holds.stop_at("before_claim", key)
        claimed = claim(waiting, *arguments)
        for interaction in claimed:
            holds.stop_at("after_claim", name_of(interaction))
        return claimed

    return wrapped


def _marks(holds: Holds, mark_sent: Function) -> Function:
    def wrapped(claimed: list[Any]) -> Any:
        marked = mark_sent(claimed)
        for one in claimed:
            if isinstance(one, Interaction) and one.pk in marked:
                holds.stop_at("before_post", name_of(one))
            elif isinstance(one, Message) and one.pk in marked:
                holds.stop_at("answer_marked", one.body)
        return marked

    return wrapped


def _record(holds: Holds, record: Function) -> Function:
    """Hold on both sides of the write of accepted interactions."""

    def wrapped(answers: list[tuple[Interaction, Any]]) -> Any:
        accepted = [name_of(one) for one, answer in answers if isinstance(answer, InteractionResult)]
        for key in accepted:
            holds.stop_at("before_write", key)
        result = record(answers)
        for key in accepted:
            holds.stop_at("before_ack", key)
        return result

    return wrapped


def _request(holds: Holds, request: Function) -> Function:
    """Hold on both sides of the wire: all fences passed and nothing sent; all done and not one byte of it seen."""

    def wrapped(client: Any, method: str, url: str, *arguments: Any, **fields: Any) -> Any:
        key = _sent_key(fields) if holds.wanted("behind_fence") or holds.wanted("answer_lost") else ""
        holds.stop_at("behind_fence", key)
        change = _sent_change(fields) if method == "POST" and "/Tasks/" in url else ""
        holds.stop_at("update_read", change)
        answer = request(client, method, url, *arguments, **fields)
        holds.stop_at("answer_lost", key)
        holds.stop_at("update_posted", change)
        if method == "POST" and url.endswith("/Messages"):
            holds.stop_at("answer_posted", (fields.get("data") or {}).get("Body") or "")
        if method == "POST" and (holds.wanted("room_made") or holds.wanted("customer_added")):
            _begun(holds, url, fields.get("data") or {})
        return answer

    return wrapped


def _begun(holds: Holds, url: str, data: dict[str, Any]) -> None:
    """Hold where a conversation without a task is made, and where its customer was added."""
    if url.endswith("/Conversations"):
        holds.stop_at("room_made", _key_of(UUID(data["UniqueName"])))
    elif url.endswith("/Participants"):
        rows = Interaction.objects.filter(opens_on_answer=True, address=data.get("MessagingBinding.Address"))
        for key in rows.values_list("idempotency_key", flat=True):
            holds.stop_at("customer_added", key)


def _sent_key(fields: dict[str, Any]) -> str:
    """Return the click that a request to open an interaction is for, "" for any other request."""
    routing = (fields.get("data") or {}).get("Routing") or "{}"
    properties = json.loads(routing if isinstance(routing, str) else json.dumps(routing)).get("properties", {})
    key = properties.get("attributes", {}).get("flexOutboundKey")
    return _key_of(key) if key else ""


def _sent_change(fields: dict[str, Any]) -> str:
    """Return the cell that a change of a task's attributes is of, "" for any other."""
    sent = json.loads((fields.get("data") or {}).get("Attributes") or "{}")
    return str((sent.get(CHANGED) or {}).get("key", ""))


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
        if holds.wanted("before_lookup"):
            # Each in a thread of its own: several of a batch may be ordered, and each is to be seen held.
            with ThreadPoolExecutor(len(rows)) as pool:
                list(pool.map(partial(holds.stop_at, "before_lookup"), map(name_of, rows)))
        found = search(gateway, account, rows)
        for row in rows:
            holds.stop_at("reconcile", row.idempotency_key)
        return found

    return wrapped


def _claim_messages(holds: Holds, claim: Function) -> Function:
    """A message is known by its text."""

    def wrapped(due: Any, limit: int) -> Any:
        claimed = claim(due, limit)
        for message in claimed:
            holds.stop_at("answer_claimed", message.body)
        return claimed

    return wrapped


def _upload(holds: Holds, upload: Function) -> Function:
    def wrapped(admitted: list[tuple[Message, Any]]) -> Any:
        errors = upload(admitted)
        for message, _gateway in admitted:
            if message.has_media and message.pk not in errors:
                holds.stop_at("answer_uploaded", message.body)
        return errors

    return wrapped


def _record_messages(holds: Holds, record: Function) -> Function:
    def wrapped(answers: list[tuple[Message, Any]]) -> Any:
        accepted = [message.body for message, answer in answers if isinstance(answer, str)]
        for text in accepted:
            holds.stop_at("answer_answered", text)
        result = record(answers)
        for text in accepted:
            holds.stop_at("answer_written", text)
        return result

    return wrapped


def _look_up(holds: Holds, look_up: Function) -> Function:
    def wrapped(message: Message) -> Any:
        holds.stop_at("answer_looked", message.body)
        return look_up(message)

    return wrapped
