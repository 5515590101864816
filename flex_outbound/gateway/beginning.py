"""Beginning a conversation with a customer, without a task: an interaction is made in it when the customer answers.

Twilio keeps no record of requests by which one could be repeated safely, but a conversation's unique name is one.
"""

import logging
import re

from flex_outbound.exceptions import GatewayError, Refused
from flex_outbound.gateway import payloads, records
from flex_outbound.gateway.base import InteractionRequest, InteractionResult
from flex_outbound.gateway.calls import found_or_none
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.conversations import TwilioConversations
from flex_outbound.gateway.observe import Operation
from flex_outbound.sids import SidKind, is_sid, sid_or_none
from flex_outbound.twilio_statuses import ConversationState

logger = logging.getLogger(__name__)


class TwilioBeginning(TwilioConversations):
    """The calls that begin a conversation."""

    def begin_conversation(self, request: InteractionRequest) -> InteractionResult:
        """Make the conversation that is named for ``request.key``, unless it is there, and add the customer to it.

        Returns the conversation's SID alone. Idempotent. Raises Refused for another channel than SMS, WhatsApp and
        Messenger, and OutcomeUnknown for an answer without a SID.
        https://www.twilio.com/docs/conversations/api/conversation-resource
        https://www.twilio.com/docs/conversations/api/conversation-participant-resource
        """
        if not request.channel.shows_sender:
            raise Refused(f"no conversation is begun by {request.channel.value}", reason="invalid_request")
        # The key becomes a part of a path, and must not be taken for a SID there.
        if not re.fullmatch(r"[0-9A-Za-z]+", request.key) or is_sid(request.key, SidKind.CONVERSATION):
            raise Refused("a key that names no conversation", reason="invalid_request")
        made = self._make(request)
        sid = made or self._named(request.key)
        if made or not self.has_customer(sid, request.channel, request.address):
            # Where it is not proven who takes part, Twilio decides: it adds nobody twice.
            self._add_customer(sid, request, is_new=made is not None)
        return InteractionResult(None, None, None, sid, None)

    def _make(self, request: InteractionRequest) -> str | None:
        """Return the SID of a new conversation, None where an earlier attempt made it."""
        fields = payloads.conversation_payload(request)
        try:
            with self._call(Operation.BEGIN_CONVERSATION):
                record = self._client.conversations.v1.conversations.create(**fields)
        except Refused as error:
            # 50353, the unique name is taken: https://www.twilio.com/docs/api/errors/50353
            if error.reason != "already_done":
                raise
            return None
        sid = sid_or_none(record.sid, SidKind.CONVERSATION)
        if sid is None or record.unique_name not in (None, request.key):
            raise malformed("no conversation SID, or not that of this name", self._http.last_status)
        return sid

    def _named(self, name: str) -> str:
        """Return the SID of the conversation with this unique name; raises Refused for one that is closed."""
        path = f"/Conversations/{name}"
        payload = found_or_none(lambda: self._fetch_raw(Operation.BEGIN_CONVERSATION, path), missing=(404,))
        details = records.parse_details(payload)
        if details is None:
            # The name was taken a moment ago, so that nothing can be said of what has been made.
            raise malformed("a name that is taken leads to no conversation", self._http.last_status)
        if details.state == ConversationState.CLOSED:
            raise Refused("the conversation that was begun is closed", reason="closed")
        return details.conversation_sid

    def _add_customer(self, sid: str, request: InteractionRequest, *, is_new: bool) -> None:
        people = self._client.conversations.v1.conversations(sid).participants
        try:
            with self._call(Operation.BEGIN_CONVERSATION):
                record = people.create(**payloads.customer_payload(request))
        except Refused as error:
            is_in = self._is_in(sid, request, error)
            if is_in:
                return
            if is_new and is_in is False:
                self._delete(request.key, sid)
            raise
        if sid_or_none(record.sid, SidKind.PARTICIPANT) is None:
            raise malformed("no participant SID", self._http.last_status)

    def _is_in(self, sid: str, request: InteractionRequest, error: Refused) -> bool | None:
        """Tell whether the open conversation in which the customer is, as Twilio says, is this very one.

        None where that is not proven. It is where two attempts run at once.
        """
        if error.reason != "already_open":
            return False
        return sid in error.detail or self.has_customer(sid, request.channel, request.address)

    def _delete(self, name: str, sid: str) -> None:
        """Delete a conversation that was just made and has nobody in it. What goes wrong is only logged.

        Closed, it would keep its unique name for ever, and the next attempt with this key would be refused as one for a
        conversation that is closed. Deleted, it frees the name, and there is nothing in it that could be lost.
        """
        # By its name, which leads to no conversation but this one, whatever SID an answer bears.
        try:
            with self._call(Operation.BEGIN_CONVERSATION):
                self._client.conversations.v1.conversations(name).delete()
        except GatewayError as error:
            if error.http_status != 404:
                logger.warning("The empty conversation %s could not be deleted: %s", sid, error.reason)
