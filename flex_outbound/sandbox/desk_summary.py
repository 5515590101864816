"""The content of the desk: workers, their tasks, the conversations, and the threads that are open on the page."""

from __future__ import annotations

from typing import Any

from flex_outbound.sandbox.records import Conversation, Message, Participant, Receipt, Task, Worker
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.taskrouter.lifecycle import FINAL
from flex_outbound.sandbox.wire import iso_ms
from flex_outbound.sandbox.world import World

MAX_TASKS = 200
MAX_ENDED = 12
MAX_CONVERSATIONS = 100


def summary(state: SandboxState, threads: list[str]) -> dict[str, Any]:
    """Return everything the page draws; ``threads`` are the SIDs of the conversations to give in full."""
    first, *others = state.worlds.values()
    worlds = [first, *(world for world in others if world.interactions)]
    conversations = [pair for world in worlds for pair in _conversations(world)]
    return {
        "options": {name: getattr(state.options, name) for name in ("auto_accept", "latency_ms")},
        "workers": [_worker(one) for world in worlds for one in _workers(world)],
        "tasks": [_task(world, one) for world in worlds for one in _tasks(world)],
        "conversations": [_conversation(*pair) for pair in conversations],
        "threads": {sid: thread for sid in threads if (thread := _thread(worlds, sid))},
    }


def _workers(world: World) -> list[Worker]:
    return [one for workspace in world.workspaces.values() for one in workspace.workers.values()]


def _tasks(world: World) -> list[Task]:
    everything = [one for workspace in world.workspaces.values() for one in workspace.tasks.values()]
    newest = everything[::-1]
    live = [task for task in newest if task.status not in FINAL][:MAX_TASKS]
    return live + [task for task in newest if task.status in FINAL][:MAX_ENDED]


def _conversations(world: World) -> list[tuple[Conversation, Participant]]:
    pairs = []
    for conversation in reversed(list(world.conversations.values())[-MAX_CONVERSATIONS:]):
        customers = (one for one in conversation.participants.values() if one.customer)
        customer = next(customers, None)
        if customer is not None:
            pairs.append((conversation, customer))
    return pairs


def _worker(worker: Worker) -> dict[str, Any]:
    activity = {"activity": worker.activity.name, "available": worker.activity.available}
    return {"sid": worker.sid, "name": worker.name, **activity}


def _task(world: World, task: Task) -> dict[str, Any]:
    held = [one.worker.sid for one in task.reservations.values()]
    interaction = world.interactions.get(task.interaction_sid or "")
    return {
        "sid": task.sid,
        "status": task.status,
        "worker_sid": held[-1] if held else task.routing_target,
        "customer": task.data.get("customerName") or task.data.get("customerAddress") or "Customer",
        "address": task.data.get("customerAddress") or "",
        "channel": task.data.get("channelType") or task.task_channel.name,
        "conversation_sid": task.data.get("conversationSid"),
        "interaction_sid": task.interaction_sid,
        "channel_status": interaction.channel.status if interaction else "",
        "queue": task.queue.name,
        "reason": task.reason,
        "created": iso_ms(task.created),
    }


def _conversation(conversation: Conversation, customer: Participant) -> dict[str, Any]:
    return {
        "sid": conversation.sid,
        "state": conversation.state,
        "address": customer.customer,
        "proxy": customer.proxy,
        "type": customer.type or "chat",
        "created": iso_ms(conversation.created),
    }


def _thread(worlds: list[World], sid: str) -> dict[str, Any] | None:
    for world in worlds:
        conversation = world.conversations.get(sid)
        if conversation is not None:
            messages = [_message(world, conversation, one) for one in conversation.messages.values()]
            people = conversation.participants.values()
            customers = [one.customer for one in people if one.customer]
            agents = [one.identity for one in people if one.identity and not one.is_visitor]
            return {"state": conversation.state, "messages": messages, "customers": customers, "agents": agents}
    return None


def _message(world: World, conversation: Conversation, message: Message) -> dict[str, Any]:
    sender = conversation.participants.get(message.participant_sid or "")
    receipt = next(iter(message.receipts.values()), None)
    return {
        "sid": message.sid,
        "author": message.author,
        "body": message.body or _mail_text(world, message),
        "subject": message.subject,
        "from_customer": sender is not None and bool(sender.customer),
        "status": receipt.status if receipt else "",
        "error_code": receipt.error_code if receipt else 0,
        "receipts": [_receipt(conversation, one) for one in message.receipts.values()],
        "media": [one for one in message.media or [] if one["category"] != "body"],
        "created": iso_ms(message.created),
    }


def _mail_text(world: World, message: Message) -> str:
    """Return the plain text of an email, whose parts are files."""
    for one in message.media or []:
        kept = world.media.get(one["sid"])
        if kept is not None and (kept.category, kept.content_type) == ("body", "text/plain"):
            return kept.data.decode("utf-8", "replace")
    return ""


def _receipt(conversation: Conversation, receipt: Receipt) -> dict[str, Any]:
    to = conversation.participants.get(receipt.participant_sid)
    return {
        "address": (to.address if to else None) or "",
        "status": receipt.status,
        "reported": receipt.reported,
        "error_code": receipt.error_code,
    }
