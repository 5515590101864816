"""The endpoints for more agents on one conversation: whom to invite, inviting, handing over, leaving."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from flex_outbound import company
from flex_outbound.api.inviting_shapes import InviteSerializer, LeaveSerializer
from flex_outbound.api.opened import OpenView
from flex_outbound.api.views import PollThrottle
from flex_outbound.outbox.conversations import handing, inviting


class InviteView(OpenView):
    """Inviting somebody to a conversation."""

    def get_throttles(self) -> list[BaseThrottle]:
        """Return the limit of reads for a read, that of clicks for all others."""
        return [PollThrottle()] if self.request.method == "GET" else super().get_throttles()

    def get(self, request: Request, conversation_sid: str) -> Response:
        """Lists the colleagues who can be invited, those who are there first. Looking has Twilio asked who is there."""
        conversation = handing.fresh(self.find(request, conversation_sid))
        return Response({"colleagues": company.colleagues(conversation, request.user)})

    def post(self, request: Request, conversation_sid: str) -> Response:
        """Invites a colleague or whom Flex chooses. Handed over, you leave once they have accepted."""
        conversation = self.find(request, conversation_sid)
        form = InviteSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        given = form.validated_data
        row = inviting.invite(
            conversation,
            request.user,
            agent=given.get("agent") or "",
            hand_over=given["hand_over"],
            idempotency_key=given.get("idempotency_key", ""),
        )
        return self.invited(request, row)


class LeaveView(OpenView):
    """Leaving a conversation."""

    def post(self, request: Request, conversation_sid: str) -> Response:
        """Takes you out of the conversation, which goes on. Where nobody else is in it, only with ``confirmed``."""
        conversation = self.find(request, conversation_sid)
        form = LeaveSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        left = inviting.leave(conversation, request.user, confirmed=form.validated_data["confirmed"])
        return self.shown(request, left, 202)
