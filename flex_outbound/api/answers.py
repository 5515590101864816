"""The endpoints of answers: write into one's own open conversation, and follow what becomes of it."""

from typing import Any

from django.conf import settings
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from flex_outbound.answering import describe_answer, read_file
from flex_outbound.api.errors import collection_of
from flex_outbound.api.serializers import AnswerSerializer
from flex_outbound.api.views import ApiView, ClickThrottle
from flex_outbound.models import Message
from flex_outbound.outbox import answers, drafts, files
from flex_outbound.outbox.answers import Reply
from flex_outbound.outbox.preflight import require_permission
from flex_outbound.statements import load_permissions


class ConversationMessagesView(ApiView):
    """The messages of one of the user's own conversations."""

    throttle_classes: list[type[BaseThrottle]] = [ClickThrottle]

    def most_bytes(self, request: Request) -> int | None:
        """Return how large a request may be: a file is larger than what else is posted."""
        is_form = (request.content_type or "").startswith("multipart/")
        return files.LARGEST_FORM if is_form else settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    def post(self, request: Request, conversation_sid: str) -> Response:
        """Answers at once; poll status_url until is_final. Only the agent's own conversation takes an answer."""
        conversation = answers.own_conversation(request.user, conversation_sid)
        if conversation is None:
            raise Http404
        load_permissions(request.user)
        require_permission(request.user)
        form = AnswerSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        values: dict[str, Any] = dict(form.validated_data)
        file, draft = read_file(values.pop("media", None)), values.pop("draft", "")
        message = answers.answer(Reply(user=request.user, conversation=conversation, file=file, **values))
        drafts.forget_sent(request.user, conversation_sid, draft)
        return _answer(request, message, 202)


class MessageView(ApiView):
    """One message that the user wrote here, made to be polled."""

    def get(self, request: Request, pk: int) -> Response:
        """What became of it. A delivery may come after is_final."""
        message = answers.own_message(request.user, pk)
        if message is None:
            raise Http404
        return _answer(request, message)


def _answer(request: Request, message: Message, status: int = 200) -> Response:
    data = describe_answer(message, f"{collection_of(request).removesuffix('interactions/')}messages/")
    return Response(data, status=status, headers={"Location": data["status_url"]} if status == 202 else {})
