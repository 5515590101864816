"""The gateway over Twilio's SDK: send is the second of three steps (build, send, parse).

Everything that leaves here as an exception is a GatewayError; see ``classify`` for which.
"""

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from twilio.base.exceptions import TwilioException
from twilio.rest import Client
from urllib3.exceptions import HTTPError

from flex_outbound.exceptions import ConfigurationError, GatewayError, Refused
from flex_outbound.gateway import payloads, results
from flex_outbound.gateway.base import (
    ChannelState,
    Connection,
    Gateway,
    InteractionRequest,
    InteractionResult,
    MessageRequest,
    TaskState,
)
from flex_outbound.gateway.classify import classify, malformed
from flex_outbound.gateway.http import GatewayHttpClient, MalformedReply

MAX_KEYS = 50
TASKS_PER_PAGE = 1000
"""Twilio's most: every page of a search counts against the 3 searches per second of an account."""

MESSAGES_PER_PAGE = 100
MAX_MESSAGES = 200
MAX_KEPT = 4
"""Gateways kept per thread; a worker seldom serves more accounts at a time."""

_kept = threading.local()


def connect(connection: Connection) -> Gateway:
    """Return the calling thread's gateway to an account, with its open connection (a new one costs a TLS handshake).

    Raises ConfigurationError where the connection has no credentials.
    """
    credentials = (connection.username, connection.password)
    # Twilio's are plain ASCII; anything else is a slip of the clipboard, which HTTP's basic auth could not even carry.
    if not all(credentials) or not all(map(str.isascii, credentials)):
        raise ConfigurationError(
            f"Account {connection.account_sid} has no usable credentials: enter them anew in the admin."
        )
    if getattr(_kept, "pid", None) != os.getpid():
        # A forked worker must not share its parent's sockets: two processes would read each other's answers.
        _kept.pid, _kept.gateways = os.getpid(), OrderedDict()
    gateways: OrderedDict[Connection, TwilioGateway] = _kept.gateways
    if connection not in gateways:
        gateways[connection] = TwilioGateway(connection)
        if len(gateways) > MAX_KEPT:
            gateways.popitem(last=False)[1].close()
    gateways.move_to_end(connection)
    return gateways[connection]


