"""The endpoints of open conversations: ask for one, hand it over, keep it, take it, close it."""

from typing import Any

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from flex_outbound import contexts, opened
from flex_outbound.api.errors import collection_of
from flex_outbound.api.serializers import RetrySerializer
from flex_outbound.api.views import ApiView, ClickThrottle
from flex_outbound.models import Conversation, Interaction
from flex_outbound.outbox.conversations import handing
from flex_outbound.outbox.preflight import require_permission
from flex_outbound.statements import load_permissions


class OpenView(ApiView):
    """The base: about one conversation that the user may see."""

    throttle_classes: list[type[BaseThrottle]] = [ClickThrottle]

    def find(self, request: Request, conversation_sid: str) -> Conversation:
        """Return the conversation. Raises Http404, ClickNotAllowed for who may not open conversations."""
        load_permissions(request.user)
        require_permission(request.user)
        found = handing.find(request.user, conversation_sid)
        if found is None:
            raise Http404
        return found

    def invited(self, request: Request, interaction: Interaction) -> Response:
        """Answer with the interaction that invites an agent."""
        found = contexts.loaded(Interaction.objects.filter(pk=interaction.pk)).get()
        data = contexts.describe(found, request.user, collection_of(request))
        return Response(data, status=202, headers={"Location": data["status_url"]})

    def shown(self, request: Request, conversation: Conversation, status: int = 200) -> Response:
        """Answer with the conversation as it is now."""
        described = opened.describe(handing.fresh(conversation), request.user, collection_of(request))
        return Response(described, status=status)


class JoinView(OpenView):
    """Coming into a conversation."""

    def post(self, request: Request, conversation_sid: str) -> Response:
        """Takes up what nobody has; takes over a colleague's where you may. Poll status_url: it is an interaction."""
        conversation = self.find(request, conversation_sid)
        form = RetrySerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        return self.invited(request, handing.take(conversation, request.user, **_key(form.validated_data)))


class AskView(OpenView):
    """Asking a colleague."""

    def post(self, request: Request, conversation_sid: str) -> Response:
        """Asks the agent who has the conversation to hand it over. Asking twice is asking once."""
        conversation = self.find(request, conversation_sid)
        return self.shown(request, handing.ask(conversation, request.user))


class HandOverView(OpenView):
    """Handing over one's own."""

    def post(self, request: Request, conversation_sid: str) -> Response:
        """Invites who asked for it; you leave once they have accepted. The interaction is theirs."""
        conversation = self.find(request, conversation_sid)
        return self.invited(request, handing.hand_over(conversation, request.user))


class KeepView(OpenView):
    """Keeping one's own."""

    def post(self, request: Request, conversation_sid: str) -> Response:
        """Says no to who asked for it."""
        conversation = self.find(request, conversation_sid)
        return self.shown(request, handing.keep(conversation, request.user))


class EndView(OpenView):
    """Closing what nobody has."""

    def post(self, request: Request, conversation_sid: str) -> Response:
        """The conversation is closed at Twilio in the background, so that a new one can be begun."""
        conversation = self.find(request, conversation_sid)
        return self.shown(request, handing.close(conversation, request.user), 202)


def _key(values: dict[str, Any]) -> dict[str, str]:
    return {"idempotency_key": values.get("idempotency_key", "")}
