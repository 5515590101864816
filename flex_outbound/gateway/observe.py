"""Observers of the calls to Twilio, as the metrics are. The gateway does not know them.

    from flex_outbound.gateway.observe import observers

    observers.append(lambda operation, seconds, error: ...)

Observers are called in the thread of the call, right after it, so they must be quick. What they raise is logged.
"""

import logging
from collections.abc import Callable
from enum import StrEnum

from flex_outbound.exceptions import GatewayError

logger = logging.getLogger(__name__)


class Operation(StrEnum):
    """The kinds of calls: the methods of ``gateway.base.Gateway``, and those of ``directory`` and ``callbacks``."""

    CREATE_INTERACTION = "create_interaction"
    BEGIN_CONVERSATION = "begin_conversation"
    INVITE = "invite"
    LEAVE_CHANNEL = "leave_channel"
    CREATE_MESSAGE = "create_message"
    CLOSE_CHANNEL = "close_channel"
    FIND_TASKS = "find_tasks"
    FIND_PAST_TASKS = "find_past_tasks"
    FETCH_TASK = "fetch_task"
    UPDATE_TASK = "update_task"
    FETCH_CHANNEL = "fetch_channel"
    FIND_CONVERSATIONS = "find_conversations"
    FIND_HOLDERS = "find_holders"
    CLOSE_CONVERSATION = "close_conversation"
    HAS_CUSTOMER = "has_customer"
    FIND_MESSAGE = "find_message"
    FIND_RECEIPTS = "find_receipts"
    LIST_MESSAGES = "list_messages"
    FETCH_MESSAGE = "fetch_message"
    LIST_PARTICIPANTS = "list_participants"
    FETCH_CONVERSATION = "fetch_conversation"
    LIST_CONVERSATIONS = "list_conversations"
    FETCH_MEDIA = "fetch_media"
    UPLOAD_MEDIA = "upload_media"
    FETCH_WORKER = "fetch_worker"
    LIST_WORKER_CHANNELS = "list_worker_channels"
    FETCH_WORKSPACE = "fetch_workspace"
    FETCH_CALLBACKS = "fetch_callbacks"
    REGISTER_CALLBACKS = "register_callbacks"
    FETCH_ACCOUNT = "fetch_account"
    LIST_RESOURCES = "list_resources"


Observer = Callable[[Operation, float, GatewayError | None], None]
"""Takes the operation, the seconds it took, and its error; None for a successful call."""

observers: list[Observer] = []


def notify(operation: Operation, seconds: float, error: GatewayError | None) -> None:
    """Call every observer for one request (a list is one request per page). Raises nothing."""
    for observer in observers:
        try:
            observer(operation, seconds, error)
        except Exception:
            # Raised, it would turn an interaction that Twilio accepted into an unknown outcome.
            logger.exception("An observer of %s failed", operation)
