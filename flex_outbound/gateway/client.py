"""The gateway over Twilio's SDK: send is the second of three steps (build, send, parse).

This module has ``connect`` and most calls that change something at Twilio. Those that only read are in ``queries`` and
``conversations``; a conversation without a task begins in ``beginning``; files are in ``media``.
"""

import os
import threading
from collections import OrderedDict

from flex_outbound.exceptions import Refused
from flex_outbound.gateway import payloads, results
from flex_outbound.gateway.base import (
    Connection,
    Gateway,
    InteractionRequest,
    InteractionResult,
    Joined,
    MessageRequest,
)
from flex_outbound.gateway.beginning import TwilioBeginning
from flex_outbound.gateway.calls import in_path
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.media import TwilioMedia
from flex_outbound.gateway.observe import Operation
from flex_outbound.gateway.tasks import TwilioTasks
from flex_outbound.gateway.workers import TwilioWorkers
from flex_outbound.sids import SidKind
from flex_outbound.twilio_statuses import ChannelStatus, TaskStatus

MAX_KEPT = 16
"""Gateways kept per process; a worker seldom serves more accounts at a time."""

_lock = threading.Lock()
_kept: "OrderedDict[Connection, TwilioGateway]" = OrderedDict()


def _begin_anew() -> None:
    """Forget what a parent process had: two processes on its sockets would read each other's answers."""
    global _lock, _kept
    _lock, _kept = threading.Lock(), OrderedDict()


os.register_at_fork(after_in_child=_begin_anew)


def connect(connection: Connection) -> Gateway:
    """Return this process's gateway to an account, with its open connections: a new one costs a TLS handshake.

    All threads use the same. Raises ConfigurationError for unusable credentials.
    """
    with _lock:
        if connection not in _kept:
            _kept[connection] = TwilioGateway(connection)
            if len(_kept) > MAX_KEPT:
                _kept.popitem(last=False)[1].close()
        _kept.move_to_end(connection)
        return _kept[connection]


class TwilioGateway(TwilioTasks, TwilioBeginning, TwilioMedia, TwilioWorkers):
    """One account at Twilio: implements ``gateway.base.Gateway``. Several threads may use it at once."""

    def create_interaction(self, request: InteractionRequest) -> InteractionResult:
        """Open an interaction; raises OutcomeUnknown for an answer without a KD SID.

        https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions#create-an-interaction-resource
        """
        if request.joins is not None:
            return self._invite(request, request.joins)
        fields = payloads.interaction_payload(request)
        with self._call(Operation.CREATE_INTERACTION):
            made = self._interactions.create(**fields)
        result = results.parse_interaction({"sid": made.sid, "channel": made.channel, "routing": made.routing})
        if result.interaction_sid is None:
            raise malformed("no interaction SID", self._http.last_status)
        return result

    def _invite(self, request: InteractionRequest, joins: Joined) -> InteractionResult:
        """Invite the agent, with a task of its own; raises OutcomeUnknown for an answer without a KG SID.

        https://www.twilio.com/docs/flex/developer/conversations/interactions-api/invites-subresource
        """
        routing = payloads.routing_payload(request)
        with self._call(Operation.INVITE):
            made = self._channel(joins.interaction_sid, joins.channel_sid).invites.create(routing=routing)
        result = results.parse_invite({"sid": made.sid, "routing": made.routing}, joins)
        if result.invite_sid is None:
            raise malformed("no invite SID", self._http.last_status)
        return result

    def leave_channel(self, interaction_sid: str, channel_sid: str, task_sid: str) -> None:
        """Close the participant whose task it is; a participant or channel that is gone has left.

        Raises OutcomeUnknown where Twilio shows no such participant, but the task is still being worked on.
        https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-channel-participants
        """
        channel = self._channel(interaction_sid, channel_sid)
        try:
            listed = self._records(Operation.LEAVE_CHANNEL, channel.participants, pages=1, page_size=50)
            own = [one for one in listed if results.has_task(one.routing_properties, task_sid)]
            for one in own:
                with self._call(Operation.LEAVE_CHANNEL):
                    channel.participants(in_path(one.sid, SidKind.CHANNEL_PARTICIPANT)).update(
                        **payloads.leaving_payload()
                    )
        except Refused as error:
            if error.http_status != 404 and error.reason != "closed":
                raise
            return
        task = None if own else self.fetch_task(task_sid)
        if task is not None and task.status == TaskStatus.ASSIGNED:
            raise malformed("an agent's task without the agent", self._http.last_status)

    def create_message(self, request: MessageRequest) -> str:
        """Send a message and return its SID; raises OutcomeUnknown for an answer without one."""
        fields = payloads.message_payload(request)
        with self._call(Operation.CREATE_MESSAGE):
            record = self._messages(request.conversation_sid).create(**fields)
        sid, _key = results.parse_message({"sid": record.sid})
        if sid is None:
            raise malformed("no message SID", self._http.last_status)
        return sid

    def close_channel(self, interaction_sid: str, channel_sid: str) -> None:
        """Close a channel with its tasks and conversation.

        Does nothing for a channel that is closed already or that Twilio does not have.
        https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-channels-subresource
        """
        try:
            with self._call(Operation.CLOSE_CHANNEL):
                self._channel(interaction_sid, channel_sid).update(**payloads.closing_payload())
        except Refused as error:
            if error.http_status == 404 or error.reason == "closed":
                return
            # Which code Twilio answers for a closed channel is not documented, so the channel is asked.
            if error.http_status != 400 or not self._is_over(interaction_sid, channel_sid):
                raise

    def _is_over(self, interaction_sid: str, channel_sid: str) -> bool:
        channel = self.fetch_channel(interaction_sid, channel_sid)
        return channel is not None and channel.status in {ChannelStatus.CLOSED, ChannelStatus.FAILED}