class TwilioGateway:
    """One account at Twilio, for one thread: the SDK is not vouched thread-safe."""

    def __init__(self, connection: Connection) -> None:
        self._workspace_sid = connection.workspace_sid
        self._http = GatewayHttpClient(connection.base_url, connection.timeout)
        self._client = Client(
            connection.username,
            connection.password,
            connection.account_sid,
            http_client=self._http,
            # Named, so that credentials can never come from the process's environment; its edge and region may.
            environment={name: os.environ.get(name, "") for name in ("TWILIO_EDGE", "TWILIO_REGION")},
            user_agent_extensions=["django-flex-outbound"],
        )

    def __repr__(self) -> str:
        return f"<TwilioGateway {self._client.account_sid}>"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create_interaction(self, request: InteractionRequest) -> InteractionResult:
        """Open an agent-initiated interaction; raises OutcomeUnknown for an answer without a KD SID.

        https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions#create-an-interaction-resource
        """
        channel, routing = payloads.channel_payload(request), payloads.routing_payload(request)
        with self._call():
            made = self._client.flex_api.v1.interaction.create(channel=channel, routing=routing)
        result = results.parse_interaction({"sid": made.sid, "channel": made.channel, "routing": made.routing})
        if result.interaction_sid is None:
            raise malformed("no interaction SID", self._http.last_status)
        return result

    def find_tasks(self, keys: Sequence[str]) -> dict[str, list[TaskState]]:
        """Look for live tasks by key. A task that matches but cannot be read is no empty look: OutcomeUnknown.

        https://www.twilio.com/docs/taskrouter/api/task#list-all-task-resources
        """
        expression = _any_of(keys)
        with self._call():
            listed = self._tasks().list(evaluate_task_attributes=expression, page_size=TASKS_PER_PAGE)
        # By SID: a task that moves between two pages while they are read is listed twice, and is no duplicate.
        tasks = {task.task_sid: task for task in self._readable(listed, keys) if task.key in keys}
        found: dict[str, list[TaskState]] = {}
        for task in tasks.values():
            found.setdefault(task.key, []).append(task)
        return found

    def fetch_task(self, task_sid: str) -> TaskState | None:
        """Return one task, None where Twilio does not have it: finished tasks are deleted after minutes."""
        record = self._fetch(self._tasks(task_sid), missing=(404,))
        if record is None:
            return None
        task = results.parse_task(_task_fields(record))
        if task is None:
            raise malformed("no task SID", self._http.last_status)
        return task

    def fetch_channel(self, interaction_sid: str, channel_sid: str) -> ChannelState | None:
        """Return one channel, None where Twilio does not have it or (403) does not show channels to this account."""
        context = self._client.flex_api.v1.interaction(interaction_sid).channels(channel_sid)
        record = self._fetch(context, missing=(403, 404))
        if record is None:
            return None
        return results.parse_channel(
            {"status": record.status, "error_code": record.error_code, "error_message": record.error_message}
        )

    def create_message(self, request: MessageRequest) -> str:
        """Send a message and return its SID; raises OutcomeUnknown for an answer without one."""
        fields = payloads.message_payload(request)
        with self._call():
            record = self._messages(request.conversation_sid).create(**fields)
        sid, _key = results.parse_message({"sid": record.sid})
        if sid is None:
            raise malformed("no message SID", self._http.last_status)
        return sid

    def find_message(self, conversation_sid: str, key: str) -> str | None:
        """Return the SID of the message with this key, looking through a conversation's first 200 messages."""
        with self._call():
            # Oldest first: what is looked for is the first message of a new conversation.
            listed = self._messages(conversation_sid).list(order="asc", limit=MAX_MESSAGES, page_size=MESSAGES_PER_PAGE)
        for record in listed:
            sid, found = results.parse_message({"sid": record.sid, "attributes": record.attributes})
            if sid and found == key:
                return sid
        return None

    def fetch_workspace(self) -> str:
        """Return the workspace's friendly name."""
        with self._call():
            record = self._client.taskrouter.v1.workspaces(self._workspace_sid).fetch()
        return str(record.friendly_name or "")

    def _tasks(self, *sid: str) -> Any:
        tasks = self._client.taskrouter.v1.workspaces(self._workspace_sid).tasks
        return tasks(*sid) if sid else tasks

    def _messages(self, conversation_sid: str) -> Any:
        return self._client.conversations.v1.conversations(conversation_sid).messages

    def _fetch(self, context: Any, missing: tuple[int, ...]) -> Any:
        try:
            with self._call():
                return context.fetch()
        except GatewayError as error:
            if error.http_status in missing:
                return None
            raise

    def _readable(self, listed: Iterable[Any], keys: Sequence[str]) -> Iterator[TaskState]:
        """Yield the listed tasks with their attributes, which a list may leave out.

        https://www.twilio.com/docs/taskrouter/api/task#task-properties says null in lists, its examples show them.
        """
        for record in listed:
            task = results.parse_task(_task_fields(record))
            if task is not None and not task.attributes:
                task = self.fetch_task(task.task_sid)
            if task is not None and task.attributes:
                yield task
            else:
                # It matched one of the keys. To leave it out would look like "not there", and be sent again.
                raise malformed(f"a task matched {len(keys)} keys but cannot be read", self._http.last_status)

    @contextmanager
    def _call(self) -> Iterator[None]:
        http = self._http
        http.last_status = http.last_retry_after = None
        try:
            yield
        except TwilioException as error:
            # Not chained: its text repeats Twilio's words, which name customers; ``detail`` has them masked.
            raise classify(error, http_status=http.last_status, retry_after=http.last_retry_after) from None
        except UnicodeEncodeError as error:
            # Raised while the request is written out, before anything is sent.
            raise Refused(f"unsendable text: {error.reason}", reason="invalid_request") from None
        except (OSError, HTTPError) as error:  # all of requests' errors are OSErrors
            raise classify(error, http_status=http.last_status) from error
        except MalformedReply as error:
            raise malformed(str(error), http.last_status) from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # What the SDK does with JSON of another shape than it expects; the request itself was built before.
            raise malformed(type(error).__name__, http.last_status) from None


def _any_of(keys: Sequence[str]) -> str:
    """Return a TaskRouter expression: https://www.twilio.com/docs/taskrouter/expression-syntax."""
    if not 0 < len(keys) <= MAX_KEYS or not all(re.fullmatch(r"[0-9A-Za-z]+", key) for key in keys):
        raise ValueError(f"1 to {MAX_KEYS} keys of letters and digits are looked for at a time.")
    quoted = ", ".join(f"'{key}'" for key in keys)
    return f"{payloads.KEY} IN [{quoted}]"


def _task_fields(record: Any) -> dict[str, Any]:
    return {"sid": record.sid, "assignment_status": record.assignment_status, "attributes": record.attributes}
